//! `/v1/tasks`: making one, looking at it, and going forward.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json};
use actix_web::{get, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::entity::{self, HistoryParams, Verb, entity_routes};
use crate::api::task::{ObjectId, Reply, TaskKind, Tier as CheckedTier};
use crate::api::{EntityId, NewTask as ToMake, Receipt, Rejection, Task as Handle};
use crate::http::address::{At, EntityAt, OrphanAt, Params, optional_number};
use crate::http::answer::{Done, Nothing, Seen};
use crate::http::body::Body;
use crate::http::caller::{Admin, Reader, Resetter, Writer};
use crate::http::page::{Page, Paging, PagingParameters};
use crate::http::problem::{Answer, Problem};
use crate::http::state::App;
use crate::http::terms::Terms;
use crate::http::wire::{AuditEntry, LateWork, Orphan, Plan, Standing, Task, TaskBrief, TurnOf, UndoPoint, Why};

/// Largest body that makes a task: it may bring a tier.
const NEW_BYTES_MAX: usize = 2 << 20;
/// Longest that an answer is held back until files are moved, in seconds.
const WAIT_SECONDS_MAX: u64 = 60;
/// Tasks that are looked at at a time, to pause them all.
const TASKS_PER_READ: usize = 500;

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    // Before those that take any id.
    config.service(pause_all_tasks);
    config.service(list_tasks).service(create_task).service(get_task);
    config.service(start_task).service(run_task).service(retry_task);
    config.service(approve_task).service(reject_task).service(pause_task).service(resume_task);
    config.service(merge_task).service(clean_up_task);
    config.configure(common_routes);
}

/// A task to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTask {
    /// Its id; one is made where none is given: from the `Idempotency-Key`, if there is one.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    id: Option<String>,
    /// What is to be done, in a line.
    #[schema(min_length = 1, max_length = 200)]
    title: String,
    /// What is to be done, in full.
    #[serde(default)]
    brief: String,
    /// The name of a tier that comes with the program.
    #[schema(default = "L2")]
    tier: Option<String>,
    /// A tier of one's own instead, as the text of its file.
    tier_file: Option<String>,
    /// The registered repository it works in.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    repository: String,
    /// The branch or commit to begin from; the repository's default, where none is given.
    from: Option<String>,
    /// Tasks that have to be done first.
    #[serde(default)]
    #[schema(max_items = 64)]
    depends_on: Vec<String>,
    /// Whether each stage is approved by itself and the next one run.
    #[serde(default)]
    auto: bool,
}

/// A task was made.
#[derive(Debug, Serialize, ToSchema)]
struct MadeTask {
    /// Its id.
    id: String,
}

/// How long to wait for what is carried out later.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WaitParams {
    /// Wait this many seconds until files are moved, 60 at most. When that takes longer, the answer is 202.
    #[serde(default, deserialize_with = "optional_number")]
    #[param(maximum = 60, default = 0)]
    wait: Option<u64>,
}

impl WaitParams {
    pub(super) fn time(&self) -> Answer<Duration> {
        match self.wait.unwrap_or(0) {
            wait if wait <= WAIT_SECONDS_MAX => Ok(Duration::from_secs(wait)),
            _ => Err(Problem::bad_request("wait", format!("the most to wait is {WAIT_SECONDS_MAX} seconds"))),
        }
    }
}

/// What is approved.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Approve {
    /// The files that the person looked at: the tree of the stage's candidate.
    #[schema(pattern = "^[0-9a-f]{40}$")]
    seen: Option<String>,
    /// Why: goes into the journal.
    #[schema(max_length = 2000)]
    reason: Option<String>,
}

/// What is to be different.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reject {
    /// What is to be different.
    #[schema(min_length = 1)]
    feedback: String,
}

/// An agent is at work.
#[derive(Debug, Serialize, ToSchema)]
struct RunBegan {
    /// The number of the run.
    run: u64,
    /// The stage.
    stage: String,
}

/// What became of all tasks.
#[derive(Debug, Serialize, ToSchema)]
struct PausedAll {
    /// Those that rest now, and did not before.
    paused: Vec<String>,
    /// Those that could not be paused now.
    refused: Vec<NotPaused>,
}

/// A task that could not be paused.
#[derive(Debug, Serialize, ToSchema)]
struct NotPaused {
    /// Its id.
    id: String,
    /// A stable word for programs.
    code: String,
    /// Why not.
    detail: String,
}

/// All tasks.
///
/// By id, a page at a time.
#[utoipa::path(tag = "tasks", security(("token" = ["read"])), params(PagingParameters),
    responses((status = 200, description = "The tasks.", body = Page<TaskBrief>)))]
