//! `/v1/queues`, `/v1/leases` and `/v1/workers`: what workers ask for, and who they are.

use std::time::Duration;

use actix_web::web::{Data, Json};
use actix_web::{Either, HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::api::workflow::{Domain, Outcome};
use crate::api::workflows::{self, Claim, LEASE_DEFAULT, LeaseToken, WAIT_MAX};
use crate::http::address::At;
use crate::http::answer::{Done, Nothing};
use crate::http::body::Body;
use crate::http::caller::{Reader, Writer};
use crate::http::page::{Page, Paging, PagingParameters};
use crate::http::problem::{Answer, Problem};
use crate::http::state::App;
use crate::http::terms::Terms;
use crate::http::wire::{Grant, NewResult, rfc3339};

/// Largest body that hands in a result.
const RESULT_BYTES_MAX: usize = 2 << 20;

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list_queues).service(get_queue).service(claim_task);
    config.service(heartbeat).service(finish_task).service(give_back_task);
    config.service(list_workers);
}

/// A queue.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct QueueAt {
    /// Its name.
    #[param(value_type = String, max_length = 32, pattern = "^[a-z][a-z0-9-]*$")]
    queue: Domain,
}

/// A queue.
#[derive(Debug, Serialize, ToSchema)]
struct Queue {
    /// Its name.
    queue: String,
    /// Workflows that have tasks for it.
    workflows: usize,
    /// Since when the tasks wait that wait the longest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    oldest: Option<String>,
    /// Workers that wait for its tasks, or asked for some lately.
    workers: usize,
}

/// A queue, with how much there is in it.
#[derive(Debug, Serialize, ToSchema)]
struct FullQueue {
    #[serde(flatten)]
    queue: Queue,
    /// How many tasks wait.
    depth: u64,
    /// The same by priority, the highest first.
    by_priority: Vec<DepthOf>,
    /// Whether there may be more: only so many workflows are looked at.
    at_least: bool,
}

/// Tasks of one priority.
#[derive(Debug, Serialize, ToSchema)]
struct DepthOf {
    /// The priority.
    priority: u8,
    /// How many tasks wait.
    tasks: u64,
}

impl From<workflows::Queue> for Queue {
    fn from(queue: workflows::Queue) -> Self {
        Self {
            queue: queue.domain.to_string(),
            workflows: queue.workflows,
            oldest: queue.oldest.map(rfc3339),
            workers: queue.workers,
        }
    }
}

/// A worker's wish for a task.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewClaim {
    /// Who asks: a name of the worker's own.
    #[schema(min_length = 1, max_length = 100)]
    worker: String,
    /// How long to wait for a task, where there is none.
    #[schema(minimum = 0, maximum = 60, default = 0)]
    wait_seconds: Option<u64>,
    /// How long the lease holds without a sign of life.
    #[schema(minimum = 1, maximum = 3600, default = 60)]
    lease_seconds: Option<u64>,
}

/// A sign of life.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Beat {
    /// The lease that came with the task.
    lease: String,
    /// How far the worker is, in its own words.
    #[schema(max_length = 4000)]
    progress: Option<String>,
}

/// The lease holds on.
#[derive(Debug, Serialize, ToSchema)]
struct Beaten {
    /// Until then, without another sign of life.
    #[schema(format = DateTime)]
    lease_until: String,
}

/// A result, handed in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Finish {
    /// The lease that came with the task.
    lease: String,
    /// What came of it.
    result: NewResult,
}

/// What became of a result.
#[derive(Debug, Serialize, ToSchema)]
struct Finished {
    /// What became of it.
    outcome: OutcomeWord,
    /// When the task is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    retry_at: Option<String>,
}

/// What became of a result.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum OutcomeWord {
    /// It landed.
    Landed,
    /// It is the same that had landed before.
    AlreadyLanded,
    /// It failed, and is tried again.
    TriedAgain,
    /// It failed, and there are no attempts left.
    Failed,
    /// It was not safe enough, there are no attempts left, and a person is asked.
    AskedHuman,
}

