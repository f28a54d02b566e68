//! The eight endpoints of workflows that older programs know, at their own paths: a workflow is a thread there. Every
//! answer says `success`, refusals too.

use actix_web::web::{Data, Json, Path};
use actix_web::{get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::workflows::{ResetWorkflow, TEMPLATE, WasReset, listed};
use crate::api::workflow::{Template, WorkflowKind};
use crate::api::{EntityId, StageId, View};
use crate::http::answer::Done;
use crate::http::body::Body;
use crate::http::caller::{Reader, Resetter, Writer};
use crate::http::confirm::require_plan;
use crate::http::page::{Paging, PagingParameters};
use crate::http::problem::{Answer, Problem};
use crate::http::state::App;
use crate::http::terms::Terms;
use crate::http::wire::{Run, Why, WorkflowBrief, WorkflowStatus, run_id};

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(start_thread).service(run_thread).service(get_thread_status).service(stop_thread);
    config.service(reset_thread).service(list_threads).service(start_run).service(get_run);
}

/// Says in a refusal what every answer here says.
fn refused(problem: impl Into<Problem>) -> Problem {
    problem.into().with("success", false)
}

/// The id that a path or a body names.
fn thread(text: &str) -> Answer<EntityId> {
    EntityId::new(text).map_err(refused)
}

/// A thread to be started.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StartThread {
    /// Its id; one is made where none is given: from the `Idempotency-Key`, if there is one.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    thread_id: Option<String>,
    /// The story it belongs to.
    #[schema(min_length = 1, max_length = 200)]
    story_id: String,
    /// What it is about, in a line; the story, where nothing is said.
    #[schema(min_length = 1, max_length = 200)]
    title: Option<String>,
    /// The name of a template that comes with the program.
    #[schema(default = "delivery")]
    template: Option<String>,
}

/// How far to run.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RunThread {
    /// The id of the gate to come to; all of them where none is given.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    until: Option<String>,
    /// Why: goes into the journal.
    #[schema(max_length = 2000)]
    reason: Option<String>,
}

/// A run to be begun.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StartRun {
    /// The thread.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    thread_id: String,
    /// The id of the gate to come to; all of them where none is given.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    until: Option<String>,
    /// Why: goes into the journal.
    #[schema(max_length = 2000)]
    reason: Option<String>,
}

/// What a thread is at now.
#[derive(Debug, Serialize, ToSchema)]
struct Thread {
    /// Always true.
    success: bool,
    /// Its id.
    thread_id: String,
    /// Where it stands.
    status: WorkflowStatus,
    /// The gate it stands before, by its place.
    gate: u16,
    /// The phase of that gate.
    phase: String,
}

impl Thread {
    fn of(id: &EntityId, view: &View<WorkflowKind>) -> Self {
        Self {
            success: true,
            thread_id: id.to_string(),
            status: view.state.status().into(),
            gate: view.state.gate,
            phase: view.state.phase().to_owned(),
        }
    }
}

/// A thread, with how far it is.
#[derive(Debug, Serialize, ToSchema)]
struct ThreadStatus {
    #[serde(flatten)]
    thread: Thread,
    /// The story it belongs to.
    story_id: String,
    /// What it is about.
    title: String,
    /// How many gates there are.
    gates: usize,
    /// What keeps it from going on.
    error: Option<String>,
    /// Its last run.
    run: Option<Run>,
    /// How many tasks there are at its gate.
    tasks: ThreadTasks,
    /// How many results there are, of all gates.
    results: u64,
    /// Turns so far.
    revision: u64,
    /// When its last turn was.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// How many tasks there are at a gate.
#[derive(Debug, Serialize, ToSchema)]
struct ThreadTasks {
    /// All of them.
    total: u64,
    /// Those that nobody has begun.
    ahead: u64,
    /// Those that were begun and are not finished.
    under_way: u64,
}

/// A run of a thread.
#[derive(Debug, Serialize, ToSchema)]
struct ThreadRun {
    /// Always true.
    success: bool,
    /// The thread.
    thread_id: String,
    #[serde(flatten)]
    run: Run,
}

/// What a reset of a thread did.
#[derive(Debug, Serialize, ToSchema)]
struct ThreadReset {
    /// Always true.
    success: bool,
    /// The thread.
    thread_id: String,
    #[serde(flatten)]
    reset: WasReset,
}

/// A page of threads.
#[derive(Debug, Serialize, ToSchema)]
struct Threads {
    /// Always true.
    success: bool,
    /// The threads, by id.
    workflows: Vec<WorkflowBrief>,
    /// The cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// Starts a thread.
///
/// The same as `POST /v1/workflows`, at the path that older programs know.
#[utoipa::path(tag = "threads", security(("token" = ["write"])), request_body = StartThread,
    responses((status = 201, description = "It is started.", body = Done<Thread>)))]
