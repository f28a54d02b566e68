//! What a task has beside its state: its log, its files, and what its stages put out.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, get};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::api::{DiffOf, Rejection, StageId};
use crate::http::address::{At, EntityAt, Params, StageAt};
use crate::http::caller::Reader;
use crate::http::page::{Page, Paging, PagingParameters};
use crate::http::problem::{Answer, Problem};
use crate::http::state::App;
use crate::http::wire::{Files, LogLine, Snapshot, Tier, Todo};

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(get_task_log).service(get_task_diff).service(get_task_files).service(list_task_snapshots);
    config.service(get_task_tier);
    config.service(get_stage_output).service(get_stage_handoff).service(get_stage_feedback).service(get_stage_todos);
}

/// A text.
#[derive(Debug, Serialize, ToSchema)]
struct Text {
    /// The text. It comes from an agent or a person: don't show it as anything but text.
    text: String,
}

/// Things to do.
#[derive(Debug, Serialize, ToSchema)]
struct Todos {
    /// In order.
    items: Vec<Todo>,
}

/// What to compare.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DiffParams {
    /// What this complete stage did; all that the task did, where none is given.
    #[param(value_type = Option<String>, max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    stage: Option<StageId>,
    /// Only what is not committed.
    #[serde(default)]
    uncommitted: bool,
}

/// The log of a task.
///
/// What was begun and done, and what agents said, in order.
#[utoipa::path(tag = "tasks", security(("token" = ["read"])), params(EntityAt, PagingParameters),
    responses((status = 200, description = "The lines.", body = Page<LogLine>)))]
#[get("/v1/tasks/{id}/log")]
async fn get_task_log(app: Data<App>, _: Reader, at: At<EntityAt>, paging: Paging) -> Answer<Page<LogLine>> {
    let task = app.tasks.get(&at.id);
    task.view().await?;
    let mut from = paging.after_number()?.map_or(0, |last| last.saturating_add(1));
    let mut lines = Vec::new();
    while lines.len() < paging.to_read() {
        let more = task.log(from).await?;
        let Some(last) = more.last() else { break };
        from = last.number.saturating_add(1);
        lines.extend(more);
    }
    lines.truncate(paging.to_read());
    Ok(paging.page(lines, |entry| entry.number.to_string()).map(LogLine::from))
}

/// What a task changed.
///
/// As a patch. What is in it comes from an agent: it is sent to be saved, not to be shown.
#[utoipa::path(tag = "tasks", security(("token" = ["read"])), params(EntityAt, DiffParams),
    responses((status = 200, description = "The patch.", body = String, content_type = "text/plain")))]
#[get("/v1/tasks/{id}/diff")]
async fn get_task_diff(
    app: Data<App>,
    _: Reader,
    at: At<EntityAt>,
    params: Params<DiffParams>,
) -> Answer<HttpResponse> {
    let of = match (&params.stage, params.uncommitted) {
        (Some(_), true) => {
            return Err(Problem::bad_request("query", "`stage` and `uncommitted` are two different patches"));
        }
        (Some(stage), false) => DiffOf::Stage(stage.clone()),
        (None, true) => DiffOf::Uncommitted,
        (None, false) => DiffOf::Task,
    };
    let patch = app.tasks.get(&at.id).diff(&of).await?;
    let name = format!("attachment; filename=\"{}.patch\"", at.id);
    let mut answer = HttpResponse::Ok();
    answer.content_type("text/plain; charset=utf-8").insert_header(("content-disposition", name));
    Ok(answer.insert_header(("x-content-type-options", "nosniff")).body(patch))
}

/// The files of a task.
///
/// What is in its worktree and not committed.
#[utoipa::path(tag = "tasks", security(("token" = ["read"])), params(EntityAt),
    responses((status = 200, description = "The files.", body = Files)))]
#[get("/v1/tasks/{id}/files")]
async fn get_task_files(app: Data<App>, _: Reader, at: At<EntityAt>) -> Answer<Json<Files>> {
    Ok(Json(app.tasks.get(&at.id).files().await?.into()))
}

