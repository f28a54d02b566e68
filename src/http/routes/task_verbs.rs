//! Going back in a task: restart, undo, accept and purge, each with its plan, and with what it would do to files.

use actix_web::post;
use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::entity::Undo;
use super::tasks::{WaitParams, settled, stands};
use crate::api::StageId;
use crate::api::task::Command;
use crate::http::address::{At, EntityAt, Params};
use crate::http::answer::Done;
use crate::http::body::Body;
use crate::http::caller::{Admin, Resetter};
use crate::http::confirm::require_plan;
use crate::http::problem::Answer;
use crate::http::state::App;
use crate::http::terms::Terms;
use crate::http::wire::{Plan, PlannedFiles, Standing, Why};

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(plan_restart_task).service(restart_task);
    config.service(plan_undo_task).service(undo_task);
    config.service(plan_accept_task).service(accept_task);
    config.service(purge_task);
}

/// Where to go back to, and why.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Restart {
    /// The stage; the beginning of all, where none is given.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    stage: Option<String>,
    /// Why: goes into the audit.
    #[serde(default, deserialize_with = "crate::http::wire::reason")]
    #[schema(max_length = 2000)]
    reason: Option<String>,
    /// Do it only if nothing moved since the plan of this token.
    plan: Option<String>,
}

impl Restart {
    fn to(&self) -> Answer<Option<StageId>> {
        Ok(self.stage.as_ref().map(StageId::new).transpose()?)
    }

    fn why(&self) -> Why {
        Why { reason: self.reason.clone(), plan: self.plan.clone() }
    }
}

/// What was deleted.
#[derive(Debug, Serialize, ToSchema)]
struct PurgedTask {
    /// How many snapshots are gone.
    snapshots: usize,
}

/// Shows what a restart would do.
///
/// To the task and to its files. Nothing is done. The plan's token can be given with the restart itself.
#[utoipa::path(tag = "tasks", security(("token" = ["reset"])), params(EntityAt), request_body = Restart,
    responses((status = 200, description = "The plan.", body = PlannedFiles)))]
#[post("/v1/tasks/{id}/restart/plan")]
async fn plan_restart_task(
    app: Data<App>,
    _: Resetter,
    at: At<EntityAt>,
    restart: Body<Restart>,
) -> Answer<Json<PlannedFiles>> {
    let to = restart.to()?;
    Ok(Json(app.tasks.get(&at.id).preview_restart(to.as_ref()).await?.into()))
}

/// Goes back to where a stage began.
///
/// Or to the beginning of all. The agent is fenced when this is answered, and ended then; the worktree goes back to the
/// commit before the stage, and what was not committed is kept in a snapshot. Never refused because an agent is at work.
#[utoipa::path(tag = "tasks", security(("token" = ["reset"])), params(EntityAt, WaitParams), request_body = Restart,
    responses((status = 200, description = "It went back.", body = Done<Standing>),
        (status = 202, description = "It is going back.", body = Done<Standing>)))]
#[post("/v1/tasks/{id}/restart")]
async fn restart_task(
    app: Data<App>,
    caller: Resetter,
    at: At<EntityAt>,
    terms: Terms,
    wait: Params<WaitParams>,
    restart: Body<Restart>,
) -> Answer<Done<Standing>> {
    let (time, to, why) = (wait.time()?, restart.to()?, restart.why());
    let task = terms.verb(&app.tasks.get(&at.id), &caller, &why);
    require_plan(&app, why.plan.as_deref(), async { Ok(task.preview_restart(to.as_ref()).await?.plan) }).await?;
    let receipt = task.restart(to.as_ref()).await?;
    settled(&app, &task, receipt.map(drop), time).await
}

/// Shows what an undo would do.
///
/// To the task and to its files. Nothing is done. The plan's token can be given with the undo itself.
#[utoipa::path(tag = "tasks", security(("token" = ["reset"])), params(EntityAt), request_body = Undo,
    responses((status = 200, description = "The plan.", body = PlannedFiles)))]