#[post("/workflow/start")]
async fn start_thread(
    app: Data<App>,
    caller: Writer,
    terms: Terms,
    new: Result<Body<StartThread>, Problem>,
) -> Answer<Done<Thread>> {
    let StartThread { thread_id, story_id, title, template } = new.map_err(refused)?.into_inner();
    let id = terms.new_id(&app, "workflow", thread_id.as_deref(), &caller).map_err(refused)?;
    let template = Template::built_in(template.as_deref().unwrap_or(TEMPLATE)).map_err(refused)?;
    let workflow = terms.handle(&app.workflows.get(&id), &caller);
    let title = title.unwrap_or_else(|| story_id.clone());
    let receipt = workflow.start(title, story_id, template).await.map_err(refused)?;
    let view = workflow.view().await.map_err(refused)?;
    Ok(Done::new(receipt, |()| Thread::of(&id, &view)).made(format!("/workflow/{id}/status")))
}

/// Runs a thread.
///
/// The same as `POST /v1/workflows/{id}/run`, at the path that older programs know.
#[utoipa::path(tag = "threads", security(("token" = ["write"])), params(("id" = String, Path, description = "Its id.")),
    request_body = RunThread, responses((status = 200, description = "It runs.", body = Done<ThreadRun>)))]
#[post("/workflow/{id}/run")]
async fn run_thread(
    app: Data<App>,
    caller: Writer,
    id: Path<String>,
    terms: Terms,
    run: Result<Body<RunThread>, Problem>,
) -> Answer<Done<ThreadRun>> {
    let RunThread { until, reason } = run.map_err(refused)?.into_inner();
    begin(&app, &caller, &terms, &thread(&id)?, (until, reason)).await
}

async fn begin(
    app: &App,
    caller: &Writer,
    terms: &Terms,
    id: &EntityId,
    (until, reason): (Option<String>, Option<String>),
) -> Answer<Done<ThreadRun>> {
    let until = until.map(StageId::new).transpose().map_err(refused)?;
    let workflow = app.workflows.get(id);
    let asked = terms.verb(&workflow, caller, &Why { reason, plan: None });
    let receipt = asked.run(until).await.map_err(refused)?;
    let run = workflow.run_state(receipt.reply).await.map_err(refused)?;
    let run = Run::of(id, &run);
    Ok(Done::new(receipt, |_| ThreadRun { success: true, thread_id: id.to_string(), run }))
}

/// How a thread is.
///
/// Its gate, its phase, its run, and how much there is to do.
#[utoipa::path(tag = "threads", security(("token" = ["read"])), params(("id" = String, Path, description = "Its id.")),
    responses((status = 200, description = "How it is.", body = ThreadStatus)))]
#[get("/workflow/{id}/status")]
async fn get_thread_status(app: Data<App>, _: Reader, id: Path<String>) -> Answer<Json<ThreadStatus>> {
    let id = thread(&id)?;
    let view = app.workflows.get(&id).view().await.map_err(refused)?;
    let state = &view.state;
    let tasks = ThreadTasks {
        total: state.tasks_of(state.gate),
        ahead: state.lanes_of(state.gate).map(|(_, lane)| lane.ahead()).sum(),
        under_way: state.under_way_of(state.gate).count() as u64,
    };
    Ok(Json(ThreadStatus {
        thread: Thread::of(&id, &view),
        story_id: state.story.clone(),
        title: state.title.clone(),
        gates: state.outline.gates.len(),
        error: state.error.clone(),
        run: state.run.as_ref().map(|run| Run::of(&id, run)),
        tasks,
        results: state.gates().map(|(_, gate)| gate.results).sum(),
        revision: view.revision,
        updated_at: crate::http::wire::rfc3339(view.updated_at),
    }))
}

