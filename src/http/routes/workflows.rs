//! `/v1/workflows`: starting one, looking at it, having it run, and going back to a gate.

use actix_web::web::{Data, Json};
use actix_web::{get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::entity::{self, HistoryParams, Undo, Verb, entity_routes, undo_routes};
use crate::api::workflow::{ResetSummary, Template as CheckedTemplate, WorkflowKind};
use crate::api::workflows::Reset;
use crate::api::{Digest, EntityId, Rejection, StageId};
use crate::http::address::{At, EntityAt, OrphanAt, Params};
use crate::http::answer::{Done, Nothing, Seen};
use crate::http::body::Body;
use crate::http::caller::{Admin, Reader, Resetter, Writer};
use crate::http::confirm::require_plan;
use crate::http::page::{Page, Paging, PagingParameters};
use crate::http::problem::Answer;
use crate::http::state::App;
use crate::http::terms::Terms;
use crate::http::wire::{
    AuditEntry, LateWork, Orphan, Plan, TurnOf, UndoPoint, Why, Workflow, WorkflowBrief, WorkflowTemplate,
};

/// Largest body that starts a workflow: it may bring a template.
const NEW_BYTES_MAX: usize = 2 << 20;
/// The template that is taken where none is named.
pub(super) const TEMPLATE: &str = "delivery";

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list_workflows).service(start_workflow).service(get_workflow).service(get_workflow_template);
    config.service(run_workflow).service(stop_workflow).service(approve_gate).service(reject_gate);
    config.service(plan_reset_workflow).service(reset_workflow);
    config.configure(common_routes).configure(undo_routes);
}

/// A workflow to be started.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewWorkflow {
    /// Its id; one is made where none is given: from the `Idempotency-Key`, if there is one.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    id: Option<String>,
    /// What it is about, in a line.
    #[schema(min_length = 1, max_length = 200)]
    title: String,
    /// The story it belongs to.
    #[schema(min_length = 1, max_length = 200)]
    story: String,
    /// The name of a template that comes with the program.
    #[schema(default = "delivery")]
    template: Option<String>,
    /// A template of one's own instead, as the text of its file.
    template_file: Option<String>,
}

/// A workflow was started.
#[derive(Debug, Serialize, ToSchema)]
struct MadeWorkflow {
    /// Its id.
    id: String,
}

/// How far to run.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RunUntil {
    /// The id of the gate to come to; all of them where none is given.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    until: Option<String>,
    /// Why: goes into the journal.
    #[schema(max_length = 2000)]
    reason: Option<String>,
}

/// A run was begun.
#[derive(Debug, Serialize, ToSchema)]
struct BegunRun {
    /// Its id.
    run_id: String,
}

/// A person's word for a gate.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ApproveGate {
    /// The id of the gate.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    gate: String,
    /// The `results_digest` of what the person looked at: refused if other results are there by now.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    seen: Option<String>,
    /// Why: goes into the journal.
    #[schema(max_length = 2000)]
    reason: Option<String>,
}

/// A person's no to a gate.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RejectGate {
    /// The id of the gate.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    gate: String,
    /// What is wrong.
    #[schema(max_length = 2000)]
    reason: Option<String>,
}

/// Where to go back to, and what is cleared.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResetWorkflow {
    /// The gate to go back to, by its place; the one it stands before where none is given.
    #[schema(maximum = 65535)]
    reset_to_gate: Option<u16>,
    /// Whether tasks from that gate on are cleared. Otherwise they are handed out again where they have no result.
    #[schema(default = true)]
    clear_tasks: Option<bool>,
    /// Whether results from that gate on are cleared.
    #[schema(default = true)]
    clear_results: Option<bool>,
    /// Why: goes into the audit.
    #[serde(default, deserialize_with = "crate::http::wire::reason")]
    #[schema(max_length = 2000)]
    reason: Option<String>,
    /// Do it only if nothing moved since the plan of this token.
    plan: Option<String>,
}

impl ResetWorkflow {
    pub(super) fn reset(&self) -> Reset {
        Reset {
            to: self.reset_to_gate,
            clear_tasks: self.clear_tasks.unwrap_or(true),
            clear_results: self.clear_results.unwrap_or(true),
        }
    }

    pub(super) fn why(&self) -> Why {
        Why { reason: self.reason.clone(), plan: self.plan.clone() }
    }
}

/// What a reset did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WasReset {
    /// What is gone from every view.
    cleared: Cleared,
    /// Where the workflow stands now.
    new_state: NewState,
}

/// What a reset cleared.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Cleared {
    /// How many tasks.
    tasks: u64,
    /// How many results.
    results: u64,
    /// The queues that tasks vanished from, each once.
    queues: Vec<String>,
}

/// Where a workflow stands after a reset.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NewState {
    /// The gate it stands before, by its place.
    gate: u16,
    /// The phase of that gate.
    phase: String,
}

impl From<ResetSummary> for WasReset {
    fn from(summary: ResetSummary) -> Self {
        let queues = summary.queues.into_iter().map(Into::into).collect();
        let cleared = Cleared { tasks: summary.tasks, results: summary.results, queues };
        Self { cleared, new_state: NewState { gate: summary.gate, phase: summary.phase } }
    }
}

