//! Messages back into a file.

use serde::Serialize;

use super::BOM;
use crate::domain::workshop::{Message, Role, Source};

/// The conversation as a file. Messages that came from one file, in their order, give that file back byte for byte.
///
/// Messages that were not imported are added in the file's layout: as lines, or as further elements of the array. Where
/// messages come from several documents, or others stand before the first of one, there is no such file; then all of
/// them are written as JSON Lines.
pub fn write<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Vec<u8> {
    let messages: Vec<&Message> = messages.into_iter().collect();
    let out = match layout(&messages) {
        Layout::Lines => lines(&messages),
        Layout::Document => document(&messages),
        Layout::Mixed => rewritten(&messages),
    };
    out.into_bytes()
}

/// The message with another content. It keeps its place in the file that it came from, and what stood around it there.
#[must_use]
pub fn edited(old: &Message, content: impl Into<String>) -> Message {
    let mut message = Message { content: content.into(), ..old.clone() };
    let json = canonical(&message);
    if let Some(source) = &mut message.source {
        source.json = json;
    }
    message
}

enum Layout {
    Lines,
    Document,
    Mixed,
}

/// A document's last message is followed by the end of the array. There must be one such, all others must continue the
/// array, and nothing must stand before it.
fn layout(messages: &[&Message]) -> Layout {
    let sources: Vec<&Source> = messages.iter().filter_map(|m| m.source.as_ref()).collect();
    let ends = sources.iter().filter(|source| starts_with(&source.after, &[']', ','])).count();
    if ends == 0 {
        return Layout::Lines;
    }
    let opened = messages.first().is_some_and(|first| first.source.is_some());
    let closed = sources.last().is_some_and(|last| starts_with(&last.after, &[']', ',']));
    let continued = sources.iter().skip(1).all(|source| starts_with(&source.before, &[',']));
    if ends == 1 && opened && closed && continued { Layout::Document } else { Layout::Mixed }
}

fn starts_with(text: &str, signs: &[char]) -> bool {
    text.trim_start_matches(BOM).trim_ascii_start().starts_with(signs)
}

fn lines(messages: &[&Message]) -> String {
    let mut out = String::new();
    let mut ended = true;
    for message in messages {
        let Some(Source { before, json, after }) = &message.source else {
            out.push_str(if ended { "" } else { "\n" });
            out.push_str(&canonical(message));
            out.push('\n');
            ended = true;
            continue;
        };
        // The first message of a second file: the file before it may end without a line break.
        let begins = before.trim_start_matches([' ', '\t', '\r']).starts_with('\n');
        out.push_str(if ended || begins { "" } else { "\n" });
        out.push_str(if out.is_empty() { before } else { before.trim_start_matches(BOM) });
        out.push_str(json);
        out.push_str(after);
        ended = after.rsplit_once('\n').is_some_and(|(_, tail)| tail.trim_ascii().is_empty());
    }
    out
}

fn document(messages: &[&Message]) -> String {
    let mut out = String::new();
    let mut end = "";
    for message in messages {
        match &message.source {
            Some(source) => {
                out.push_str(&source.before);
                out.push_str(&source.json);
                end = &source.after;
            }
            None => {
                out.push_str(",\n");
                out.push_str(&canonical(message));
            }
        }
    }
    out + end
}

fn rewritten(messages: &[&Message]) -> String {
    let mut out = String::new();
    for message in messages {
        out.push_str(&message.source.as_ref().map_or_else(|| canonical(message), |source| one_line(&source.json)));
        out.push('\n');
    }
    out
}

/// The same JSON in one line: line breaks stand between its tokens, never inside a string.
fn one_line(json: &str) -> String {
    json.replace(['\n', '\r'], " ")
}

/// The one form of a message that did not come from a file, or is no longer what it was there.
fn canonical(message: &Message) -> String {
    #[derive(Serialize)]
    struct Canonical<'a> {
        id: &'a str,
        role: Role,
        content: &'a str,
    }
    let canonical = Canonical { id: &message.id, role: message.role, content: &message.content };
    // Text and names of roles can always be written.
    serde_json::to_string(&canonical).unwrap_or_default()
}
