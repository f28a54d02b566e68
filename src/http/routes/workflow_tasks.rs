//! Tasks and results of a workflow: handing them out, looking at them, and tending to one that does not go on.

use actix_web::web::{Data, Json};
use actix_web::{get, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::api::EntityId;
use crate::api::workflow::{Domain, NewTask, TaskId};
use crate::api::workflows::{ResultFilter, TaskFilter};
use crate::http::address::{At, EntityAt, Params, optional_number};
use crate::http::answer::{Done, Nothing};
use crate::http::body::Body;
use crate::http::caller::{Reader, Writer};
use crate::http::page::{Page, Paging, PagingParameters};
use crate::http::problem::{Answer, Problem};
use crate::http::state::App;
use crate::http::terms::Terms;
use crate::http::wire::{LateWorkflowResult, NewWorkflowTask, TaskWord, Why, WorkflowResult, WorkflowTask};

/// Largest body that hands out tasks: each may bring an input.
const TASKS_BYTES_MAX: usize = 16 << 20;

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list_workflow_tasks).service(add_workflow_tasks).service(get_workflow_task);
    config.service(release_workflow_task).service(retry_workflow_task).service(cancel_workflow_task);
    config.service(list_workflow_results).service(list_late_results);
}

/// A task of a workflow.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct TaskAt {
    /// The workflow's id.
    #[param(value_type = String, max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    id: EntityId,
    /// The task's id within it: gate, queue, priority, number.
    #[param(value_type = String, max_length = 100, example = "3-fe-5-17",
        pattern = "^(0|[1-9][0-9]{0,3})-[a-z][a-z0-9-]{0,31}-(0|[1-9][0-9]?)-[1-9][0-9]{0,17}$")]
    task: TaskId,
}

/// Which tasks are wanted. What is not given lets everything through.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TaskParams {
    /// Only of this gate, by its place.
    #[serde(default, deserialize_with = "optional_number")]
    #[param(maximum = 65_535)]
    gate: Option<u64>,
    /// Only of this queue.
    #[param(value_type = Option<String>, max_length = 32, pattern = "^[a-z][a-z0-9-]*$")]
    domain: Option<Domain>,
    /// Only of this status.
    #[param(inline)]
    status: Option<TaskWord>,
}

/// Which results are wanted. What is not given lets everything through.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ResultParams {
    /// Only of this gate, by its place.
    #[serde(default, deserialize_with = "optional_number")]
    #[param(maximum = 65_535)]
    gate: Option<u64>,
}

/// A gate by its place; one that no workflow has is let through as such.
fn gate(place: Option<u64>) -> Answer<Option<u16>> {
    let gate = |place| u16::try_from(place).map_err(|_| Problem::bad_request("query", "there are no so many gates"));
    place.map(gate).transpose()
}

/// Tasks to be handed out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AddTasks {
    /// The tasks, in order.
    #[schema(min_items = 1, max_items = 1000)]
    tasks: Vec<NewWorkflowTask>,
}

/// Tasks were handed out.
#[derive(Debug, Serialize, ToSchema)]
struct AddedTasks {
    /// Their ids, in the same order.
    task_ids: Vec<String>,
}

/// Tasks of a workflow.
///
/// By gate, queue, priority and number. A page can have fewer than asked for, or none, and still a next one: those
/// that the filter does not let through are looked at, and not shown.
#[utoipa::path(tag = "workflows", security(("token" = ["read"])), params(EntityAt, TaskParams, PagingParameters),
    responses((status = 200, description = "The tasks.", body = Page<WorkflowTask>)))]
#[get("/v1/workflows/{id}/tasks")]
async fn list_workflow_tasks(
    app: Data<App>,
    _: Reader,
    at: At<EntityAt>,
    params: Params<TaskParams>,
    paging: Paging,
) -> Answer<Page<WorkflowTask>> {
    let after = paging.after(task_key)?;
    let (gate, domain) = (gate(params.gate)?, params.domain.clone());
    let filter = TaskFilter { gate, domain, status: params.status.map(Into::into) };
    let found = app.workflows.get(&at.id).tasks(&filter, after.as_ref(), paging.limit).await?;
    let items = found.items.into_iter().map(WorkflowTask::from).collect();
    Ok(paging.page_until(items, found.next.map(|id| id.to_string())))
}

/// Where a page begins: after this task.
fn task_key(key: &str) -> Option<TaskId> {
    key.parse().ok()
}

/// Hands out tasks.
///
/// At the gate that the workflow stands before. Each goes to the queue of its domain.
#[utoipa::path(tag = "workflows", security(("token" = ["write"])), params(EntityAt), request_body = AddTasks,
    responses((status = 200, description = "They are handed out.", body = Done<AddedTasks>)))]
