//! Batches, typed: the same verb on many entities, carried out one after the other whatever happens to the process.

mod batch;
mod host;

pub use batch::Batch;

use sha2::Digest as _;

use super::error::Error;
use super::kind::Kind;
use super::workflows::{Reset, Workflows};
use super::workshops::Workshops;
use crate::domain::batch::limits::TARGETS_MAX;
use crate::domain::batch::{BatchKind, Of, Work};
use crate::domain::{EntityId, Fate, Plan, PlanLine, PlanToken, Rejection};
use crate::engine::{View, query};

/// Targets whose own plan is told in the plan of a batch.
const TARGETS_TOLD: usize = 20;

/// The batches of a data folder. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Batches {
    kind: Kind<BatchKind>,
    workflows: Workflows,
    workshops: Workshops,
}

impl Batches {
    pub(super) fn new(kind: Kind<BatchKind>, workflows: Workflows, workshops: Workshops) -> Self {
        Self { kind, workflows, workshops }
    }

    /// The kind below, for what this facade does not name.
    pub fn kind(&self) -> &Kind<BatchKind> {
        &self.kind
    }

    /// One batch; it need not exist.
    pub fn get(&self, id: &EntityId) -> Batch {
        Batch::new(self.kind.entity(id), self.clone())
    }

    /// Ids of existing batches, ascending, after one of them.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(&self, after: Option<&EntityId>, most: usize) -> Result<Vec<EntityId>, Error> {
        self.kind.list(after, most).await
    }

    /// A batch as it is on disk, without bringing it into memory: for lists.
    ///
    /// # Errors
    /// The store's.
    pub async fn peek(&self, id: &EntityId) -> Result<View<BatchKind>, Error> {
        let of = id.clone();
        self.kind.entity(id).read(move |store| query::view(store, &of)).await
    }

    /// Begins to carry out batches, those that an earlier process left too. Runs on the caller's tokio runtime until
    /// [`shutdown`](crate::Restage::shutdown). False if that is done already.
    pub fn serve(&self) -> bool {
        let batches = self.clone();
        self.kind.serve_effects(move |owed| {
            let batches = batches.clone();
            async move { batches.carry_out(owed).await }
        })
    }

    /// What a batch would do: the plans of its first targets, and how many more there are. Its token stands for the
    /// work, the list, and which of them there are. What each target has then may still change: each can be undone by
    /// itself.
    ///
    /// # Errors
    /// An empty or too long list, and the store's.
    pub async fn preview(&self, work: &Work, targets: &[EntityId]) -> Result<Plan, Error> {
        if targets.is_empty() {
            return Err(Rejection::invalid("targets", "there are none").into());
        }
        if targets.len() > TARGETS_MAX {
            return Err(Rejection::limit("targets of a batch", TARGETS_MAX).into());
        }
        let mut digest = sha2::Sha256::new();
        digest.update(format!("batch {work:?}"));
        let mut lines = Vec::new();
        for (nth, id) in targets.iter().enumerate() {
            let refused = match nth < TARGETS_TOLD {
                true => self.told(work, id, &mut lines).await?,
                false => !self.exists(work.of(), id).await?,
            };
            digest.update(format!("\n{id} {refused}"));
        }
        if let Some(more) = targets.len().checked_sub(TARGETS_TOLD).filter(|more| *more > 0) {
            let why = "each has a plan, an audit entry and an undo point of its own";
            lines.push(line(Fate::Cleared, format!("{more} more"), why));
        }
        let token = digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let (verb, token) = ("batch".to_owned(), PlanToken(token));
        Ok(Plan { verb, stage: None, lines, undo_until: None, revision: 0, drafts: 0, token })
    }

    /// Adds what happens to one target; whether it would be refused.
    async fn told(&self, work: &Work, id: &EntityId, lines: &mut Vec<PlanLine>) -> Result<bool, Error> {
        let plan = match work {
            Work::ResetWorkflows { to, clear_tasks, clear_results } => {
                let reset = Reset { to: *to, clear_tasks: *clear_tasks, clear_results: *clear_results };
                self.workflows.get(id).preview_reset(reset).await
            }
            Work::ResetSteps { step } => self.workshops.get(id).preview_reset(step).await,
            Work::Undo { .. } => return Ok(!self.exists(work.of(), id).await?),
        };
        match plan {
            Ok(plan) => {
                lines.extend(
                    plan.lines.into_iter().map(|line| PlanLine { what: format!("{id}: {}", line.what), ..line }),
                );
                Ok(false)
            }
            Err(error) if error.rejection().is_some() => {
                lines.push(line(Fate::Kept, id.to_string(), &format!("it would be refused: {error}")));
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    async fn exists(&self, of: Of, id: &EntityId) -> Result<bool, Error> {
        Ok(match of {
            Of::Workflows => self.workflows.peek(id).await?.revision > 0,
            Of::Workshops => self.workshops.peek(id).await?.revision > 0,
        })
    }
}

fn line(fate: Fate, what: String, why: &str) -> PlanLine {
    PlanLine { fate, stage: None, what, why: why.to_owned() }
}
