//! What the rules have in common: a decision that grows, over a state that has what was decided so far.

use std::borrow::Cow;

use super::TaskKind;
use super::apply::apply;
use super::command::{Cause, Effect, Event, Reply};
use super::content::{LogLine, LogSource, TASK_STAGE, log_path};
use super::limits::{LINE_BYTES_MAX, NOTES_MAX, SENTENCE_BYTES_MAX};
use super::operation::{Operation, OperationKind};
use super::state::{ObjectId, Problem, StageState, Task};
use super::tier::StageOutline;
use crate::domain::stored::encode;
use crate::domain::text::cut;
use crate::domain::{Decision, EntityId, Generation, Inherit, Input, Rejection, StageId};

/// The key under which an agent's work is owed.
pub(super) const RUN: &str = "run";
/// The key under which the end of agents is owed.
const END: &str = "end";
/// The key under which an operation is owed.
const OPERATE: &str = "operate";

/// A turn while it is decided.
pub(super) struct Turn<'a> {
    /// The state before.
    pub(super) before: &'a Task,
    /// The state with all events of the decision applied.
    pub(super) state: Cow<'a, Task>,
    pub(super) input: &'a Input<'a>,
    pub(super) decision: Decision<TaskKind>,
    /// What goes into the log.
    lines: Vec<LogLine>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(before: &'a Task, input: &'a Input<'a>) -> Self {
        let decision = Decision::reply(Reply::Done);
        Self { before, state: Cow::Borrowed(before), input, decision, lines: Vec::new() }
    }

    /// Adds what happened.
    pub(super) fn happen(&mut self, event: Event) {
        apply(self.state.to_mut(), &event);
        self.decision.events.push(event);
    }

    /// A stage is like this from now on.
    pub(super) fn set(&mut self, stage: &StageId, cause: Cause, state: StageState) {
        self.decision.touches.push(stage.clone());
        self.happen(Event::Stage { stage: stage.clone(), cause, state: Box::new(state) });
    }

    /// Raises the generation of a stage, and says to what.
    pub(super) fn raise(&mut self, stage: &StageId, inherit: Inherit) -> Generation {
        self.decision.raises.push((stage.clone(), inherit));
        Generation(self.input.generation(stage).0.saturating_add(1))
    }

    pub(super) fn write(&mut self, stage: &StageId, path: &[u8], bytes: impl Into<Vec<u8>>) {
        self.decision.content.push((stage.clone(), path.to_vec(), bytes.into()));
    }

    /// Owes an effect, in place of the one of its key.
    pub(super) fn owe(&mut self, key: impl Into<String>, effect: Effect) {
        let key = key.into();
        self.decision.effects.retain(|(other, _)| *other != key);
        self.decision.effects.push((key, Some(effect)));
    }

    /// Owes the effect of a key no longer, unless this turn owes it anew.
    pub(super) fn owe_no_more(&mut self, key: &str) {
        if !self.decision.effects.iter().any(|(other, _)| other == key) {
            self.decision.effects.push((key.to_owned(), None));
        }
    }

    /// Owes the end of all agents that were started so far.
    pub(super) fn owe_end(&mut self, run: u64) {
        self.owe(END, Effect::End { run });
    }

    /// Owes a word about how this task stands to one that waits for it.
    pub(super) fn tell(&mut self, to: &EntityId, done: Option<ObjectId>) {
        self.owe(format!("tell/{to}"), Effect::Tell { to: to.clone(), done });
    }

    /// Tells all tasks that wait for this one.
    pub(super) fn tell_all(&mut self, done: Option<&ObjectId>) {
        for to in self.state.dependents.clone() {
            self.tell(&to, done.cloned());
        }
    }

    /// A line for the log, by the rules.
    pub(super) fn log(&mut self, text: impl Into<String>) {
        let text = cut(&text.into(), LINE_BYTES_MAX);
        self.lines.push(LogLine { at: self.input.now, source: LogSource::Restage, text });
    }

    /// Sentences about an operation. There are so many of them, and of such length, as the world found to say.
    pub(super) fn log_notes(&mut self, notes: &[String]) {
        for note in notes.iter().take(NOTES_MAX) {
            self.log(cut(note, SENTENCE_BYTES_MAX));
        }
        let more = notes.len().saturating_sub(NOTES_MAX);
        if more > 0 {
            self.log(format!("and {more} more notes"));
        }
    }

    /// Lines of an agent.
    pub(super) fn log_lines(&mut self, lines: &[LogLine]) {
        self.lines.extend_from_slice(lines);
    }

    /// The stage the task is in.
    ///
    /// # Errors
    /// [`Rejection::Conflict`] with `what` can't be done, in backlog and when the task is done.
    pub(super) fn current(&self, what: &str) -> Result<(StageOutline, StageState), Rejection> {
        match self.state.current() {
            Some((outline, stage)) => Ok((outline.clone(), stage.clone())),
            None if self.state.at.is_none() => {
                Err(Rejection::conflict(what, "the task is in backlog", "start it first"))
            }
            None => Err(Rejection::conflict(what, "the task is done", "restart it to go on with it")),
        }
    }

    /// Refuses while files are moved.
    pub(super) fn nothing_under_way(&self, what: &str) -> Result<(), Rejection> {
        let Some(operation) = &self.state.operation else { return Ok(()) };
        let seconds = self.input.now.since(operation.since).as_secs();
        let why = format!("it is {}, for {seconds} s now, asked for by {}", operation.kind, operation.by);
        Err(Rejection::conflict(what, why, "wait until that is done"))
    }

    /// Refuses while the task rests or is blocked.
    pub(super) fn goes_on(&self, what: &str) -> Result<(), Rejection> {
        if self.state.paused.is_some() {
            return Err(Rejection::conflict(what, "the task is paused", "resume it first"));
        }
        match &self.state.blocked {
            Some(why) => Err(Rejection::conflict(what, why, "restart it to a stage: that sets its counters back")),
            None => Ok(()),
        }
    }

    /// Begins to move files. One that was under way is superseded: its answer names another number.
    pub(super) fn begin(&mut self, kind: OperationKind) -> u64 {
        let number = self.state.operations.saturating_add(1);
        let operation = Operation {
            number,
            kind,
            since: self.input.now,
            by: self.input.by.to_owned(),
            reason: self.input.reason.map(ToOwned::to_owned),
        };
        self.happen(Event::Began(Box::new(operation)));
        self.owe(OPERATE, Effect::Operate { operation: number });
        number
    }

    /// The operation that an answer is about.
    ///
    /// # Errors
    /// [`Rejection::Conflict`] if it is not under way any more: it was superseded, or has been answered.
    pub(super) fn answered(&self, number: u64) -> Result<Operation, Rejection> {
        let under_way = self.state.operation.as_ref().filter(|operation| operation.number == number);
        under_way.cloned().ok_or_else(|| {
            let why = "it is not under way any more";
            Rejection::conflict(format!("taking the end of operation {number} in"), why, "")
        })
    }

    /// Ends the operation that is under way.
    pub(super) fn end(&mut self, problem: Option<Problem>) {
        self.happen(Event::Ended(problem));
        self.owe_no_more(OPERATE);
    }

    /// Ends the operation that is under way, the files being back.
    pub(super) fn end_rolled_back(&mut self, report: &super::operation::RolledBack) {
        self.happen(Event::RolledBack(Box::new(report.clone())));
        self.owe_no_more(OPERATE);
    }

    /// Tells boards that something did this.
    pub(super) fn status_changed(&mut self, action: &str) {
        let standing = self.state.standing();
        let (stage, status) = (standing.stage, standing.status);
        self.happen(Event::StatusChanged { stage, status, action: action.to_owned() });
    }

    /// The decision, with its lines in the log, and those told that have to know.
    pub(super) fn finish(mut self) -> Result<Decision<TaskKind>, Rejection> {
        if self.before.done() != self.state.done() {
            let done = self.state.done().cloned();
            self.tell_all(done.as_ref());
        }
        if !self.lines.is_empty() {
            let first = self.state.log;
            let next = first.saturating_add(u64::try_from(self.lines.len()).unwrap_or(u64::MAX));
            let lines = std::mem::take(&mut self.lines);
            self.write(&StageId::new(TASK_STAGE)?, &log_path(first), encode("lines", &lines)?);
            self.happen(Event::Logged(next));
        }
        Ok(self.decision)
    }
}
