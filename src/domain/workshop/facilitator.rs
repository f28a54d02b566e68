//! What the facilitator is asked for, and when it is no longer asked.
//!
//! What it owes is in the outbox, so that a crash loses none of it, and in the step's state ([`Awaits`]), so that people
//! see it. The state is what holds: an effect that its step does not await any more is dropped by whoever finds it. A verb
//! that goes back ends all that its steps awaited.

use serde::{Deserialize, Serialize};

use super::command::{Cause, Effect, Event, Reply};
use super::conversation::{self, Replace};
use super::message::{Message, Outcome, Role};
use super::state::WorkshopStatus;
use super::turn::Turn;
use crate::domain::limits::REASON_BYTES_MAX;
use crate::domain::text::cut;
use crate::domain::{Rejection, StageId, Timestamp};

/// What a step awaits from the facilitator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaits {
    /// That it opens the conversation.
    pub greeting: bool,
    /// That it answers.
    pub reply: Option<AwaitedReply>,
    /// That it makes the artifact from the conversation.
    pub extraction: bool,
    /// That it sums the step up.
    pub summary: bool,
}

/// What an answer is awaited to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitedReply {
    /// The conversation within the step.
    pub session: String,
    /// The message.
    pub message: String,
}

/// One thing that the facilitator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// It opens the conversation of a step.
    Greeting,
    /// It answers what a person said.
    Reply,
    /// It makes the artifact from the conversation.
    Extraction,
    /// It sums a step up.
    Summary,
}

/// What the facilitator has sent and received for a workshop, in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// The last day of UTC on which it did, counted from the start of 1970.
    pub day: i64,
    /// On that day.
    pub today: u64,
    /// In all.
    pub in_all: u64,
}

impl Spent {
    /// What was spent on the day of `now`.
    pub fn on_day_of(&self, now: Timestamp) -> u64 {
        if self.day == day_of(now) { self.today } else { 0 }
    }

    fn and(&self, characters: u64, now: Timestamp) -> Self {
        let today = self.on_day_of(now).saturating_add(characters);
        Self { day: day_of(now), today, in_all: self.in_all.saturating_add(characters) }
    }
}

fn day_of(now: Timestamp) -> i64 {
    const DAY_MS: i64 = 86_400_000;
    now.as_millis().div_euclid(DAY_MS)
}

impl Awaits {
    /// All that is awaited, in order.
    pub fn duties(&self) -> Vec<Duty> {
        let Self { greeting, reply, extraction, summary } = self;
        let awaited = [*greeting, reply.is_some(), *extraction, *summary];
        let all = [Duty::Greeting, Duty::Reply, Duty::Extraction, Duty::Summary];
        all.into_iter().zip(awaited).filter_map(|(duty, is)| is.then_some(duty)).collect()
    }

    fn end(&mut self, duty: Duty) {
        match duty {
            Duty::Greeting => self.greeting = false,
            Duty::Reply => self.reply = None,
            Duty::Extraction => self.extraction = false,
            Duty::Summary => self.summary = false,
        }
    }
}

impl Effect {
    /// The step that it is owed to.
    pub fn stage(&self) -> &StageId {
        match self {
            Self::Greet { stage, .. }
            | Self::Reply { stage, .. }
            | Self::Extract { stage, .. }
            | Self::Summarize { stage, .. } => stage,
        }
    }

    /// The generation that it is owed under.
    pub fn generation(&self) -> crate::domain::Generation {
        match self {
            Self::Greet { generation, .. }
            | Self::Reply { generation, .. }
            | Self::Extract { generation, .. }
            | Self::Summarize { generation, .. } => *generation,
        }
    }

    /// What has to be done.
    pub fn duty(&self) -> Duty {
        match self {
            Self::Greet { .. } => Duty::Greeting,
            Self::Reply { .. } => Duty::Reply,
            Self::Extract { .. } => Duty::Extraction,
            Self::Summarize { .. } => Duty::Summary,
        }
    }

    /// Whether a step that awaits this still awaits it.
    pub fn is_awaited(&self, awaits: &Awaits) -> bool {
        match self {
            Self::Greet { .. } => awaits.greeting,
            Self::Reply { session, message, .. } => {
                awaits.reply.as_ref().is_some_and(|reply| reply.session == *session && reply.message == *message)
            }
            Self::Extract { .. } => awaits.extraction,
            Self::Summarize { .. } => awaits.summary,
        }
    }
}

