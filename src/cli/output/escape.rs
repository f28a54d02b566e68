//! What came from outside is shown and never obeyed: no character of it moves the cursor, changes colours or hides text.

use std::fmt::Write as _;

/// Text in one line, as in a cell of a table: line breaks and tabs are shown as `\n` and `\t`.
pub fn line(text: &str) -> String {
    shown(text, |_| false)
}

/// Text that may have several lines: its line breaks and tabs stay.
pub fn block(text: &str) -> String {
    shown(text, |c| c == '\n' || c == '\t')
}

/// JSON text that stands for the same and is safe to look at. Such characters only occur within its strings.
pub(super) fn json(text: &str) -> String {
    replaced(text, |out, c| {
        let _ = write!(out, "\\u{:04x}", u32::from(c));
    })
}

/// Text from another machine: it may have colours, line breaks and tabs, and nothing else that a terminal obeys.
pub(super) fn coloured(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\x1b') {
        let (before, escaped) = rest.split_at(at);
        out.push_str(&block(before));
        let colour = colour(escaped);
        out.push_str(colour);
        rest = &escaped[colour.len()..];
        if colour.is_empty() {
            out.push_str(&block("\x1b"));
            rest = &escaped[1..];
        }
    }
    out + &block(rest)
}

/// The sequence at the start of a text that changes colours; empty if it is another one.
fn colour(text: &str) -> &str {
    let Some(parameters) = text.strip_prefix("\x1b[") else { return "" };
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(parameters.len());
    if parameters[end..].starts_with('m') { &text[..end + 3] } else { "" }
}

fn shown(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            _ if stays(c) || !is_unsafe(c) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            _ => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
        }
    }
    out
}

fn replaced(text: &str, mut replace: impl FnMut(&mut String, char)) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) { replace(&mut out, c) } else { out.push(c) }
    }
    out
}

/// Control characters, and those that turn the direction of writing.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