#[post("/v1/tasks/{id}/undo/plan")]
async fn plan_undo_task(app: Data<App>, _: Resetter, at: At<EntityAt>, undo: Body<Undo>) -> Answer<Json<PlannedFiles>> {
    Ok(Json(app.tasks.get(&at.id).preview_undo(undo.undo_point).await?.into()))
}

/// Takes a verb back.
///
/// The task and its files are as they were before, untracked files included. It leaves an undo point of its own. Where
/// newer work would be put aside, it is refused without the token of a plan that says so.
#[utoipa::path(tag = "tasks", security(("token" = ["reset"])), params(EntityAt, WaitParams), request_body = Undo,
    responses((status = 200, description = "It is undone.", body = Done<Standing>),
        (status = 202, description = "It is being undone.", body = Done<Standing>)))]
#[post("/v1/tasks/{id}/undo")]
async fn undo_task(
    app: Data<App>,
    caller: Resetter,
    at: At<EntityAt>,
    terms: Terms,
    wait: Params<WaitParams>,
    undo: Body<Undo>,
) -> Answer<Done<Standing>> {
    let (time, why) = (wait.time()?, undo.why());
    let task = app.tasks.get(&at.id);
    task.view().await?;
    let task = terms.verb(&task, &caller, &why);
    require_plan(&app, why.plan.as_deref(), task.handle().preview_undo(undo.undo_point)).await?;
    let receipt = task.undo(undo.undo_point).await?;
    settled(&app, &task, receipt, time).await
}

/// Shows what accepting would do.
///
/// Nothing is done. The plan's token can be given with the verb itself.
#[utoipa::path(tag = "tasks", security(("token" = ["reset"])), params(EntityAt),
    responses((status = 200, description = "The plan.", body = Plan)))]
#[post("/v1/tasks/{id}/accept/plan")]
async fn plan_accept_task(app: Data<App>, _: Resetter, at: At<EntityAt>) -> Answer<Json<Plan>> {
    Ok(Json(app.tasks.get(&at.id).handle().preview(Command::Accept).await?.into()))
}

/// Calls a stale task fresh.
///
/// Although tasks that it depends on changed since it was started. The reason goes into the audit.
#[utoipa::path(tag = "tasks", security(("token" = ["reset"])), params(EntityAt), request_body = Why,
    responses((status = 200, description = "It is fresh.", body = Done<Standing>)))]
#[post("/v1/tasks/{id}/accept")]
async fn accept_task(
    app: Data<App>,
    caller: Resetter,
    at: At<EntityAt>,
    terms: Terms,
    why: Body<Why>,
) -> Answer<Done<Standing>> {
    let task = terms.verb(&app.tasks.get(&at.id), &caller, &why);
    require_plan(&app, why.plan.as_deref(), task.handle().preview(Command::Accept)).await?;
    let receipt = task.accept().await?;
    stands(&task, receipt).await
}

/// Deletes for good what undo points and orphans keep.
///
/// And the snapshots that no undo point needs any more. Nothing that was done before can be undone after this.
#[utoipa::path(tag = "tasks", security(("token" = ["admin"])), params(EntityAt), request_body = Why,
    responses((status = 200, description = "It is deleted.", body = PurgedTask)))]
#[post("/v1/tasks/{id}/purge")]
async fn purge_task(
    app: Data<App>,
    caller: Admin,
    at: At<EntityAt>,
    terms: Terms,
    why: Body<Why>,
) -> Answer<Json<PurgedTask>> {
    let task = terms.verb(&app.tasks.get(&at.id), &caller, &why);
    task.view().await?;
    require_plan(&app, why.plan.as_deref(), task.handle().preview_purge()).await?;
    Ok(Json(PurgedTask { snapshots: task.purge().await? }))
}
