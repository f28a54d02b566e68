//! Messages of workshops, as they come in and as they are read.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rfc3339;
use crate::api::workshop::{self, StoredMessage};
use crate::api::{Rejection, StageId};

/// A message to be saved.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MessageToSave)]
pub(in crate::http) struct Message {
    /// Tells it from others of its session; saved again, it is the same message.
    #[schema(min_length = 1, max_length = 200)]
    id: String,
    /// Who speaks.
    role: Role,
    /// What is said. A message without content is skipped.
    content: String,
    /// Whether all of it is said. False for a snapshot of a reply that still streams in.
    #[serde(default = "finished")]
    #[schema(default = true)]
    finished: bool,
    /// The sub-step it belongs to; the active one where it is not given.
    sub_step: Option<String>,
    /// The name of who wrote it; the caller's where it is not given.
    #[schema(max_length = 100)]
    by: Option<String>,
}

fn finished() -> bool {
    true
}

/// Who speaks in a message.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MessageRole)]
pub(in crate::http) enum Role {
    User,
    Assistant,
    System,
    Tool,
}

impl From<workshop::Role> for Role {
    fn from(role: workshop::Role) -> Self {
        match role {
            workshop::Role::User => Self::User,
            workshop::Role::Assistant => Self::Assistant,
            workshop::Role::System => Self::System,
            workshop::Role::Tool => Self::Tool,
        }
    }
}

impl TryFrom<Message> for workshop::Message {
    type Error = Rejection;

    fn try_from(message: Message) -> Result<Self, Rejection> {
        let role = match message.role {
            Role::User => workshop::Role::User,
            Role::Assistant => workshop::Role::Assistant,
            Role::System => workshop::Role::System,
            Role::Tool => workshop::Role::Tool,
        };
        let sub_step = message.sub_step.map(StageId::new).transpose()?;
        let (finished, by) = (message.finished, message.by);
        Ok(Self { finished, sub_step, by, ..Self::new(message.id, role, message.content) })
    }
}

impl From<&workshop::Message> for Message {
    fn from(message: &workshop::Message) -> Self {
        Self {
            id: message.id.clone(),
            role: message.role.into(),
            content: message.content.clone(),
            finished: message.finished,
            sub_step: message.sub_step.as_ref().map(ToString::to_string),
            by: message.by.clone(),
        }
    }
}

/// A message as it is kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Message)]
pub(in crate::http) struct Kept {
    /// Its place in the step's conversation, from 0, in the order in which messages were accepted.
    ordinal: u64,
    /// The step's generation that it is read under: what writers have to name.
    generation: u64,
    /// The conversation within the step.
    session: String,
    /// Tells it from others of its session.
    id: String,
    /// Who speaks.
    role: Role,
    /// What is said.
    content: String,
    /// Whether all of it is said.
    finished: bool,
    /// The sub-step it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    sub_step: Option<String>,
    /// The name of who wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    by: Option<String>,
    /// When this content was accepted.
    #[schema(format = DateTime)]
    at: String,
}

impl Kept {
    pub(in crate::http) fn of(stored: StoredMessage, generation: u64) -> Self {
        let StoredMessage { ordinal, session, at, message } = stored;
        Self {
            ordinal,
            generation,
            session,
            id: message.id,
            role: message.role.into(),
            content: message.content,
            finished: message.finished,
            sub_step: message.sub_step.map(Into::into),
            by: message.by,
            at: rfc3339(at),
        }
    }
}

/// What became of messages that were to be saved, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Saved {
    messages: Vec<SavedMessage>,
}

/// What became of one message.
#[derive(Debug, Serialize, ToSchema)]
struct SavedMessage {
    /// Its id.
    id: String,
    /// What became of it.
    outcome: Outcome,
}

/// What became of a message that was to be saved.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SaveOutcome)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// It is new.
    Stored,
    /// It took the place of an earlier version.
    Replaced,
    /// The same was there.
    Unchanged,
    /// A better version was there, and stays.
    Kept,
    /// It has no content.
    Skipped,
}

impl From<Vec<(String, workshop::Outcome)>> for Saved {
    fn from(outcomes: Vec<(String, workshop::Outcome)>) -> Self {
        let one = |(id, outcome)| SavedMessage {
            id,
            outcome: match outcome {
                workshop::Outcome::Stored => Outcome::Stored,
                workshop::Outcome::Replaced => Outcome::Replaced,
                workshop::Outcome::Unchanged => Outcome::Unchanged,
                workshop::Outcome::Kept => Outcome::Kept,
                workshop::Outcome::Skipped => Outcome::Skipped,
            },
        };
        Self { messages: outcomes.into_iter().map(one).collect() }
    }
}