impl From<Outcome> for Finished {
    fn from(outcome: Outcome) -> Self {
        let (outcome, retry_at) = match outcome {
            Outcome::Landed => (OutcomeWord::Landed, None),
            Outcome::AlreadyLanded => (OutcomeWord::AlreadyLanded, None),
            Outcome::TriedAgain { at } => (OutcomeWord::TriedAgain, Some(rfc3339(at))),
            Outcome::Failed => (OutcomeWord::Failed, None),
            Outcome::AskedHuman => (OutcomeWord::AskedHuman, None),
        };
        Self { outcome, retry_at }
    }
}

/// A task, given back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GiveBack {
    /// The lease that came with the task.
    lease: String,
}

/// A worker, as it was seen since the server was started.
#[derive(Debug, Serialize, ToSchema)]
struct Worker {
    /// Its name, as it says.
    worker: String,
    /// The queues it asked.
    queues: Vec<String>,
    /// How many of its claims wait now.
    waiting: usize,
    /// When it last asked for a task.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    polled_at: Option<String>,
    /// When it was last heard of.
    #[schema(format = DateTime)]
    seen_at: String,
    /// What it holds, as far as is known.
    holding: Vec<Held>,
    /// Tasks that it handed in as done.
    done: u64,
    /// Tasks that it handed in as failed.
    failed: u64,
}

/// A task that a worker holds.
#[derive(Debug, Serialize, ToSchema)]
struct Held {
    /// The workflow.
    workflow: String,
    /// The task.
    task_id: String,
    /// Until when, without a sign of life.
    #[schema(format = DateTime)]
    lease_until: String,
}

impl From<workflows::Worker> for Worker {
    fn from(worker: workflows::Worker) -> Self {
        let held = |held: workflows::Held| Held {
            workflow: held.workflow.to_string(),
            task_id: held.task.to_string(),
            lease_until: rfc3339(held.until),
        };
        Self {
            queues: worker.queues.iter().map(ToString::to_string).collect(),
            waiting: worker.waiting,
            polled_at: worker.polled_at.map(rfc3339),
            seen_at: rfc3339(worker.seen_at),
            holding: worker.holding.into_iter().map(held).collect(),
            done: worker.done,
            failed: worker.failed,
            worker: worker.name,
        }
    }
}

/// All queues.
///
/// Those that ever had a task, by name.
#[utoipa::path(tag = "queues", security(("token" = ["read"])), params(PagingParameters),
    responses((status = 200, description = "The queues.", body = Page<Queue>)))]
#[get("/v1/queues")]
async fn list_queues(app: Data<App>, _: Reader, paging: Paging) -> Answer<Page<Queue>> {
    let after = paging.after(|key| Domain::new(key).ok())?;
    let queues = app.workflows.queues(after.as_ref(), paging.to_read()).await?;
    Ok(paging.page(queues, |queue| queue.domain.to_string()).map(Queue::from))
}

/// One queue.
///
/// With how many tasks wait in it, by priority. One that never had a task is empty.
#[utoipa::path(tag = "queues", security(("token" = ["read"])), params(QueueAt),
    responses((status = 200, description = "The queue.", body = FullQueue)))]
#[get("/v1/queues/{queue}")]
async fn get_queue(app: Data<App>, _: Reader, at: At<QueueAt>) -> Answer<Json<FullQueue>> {
    let queue = app.workflows.queue(&at.queue).await?.into();
    let depth = app.workflows.depth(&at.queue).await?;
    let by_priority = depth.by_priority.iter().rev();
    let by_priority = by_priority.map(|(priority, tasks)| DepthOf { priority: *priority, tasks: *tasks }).collect();
    let all = depth.by_priority.values().sum();
    Ok(Json(FullQueue { queue, depth: all, by_priority, at_least: depth.at_least }))
}

/// Claims a task.
///
/// The best there is for a worker of this queue; waits for one where there is none. A claim whose caller goes away
/// before it is answered gives its task back; one whose answer is lost ends with its lease. It takes no key: asked
/// again, it is another claim.
#[utoipa::path(tag = "queues", security(("token" = ["write"])), params(QueueAt), request_body = NewClaim,
    responses(
        (status = 200, description = "A task.", body = Grant),
        (status = 204, description = "There was none until then.")))]
