//! Where the content of a task lies, and the form it is kept in.

use serde::{Deserialize, Serialize};

use crate::domain::stored::decode;
use crate::domain::{Generation, Rejection, StageId, Timestamp};

/// The stage that no tier has: what belongs to the task as a whole lies there, and no restart touches it.
pub const TASK_STAGE: &str = "task";
/// Where what is to be done lies, under [`TASK_STAGE`].
pub const BRIEF_PATH: &[u8] = b"b";
/// What the paths of the log begin with, under [`TASK_STAGE`]; they sort in order.
pub const LOG_PREFIX: &[u8] = b"l";
/// Where the output of a stage lies.
pub const OUTPUT_PATH: &[u8] = b"o";
/// Where the hand-off of a stage lies.
pub const HANDOFF_PATH: &[u8] = b"h";
/// Where the words of a stage's last rejection lie.
pub const FEEDBACK_PATH: &[u8] = b"f";
/// Where the things to do of a stage lie.
pub const TODOS_PATH: &[u8] = b"t";

/// A line of a task's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When it was said; the turn's time for what restage itself says.
    pub at: Timestamp,
    /// Who said it.
    pub source: LogSource,
    /// The line.
    pub text: String,
}

/// Who said a line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogSource {
    /// The rules: what was begun, done and refused.
    Restage,
    /// The agent, on its standard output.
    Out(StageId, Generation),
    /// The agent, on its standard error.
    Err(StageId, Generation),
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Todo {
    /// What.
    pub text: String,
    /// Whether it is done.
    pub done: bool,
}

/// Where the chunk of the log lies that begins with this line.
pub fn log_path(first: u64) -> Vec<u8> {
    [LOG_PREFIX, &first.to_be_bytes()].concat()
}

/// The lines of a chunk of the log.
///
/// # Errors
/// [`Rejection::Refused`] with the code `damaged` when they can't be read.
pub fn log_from_bytes(bytes: &[u8]) -> Result<Vec<LogLine>, Rejection> {
    decode("lines", bytes)
}

/// The things to do of a stage.
///
/// # Errors
/// [`Rejection::Refused`] with the code `damaged` when they can't be read.
pub fn todos_from_bytes(bytes: &[u8]) -> Result<Vec<Todo>, Rejection> {
    decode("things to do", bytes)
}