/// Stops a thread's run.
///
/// The same as `POST /v1/workflows/{id}/stop`, at the path that older programs know.
#[utoipa::path(tag = "threads", security(("token" = ["write"])), params(("id" = String, Path, description = "Its id.")),
    request_body = Why, responses((status = 200, description = "It is stopped.", body = Done<Thread>)))]
#[post("/workflow/{id}/stop")]
async fn stop_thread(
    app: Data<App>,
    caller: Writer,
    id: Path<String>,
    terms: Terms,
    why: Result<Body<Why>, Problem>,
) -> Answer<Done<Thread>> {
    let (id, why) = (thread(&id)?, why.map_err(refused)?);
    let workflow = terms.verb(&app.workflows.get(&id), &caller, &why);
    let receipt = workflow.stop().await.map_err(refused)?;
    let view = workflow.view().await.map_err(refused)?;
    Ok(Done::new(receipt, |()| Thread::of(&id, &view)))
}

/// Resets a thread.
///
/// The same as `POST /v1/workflows/{id}/reset`, at the path that older programs know.
#[utoipa::path(tag = "threads", security(("token" = ["reset"])), params(("id" = String, Path, description = "Its id.")),
    request_body = ResetWorkflow, responses((status = 200, description = "It is reset.", body = Done<ThreadReset>)))]
#[post("/workflow/{id}/reset")]
async fn reset_thread(
    app: Data<App>,
    caller: Resetter,
    id: Path<String>,
    terms: Terms,
    reset: Result<Body<ResetWorkflow>, Problem>,
) -> Answer<Done<ThreadReset>> {
    let (id, reset) = (thread(&id)?, reset.map_err(refused)?);
    let (workflow, why) = (app.workflows.get(&id), reset.why());
    require_plan(&app, why.plan.as_deref(), workflow.preview_reset(reset.reset())).await.map_err(refused)?;
    let receipt = terms.verb(&workflow, &caller, &why).reset(reset.reset()).await.map_err(refused)?;
    Ok(Done::new(receipt, |summary| ThreadReset { success: true, thread_id: id.to_string(), reset: summary.into() }))
}

/// All threads.
///
/// By id, a page at a time.
#[utoipa::path(tag = "threads", security(("token" = ["read"])), params(PagingParameters),
    responses((status = 200, description = "The threads.", body = Threads)))]
#[get("/workflows")]
async fn list_threads(app: Data<App>, _: Reader, paging: Paging) -> Answer<Json<Threads>> {
    let (workflows, next) = listed(&app, &paging).await.map_err(refused)?.into_parts();
    Ok(Json(Threads { success: true, workflows, next }))
}

/// Begins a run of a thread.
///
/// The same as `POST /workflow/{id}/run`, with the thread in the body.
#[utoipa::path(tag = "threads", security(("token" = ["write"])), request_body = StartRun,
    responses((status = 200, description = "It runs.", body = Done<ThreadRun>)))]
#[post("/runs")]
async fn start_run(
    app: Data<App>,
    caller: Writer,
    terms: Terms,
    run: Result<Body<StartRun>, Problem>,
) -> Answer<Done<ThreadRun>> {
    let StartRun { thread_id, until, reason } = run.map_err(refused)?.into_inner();
    begin(&app, &caller, &terms, &thread(&thread_id)?, (until, reason)).await
}

/// One run.
///
/// Its id is the thread's, a dot, and its number there. Those before the last one are there too.
#[utoipa::path(tag = "threads", security(("token" = ["read"])),
    params(("run_id" = String, Path, description = "Its id.", example = "thread-1.2")),
    responses((status = 200, description = "The run.", body = ThreadRun)))]
#[get("/runs/{run_id}")]
async fn get_run(app: Data<App>, _: Reader, run: Path<String>) -> Answer<Json<ThreadRun>> {
    let (id, number) = run_id(&run).map_err(refused)?;
    let run = app.workflows.get(&id).run_state(number).await.map_err(refused)?;
    Ok(Json(ThreadRun { success: true, thread_id: id.to_string(), run: Run::of(&id, &run) }))
}