/// The snapshots of a task.
///
/// That were taken before it went back, oldest first. They are commits in the repository.
#[utoipa::path(tag = "tasks", security(("token" = ["read"])), params(EntityAt, PagingParameters),
    responses((status = 200, description = "The snapshots.", body = Page<Snapshot>)))]
#[get("/v1/tasks/{id}/snapshots")]
async fn list_task_snapshots(app: Data<App>, _: Reader, at: At<EntityAt>, paging: Paging) -> Answer<Page<Snapshot>> {
    let after = paging.after_number()?;
    let mut snapshots = app.tasks.get(&at.id).snapshots().await?;
    snapshots.retain(|snapshot| after.is_none_or(|after| snapshot.number > after));
    snapshots.truncate(paging.to_read());
    Ok(paging.page(snapshots, |snapshot| snapshot.number.to_string()).map(Snapshot::from))
}

/// The tier of a task.
///
/// Its stages, with what their agents are told: as they were when it was made.
#[utoipa::path(tag = "tasks", security(("token" = ["read"])), params(EntityAt),
    responses((status = 200, description = "The tier.", body = Tier)))]
#[get("/v1/tasks/{id}/tier")]
async fn get_task_tier(app: Data<App>, _: Reader, at: At<EntityAt>) -> Answer<Json<Tier>> {
    Ok(Json(Tier::from(&app.tasks.get(&at.id).tier().await?)))
}

/// The output of a stage.
///
/// What its last run put out.
#[utoipa::path(tag = "tasks", security(("token" = ["read"])), params(StageAt),
    responses((status = 200, description = "The output.", body = Text)))]
#[get("/v1/tasks/{id}/stages/{stage}/output")]
async fn get_stage_output(app: Data<App>, _: Reader, at: At<StageAt>) -> Answer<Json<Text>> {
    known(&app, &at).await?;
    text("output", &at, app.tasks.get(&at.id).output(&at.stage).await?)
}

/// The hand-off of a stage.
///
/// What it left for the next one.
#[utoipa::path(tag = "tasks", security(("token" = ["read"])), params(StageAt),
    responses((status = 200, description = "The hand-off.", body = Text)))]
#[get("/v1/tasks/{id}/stages/{stage}/handoff")]
async fn get_stage_handoff(app: Data<App>, _: Reader, at: At<StageAt>) -> Answer<Json<Text>> {
    known(&app, &at).await?;
    text("hand-off", &at, app.tasks.get(&at.id).handoff(&at.stage).await?)
}

/// What a stage is to do differently.
///
/// The words of its last rejection.
#[utoipa::path(tag = "tasks", security(("token" = ["read"])), params(StageAt),
    responses((status = 200, description = "The words.", body = Text)))]
#[get("/v1/tasks/{id}/stages/{stage}/feedback")]
async fn get_stage_feedback(app: Data<App>, _: Reader, at: At<StageAt>) -> Answer<Json<Text>> {
    known(&app, &at).await?;
    text("feedback", &at, app.tasks.get(&at.id).feedback(&at.stage).await?)
}

/// The things to do of a stage.
///
/// As its agent told them last.
#[utoipa::path(tag = "tasks", security(("token" = ["read"])), params(StageAt),
    responses((status = 200, description = "The things to do.", body = Todos)))]
#[get("/v1/tasks/{id}/stages/{stage}/todos")]
async fn get_stage_todos(app: Data<App>, _: Reader, at: At<StageAt>) -> Answer<Json<Todos>> {
    known(&app, &at).await?;
    let todos = app.tasks.get(&at.id).todos(&at.stage).await?;
    Ok(Json(Todos { items: todos.into_iter().map(Todo::from).collect() }))
}

/// Refuses a stage that the task does not have.
async fn known(app: &App, at: &StageAt) -> Answer<()> {
    app.tasks.get(&at.id).view().await?.state.stage(&at.stage)?;
    Ok(())
}

fn text(what: &str, at: &StageAt, text: Option<String>) -> Answer<Json<Text>> {
    let text = text.ok_or_else(|| Rejection::not_found(format!("{what} of stage"), &at.stage))?;
    Ok(Json(Text { text }))
}
