//! `/v1/batches`: the same verb on many entities, as a job that is carried out whatever happens to the server.

use actix_web::web::{Data, Json};
use actix_web::{get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::api::batch::{self, StepResult, Work};
use crate::api::{EntityId, Rejection, StageId};
use crate::http::address::{At, EntityAt};
use crate::http::answer::{Done, Nothing, Seen};
use crate::http::body::Body;
use crate::http::caller::{Reader, Resetter};
use crate::http::confirm::require_plan;
use crate::http::page::{Page, Paging, PagingParameters};
use crate::http::problem::Answer;
use crate::http::state::App;
use crate::http::terms::Terms;
use crate::http::wire::{Batch, Plan, Why, rfc3339};

/// Largest body that names targets.
const TARGETS_BYTES_MAX: usize = 2 << 20;

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list_batches).service(plan_batch).service(start_batch).service(get_batch);
    config.service(list_batch_outcomes).service(cancel_batch).service(plan_undo_batch).service(undo_batch);
}

/// A batch to be begun.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewBatch {
    /// Its id; one is made where none is given: from the `Idempotency-Key`, if there is one.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    id: Option<String>,
    /// What is reset.
    of: OfWord,
    /// Which of them, in the order in which they are dealt with.
    #[schema(min_items = 1, max_items = 10_000)]
    targets: Vec<String>,
    /// Of workflows: the gate to go back to, by its place; the one that each stands before where none is given.
    #[schema(maximum = 65535)]
    reset_to_gate: Option<u16>,
    /// Of workflows: whether tasks from that gate on are cleared.
    #[schema(default = true)]
    clear_tasks: Option<bool>,
    /// Of workflows: whether results from that gate on are cleared.
    #[schema(default = true)]
    clear_results: Option<bool>,
    /// Of workshops: the step that is reset.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    step: Option<String>,
    /// Why: goes into the audit of each target.
    #[serde(default, deserialize_with = "crate::http::wire::reason")]
    #[schema(max_length = 2000)]
    reason: Option<String>,
    /// Begin only if nothing moved since the plan of this token.
    plan: Option<String>,
}

/// What the targets of a batch are.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum OfWord {
    /// Workflows.
    Workflows,
    /// Steps of workshops.
    Workshops,
}

impl NewBatch {
    fn work(&self) -> Result<Work, Rejection> {
        match (self.of, &self.step) {
            (OfWord::Workflows, None) => Ok(Work::ResetWorkflows {
                to: self.reset_to_gate,
                clear_tasks: self.clear_tasks.unwrap_or(true),
                clear_results: self.clear_results.unwrap_or(true),
            }),
            (OfWord::Workflows, Some(_)) => Err(Rejection::invalid("step", "workflows have none: name a gate")),
            (OfWord::Workshops, _) if self.of_workflows() => {
                Err(Rejection::invalid("of", "workshops have no gates, tasks and results: name a step alone"))
            }
            (OfWord::Workshops, Some(step)) => Ok(Work::ResetSteps { step: StageId::new(step)? }),
            (OfWord::Workshops, None) => Err(Rejection::invalid("step", "name the step that is reset")),
        }
    }

    fn of_workflows(&self) -> bool {
        self.reset_to_gate.is_some() || self.clear_tasks.is_some() || self.clear_results.is_some()
    }

    fn targets(&self) -> Result<Vec<EntityId>, Rejection> {
        self.targets.iter().map(EntityId::new).collect()
    }
}

/// Which id the batch that undoes gets, and why it does.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UndoBatch {
    /// The id of the batch that undoes; one is made where none is given.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    id: Option<String>,
    /// Why: goes into the audit of each target.
    #[serde(default, deserialize_with = "crate::http::wire::reason")]
    #[schema(max_length = 2000)]
    reason: Option<String>,
    /// Begin only if nothing moved since the plan of this token.
    plan: Option<String>,
}

/// A batch was begun.
#[derive(Debug, Serialize, ToSchema)]
struct MadeBatch {
    /// Its id.
    id: String,
}

/// What became of a target.
#[derive(Debug, Serialize, ToSchema)]
struct Outcome {
    /// Its place in the list, from 0.
    place: u64,
    /// The target.
    target: String,
    /// Whether it was done.
    done: bool,
    /// The revision that the target was at then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    revision: Option<u64>,
    /// What undoing this takes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    undo_point: Option<u64>,
    /// A stable word for why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    code: Option<String>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    problem: Option<String>,
    /// When.
    #[schema(format = DateTime)]
    at: String,
}

impl From<(u64, batch::Outcome)> for Outcome {
    fn from((place, outcome): (u64, batch::Outcome)) -> Self {
        let (target, at) = (outcome.target.to_string(), rfc3339(outcome.at));
        let nothing =
            Self { place, target, done: false, revision: None, undo_point: None, code: None, problem: None, at };
        match outcome.result {
            StepResult::Done { revision, undo_point } => {
                Self { done: true, revision: Some(revision), undo_point, ..nothing }
            }
            StepResult::Failed { code, problem } => Self { code: Some(code), problem: Some(problem), ..nothing },
        }
    }
}

/// All batches.
///
/// By id, a page at a time.
#[utoipa::path(tag = "batches", security(("token" = ["read"])), params(PagingParameters),
    responses((status = 200, description = "The batches.", body = Page<Batch>)))]
#[get("/v1/batches")]
async fn list_batches(app: Data<App>, _: Reader, paging: Paging) -> Answer<Page<Batch>> {
    let after = paging.after(|key| EntityId::new(key).ok())?;
    let ids = app.batches.list(after.as_ref(), paging.to_read()).await?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let view = app.batches.peek(&id).await?;
        found.push((id, view));
    }
    let page = paging.page(found, |(id, _)| id.to_string());
    Ok(page.map(|(id, view)| Batch::of(&id, &view)))
}

