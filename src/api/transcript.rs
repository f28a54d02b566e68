//! Conversations as files: read from three layouts, and written back byte for byte.
//!
//! - JSON Lines of `{"id", "role", "content"}`;
//! - JSON Lines of chat messages as chat services have them: no id, `content` as text, `null` or parts, tool calls;
//! - one JSON document, `{"messages": [...]}` or the array alone, of either.
//!
//! Every byte of a file belongs to exactly one message, in its [`Source`]: the message itself, what stood before it,
//! and what stood after the last. So white space, unknown fields and the order of keys survive. Text in, text out: no
//! files, no limits but those of memory.

mod message;
mod write;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::domain::workshop::{Message, Source};
pub use write::{edited, write};

const BOM: char = '\u{feff}';

/// Where in a file something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The byte in the file, from 0.
    pub byte: usize,
}

/// A file that is no conversation. Nothing of it was read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TranscriptError {
    /// Not text.
    #[error("{at} is not UTF-8")]
    NotUtf8 {
        /// The first byte that is not.
        at: Place,
    },
    /// Not JSON.
    #[error("{at} is not JSON: {problem}")]
    NotJson {
        /// Where reading ended.
        at: Place,
        /// What is wrong there.
        problem: String,
    },
    /// JSON, and not a message.
    #[error("{at} is not a message: {problem}")]
    NotAMessage {
        /// Where the message begins.
        at: Place,
        /// What is wrong with it.
        problem: String,
    },
    /// Two messages of the same id.
    #[error("{second} has the same id as {first}: {id:?}")]
    DuplicateId {
        /// The id.
        id: String,
        /// Where it stands first.
        first: Place,
        /// Where it stands again.
        second: Place,
    },
    /// More after the end of a JSON document.
    #[error("{at} comes after the end of the conversation")]
    Trailing {
        /// Where it begins.
        at: Place,
    },
    /// No message with content.
    #[error("there is no message in it")]
    NoMessages,
}

/// Reads a whole file. A message without content has no place in a conversation: its bytes go to the next one.
///
/// Messages without an id are named by their place: `m-0001` is the first.
///
/// # Errors
/// The first thing in the file that can't be read, and where it is.
pub fn read(bytes: &[u8]) -> Result<Vec<Message>, TranscriptError> {
    let text = utf8(bytes, Place { line: 1, byte: 0 })?;
    if is_document(text) { read_document(text) } else { read_lines(text) }
}

fn read_lines(text: &str) -> Result<Vec<Message>, TranscriptError> {
    let mut reader = LineReader::default();
    let mut messages = Vec::new();
    for line in text.split_inclusive('\n') {
        messages.extend(reader.line(line)?);
    }
    let rest = reader.before;
    match messages.last_mut().and_then(|last| last.source.as_mut()) {
        Some(source) => source.after.push_str(&rest),
        None if rest.is_empty() => {}
        None => return Err(TranscriptError::NoMessages),
    }
    Ok(messages)
}

/// Reads JSON Lines one at a time, as they come through a pipe.
#[derive(Debug, Default)]
pub struct LineReader {
    ids: Ids,
    /// What was read since the last message: blank lines, and messages without content.
    before: String,
    /// What was read before this line.
    lines: usize,
    bytes: usize,
}

impl LineReader {
    /// A reader of messages that grow: an id may come again, as a later version of the same message.
    pub fn of_drafts() -> Self {
        Self { ids: Ids { may_repeat: true, ..Ids::default() }, ..Self::default() }
    }

    /// Takes one line, with the line break it ends with. `None` if there is no message with content in it.
    ///
    /// Blank lines belong to the message that follows; those after the last message are given to nobody.
    ///
    /// # Errors
    /// What is wrong with the line. The lines before it are not affected.
    pub fn feed(&mut self, line: &[u8]) -> Result<Option<Message>, TranscriptError> {
        self.line(utf8(line, self.place(0))?)
    }

    fn place(&self, column: usize) -> Place {
        Place { line: self.lines + 1, byte: self.bytes + column }
    }

    fn line(&mut self, line: &str) -> Result<Option<Message>, TranscriptError> {
        let is_blank = |c: char| c.is_ascii_whitespace() || (self.bytes == 0 && c == BOM);
        let head = line.len() - line.trim_start_matches(is_blank).len();
        let json = line[head..].trim_end_matches(|c: char| c.is_ascii_whitespace());
        let tail = &line[head + json.len()..];
        let at = self.place(head);

        let read = if json.is_empty() { None } else { Some(self.ids.message(json, at)?) };
        self.lines += 1;
        self.bytes += line.len();
        let Some(mut message) = read.filter(|message| !message.content.is_empty()) else {
            self.before.push_str(line);
            return Ok(None);
        };
        let before = std::mem::take(&mut self.before) + &line[..head];
        message.source = Some(Source { before, json: json.into(), after: tail.into() });
        Ok(Some(message))
    }
}

/// A conversation in one JSON document.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    messages: Vec<&'a RawValue>,
}

/// Whether a text is one JSON document and not lines of them: an array, or an object that has messages.
fn is_document(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Probe<'a> {
        #[serde(borrow)]
        messages: Option<&'a RawValue>,
    }
    let json = text.trim_start_matches(BOM).trim_ascii_start();
    let probe = || serde_json::Deserializer::from_str(json).into_iter::<Probe<'_>>().next();
    json.starts_with('[') || probe().is_some_and(|read| read.is_ok_and(|probe| probe.messages.is_some()))
}

