//! Carries out batches: one target at a time, each under a key of its own, so that one that was done before a crash is
//! not done again after it.

use super::Batches;
use crate::api::error::Error;
use crate::api::handle::{Handle, Receipt};
use crate::api::workflows::Reset;
use crate::domain::batch::{Batch as State, BatchKind, Command, Effect, Of, StepResult, Target, Work};
use crate::domain::workflow::WorkflowKind;
use crate::domain::workshop::WorkshopKind;
use crate::domain::{Entity, EntityId, Rejection};
use crate::engine::Owed;

impl Batches {
    /// Carries one out.
    ///
    /// # Errors
    /// A sentence for the log: it is tried again.
    pub(super) async fn carry_out(&self, owed: Owed<BatchKind>) -> Result<Option<Command>, String> {
        let Owed { id, effect: Effect::Step { place }, .. } = owed;
        let (target, result) = self.step(&id, place).await.map_err(|error| error.to_string())?;
        Ok(Some(Command::Step { place, target, result }))
    }

    /// Deals with the target at a place.
    ///
    /// # Errors
    /// What may work a little later. What the target refuses is an outcome.
    async fn step(&self, id: &EntityId, place: u64) -> Result<(EntityId, StepResult), Error> {
        let batch = self.get(id);
        let state = batch.view().await?.state;
        let target = batch.target(place).await?.ok_or_else(|| Rejection::not_found("target", place))?;
        let result = match self.done(id, &state, place, &target).await {
            Ok(result) => result,
            Err(error) if error.rejection().is_some() => {
                let hint = error.hint();
                let problem = if hint.is_empty() { error.to_string() } else { format!("{error}; {hint}") };
                StepResult::Failed { code: error.code().to_owned(), problem }
            }
            Err(error) => return Err(error),
        };
        Ok((target.id, result))
    }

    async fn done(&self, id: &EntityId, state: &State, place: u64, target: &Target) -> Result<StepResult, Error> {
        let work = state.work.as_ref().ok_or_else(Error::unexpected)?;
        let terms = Terms { batch: id, state, key: format!("batch-{id}-{place}") };
        match (work, target.undo_point) {
            (Work::ResetWorkflows { to, clear_tasks, clear_results }, _) => {
                let reset = Reset { to: *to, clear_tasks: *clear_tasks, clear_results: *clear_results };
                let handle = terms.said::<WorkflowKind>(self.workflows.get(&target.id).handle());
                Ok(done(&handle.send(reset.into()).await?))
            }
            (Work::ResetSteps { step }, _) => {
                let handle = terms.said::<WorkshopKind>(self.workshops.kind().entity(&target.id));
                let command = crate::domain::workshop::Command::Reset { stage: step.clone() };
                Ok(done(&handle.send(command).await?))
            }
            (Work::Undo { of: Of::Workflows, .. }, point) => {
                let handle = terms.said::<WorkflowKind>(self.workflows.get(&target.id).handle());
                Ok(done(&handle.undo(point).await?))
            }
            (Work::Undo { of: Of::Workshops, .. }, point) => {
                let handle = terms.said::<WorkshopKind>(self.workshops.kind().entity(&target.id));
                Ok(done(&handle.undo(point).await?))
            }
        }
    }
}

/// How each target of a batch is asked: as who began the batch, for their reason.
struct Terms<'a> {
    batch: &'a EntityId,
    state: &'a State,
    key: String,
}

impl Terms<'_> {
    fn said<E: Entity>(&self, handle: impl std::borrow::Borrow<Handle<E>>) -> Handle<E> {
        let handle = handle.borrow().by(&self.state.by).from(format!("batch {}", self.batch)).key(&self.key);
        match &self.state.reason {
            Some(reason) => handle.reason(reason),
            None => handle,
        }
    }
}

fn done<R>(receipt: &Receipt<R>) -> StepResult {
    StepResult::Done { revision: receipt.revision, undo_point: receipt.undo_point }
}
