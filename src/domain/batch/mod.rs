//! Batches: the same verb on many entities, as a job that is stored. Its list of targets is frozen when it begins, it goes
//! on after a crash where it was, and what it did can be undone by another batch.

mod command;
pub mod limits;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use command::{Command, Effect, Event, Of, Outcome, StepResult, Target, Work};

use self::limits::{PROBLEM_BYTES_MAX, TARGETS_MAX, TARGETS_PER_CHUNK};
use super::stored::{decode, encode};
use super::{Decision, Entity, Generation, Input, Rejection, StageId, Timestamp};

/// Where the list of targets lies.
pub const TARGETS_STAGE: &str = "targets";
/// Where it lies what became of each.
pub const OUTCOMES_STAGE: &str = "outcomes";
/// The key of the one effect that a batch owes.
const STEP: &str = "step";

/// The kind of entity that a batch is.
#[derive(Clone, Debug)]
pub enum BatchKind {}

/// How a batch is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It goes on.
    #[default]
    Running,
    /// Every target was dealt with.
    Completed,
    /// It was ended before.
    Cancelled,
}

/// A batch. The default is one that nobody has begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// What is done; `None` where nobody has begun it.
    pub work: Option<Work>,
    /// Who began it.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// How it is.
    pub status: Status,
    /// How many targets there are.
    pub total: u64,
    /// Those that it was done to.
    pub done: u64,
    /// Those that refused it.
    pub failed: u64,
    /// When its last target was dealt with, or it was cancelled.
    pub ended_at: Option<Timestamp>,
    /// Whether a target is being dealt with: the last one, where it was cancelled.
    pub under_way: bool,
}

impl Batch {
    /// The place of the target that is dealt with next.
    pub fn next(&self) -> u64 {
        self.done.saturating_add(self.failed)
    }
}

/// Where the chunk of targets lies that holds the one at this place.
pub fn targets_path(place: u64) -> Vec<u8> {
    (place / TARGETS_PER_CHUNK as u64).to_be_bytes().to_vec()
}

/// Where it lies what became of the target at this place.
pub fn outcome_path(place: u64) -> Vec<u8> {
    place.to_be_bytes().to_vec()
}

/// Where the target at this place is within its chunk.
pub fn place_in_chunk(place: u64) -> usize {
    usize::try_from(place % TARGETS_PER_CHUNK as u64).unwrap_or_default()
}

/// The targets of a chunk.
///
/// # Errors
/// [`Rejection::Refused`] with the code `damaged` when they can't be read.
pub fn targets_from_bytes(bytes: &[u8]) -> Result<Vec<Target>, Rejection> {
    decode("list of targets", bytes)
}

impl Outcome {
    /// What became of a target.
    ///
    /// # Errors
    /// [`Rejection::Refused`] with the code `damaged` when it can't be read.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Rejection> {
        decode("outcome", bytes)
    }
}

impl Entity for BatchKind {
    const KIND: &'static str = "batch";

    type State = Batch;
    type Command = Command;
    type Event = Event;
    type Reply = ();
    type Effect = Effect;

    fn target(_: &Command) -> Option<super::Target> {
        None
    }

    fn retarget(_: &mut Command, _: Generation) {}

    fn decide(state: &Batch, command: &Command, input: &Input<'_>) -> Result<Decision<Self>, Rejection> {
        match command {
            Command::Start { work, targets } => start(state, work, targets, input),
            Command::Step { place, target, result } => {
                let outcome = Outcome { target: target.clone(), at: input.now, result: shortened(result) };
                step(state, *place, &outcome)
            }
            Command::Cancel => cancel(state, input),
        }
    }