/// All workflows.
///
/// By id, a page at a time.
#[utoipa::path(tag = "workflows", security(("token" = ["read"])), params(PagingParameters),
    responses((status = 200, description = "The workflows.", body = Page<WorkflowBrief>)))]
#[get("/v1/workflows")]
async fn list_workflows(app: Data<App>, _: Reader, paging: Paging) -> Answer<Page<WorkflowBrief>> {
    listed(&app, &paging).await
}

/// A page of all workflows.
pub(super) async fn listed(app: &App, paging: &Paging) -> Answer<Page<WorkflowBrief>> {
    let after = paging.after(|key| EntityId::new(key).ok())?;
    let ids = app.workflows.list(after.as_ref(), paging.to_read()).await?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let view = app.workflows.peek(&id).await?;
        found.push((id, view));
    }
    let page = paging.page(found, |(id, _)| id.to_string());
    Ok(page.map(|(id, view)| WorkflowBrief::of(&id, &view)))
}

/// Starts a workflow.
///
/// From a template that comes with the program, or one of one's own. It stands before its first gate, and nothing
/// goes on by itself before it is run.
#[utoipa::path(tag = "workflows", security(("token" = ["write"])), request_body = NewWorkflow,
    responses((status = 201, description = "It is started.", body = Done<MadeWorkflow>)))]
#[post("/v1/workflows")]
async fn start_workflow(
    app: Data<App>,
    caller: Writer,
    terms: Terms,
    new: Body<NewWorkflow, NEW_BYTES_MAX>,
) -> Answer<Done<MadeWorkflow>> {
    let new = new.into_inner();
    let template = match (&new.template, &new.template_file) {
        (Some(_), Some(_)) => {
            let problem = "a template is named, and another one is given: one of the two";
            return Err(Rejection::invalid("template_file", problem).into());
        }
        (None, Some(file)) => CheckedTemplate::from_toml(file)?,
        (name, None) => CheckedTemplate::built_in(name.as_deref().unwrap_or(TEMPLATE))?,
    };
    let id = terms.new_id(&app, "workflow", new.id.as_deref(), &caller)?;
    let workflow = terms.handle(&app.workflows.get(&id), &caller);
    let receipt = workflow.start(new.title, new.story, template).await?;
    Ok(Done::new(receipt, |()| MadeWorkflow { id: id.to_string() }).made(format!("/v1/workflows/{id}")))
}

/// One workflow.
///
/// With all its gates, but without its tasks and results.
#[utoipa::path(tag = "workflows", security(("token" = ["read"])), params(EntityAt),
    responses((status = 200, description = "The workflow.", body = Workflow)))]
#[get("/v1/workflows/{id}")]
async fn get_workflow(app: Data<App>, _: Reader, at: At<EntityAt>) -> Answer<Seen<Workflow>> {
    let view = app.workflows.get(&at.id).view().await?;
    Ok(Seen { revision: view.revision, body: Workflow::of(&at.id, &view) })
}

/// The template of a workflow.
///
/// The one that it was started from, whatever became of the file.
#[utoipa::path(tag = "workflows", security(("token" = ["read"])), params(EntityAt),
    responses((status = 200, description = "The template.", body = WorkflowTemplate)))]
#[get("/v1/workflows/{id}/template")]
async fn get_workflow_template(app: Data<App>, _: Reader, at: At<EntityAt>) -> Answer<Json<WorkflowTemplate>> {
    Ok(Json(app.workflows.get(&at.id).template().await?.into()))
}

/// Runs a workflow.
///
/// It goes on by itself from gate to gate, hands out the tasks of each, and stops where somebody is needed.
#[utoipa::path(tag = "workflows", security(("token" = ["write"])), params(EntityAt), request_body = RunUntil,
    responses((status = 200, description = "It runs.", body = Done<BegunRun>)))]
#[post("/v1/workflows/{id}/run")]
async fn run_workflow(
    app: Data<App>,
    caller: Writer,
    at: At<EntityAt>,
    terms: Terms,
    run: Body<RunUntil>,
) -> Answer<Done<BegunRun>> {
    let run = run.into_inner();
    let until = run.until.map(StageId::new).transpose()?;
    let why = Why { reason: run.reason, plan: None };
    let receipt = terms.verb(&app.workflows.get(&at.id), &caller, &why).run(until).await?;
    Ok(Done::new(receipt, |number| BegunRun { run_id: format!("{}.{number}", at.id) }))
}

/// Stops a workflow's run.
///
/// Nothing more is granted, and no gate is passed. Workers at work may hand in.
#[utoipa::path(tag = "workflows", security(("token" = ["write"])), params(EntityAt), request_body = Why,
    responses((status = 200, description = "It is stopped.", body = Done<Nothing>)))]
#[post("/v1/workflows/{id}/stop")]
async fn stop_workflow(
    app: Data<App>,
    caller: Writer,
    at: At<EntityAt>,
    terms: Terms,
    why: Body<Why>,
) -> Answer<Done<Nothing>> {
    let workflow = terms.verb(&app.workflows.get(&at.id), &caller, &why);
    Ok(Done::new(workflow.stop().await?, |()| Nothing {}))
}