#[post("/v1/workflows/{id}/tasks")]
async fn add_workflow_tasks(
    app: Data<App>,
    caller: Writer,
    at: At<EntityAt>,
    terms: Terms,
    add: Body<AddTasks, TASKS_BYTES_MAX>,
) -> Answer<Done<AddedTasks>> {
    let tasks = add.into_inner().tasks.into_iter().map(NewTask::from).collect();
    let receipt = terms.handle(&app.workflows.get(&at.id), &caller).add(tasks).await?;
    Ok(Done::new(receipt, |ids| AddedTasks { task_ids: ids.iter().map(ToString::to_string).collect() }))
}

/// One task of a workflow.
///
/// With what the worker needs, who has it, and its result.
#[utoipa::path(tag = "workflows", security(("token" = ["read"])), params(TaskAt),
    responses((status = 200, description = "The task.", body = WorkflowTask)))]
#[get("/v1/workflows/{id}/tasks/{task}")]
async fn get_workflow_task(app: Data<App>, _: Reader, at: At<TaskAt>) -> Answer<Json<WorkflowTask>> {
    Ok(Json(app.workflows.get(&at.id).task(&at.task).await?.into()))
}

/// Takes a task from its worker.
///
/// It is handed out again at once; what its worker still hands in is kept as late work.
#[utoipa::path(tag = "workflows", security(("token" = ["write"])), params(TaskAt), request_body = Why,
    responses((status = 200, description = "It is handed out again.", body = Done<Nothing>)))]
#[post("/v1/workflows/{id}/tasks/{task}/release")]
async fn release_workflow_task(
    app: Data<App>,
    caller: Writer,
    at: At<TaskAt>,
    terms: Terms,
    why: Body<Why>,
) -> Answer<Done<Nothing>> {
    let workflow = terms.verb(&app.workflows.get(&at.id), &caller, &why);
    Ok(Done::new(workflow.release(&at.task).await?, |()| Nothing {}))
}

/// Hands a task out again.
///
/// One that has no attempts left, or was blocked.
#[utoipa::path(tag = "workflows", security(("token" = ["write"])), params(TaskAt), request_body = Why,
    responses((status = 200, description = "It is handed out again.", body = Done<Nothing>)))]
#[post("/v1/workflows/{id}/tasks/{task}/retry")]
async fn retry_workflow_task(
    app: Data<App>,
    caller: Writer,
    at: At<TaskAt>,
    terms: Terms,
    why: Body<Why>,
) -> Answer<Done<Nothing>> {
    let workflow = terms.verb(&app.workflows.get(&at.id), &caller, &why);
    Ok(Done::new(workflow.retry(&at.task).await?, |()| Nothing {}))
}

/// Ends a task without a result.
///
/// Its gate does not wait for it.
#[utoipa::path(tag = "workflows", security(("token" = ["write"])), params(TaskAt), request_body = Why,
    responses((status = 200, description = "It is ended.", body = Done<Nothing>)))]
#[post("/v1/workflows/{id}/tasks/{task}/cancel")]
async fn cancel_workflow_task(
    app: Data<App>,
    caller: Writer,
    at: At<TaskAt>,
    terms: Terms,
    why: Body<Why>,
) -> Answer<Done<Nothing>> {
    let workflow = terms.verb(&app.workflows.get(&at.id), &caller, &why);
    Ok(Done::new(workflow.cancel(&at.task).await?, |()| Nothing {}))
}

/// Results of a workflow.
///
/// Those that landed and were not cleared, by gate, queue, priority and number of their tasks.
#[utoipa::path(tag = "workflows", security(("token" = ["read"])), params(EntityAt, ResultParams, PagingParameters),
    responses((status = 200, description = "The results.", body = Page<WorkflowResult>)))]
#[get("/v1/workflows/{id}/results")]
async fn list_workflow_results(
    app: Data<App>,
    _: Reader,
    at: At<EntityAt>,
    params: Params<ResultParams>,
    paging: Paging,
) -> Answer<Page<WorkflowResult>> {
    let after = paging.after(task_key)?;
    let filter = ResultFilter { gate: gate(params.gate)? };
    let found = app.workflows.get(&at.id).results(&filter, after.as_ref(), paging.limit).await?;
    let items = found.items.into_iter().map(|(task, result)| WorkflowResult::stored(&task, result)).collect();
    Ok(paging.page_until(items, found.next.map(|id| id.to_string())))
}

/// Late results of a workflow.
///
/// What was handed in for a task that was reset, or that somebody else had by then: it changed nothing, and can be
/// adopted or discarded as an orphan.
#[utoipa::path(tag = "workflows", security(("token" = ["read"])), params(EntityAt, PagingParameters),
    responses((status = 200, description = "The results.", body = Page<LateWorkflowResult>)))]
#[get("/v1/workflows/{id}/late-results")]
async fn list_late_results(
    app: Data<App>,
    _: Reader,
    at: At<EntityAt>,
    paging: Paging,
) -> Answer<Page<LateWorkflowResult>> {
    let after = paging.after_number()?;
    let found = app.workflows.get(&at.id).late_results(after, paging.to_read()).await?;
    let found = found.into_iter().map(LateWorkflowResult::from).collect();
    Ok(paging.page(found, |late: &LateWorkflowResult| late.orphan.to_string()))
}