#[get("/v1/tasks")]
async fn list_tasks(app: Data<App>, _: Reader, paging: Paging) -> Answer<Page<TaskBrief>> {
    let after = paging.after(|key| EntityId::new(key).ok())?;
    let ids = app.tasks.list(after.as_ref(), paging.to_read()).await?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let view = app.tasks.peek(&id).await?;
        found.push((id, view));
    }
    let page = paging.page(found, |(id, _)| id.to_string());
    Ok(page.map(|(id, view)| TaskBrief::of(&id, &view)))
}

/// Makes a task.
///
/// With a tier that comes with the program, or one of one's own. It waits in the backlog until it is started.
#[utoipa::path(tag = "tasks", security(("token" = ["write"])), request_body = NewTask,
    responses((status = 201, description = "It is made.", body = Done<MadeTask>)))]
#[post("/v1/tasks")]
async fn create_task(
    app: Data<App>,
    caller: Writer,
    terms: Terms,
    new: Body<NewTask, NEW_BYTES_MAX>,
) -> Answer<Done<MadeTask>> {
    let new = new.into_inner();
    let tier = match (&new.tier, &new.tier_file) {
        (Some(_), Some(_)) => {
            let problem = "a tier is named, and another one is given: one of the two";
            return Err(Rejection::invalid("tier_file", problem).into());
        }
        (None, Some(file)) => CheckedTier::from_toml(file)?,
        (name, None) => CheckedTier::built_in(name.as_deref().unwrap_or("L2"))?,
    };
    let id = terms.new_id(&app, "task", new.id.as_deref(), &caller)?;
    let mut to_make = ToMake::new(new.title, tier, EntityId::new(&new.repository)?);
    (to_make.brief, to_make.from, to_make.auto) = (new.brief, new.from, new.auto);
    to_make.depends_on = new.depends_on.iter().map(EntityId::new).collect::<Result<_, _>>()?;
    let receipt = terms.handle(&app.tasks.get(&id), &caller).create(to_make).await?;
    let done = Done::new(receipt, |()| MadeTask { id: id.to_string() });
    Ok(done.made(format!("/v1/tasks/{id}")))
}

/// One task.
///
/// With all its stages, but without their content.
#[utoipa::path(tag = "tasks", security(("token" = ["read"])), params(EntityAt),
    responses((status = 200, description = "The task.", body = Task)))]
#[get("/v1/tasks/{id}")]
async fn get_task(app: Data<App>, _: Reader, at: At<EntityAt>) -> Answer<Seen<Task>> {
    let task = app.tasks.get(&at.id);
    let view = task.view().await?;
    let brief = task.brief().await?;
    Ok(Seen { revision: view.revision, body: Task::of(&at.id, &view, brief) })
}

/// Starts a task.
///
/// Takes it out of the backlog, into its first stage, with a branch and a worktree of its own.
#[utoipa::path(tag = "tasks", security(("token" = ["write"])), params(EntityAt, WaitParams), request_body = Why,
    responses((status = 200, description = "It is started.", body = Done<Standing>),
        (status = 202, description = "It is being started.", body = Done<Standing>)))]
#[post("/v1/tasks/{id}/start")]
async fn start_task(
    app: Data<App>,
    caller: Writer,
    at: At<EntityAt>,
    terms: Terms,
    wait: Params<WaitParams>,
    why: Body<Why>,
) -> Answer<Done<Standing>> {
    let time = wait.time()?;
    let task = terms.verb(&app.tasks.get(&at.id), &caller, &why);
    let receipt = task.start().await?;
    settled(&app, &task, receipt.map(drop), time).await
}

/// Has an agent work on the stage.
///
/// The one that the task is in. The answer does not wait for the agent.
#[utoipa::path(tag = "tasks", security(("token" = ["write"])), params(EntityAt), request_body = Why,
    responses((status = 202, description = "An agent is at work.", body = Done<RunBegan>)))]
#[post("/v1/tasks/{id}/run")]
async fn run_task(
    app: Data<App>,
    caller: Writer,
    at: At<EntityAt>,
    terms: Terms,
    why: Body<Why>,
) -> Answer<Done<RunBegan>> {
    began(terms.verb(&app.tasks.get(&at.id), &caller, &why).run().await?)
}

/// Has an agent go on.
///
/// With a stage whose run failed or was interrupted, and with everything that is there.
#[utoipa::path(tag = "tasks", security(("token" = ["write"])), params(EntityAt), request_body = Why,
    responses((status = 202, description = "An agent is at work.", body = Done<RunBegan>)))]
