//! Workshops: steps with a conversation, an artifact and a summary each, that can be reset, revised and accepted.
//!
//! The state holds statuses, counts and references. What is said and made lies beside it, by step and path
//! (`content.rs`), under the generation of the step: a reset starts a new generation that inherits nothing, and that is
//! all it does to content.
//!
//! A step is made from the steps it depends on. When one of those is reset or revised, it becomes stale and remembers
//! what that step had put out ([`Wait`]). It stops being stale when it is completed again, when a person accepts it, or
//! when everything that it waits for has put out again just what it was made from (`staleness.rs`). So whatever is
//! complete was made from what is there now, unless a person said that the difference does not matter.

mod artifact;
mod command;
mod content;
mod conversation;
mod facilitator;
mod going_back;
mod message;
mod navigation;
mod outline;
mod progress;
mod schema;
mod staleness;
mod state;
mod stuck;
mod template;
mod template_file;
#[cfg(test)]
mod tests;
mod turn;

pub use command::{Cause, Command, Effect, Event, Reply};
pub use content::{MESSAGES_PREFIX, SUMMARY_PATH, artifact_path, message_path, summary_from_bytes};
pub use facilitator::{AwaitedReply, Awaits, Duty, Spent};
pub use message::{MAIN_SESSION, Message, Outcome, Role, SESSION_BYTES_MAX, Source, StoredMessage};
pub use navigation::{ContextPart, context, enter};
pub use outline::{ArcThresholds, Outline, StepOutline};
pub use state::{
    ArcPhase, ArtifactRef, Fingerprint, Stale, Status, StepState, Summary, Wait, Workshop, WorkshopStatus,
};
pub use stuck::stuck;
pub use template::{ArtifactSchema, SubStep, Template, TemplateStep};

use conversation::Replace;
use turn::Turn;

use super::{Decision, Entity, Generation, Input, Read, Rejection, StageId, Target, Timestamp};

/// The kind of entity that a workshop is.
#[derive(Clone, Debug)]
pub enum WorkshopKind {}

impl Entity for WorkshopKind {
    const KIND: &'static str = "workshop";

    type State = Workshop;
    type Command = Command;
    type Event = Event;
    type Reply = Reply;
    type Effect = Effect;

    fn target(command: &Command) -> Option<Target> {
        let target = |stage: &StageId, generation: &Option<Generation>, work| {
            Some(Target { stage: stage.clone(), generation: *generation, work })
        };
        match command {
            Command::Create { .. } | Command::Pause | Command::Resume | Command::Spend { .. } => None,
            Command::Save { stage, generation, .. }
            | Command::Edit { stage, generation, .. }
            | Command::Artifact { stage, generation, .. }
            | Command::Summary { stage, generation, .. }
            | Command::Ask { stage, generation, .. } => target(stage, generation, true),
            Command::Confirm { stage, generation, .. }
            | Command::Next { stage, generation, .. }
            | Command::Extract { stage, generation }
            | Command::Settle { stage, generation, .. } => target(stage, generation, false),
            Command::SubStep { stage, .. }
            | Command::Reset { stage }
            | Command::Revise { stage, .. }
            | Command::Accept { stage } => target(stage, &None, false),
        }
    }

    fn retarget(command: &mut Command, to: Generation) {
        match command {
            Command::Save { generation, .. }
            | Command::Edit { generation, .. }
            | Command::Artifact { generation, .. }
            | Command::Summary { generation, .. }
            | Command::Confirm { generation, .. }
            | Command::Next { generation, .. }
            | Command::Ask { generation, .. }
            | Command::Extract { generation, .. }
            | Command::Settle { generation, .. } => *generation = Some(to),
            Command::Create { .. }
            | Command::Spend { .. }
            | Command::Pause
            | Command::Resume
            | Command::SubStep { .. }
            | Command::Reset { .. }
            | Command::Revise { .. }
            | Command::Accept { .. } => {}
        }
    }