/// Whether a first line of text that is not blank begins one JSON document, and not lines of JSON.
pub fn begins_document(line: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(line) else { return false };
    let json = text.trim_start_matches(BOM).trim_ascii();
    let is_cut = || serde_json::from_str::<serde::de::IgnoredAny>(json).is_err_and(|error| error.is_eof());
    !json.is_empty() && (is_document(json) || is_cut())
}

/// Whether a message that was read had no id, and was named by its place.
pub fn is_named_by_place(message: &Message) -> bool {
    #[derive(Deserialize)]
    struct Named {
        id: Option<serde::de::IgnoredAny>,
    }
    let source = message.source.as_ref().map(|source| source.json.as_str());
    source.and_then(|json| serde_json::from_str::<Named>(json).ok()).is_some_and(|named| named.id.is_none())
}

fn read_document(text: &str) -> Result<Vec<Message>, TranscriptError> {
    let json = text.trim_start_matches(BOM);
    let start = text.len() - json.len();
    let failed = |e: &serde_json::Error| TranscriptError::not_json(e, text, start);
    let (raw, end) = if json.trim_ascii_start().starts_with('[') {
        let mut values = serde_json::Deserializer::from_str(json).into_iter::<Vec<&RawValue>>();
        (values.next().transpose().map_err(|e| failed(&e))?.unwrap_or_default(), start + values.byte_offset())
    } else {
        let mut values = serde_json::Deserializer::from_str(json).into_iter::<Document<'_>>();
        let document = values.next().transpose().map_err(|e| failed(&e))?;
        (document.map_or(Vec::new(), |document| document.messages), start + values.byte_offset())
    };
    let rest = &text[end..];
    if !rest.trim_ascii().is_empty() {
        let byte = end + rest.len() - rest.trim_ascii_start().len();
        return Err(TranscriptError::Trailing { at: place_of(text, byte) });
    }

    let mut ids = Ids::default();
    let mut messages: Vec<Message> = Vec::with_capacity(raw.len());
    let mut places = Places::new(text);
    let mut done = 0;
    for value in raw {
        // The value is a part of the text, so its place is the distance between the two.
        let from = value.get().as_ptr().addr() - text.as_ptr().addr();
        let mut message = ids.message(value.get(), places.at(from))?;
        if !message.content.is_empty() {
            let before = text[done..from].to_string();
            message.source = Some(Source { before, json: value.get().into(), after: String::new() });
            messages.push(message);
            done = from + value.get().len();
        }
    }
    let last = messages.last_mut().and_then(|last| last.source.as_mut()).ok_or(TranscriptError::NoMessages)?;
    last.after = text[done..].into();
    Ok(messages)
}

/// The ids of a file, each with its place.
#[derive(Debug, Default)]
struct Ids {
    seen: HashMap<String, Place>,
    messages: usize,
    may_repeat: bool,
}

impl Ids {
    /// Reads a message, without its source, and makes sure that its id is new.
    fn message(&mut self, json: &str, at: Place) -> Result<Message, TranscriptError> {
        let number = self.messages + 1;
        let message = message::parse(json, at, || format!("m-{number:04}"))?;
        if let Some(first) = self.seen.get(&message.id).filter(|_| !self.may_repeat) {
            return Err(TranscriptError::DuplicateId { id: message.id, first: *first, second: at });
        }
        self.seen.insert(message.id.clone(), at);
        self.messages = number;
        Ok(message)
    }
}

/// Places in a text, asked for in ascending order.
struct Places<'a> {
    text: &'a str,
    last: Place,
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, last: Place { line: 1, byte: 0 } }
    }

    fn at(&mut self, byte: usize) -> Place {
        let passed = self.text.as_bytes().get(self.last.byte..byte).unwrap_or_default();
        let line = self.last.line + passed.iter().filter(|b| **b == b'\n').count();
        self.last = Place { line, byte };
        self.last
    }
}

fn place_of(text: &str, byte: usize) -> Place {
    Places::new(text).at(byte)
}

fn utf8(bytes: &[u8], start: Place) -> Result<&str, TranscriptError> {
    std::str::from_utf8(bytes).map_err(|e| {
        let valid = bytes.get(..e.valid_up_to()).unwrap_or_default();
        let line = start.line + valid.iter().filter(|b| **b == b'\n').count();
        TranscriptError::NotUtf8 { at: Place { line, byte: start.byte + e.valid_up_to() } }
    })
}

impl TranscriptError {
    /// An error of the JSON reader in the part of `text` that begins at byte `start`.
    fn not_json(error: &serde_json::Error, text: &str, start: usize) -> Self {
        let json = &text[start..];
        let line_start: usize = json.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let byte = start + (line_start + error.column().saturating_sub(1)).min(json.len());
        Self::NotJson { at: place_of(text, byte), problem: message::problem(error) }
    }

    /// What to do about it, as a sentence.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotUtf8 { .. } => "convert the file to UTF-8",
            Self::NotJson { .. } => "one message a line, or one document with an array of messages",
            Self::NotAMessage { .. } => r#"a message is like {"id": "m1", "role": "user", "content": "Hello"}"#,
            Self::DuplicateId { .. } => "give each message an id of its own, or none",
            Self::Trailing { .. } => "one file holds one conversation: split it",
            Self::NoMessages => "check that it is the right file",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} (byte {})", self.line, self.byte)
    }
}