/// Approves a gate.
///
/// For the results that are there: when they change, the approval falls.
#[utoipa::path(tag = "workflows", security(("token" = ["write"])), params(EntityAt), request_body = ApproveGate,
    responses((status = 200, description = "It is approved.", body = Done<Nothing>)))]
#[post("/v1/workflows/{id}/approve")]
async fn approve_gate(
    app: Data<App>,
    caller: Writer,
    at: At<EntityAt>,
    terms: Terms,
    approve: Body<ApproveGate>,
) -> Answer<Done<Nothing>> {
    let ApproveGate { gate, seen, reason } = approve.into_inner();
    let seen = seen.as_deref().map(digest).transpose()?;
    let workflow = terms.verb(&app.workflows.get(&at.id), &caller, &Why { reason, plan: None });
    Ok(Done::new(workflow.approve(&StageId::new(gate)?, seen).await?, |()| Nothing {}))
}

fn digest(text: &str) -> Result<Digest, Rejection> {
    let invalid = || Rejection::invalid("seen", "it is no digest: 64 hexadecimal digits");
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(invalid());
    }
    for (byte, at) in bytes.iter_mut().zip((0..text.len()).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| invalid())?;
    }
    Ok(Digest(bytes))
}

/// Rejects a gate.
///
/// A word that was given before is taken back, and the reason is shown as what keeps the workflow from going on.
#[utoipa::path(tag = "workflows", security(("token" = ["write"])), params(EntityAt), request_body = RejectGate,
    responses((status = 200, description = "It is rejected.", body = Done<Nothing>)))]
#[post("/v1/workflows/{id}/reject")]
async fn reject_gate(
    app: Data<App>,
    caller: Writer,
    at: At<EntityAt>,
    terms: Terms,
    reject: Body<RejectGate>,
) -> Answer<Done<Nothing>> {
    let RejectGate { gate, reason } = reject.into_inner();
    let workflow = terms.verb(&app.workflows.get(&at.id), &caller, &Why { reason, plan: None });
    Ok(Done::new(workflow.reject(&StageId::new(gate)?).await?, |()| Nothing {}))
}

/// Shows what a reset would do.
///
/// Nothing is done. The plan's token can be given with the reset itself.
#[utoipa::path(tag = "workflows", security(("token" = ["reset"])), params(EntityAt), request_body = ResetWorkflow,
    responses((status = 200, description = "The plan.", body = Plan)))]
#[post("/v1/workflows/{id}/reset/plan")]
async fn plan_reset_workflow(
    app: Data<App>,
    _: Resetter,
    at: At<EntityAt>,
    reset: Body<ResetWorkflow>,
) -> Answer<Json<Plan>> {
    Ok(Json(app.workflows.get(&at.id).preview_reset(reset.reset()).await?.into()))
}

/// Goes back to a gate.
///
/// It and all after it start over. Never refused because somebody is at work: their leases are void when this is
/// answered, and what they still hand in is kept as late work.
#[utoipa::path(tag = "workflows", security(("token" = ["reset"])), params(EntityAt), request_body = ResetWorkflow,
    responses((status = 200, description = "It starts over from that gate.", body = Done<WasReset>)))]
#[post("/v1/workflows/{id}/reset")]
async fn reset_workflow(
    app: Data<App>,
    caller: Resetter,
    at: At<EntityAt>,
    terms: Terms,
    reset: Body<ResetWorkflow>,
) -> Answer<Done<WasReset>> {
    let workflow = app.workflows.get(&at.id);
    require_plan(&app, reset.plan.as_deref(), workflow.preview_reset(reset.reset())).await?;
    let receipt = terms.verb(&workflow, &caller, &reset.why()).reset(reset.reset()).await?;
    Ok(Done::new(receipt, WasReset::from))
}

entity_routes! {
    WorkflowKind, "workflows";
    workflow_history "/v1/workflows/{id}/history";
    workflow_audit "/v1/workflows/{id}/audit";
    workflow_undo_points "/v1/workflows/{id}/undo-points";
    workflow_orphans "/v1/workflows/{id}/orphans";
    workflow_orphan "/v1/workflows/{id}/orphans/{orphan}";
    plan_adopt_workflow_orphan "/v1/workflows/{id}/orphans/{orphan}/adopt/plan";
    adopt_workflow_orphan "/v1/workflows/{id}/orphans/{orphan}/adopt";
    plan_discard_workflow_orphan "/v1/workflows/{id}/orphans/{orphan}/discard/plan";
    discard_workflow_orphan "/v1/workflows/{id}/orphans/{orphan}/discard";
    plan_purge_workflow "/v1/workflows/{id}/purge/plan";
}

undo_routes! {
    WorkflowKind, "workflows";
    plan_undo_workflow "/v1/workflows/{id}/undo/plan";
    undo_workflow "/v1/workflows/{id}/undo";
    purge_workflow "/v1/workflows/{id}/purge";
}