    fn reads(state: &Workshop, command: &Command) -> Vec<Read> {
        match command {
            Command::Save { stage, session, messages, .. } => conversation::reads(state, stage, session, messages),
            Command::Edit { stage, session, message, .. } | Command::Ask { stage, session, message, .. } => {
                conversation::reads(state, stage, session, std::slice::from_ref(message))
            }
            Command::Revise { stage, message: Some(message) } => {
                conversation::reads(state, stage, MAIN_SESSION, std::slice::from_ref(message))
            }
            Command::Artifact { stage, .. } => artifact::reads(state, stage),
            _ => Vec::new(),
        }
    }

    fn decide(state: &Workshop, command: &Command, input: &Input<'_>) -> Result<Decision<Self>, Rejection> {
        let mut turn = Turn::new(state, input);
        match command {
            Command::Create { title, template } => progress::create(&mut turn, title, template)?,
            _ if !state.exists() => return Err(Rejection::not_found("workshop", input.id)),
            Command::Save { stage, session, messages, .. } => {
                let outcomes = conversation::save(&mut turn, stage, session, messages, Replace::Better)?;
                turn.decision.reply = Reply::Saved(outcomes);
            }
            Command::Edit { stage, session, message, .. } => {
                let outcomes = conversation::edit(&mut turn, stage, session, message)?;
                turn.decision.reply = Reply::Saved(outcomes);
            }
            Command::Ask { stage, session, message, .. } => facilitator::ask(&mut turn, stage, session, message)?,
            Command::Extract { stage, .. } => facilitator::extract(&mut turn, stage)?,
            Command::Settle { stage, duty, problem, .. } => {
                facilitator::settle(&mut turn, stage, *duty, problem.as_deref())?;
            }
            Command::Spend { characters } => facilitator::spend(&mut turn, *characters),
            Command::SubStep { stage, sub_step } => progress::sub_step(&mut turn, stage, sub_step)?,
            Command::Artifact { stage, json, expected_version, .. } => {
                artifact::write(&mut turn, stage, json, *expected_version)?;
            }
            Command::Confirm { stage, version, .. } => artifact::confirm(&mut turn, stage, *version)?,
            Command::Summary { stage, points, .. } => progress::summary(&mut turn, stage, points)?,
            Command::Next { stage, summary, .. } => progress::next(&mut turn, stage, summary.as_deref())?,
            Command::Pause => progress::pause(&mut turn)?,
            Command::Resume => progress::resume(&mut turn),
            Command::Reset { stage } => going_back::reset(&mut turn, stage)?,
            Command::Revise { stage, message } => going_back::revise(&mut turn, stage, message.as_ref())?,
            Command::Accept { stage } => going_back::accept(&mut turn, stage)?,
        }
        Ok(turn.decision)
    }

    fn apply(state: &mut Workshop, event: &Event, at: Timestamp) {
        apply(state, event, at);
    }

    fn restore(state: &mut Workshop, saved: &Workshop, stages: &[StageId], at: Timestamp) {
        staleness::restore(state, saved, stages, at);
    }

    fn draft_key(command: &Command) -> Option<Vec<u8>> {
        conversation::draft_key(command)
    }

    fn supersedes(new: &Command, old: &Command) -> bool {
        conversation::supersedes(new, old)
    }
}

fn apply(state: &mut Workshop, event: &Event, at: Timestamp) {
    match event {
        Event::Created { title, outline } => {
            *state = Workshop {
                title: title.clone(),
                created_at: at,
                steps: vec![StepState::default(); outline.graph.len()],
                outline: outline.clone(),
                begun: false,
                paused: false,
                spent: Spent::default(),
            };
        }
        Event::Saved { stage, ordinal } => {
            state.begun = true;
            if let Some(step) = state.get_mut(stage) {
                step.messages = step.messages.max(ordinal.saturating_add(1));
                step.changed = true;
            }
        }
        Event::Step { stage, step, cause: _ } => {
            if let Some(place) = state.get_mut(stage) {
                place.clone_from(step);
            }
        }
        Event::Paused(paused) => state.paused = *paused,
        Event::Spent(spent) => state.spent = *spent,
    }
}