#[post("/v1/queues/{queue}/claims")]
async fn claim_task(
    app: Data<App>,
    caller: Writer,
    at: At<QueueAt>,
    new: Body<NewClaim>,
) -> Answer<Either<Json<Grant>, HttpResponse>> {
    let wait = Duration::from_secs(new.wait_seconds.unwrap_or(0));
    if wait > WAIT_MAX {
        return Err(Problem::bad_request("wait", format!("the most to wait is {} seconds", WAIT_MAX.as_secs())));
    }
    let lease = new.lease_seconds.map_or(LEASE_DEFAULT, Duration::from_secs);
    let claim = Claim::new(at.queue.clone(), &new.worker).lease(lease).wait(wait);
    let claim = claim.by(&caller.name).from(&caller.from);
    let claimed = tokio::select! {
        claimed = app.workflows.claim(claim) => claimed?,
        () = app.life.stopping() => return Err(Problem::unavailable("stopping", "the server is stopping")),
    };
    Ok(match claimed {
        Some(claimed) => Either::Left(Json(claimed.into())),
        None => Either::Right(HttpResponse::NoContent().finish()),
    })
}

/// Gives a sign of life.
///
/// The lease holds on. Refused where somebody else has the task by now, or it was taken away: it is of no use to go
/// on then.
#[utoipa::path(tag = "queues", security(("token" = ["write"])), request_body = Beat,
    responses((status = 200, description = "The lease holds on.", body = Done<Beaten>)))]
#[post("/v1/leases/heartbeat")]
async fn heartbeat(app: Data<App>, caller: Writer, beat: Body<Beat>) -> Answer<Done<Beaten>> {
    let Beat { lease, progress } = beat.into_inner();
    let lease = app.workflows.lease(&LeaseToken::new(lease)).await?.by(&caller.name).from(&caller.from);
    let receipt = lease.heartbeat(progress).await?;
    Ok(Done::new(receipt, |until| Beaten { lease_until: rfc3339(until) }))
}

/// Hands in a result.
///
/// One that comes too late changes nothing: it is kept, and the refusal says under which number. The same result
/// again is answered with what became of it.
#[utoipa::path(tag = "queues", security(("token" = ["write"])), request_body = Finish,
    responses((status = 200, description = "It is taken in.", body = Done<Finished>)))]
#[post("/v1/leases/finish")]
async fn finish_task(
    app: Data<App>,
    caller: Writer,
    terms: Terms,
    finish: Body<Finish, RESULT_BYTES_MAX>,
) -> Answer<Done<Finished>> {
    let Finish { lease, result } = finish.into_inner();
    let lease = app.workflows.lease(&LeaseToken::new(lease)).await?.by(&caller.name).from(&caller.from);
    let lease = terms.key.as_ref().map_or_else(|| lease.clone(), |key| lease.key(key));
    Ok(Done::new(lease.finish(result.into()).await?, Finished::from))
}

/// Gives a task back.
///
/// Somebody else gets it at once. One that is not held any more stays as it is.
#[utoipa::path(tag = "queues", security(("token" = ["write"])), request_body = GiveBack,
    responses((status = 200, description = "It is given back.", body = Nothing)))]
#[post("/v1/leases/release")]
async fn give_back_task(app: Data<App>, caller: Writer, back: Body<GiveBack>) -> Answer<Json<Nothing>> {
    let lease = LeaseToken::new(back.into_inner().lease);
    app.workflows.lease(&lease).await?.by(&caller.name).from(&caller.from).release().await?;
    Ok(Json(Nothing {}))
}

/// All workers.
///
/// Those that asked for tasks since the server was started, by name.
#[utoipa::path(tag = "queues", security(("token" = ["read"])), params(PagingParameters),
    responses((status = 200, description = "The workers.", body = Page<Worker>)))]
#[get("/v1/workers")]
async fn list_workers(app: Data<App>, _: Reader, paging: Paging) -> Answer<Page<Worker>> {
    let workers = app.workflows.workers(paging.after.as_deref(), paging.to_read());
    Ok(paging.page(workers, |worker| worker.name.clone()).map(Worker::from))
}
