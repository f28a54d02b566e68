//! Workshops: steps with a conversation, an artifact and a summary each, that can be reset, revised and accepted.

mod command;
mod content;
mod message;
mod outline;
mod state;
mod template;
mod template_file;

pub use command::{Cause, Command, Effect, Event, Reply};
pub use content::{MESSAGES_PREFIX, SUMMARY_PATH, artifact_path, message_path, summary_from_bytes};
pub use message::{MAIN_SESSION, Message, Outcome, Role, SESSION_BYTES_MAX, Source, StoredMessage};
pub use outline::{ArcThresholds, Outline, StepOutline};
pub use state::{
    ArcPhase, ArtifactRef, Fingerprint, Stale, Status, StepState, Summary, Wait, Workshop, WorkshopStatus,
};
pub use template::{ArtifactSchema, SubStep, Template, TemplateStep};

use super::{Decision, Entity, Generation, Input, Read, Rejection, StageId, Target, Timestamp};

/// The kind of entity that a workshop is.
#[derive(Debug)]
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
            Command::Create { .. } | Command::Pause | Command::Resume => None,
            Command::Save { stage, generation, .. }
            | Command::Edit { stage, generation, .. }
            | Command::Artifact { stage, generation, .. }
            | Command::Summary { stage, generation, .. } => target(stage, generation, true),
            Command::Confirm { stage, generation, .. } | Command::Next { stage, generation, .. } => {
                target(stage, generation, false)
            }
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
            | Command::Next { generation, .. } => *generation = Some(to),
            Command::Create { .. }
            | Command::Pause
            | Command::Resume
            | Command::SubStep { .. }
            | Command::Reset { .. }
            | Command::Revise { .. }
            | Command::Accept { .. } => {}
        }
    }

    fn reads(_state: &Workshop, _command: &Command) -> Vec<Read> {
        Vec::new()
    }

    fn decide(_state: &Workshop, command: &Command, _input: &Input<'_>) -> Result<Decision<Self>, Rejection> {
        Err(Rejection::refused("thin", format!("{command:?} has no rule"), ""))
    }

    fn apply(state: &mut Workshop, event: &Event, at: Timestamp) {
        match event {
            Event::Created { title, outline, first } => {
                *state = Workshop { title: title.clone(), created_at: at, ..Workshop::default() };
                state.steps = vec![StepState::default(); outline.graph.len()];
                state.outline = outline.clone();
                if let Some(step) = state.get_mut(first) {
                    step.status = Status::InProgress;
                    step.started_at = Some(at);
                }
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
        }
    }
}