#[post("/v1/tasks/{id}/retry")]
async fn retry_task(
    app: Data<App>,
    caller: Writer,
    at: At<EntityAt>,
    terms: Terms,
    why: Body<Why>,
) -> Answer<Done<RunBegan>> {
    began(terms.verb(&app.tasks.get(&at.id), &caller, &why).retry().await?)
}

fn began(receipt: Receipt<Reply>) -> Answer<Done<RunBegan>> {
    let Reply::Running { run, stage, .. } = receipt.reply.clone() else { return Err(Problem::internal()) };
    let done = Done::new(receipt, |_| RunBegan { run, stage: stage.to_string() });
    Ok(done.status(StatusCode::ACCEPTED))
}

/// Approves a stage.
///
/// What its run made is committed, and the next stage entered. `seen` names the files that the person looked at: if they
/// changed since, it is refused.
#[utoipa::path(tag = "tasks", security(("token" = ["write"])), params(EntityAt, WaitParams), request_body = Approve,
    responses((status = 200, description = "It is committed.", body = Done<Standing>),
        (status = 202, description = "It is being committed.", body = Done<Standing>)))]
#[post("/v1/tasks/{id}/approve")]
async fn approve_task(
    app: Data<App>,
    caller: Writer,
    at: At<EntityAt>,
    terms: Terms,
    wait: Params<WaitParams>,
    approve: Body<Approve>,
) -> Answer<Done<Standing>> {
    let time = wait.time()?;
    let Approve { seen, reason } = approve.into_inner();
    let task = terms.verb(&app.tasks.get(&at.id), &caller, &Why { reason, plan: None });
    let receipt = task.approve(seen.map(ObjectId)).await?;
    settled(&app, &task, receipt.map(drop), time).await
}

/// Rejects a stage.
///
/// Its agent does it again, with what is to be different. Three rejections block the task.
#[utoipa::path(tag = "tasks", security(("token" = ["write"])), params(EntityAt), request_body = Reject,
    responses((status = 200, description = "It is rejected.", body = Done<Standing>)))]
#[post("/v1/tasks/{id}/reject")]
async fn reject_task(
    app: Data<App>,
    caller: Writer,
    at: At<EntityAt>,
    terms: Terms,
    reject: Body<Reject>,
) -> Answer<Done<Standing>> {
    let task = terms.handle(&app.tasks.get(&at.id), &caller);
    let receipt = task.reject(reject.into_inner().feedback).await?;
    stands(&task, receipt).await
}

/// Lets a task rest.
///
/// Its agent is ended; what it did is in the worktree.
#[utoipa::path(tag = "tasks", security(("token" = ["write"])), params(EntityAt), request_body = Why,
    responses((status = 200, description = "It rests.", body = Done<Standing>)))]
#[post("/v1/tasks/{id}/pause")]
async fn pause_task(
    app: Data<App>,
    caller: Writer,
    at: At<EntityAt>,
    terms: Terms,
    why: Body<Why>,
) -> Answer<Done<Standing>> {
    let task = terms.verb(&app.tasks.get(&at.id), &caller, &why);
    let receipt = task.pause().await?;
    stands(&task, receipt).await
}

/// Goes on after a pause.
///
/// The stage can be run again.
#[utoipa::path(tag = "tasks", security(("token" = ["write"])), params(EntityAt), request_body = Why,
    responses((status = 200, description = "It goes on.", body = Done<Standing>)))]
#[post("/v1/tasks/{id}/resume")]
async fn resume_task(
    app: Data<App>,
    caller: Writer,
    at: At<EntityAt>,
    terms: Terms,
    why: Body<Why>,
) -> Answer<Done<Standing>> {
    let task = terms.verb(&app.tasks.get(&at.id), &caller, &why);
    let receipt = task.resume().await?;
    stands(&task, receipt).await
}

/// Merges a task.
///
/// Its branch into its base, with a merge commit. A conflict leaves the base as it is.
#[utoipa::path(tag = "tasks", security(("token" = ["write"])), params(EntityAt, WaitParams), request_body = Why,
    responses((status = 200, description = "It is merged.", body = Done<Standing>),
        (status = 202, description = "It is being merged.", body = Done<Standing>)))]
#[post("/v1/tasks/{id}/merge")]
async fn merge_task(
    app: Data<App>,
    caller: Writer,
    at: At<EntityAt>,
    terms: Terms,
    wait: Params<WaitParams>,
    why: Body<Why>,
) -> Answer<Done<Standing>> {
    let time = wait.time()?;
    let task = terms.verb(&app.tasks.get(&at.id), &caller, &why);
    let receipt = task.merge().await?;
    settled(&app, &task, receipt.map(drop), time).await
}

