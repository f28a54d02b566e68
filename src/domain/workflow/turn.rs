//! What the rules have in common: a decision that grows, over a state that has what was decided so far.

use std::borrow::Cow;

use super::WorkflowKind;
use super::apply::apply;
use super::command::{Effect, Event, Reply};
use super::content::{result_path, task_path};
use super::lane::Lane;
use super::limits::SENTENCE_BYTES_MAX;
use super::state::{GateState, RunStatus, Standing, UnderWay, Workflow};
use super::task::{Domain, LaneId, StoredResult, Task, TaskId};
use super::template::GateOutline;
use super::view::{Offered, TaskStanding};
use crate::domain::text::cut;
use crate::domain::{Decision, Input, Rejection, StageId};

/// The key of the timer at which leases end and tasks that rest are handed out again.
pub(super) const LEASES: &str = "leases";

/// A turn while it is decided.
pub(super) struct Turn<'a> {
    /// The state before.
    pub(super) before: &'a Workflow,
    /// The state with all events of the decision applied.
    pub(super) state: Cow<'a, Workflow>,
    pub(super) input: &'a Input<'a>,
    pub(super) decision: Decision<WorkflowKind>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(before: &'a Workflow, input: &'a Input<'a>) -> Self {
        Self { before, state: Cow::Borrowed(before), input, decision: Decision::reply(Reply::Done) }
    }

    /// Adds what happened.
    pub(super) fn happen(&mut self, event: Event) {
        apply(self.state.to_mut(), &event);
        self.decision.events.push(event);
    }

    /// A gate is like this from now on.
    pub(super) fn set_gate(&mut self, place: u16, gate: GateState) {
        if let Ok((outline, _)) = self.state.gate_at(place) {
            let stage = outline.id.clone();
            self.decision.touches.push(stage);
        }
        self.happen(Event::GateIs(place, Box::new(gate)));
    }

    /// A task that was met is like this from now on, or is not met any more.
    pub(super) fn set_task(&mut self, id: &TaskId, task: Option<UnderWay>) {
        self.happen(Event::TaskIs(id.clone(), task.map(Box::new)));
    }

    pub(super) fn set_lane(&mut self, id: &LaneId, lane: Lane) {
        self.happen(Event::LaneIs(id.clone(), Box::new(lane)));
    }

    pub(super) fn write(&mut self, stage: &StageId, path: Vec<u8>, bytes: Vec<u8>) {
        self.decision.content.push((stage.clone(), path, bytes));
    }

    /// The gate of a task.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] if there is none.
    pub(super) fn gate_of(&self, id: &TaskId) -> Result<(GateOutline, GateState), Rejection> {
        let (outline, state) = self.state.gate_at(id.lane.gate).map_err(|_| no_task(id))?;
        Ok((outline.clone(), state.clone()))
    }

    /// Where a task stands.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] if there is none.
    pub(super) fn standing(&self, id: &TaskId) -> Result<TaskStanding<'_>, Rejection> {
        self.state.task(id).ok_or_else(|| no_task(id))
    }

    /// A task, as [`Entity::reads`](crate::domain::Entity::reads) asked for it.
    ///
    /// # Errors
    /// [`Rejection::Refused`] if it is not what it should be.
    pub(super) fn task(&self, gate: &GateOutline, id: &TaskId) -> Result<Task, Rejection> {
        Task::from_bytes(self.input.content(&gate.id, &task_path(id)).unwrap_or_default())
    }

    /// The result of a task, as [`Entity::reads`](crate::domain::Entity::reads) asked for it.
    ///
    /// # Errors
    /// [`Rejection::Refused`] if it is not what it should be.
    pub(super) fn result(&self, gate: &GateOutline, id: &TaskId) -> Result<Option<StoredResult>, Rejection> {
        self.input.content(&gate.results, &result_path(id)).map(StoredResult::from_bytes).transpose()
    }

    /// Ends the run, if one goes on.
    pub(super) fn end_run(&mut self, status: RunStatus) {
        if let Some(mut run) = self.state.run.clone().filter(|run| run.status == RunStatus::Running) {
            (run.status, run.ended_at) = (status, Some(self.input.now));
            self.happen(Event::RunIs(Box::new(run)));
        }
    }

    /// Nothing keeps it from going on any more, but a task that failed for good.
    pub(super) fn settle_error(&mut self) {
        let of_gate = || self.state.under_way_of(self.state.gate);
        let error =
            of_gate().find(|(_, entry)| entry.standing == Standing::Failed).map(|(id, entry)| failure(id, entry));
        if self.state.error != error {
            self.happen(Event::Error(error));
        }
    }

    /// This keeps it from going on.
    pub(super) fn set_error(&mut self, error: &str) {
        self.happen(Event::Error(Some(cut(error, SENTENCE_BYTES_MAX))));
    }

    /// Sets the timer, whatever it was set to.
    pub(super) fn set_timer(&mut self) {
        self.decision.timers.push((LEASES.into(), self.state.next_due()));
    }

    /// The decision, with queues told and the timer set.
    pub(super) fn finish(mut self) -> Decision<WorkflowKind> {
        if self.decision.events.is_empty() {
            return self.decision;
        }
        let told = self.before.domains_waiting();
        for (domain, offered) in self.state.domains_waiting() {
            if told.get(&domain).is_none_or(|told| told.priority < offered.priority) {
                self.decision.effects.push(offer(domain, offered));
            }
        }
        if self.decision.timers.is_empty() && self.state.next_due() != self.before.next_due() {
            self.set_timer();
        }
        self.decision
    }
}

/// An offer that is owed, by its key.
pub(super) fn offer(domain: Domain, Offered { priority, since }: Offered) -> (String, Option<Effect>) {
    (format!("offer/{domain}"), Some(Effect::Offer { domain, priority, since }))
}

/// What keeps a workflow from going on whose task has failed.
fn failure(id: &TaskId, entry: &UnderWay) -> String {
    let problem = entry.problem.as_deref().unwrap_or_default();
    cut(&format!("task {id} failed: {problem}"), SENTENCE_BYTES_MAX)
}

/// There is no such task.
pub(super) fn no_task(id: &TaskId) -> Rejection {
    Rejection::not_found("task", id)
}