/// Saves what a person said, and has the facilitator answer it. Asked again after an answer came to nothing, it is tried
/// again; asked meanwhile, the answer is to all that was said.
pub(super) fn ask(turn: &mut Turn<'_>, stage: &StageId, session: &str, message: &Message) -> Result<(), Rejection> {
    let what = format!("asking the facilitator in {stage}");
    check_awake(turn, &what)?;
    if message.role != Role::User || !message.finished || message.content.trim().is_empty() {
        return Err(Rejection::invalid("message", "what is asked is a finished message of a person, and not empty"));
    }
    let awaited = turn.open_step(stage, "asking the facilitator")?.awaits.reply;
    if awaited.is_some_and(|reply| reply.session != session) {
        let why = "another conversation of the step is being answered";
        return Err(Rejection::conflict(what, why, "ask again when that answer is there"));
    }
    let outcomes = conversation::save(turn, stage, session, std::slice::from_ref(message), Replace::Better)?;
    if outcomes.iter().any(|(_, outcome)| *outcome == Outcome::Kept) {
        return Err(Rejection::exists("message", &message.id));
    }
    let (session, message) = (session.to_owned(), message.id.clone());
    let mut step = turn.state.step(stage)?.clone();
    step.awaits.reply = Some(AwaitedReply { session: session.clone(), message: message.clone() });
    step.problem = None;
    turn.set(stage, Cause::Asked, step);
    let generation = turn.input.generation(stage);
    owe(turn, Effect::Reply { stage: stage.clone(), generation, session, message });
    turn.decision.reply = Reply::Saved(outcomes);
    Ok(())
}

/// Has the facilitator make the artifact from the conversation.
pub(super) fn extract(turn: &mut Turn<'_>, stage: &StageId) -> Result<(), Rejection> {
    let what = format!("extracting the artifact of {stage}");
    check_awake(turn, &what)?;
    let mut step = turn.open_step(stage, "extracting the artifact")?;
    if step.messages == 0 {
        return Err(Rejection::conflict(what, "nothing was said yet", "talk about it first"));
    }
    if !step.awaits.extraction {
        step.awaits.extraction = true;
        step.problem = None;
        turn.set(stage, Cause::Asked, step);
        owe(turn, Effect::Extract { stage: stage.clone(), generation: turn.input.generation(stage) });
    }
    Ok(())
}

/// The facilitator did what it was asked for, or could not.
pub(super) fn settle(turn: &mut Turn<'_>, stage: &StageId, duty: Duty, problem: Option<&str>) -> Result<(), Rejection> {
    let mut step = turn.state.step(stage)?.clone();
    step.awaits.end(duty);
    step.problem = problem.map(|problem| cut(problem, REASON_BYTES_MAX));
    if *turn.state.step(stage)? != step {
        turn.set(stage, Cause::Settled, step);
    }
    Ok(())
}

/// Counts what the facilitator has sent or received.
pub(super) fn spend(turn: &mut Turn<'_>, characters: u64) {
    let spent = turn.state.spent.and(characters, turn.input.now);
    turn.happen(Event::Spent(spent));
}

/// Adds an effect under its key: one at a time of each sort for each step.
pub(super) fn owe(turn: &mut Turn<'_>, effect: Effect) {
    let lane = match effect.duty() {
        Duty::Greeting => "greet",
        Duty::Reply => "reply",
        Duty::Extraction => "extract",
        Duty::Summary => "summarize",
    };
    let key = format!("{lane}/{}", effect.stage());
    turn.decision.effects.push((key, Some(effect)));
}

/// Ends what the affected steps of a verb awaited before it: their generations are raised. What the verb itself asks for
/// stays.
pub(super) fn dismiss(turn: &mut Turn<'_>, affects: &[StageId]) {
    for stage in affects {
        let Ok(step) = turn.state.step(stage) else { continue };
        let mut awaits = Awaits::default();
        for (_, effect) in &turn.decision.effects {
            awaits.greeting |= matches!(effect, Some(Effect::Greet { stage: greeted, .. }) if greeted == stage);
        }
        if step.awaits != awaits {
            let step = super::StepState { awaits, ..step.clone() };
            turn.set(stage, Cause::Settled, step);
        }
    }
}

fn check_awake(turn: &Turn<'_>, what: &str) -> Result<(), Rejection> {
    if turn.state.status() == WorkshopStatus::Paused {
        return Err(Rejection::conflict(what, "the workshop is paused", "resume it first"));
    }
    Ok(())
}