/// Removes the worktree of a task.
///
/// What is not committed is kept in a snapshot; the branch stays.
#[utoipa::path(tag = "tasks", security(("token" = ["write"])), params(EntityAt, WaitParams), request_body = Why,
    responses((status = 200, description = "It is removed.", body = Done<Standing>),
        (status = 202, description = "It is being removed.", body = Done<Standing>)))]
#[post("/v1/tasks/{id}/clean-up")]
async fn clean_up_task(
    app: Data<App>,
    caller: Writer,
    at: At<EntityAt>,
    terms: Terms,
    wait: Params<WaitParams>,
    why: Body<Why>,
) -> Answer<Done<Standing>> {
    let time = wait.time()?;
    let task = terms.verb(&app.tasks.get(&at.id), &caller, &why);
    let receipt = task.clean_up().await?;
    settled(&app, &task, receipt.map(drop), time).await
}

/// Lets all tasks rest.
///
/// Those that are in a stage. What moves files now is not interrupted: such a task is named, and the others rest all the
/// same.
#[utoipa::path(tag = "tasks", security(("token" = ["write"])), request_body = Why,
    responses((status = 200, description = "What became of them.", body = PausedAll)))]
#[post("/v1/tasks/pause-all")]
async fn pause_all_tasks(app: Data<App>, caller: Writer, why: Body<Why>) -> Answer<Json<PausedAll>> {
    let (mut after, mut all) = (None, PausedAll { paused: Vec::new(), refused: Vec::new() });
    loop {
        let page = app.tasks.list(after.as_ref(), TASKS_PER_READ).await?;
        let Some(last) = page.last().cloned() else { return Ok(Json(all)) };
        for id in page {
            let state = app.tasks.peek(&id).await?.state;
            if state.current().is_none() || state.paused.is_some() {
                continue;
            }
            let task = Terms::default().verb(&app.tasks.get(&id), &caller, &why);
            match task.pause().await {
                Ok(_) => all.paused.push(id.to_string()),
                Err(error) if error.rejection().is_some() => all.refused.push(NotPaused {
                    id: id.to_string(),
                    code: error.code().to_owned(),
                    detail: error.to_string(),
                }),
                Err(error) => return Err(error.into()),
            }
        }
        after = Some(last);
    }
}

/// What a turn came to, with how the task stands.
pub(super) async fn stands(task: &Handle, receipt: Receipt<()>) -> Answer<Done<Standing>> {
    let view = task.view().await?;
    Ok(Done::new(receipt, |()| Standing::of(task.id(), &view.state)))
}

/// Waits for what a turn began, and says what came of it; 202 when it takes longer.
pub(super) async fn settled(
    app: &App,
    task: &Handle,
    mut receipt: Receipt<()>,
    time: Duration,
) -> Answer<Done<Standing>> {
    let view = tokio::select! {
        view = task.settled() => view?,
        () = tokio::time::sleep(time) => task.view().await?,
        () = app.life.stopping() => task.view().await?,
    };
    let standing = Standing::of(task.id(), &view.state);
    if view.state.operation.is_some() {
        return Ok(Done::new(receipt, |()| standing).status(StatusCode::ACCEPTED));
    }
    if let Some(problem) = task.failure(receipt.revision).await? {
        let detail = format!("could not {}: {}", problem.doing, problem.what);
        let told = Problem::new(StatusCode::CONFLICT, problem.code, detail);
        return Err(told.hint(problem.hint).with("task", standing));
    }
    let left = view.undo_points.iter().find(|point| point.revision > receipt.revision);
    receipt.undo_point = receipt.undo_point.or(left.map(|point| point.number));
    receipt.revision = view.revision;
    Ok(Done::new(receipt, |()| standing))
}

entity_routes! {
    TaskKind, "tasks";
    task_history "/v1/tasks/{id}/history";
    task_audit "/v1/tasks/{id}/audit";
    task_undo_points "/v1/tasks/{id}/undo-points";
    task_orphans "/v1/tasks/{id}/orphans";
    task_orphan "/v1/tasks/{id}/orphans/{orphan}";
    plan_adopt_task_orphan "/v1/tasks/{id}/orphans/{orphan}/adopt/plan";
    adopt_task_orphan "/v1/tasks/{id}/orphans/{orphan}/adopt";
    plan_discard_task_orphan "/v1/tasks/{id}/orphans/{orphan}/discard/plan";
    discard_task_orphan "/v1/tasks/{id}/orphans/{orphan}/discard";
    plan_purge_task "/v1/tasks/{id}/purge/plan";
}
