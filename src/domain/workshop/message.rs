//! Messages: as they come in, and as they are kept.

use serde::{Deserialize, Serialize};

use crate::domain::{StageId, Timestamp};

/// The conversation of a step, where nobody names another.
pub const MAIN_SESSION: &str = "main";
/// Longest name of a session.
pub const SESSION_BYTES_MAX: usize = 40;

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Tells it from others of its session. Without control characters.
    pub id: String,
    /// Who speaks.
    pub role: Role,
    /// What is said. A message without content is skipped.
    pub content: String,
    /// Whether all of it is said. An unfinished one is a snapshot of a reply that still streams in.
    pub finished: bool,
    /// The sub-step it belongs to; `None` for the one that is active.
    pub sub_step: Option<StageId>,
    /// The name of who wrote it, as far as it is known.
    pub by: Option<String>,
    /// The bytes it was imported from.
    pub source: Option<Source>,
}

impl Message {
    /// A message that is finished.
    pub fn new(id: impl Into<String>, role: Role, content: impl Into<String>) -> Self {
        let (id, content) = (id.into(), content.into());
        Self { id, role, content, finished: true, sub_step: None, by: None, source: None }
    }

    /// A finished message of a person.
    pub fn user(id: impl Into<String>, content: impl Into<String>) -> Self {
        Self::new(id, Role::User, content)
    }

    /// A finished message of the facilitator.
    pub fn assistant(id: impl Into<String>, content: impl Into<String>) -> Self {
        Self::new(id, Role::Assistant, content)
    }

    /// The same message, as a snapshot of a reply that still streams in.
    #[must_use]
    pub fn unfinished(self) -> Self {
        Self { finished: false, ..self }
    }
}

/// Who speaks in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A person.
    User,
    /// The facilitator.
    Assistant,
    /// Neither: instructions.
    System,
    /// What a tool gave the facilitator.
    Tool,
}

/// The exact bytes that an import came from. The pieces of all messages in order give the file back byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// What stood before the message, after the one before.
    pub before: String,
    /// The message.
    pub json: String,
    /// What stood after it, if it was the last.
    pub after: String,
}

/// A message as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMessage {
    /// Its place in the step's conversation, from 0, in the order in which the ids were accepted.
    pub ordinal: u64,
    /// The conversation within the step.
    pub session: String,
    /// When this content was accepted.
    pub at: Timestamp,
    /// What came in, with the sub-step filled in.
    pub message: Message,
}

/// What became of a message that was to be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
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

impl Role {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::System => "system",
            Self::Tool => "tool",
        }
    }
}
