//! Reads the answer of a chat completion as it streams in: server-sent events, or one JSON object from a service that does
//! not stream.

use serde::Deserialize;

use super::{ANSWER_BYTES_MAX, ChatError, Said, quoted};

/// Longest line of a stream: what one can say at once, escaped, and what is around it.
const LINE_BYTES_MAX: usize = 2 * ANSWER_BYTES_MAX + (64 << 10);
/// What ends a stream.
const DONE: &str = "[DONE]";

/// One piece, or the whole.
#[derive(Debug, Deserialize)]
struct Completion {
    #[serde(default)]
    choices: Vec<Choice>,
    error: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    delta: Option<Words>,
    message: Option<Words>,
    finish_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Words {
    content: Option<String>,
}

/// Cuts a stream into its lines, and takes out what is said.
#[derive(Debug, Default)]
pub(super) struct Reader {
    line: Vec<u8>,
    /// Whether it was said that no more comes.
    pub(super) is_done: bool,
}

impl Reader {
    /// Takes in what was read.
    pub(super) fn push(&mut self, mut bytes: &[u8], said: &Said) -> Result<(), ChatError> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.extend(&bytes[..end])?;
            let line = std::mem::take(&mut self.line);
            self.take(&line, said)?;
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes)
    }

    /// Takes in a last line that has no end.
    pub(super) fn close(&mut self, said: &Said) -> Result<(), ChatError> {
        let line = std::mem::take(&mut self.line);
        self.take(&line, said)?;
        match (self.is_done, said.len()) {
            (false, _) => Err(ChatError::Cut),
            (true, 0) => Err(ChatError::Empty),
            (true, _) => Ok(()),
        }
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), ChatError> {
        if self.line.len() + bytes.len() > LINE_BYTES_MAX {
            return Err(ChatError::TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn take(&mut self, line: &[u8], said: &Said) -> Result<(), ChatError> {
        let line = std::str::from_utf8(line).map_err(|_| ChatError::Nonsense("it is no text".into()))?.trim();
        let json = match line.strip_prefix("data:") {
            Some(data) => data.trim(),
            // A whole answer, in one line, of a service that does not stream.
            None if line.starts_with('{') => line,
            // Comments, names, ids, and the empty lines between.
            None => return Ok(()),
        };
        if json == DONE {
            self.is_done = true;
            return Ok(());
        }
        self.words(json, said)
    }

    /// Takes in one object.
    pub(super) fn words(&mut self, json: &str, said: &Said) -> Result<(), ChatError> {
        let completion: Completion =
            serde_json::from_str(json).map_err(|error| ChatError::Nonsense(quoted(&error.to_string())))?;
        if let Some(error) = completion.error {
            let message = error.get("message").and_then(serde_json::Value::as_str).map(str::to_owned);
            return Err(ChatError::Nonsense(quoted(&message.unwrap_or_else(|| error.to_string()))));
        }
        let Some(choice) = completion.choices.into_iter().next() else { return Ok(()) };
        self.is_done |= choice.finish_reason.is_some() || choice.message.is_some();
        let content = choice.delta.or(choice.message).and_then(|words| words.content);
        content.map_or(Ok(()), |content| said.push(&content))
    }
}