    fn apply(state: &mut Batch, event: &Event, at: Timestamp) {
        match event {
            Event::Started { work, total, by, reason } => {
                *state = Batch { total: *total, by: by.clone(), reason: reason.clone(), ..Batch::default() };
                state.under_way = true;
                state.work = Some(work.clone());
            }
            Event::Stepped { place, done } => {
                let count = if *done { &mut state.done } else { &mut state.failed };
                *count = count.saturating_add(1);
                let is_last = place.saturating_add(1) >= state.total;
                state.under_way = state.status == Status::Running && !is_last;
                if is_last && state.status == Status::Running {
                    state.status = Status::Completed;
                    state.ended_at = Some(at);
                }
            }
            Event::Cancelled => {
                state.status = Status::Cancelled;
                state.ended_at = Some(at);
            }
        }
    }

    fn restore(_: &mut Batch, _: &Batch, _: &[StageId], _: Timestamp) {}
}

type Decided = Result<Decision<BatchKind>, Rejection>;

fn start(state: &Batch, work: &Work, targets: &[Target], input: &Input<'_>) -> Decided {
    if state.work.is_some() {
        return Err(Rejection::exists("batch", input.id));
    }
    if targets.is_empty() {
        return Err(Rejection::invalid("targets", "there are none"));
    }
    if targets.len() > TARGETS_MAX {
        return Err(Rejection::limit("targets of a batch", TARGETS_MAX));
    }
    let mut seen = BTreeSet::new();
    // Of what is undone, one target can have several.
    if let Some(twice) = targets.iter().find(|target| !seen.insert((&target.id, target.undo_point))) {
        return Err(Rejection::invalid("targets", format!("{:?} is named twice", twice.id.as_str())));
    }
    if let Some(target) = targets.iter().find(|t| t.undo_point.is_some() != matches!(work, Work::Undo { .. })) {
        let problem = format!("{:?} names an undo point where none is taken back, or none", target.id.as_str());
        return Err(Rejection::invalid("targets", problem));
    }
    let total = targets.len() as u64;
    let (by, reason) = (input.by.to_owned(), input.reason.map(str::to_owned));
    let started = Event::Started { work: work.clone(), total, by, reason };
    let mut decision = Decision::reply(()).event(started).effect(STEP, Effect::Step { place: 0 });
    let stage = StageId::new(TARGETS_STAGE)?;
    for (chunk, targets) in targets.chunks(TARGETS_PER_CHUNK).enumerate() {
        let path = (chunk as u64).to_be_bytes();
        decision = decision.write(&stage, path, encode("list of targets", &targets)?);
    }
    Ok(decision)
}

/// The outcome of the target that is under way is taken in whatever became of the batch meanwhile: it happened.
fn step(state: &Batch, place: u64, outcome: &Outcome) -> Decided {
    if !state.under_way || place != state.next() {
        return Err(Rejection::conflict("the step can't be taken in", "it is not the one under way", ""));
    }
    let done = matches!(outcome.result, StepResult::Done { .. });
    let stage = StageId::new(OUTCOMES_STAGE)?;
    let bytes = encode("outcome", outcome)?;
    let decision = Decision::reply(()).event(Event::Stepped { place, done }).write(&stage, outcome_path(place), bytes);
    let next = place.saturating_add(1);
    if state.status != Status::Running || next >= state.total {
        return Ok(decision.no_effect(STEP));
    }
    Ok(decision.effect(STEP, Effect::Step { place: next }))
}

fn cancel(state: &Batch, input: &Input<'_>) -> Decided {
    if state.work.is_none() {
        return Err(Rejection::not_found("batch", input.id));
    }
    match state.status {
        Status::Running => Ok(Decision::reply(()).event(Event::Cancelled)),
        Status::Cancelled => Ok(Decision::reply(())),
        Status::Completed => {
            let hint = "undo it, if what it did is to be taken back";
            Err(Rejection::conflict("the batch can't be cancelled", "it is completed", hint))
        }
    }
}

fn shortened(result: &StepResult) -> StepResult {
    match result {
        StepResult::Failed { code, problem } => {
            let problem = problem[..problem.floor_char_boundary(PROBLEM_BYTES_MAX)].to_owned();
            StepResult::Failed { code: code.clone(), problem }
        }
        done @ StepResult::Done { .. } => done.clone(),
    }
}