/// Shows what a batch would do.
///
/// The plans of its first targets, and how many more there are. Nothing is done. The plan's token can be given with
/// the batch itself.
#[utoipa::path(tag = "batches", security(("token" = ["reset"])), request_body = NewBatch,
    responses((status = 200, description = "The plan.", body = Plan)))]
#[post("/v1/batches/plan")]
async fn plan_batch(app: Data<App>, _: Resetter, new: Body<NewBatch, TARGETS_BYTES_MAX>) -> Answer<Json<Plan>> {
    Ok(Json(app.batches.preview(&new.work()?, &new.targets()?).await?.into()))
}

/// Resets many.
///
/// The list is frozen by this. Targets are dealt with one after the other, each with an audit entry and an undo point
/// of its own; what refuses is told among the outcomes, and holds nothing up.
#[utoipa::path(tag = "batches", security(("token" = ["reset"])), request_body = NewBatch,
    responses((status = 201, description = "It is begun.", body = Done<MadeBatch>)))]
#[post("/v1/batches")]
async fn start_batch(
    app: Data<App>,
    caller: Resetter,
    terms: Terms,
    new: Body<NewBatch, TARGETS_BYTES_MAX>,
) -> Answer<Done<MadeBatch>> {
    let (work, targets) = (new.work()?, new.targets()?);
    require_plan(&app, new.plan.as_deref(), app.batches.preview(&work, &targets)).await?;
    let id = terms.new_id(&app, "batch", new.id.as_deref(), &caller)?;
    let why = Why { reason: new.reason.clone(), plan: new.plan.clone() };
    let receipt = terms.verb(&app.batches.get(&id), &caller, &why).start(work, targets).await?;
    Ok(Done::new(receipt, |()| MadeBatch { id: id.to_string() }).made(format!("/v1/batches/{id}")))
}

/// One batch.
///
/// With how far it is.
#[utoipa::path(tag = "batches", security(("token" = ["read"])), params(EntityAt),
    responses((status = 200, description = "The batch.", body = Batch)))]
#[get("/v1/batches/{id}")]
async fn get_batch(app: Data<App>, _: Reader, at: At<EntityAt>) -> Answer<Seen<Batch>> {
    let view = app.batches.get(&at.id).view().await?;
    Ok(Seen { revision: view.revision, body: Batch::of(&at.id, &view) })
}

/// What became of each target.
///
/// In the order of the list, as far as it is dealt with.
#[utoipa::path(tag = "batches", security(("token" = ["read"])), params(EntityAt, PagingParameters),
    responses((status = 200, description = "The outcomes.", body = Page<Outcome>)))]
#[get("/v1/batches/{id}/outcomes")]
async fn list_batch_outcomes(app: Data<App>, _: Reader, at: At<EntityAt>, paging: Paging) -> Answer<Page<Outcome>> {
    let batch = app.batches.get(&at.id);
    batch.view().await?;
    let outcomes = batch.outcomes(paging.after_number()?, paging.to_read()).await?;
    Ok(paging.page(outcomes, |(place, _)| place.to_string()).map(Outcome::from))
}

/// Ends a batch.
///
/// The target that is under way is the last.
#[utoipa::path(tag = "batches", security(("token" = ["reset"])), params(EntityAt), request_body = Why,
    responses((status = 200, description = "It is ended.", body = Done<Nothing>)))]
#[post("/v1/batches/{id}/cancel")]
async fn cancel_batch(
    app: Data<App>,
    caller: Resetter,
    at: At<EntityAt>,
    terms: Terms,
    why: Body<Why>,
) -> Answer<Done<Nothing>> {
    let batch = terms.verb(&app.batches.get(&at.id), &caller, &why);
    Ok(Done::new(batch.cancel().await?, |()| Nothing {}))
}

/// Shows what undoing a batch would do.
///
/// Nothing is done. The plan's token can be given with the undo itself.
#[utoipa::path(tag = "batches", security(("token" = ["reset"])), params(EntityAt),
    responses((status = 200, description = "The plan.", body = Plan)))]
#[post("/v1/batches/{id}/undo/plan")]
async fn plan_undo_batch(app: Data<App>, _: Resetter, at: At<EntityAt>) -> Answer<Json<Plan>> {
    Ok(Json(app.batches.preview_undo(&at.id).await?.into()))
}

/// Undoes a batch.
///
/// By another batch: each target that was done, the last first. What newer work stands in the way of is left as it
/// is, and told among the outcomes.
#[utoipa::path(tag = "batches", security(("token" = ["reset"])), params(EntityAt), request_body = UndoBatch,
    responses((status = 201, description = "The batch that undoes is begun.", body = Done<MadeBatch>)))]
#[post("/v1/batches/{id}/undo")]
async fn undo_batch(
    app: Data<App>,
    caller: Resetter,
    at: At<EntityAt>,
    terms: Terms,
    undo: Body<UndoBatch>,
) -> Answer<Done<MadeBatch>> {
    require_plan(&app, undo.plan.as_deref(), app.batches.preview_undo(&at.id)).await?;
    let id = terms.new_id(&app, "batch", undo.id.as_deref(), &caller)?;
    let why = Why { reason: undo.reason.clone(), plan: undo.plan.clone() };
    let receipt = terms.verb(&app.batches.get(&id), &caller, &why).undo(&at.id).await?;
    Ok(Done::new(receipt, |()| MadeBatch { id: id.to_string() }).made(format!("/v1/batches/{id}")))
}
