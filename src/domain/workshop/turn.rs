//! What the rules have in common: a decision that grows, over a state that has what was decided so far.

use std::borrow::Cow;

use super::command::{Cause, Event, Reply};
use super::state::{Status, StepState, Workshop, WorkshopStatus};
use super::{WorkshopKind, apply, facilitator};
use crate::domain::{Decision, Generation, Inherit, Input, PlanLine, Rejection, StageId, Verb};

/// A turn while it is decided.
pub(super) struct Turn<'a> {
    /// The state with all events of the decision applied.
    pub(super) state: Cow<'a, Workshop>,
    pub(super) input: &'a Input<'a>,
    pub(super) decision: Decision<WorkshopKind>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(state: &'a Workshop, input: &'a Input<'a>) -> Self {
        Self { state: Cow::Borrowed(state), input, decision: Decision::reply(Reply::Done) }
    }

    /// Adds what happened.
    pub(super) fn happen(&mut self, event: Event) {
        apply(self.state.to_mut(), &event, self.input.now);
        self.decision.events.push(event);
    }

    /// A step is like this from now on.
    pub(super) fn set(&mut self, stage: &StageId, cause: Cause, step: StepState) {
        self.decision.touches.push(stage.clone());
        self.happen(Event::Step { stage: stage.clone(), cause, step: Box::new(step) });
    }

    /// Raises the generation of a step, and says to what.
    pub(super) fn raise(&mut self, stage: &StageId, inherit: Inherit) -> Generation {
        self.decision.raises.push((stage.clone(), inherit));
        Generation(self.input.generation(stage).0.saturating_add(1))
    }

    pub(super) fn write(&mut self, stage: &StageId, path: Vec<u8>, bytes: Vec<u8>) {
        self.decision.content.push((stage.clone(), path, bytes));
    }

    /// A step that takes work.
    ///
    /// # Errors
    /// [`Rejection::Conflict`] with `what` can't be done, if the step is not begun or complete.
    pub(super) fn open_step(&self, stage: &StageId, what: &str) -> Result<StepState, Rejection> {
        let step = self.state.step(stage)?;
        let what = format!("{what} of {stage}");
        match step.status {
            Status::InProgress | Status::NeedsRegeneration => Ok(step.clone()),
            Status::NotStarted => {
                Err(Rejection::conflict(what, "the step is not begun", "complete the steps before it first"))
            }
            Status::Complete => Err(Rejection::conflict(what, "the step is complete", "revise the step to reopen it")),
        }
    }

    /// Begins the first step in template order that can be, if there is one.
    pub(super) fn begin_next(&mut self) -> Option<StageId> {
        let (stage, step) = self.state.next_begun(self.input.now)?;
        self.set(&stage, Cause::Began, step);
        Some(stage)
    }

    /// Whether the workshop is completed by this turn, having been at `before`.
    pub(super) fn completes(&self, before: WorkshopStatus) -> bool {
        before != WorkshopStatus::Completed && self.state.status() == WorkshopStatus::Completed
    }

    /// Makes the turn a verb, which affects every step that it changed.
    pub(super) fn becomes_verb(&mut self, name: &'static str, stage: &StageId, lines: Vec<PlanLine>) {
        let mut affects: Vec<StageId> = Vec::new();
        for event in &self.decision.events {
            if let Event::Step { stage, .. } | Event::Saved { stage, .. } = event
                && !affects.contains(stage)
            {
                affects.push(stage.clone());
            }
        }
        facilitator::dismiss(self, &affects);
        self.decision.verb = Some(Verb::new(name, Some(stage.clone()), affects, lines));
    }
}
