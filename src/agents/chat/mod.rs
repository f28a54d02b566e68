//! What answers in a conversation: a chat model over HTTP, any command, or a script.
//!
//! A [`ChatModel`] is given a conversation and says an answer, piece by piece. It knows of limits and retries, not of what is
//! done with the answer. Whoever stops waiting for it ends it: connections are closed, processes are ended.

mod command;
mod openai;
mod script_artifact;
mod scripted;
mod stream;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;

pub use command::CommandModel;
pub use openai::{OpenAi, OpenAiConfig};
pub use scripted::Scripted;

/// Longest answer.
pub const ANSWER_BYTES_MAX: usize = 128 << 10;

/// Something that answers.
pub trait ChatModel: fmt::Debug + Send + Sync + 'static {
    /// What it is called, for the log.
    fn name(&self) -> String;

    /// Says an answer. It is over when this is; what was said until then is in `said`.
    fn answer<'a>(&'a self, asked: &'a Asked, said: &'a Said) -> Answering<'a>;
}

/// An answer that is being said.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<(), ChatError>> + Send + 'a>>;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What it is for.
    pub wanted: Wanted,
    /// The conversation, with what has to be known first.
    pub messages: Vec<ChatMessage>,
    /// The JSON Schema of what is wanted, if it has to be JSON.
    pub schema: Option<serde_json::Value>,
    /// The same in parts, for whoever follows a script.
    pub scene: Scene,
}

/// What an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// The first words of a conversation.
    Greeting,
    /// An answer to what was said last.
    Reply,
    /// JSON by a schema.
    Artifact,
    /// Three or four points, each on a line that begins with `- `.
    Summary,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChatMessage {
    /// Who speaks.
    pub role: Speaker,
    /// What is said.
    pub content: String,
}

/// Who speaks in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// Nobody: instructions.
    System,
    /// A person.
    User,
    /// The model.
    Assistant,
}

/// Where in a conversation an answer is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scene {
    /// What it is about.
    pub title: String,
    /// What there is to find out.
    pub prompt: String,
    /// How far it has come.
    pub phase: String,
    /// What people said so far, and whether the model said anything before it: questions and answers, in order.
    pub turns: Vec<(Speaker, String)>,
    /// The artifact that is there, as JSON.
    pub artifact: Option<String>,
    /// The JSON Schema of what the conversation is to come to.
    pub schema: Option<serde_json::Value>,
}

/// What was said so far, for whoever looks on. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Said(Arc<Mutex<String>>);

impl Said {
    /// All of it.
    pub fn text(&self) -> String {
        self.lock().clone()
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Says more.
    ///
    /// # Errors
    /// [`ChatError::TooLong`], with what fits said.
    fn push(&self, piece: &str) -> Result<(), ChatError> {
        let mut text = self.lock();
        let room = ANSWER_BYTES_MAX.saturating_sub(text.len());
        if piece.len() <= room {
            text.push_str(piece);
            return Ok(());
        }
        text.push_str(&piece[..piece.floor_char_boundary(room)]);
        Err(ChatError::TooLong)
    }

    /// Begins anew.
    fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long is waited for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Until the first word.
    pub first: Duration,
    /// Between two words.
    pub silence: Duration,
    /// For the whole answer.
    pub whole: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { first: seconds(60), silence: seconds(30), whole: seconds(300) }
    }
}

/// Why there is no answer, or not all of it. As a sentence, it follows "the facilitator could not go on:".
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChatError {
    /// It can't be reached.
    #[error("the model can't be reached: {0}")]
    Unreachable(String),
    /// It is too busy, or broken.
    #[error("the model's service answered {status}{}", after_colon(.why))]
    Busy {
        /// The status that it answered with.
        status: u16,
        /// What it said about it.
        why: String,
        /// When to ask again, if it said that.
        after: Option<Duration>,
    },
    /// It refuses what is asked.
    #[error("the model's service refused with {status}{}", after_colon(.why))]
    Refused {
        /// The status that it answered with.
        status: u16,
        /// What it said about it.
        why: String,
    },
    /// It said nothing for too long.
    #[error("the model said nothing for {} s", .0.as_secs())]
    Silent(Duration),
    /// It goes on and on.
    #[error("the model did not finish within {} s", .0.as_secs())]
    Endless(Duration),
    /// The connection ended in the middle.
    #[error("the model's answer broke off")]
    Cut,
    /// It says too much.
    #[error("the model's answer has more than {} KiB and was cut off", ANSWER_BYTES_MAX >> 10)]
    TooLong,
    /// What it says can't be understood.
    #[error("what the model's service answers can't be understood: {0}")]
    Nonsense(String),
    /// It says nothing at all.
    #[error("the model answered nothing")]
    Empty,
    /// The command failed.
    #[error("the facilitator's command {0}")]
    Command(String),
}

fn after_colon(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(": {why}") }
}

/// The beginning of a text of somebody else's, on one line, for a sentence.
fn quoted(text: &str) -> String {
    const MOST: usize = 300;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let visible: String = line.chars().filter(|c| !c.is_control()).collect();
    match visible.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &visible[..end]),
        None => visible,
    }
}
