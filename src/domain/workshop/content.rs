//! Where the content of a step lies, and the form it is kept in.

use serde::{Deserialize, Serialize};

use super::message::StoredMessage;
use super::state::Fingerprint;
use crate::domain::Rejection;
use crate::domain::stored::decode;

/// Where the summary of a step lies.
pub const SUMMARY_PATH: &[u8] = b"s";

/// What the paths of all messages of a step begin with; they sort in the order of the conversation.
pub const MESSAGES_PREFIX: &[u8] = b"m";

/// Where the message at `ordinal` lies.
pub fn message_path(ordinal: u64) -> Vec<u8> {
    [MESSAGES_PREFIX, &ordinal.to_be_bytes()].concat()
}

/// Where an artifact lies, as the JSON text that came in.
pub fn artifact_path(version: u64) -> Vec<u8> {
    [b"a".as_slice(), &version.to_be_bytes()].concat()
}

/// Where the mark of a message lies. The session holds no zero byte, so that it can't run into the id.
pub(super) fn mark_path(session: &str, id: &str) -> Vec<u8> {
    [b"i".as_slice(), session.as_bytes(), b"\0", id.as_bytes()].concat()
}

/// What saving a message again looks at, without reading the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) ordinal: u64,
    pub(super) finished: bool,
    pub(super) bytes: u64,
    pub(super) digest: Fingerprint,
}

impl StoredMessage {
    /// Reads back what lies at a [`message_path`].
    ///
    /// # Errors
    /// [`Rejection::Refused`] with the code `damaged` when it is not a message.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Rejection> {
        decode("message", bytes)
    }
}

/// Reads back what lies at [`SUMMARY_PATH`]: the points.
///
/// # Errors
/// [`Rejection::Refused`] with the code `damaged` when it is not a summary.
pub fn summary_from_bytes(bytes: &[u8]) -> Result<Vec<String>, Rejection> {
    decode("summary", bytes)
}
