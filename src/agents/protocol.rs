//! The lines by which an agent says more than text: a JSON object with the key `restage`.

use serde::Deserialize;

use super::{Said, Todo};

/// The longest line that is looked at. A text of [`TEXT_MAX`] fits, with room for what JSON has to escape.
pub(super) const LINE_MAX: usize = 2 << 20;
/// The longest text.
const TEXT_MAX: usize = 1 << 20;
/// How many things to do there can be, and how long each.
const TODOS_MAX: usize = 200;
const TODO_MAX: usize = 4 << 10;
/// The longest id of a session.
const SESSION_MAX: usize = 200;

/// A line as it is written. Keys that are not known are for later versions, and passed over.
#[derive(Deserialize)]
#[serde(tag = "restage", rename_all = "lowercase")]
enum Written {
    Todos { items: Vec<WrittenTodo> },
    Output { text: String },
    Handoff { text: String },
    Continue { text: String },
    Session { id: String },
    Score { value: f64 },
    Result { passed: bool },
}

#[derive(Deserialize)]
struct WrittenTodo {
    text: String,
    #[serde(default)]
    done: bool,
}

/// Whether a line that begins like this may be one of the protocol.
pub(super) fn may_begin(start: &[u8]) -> bool {
    start.trim_ascii_start().first().is_none_or(|byte| *byte == b'{')
}

/// What a line says, or `None` if it is text.
pub(super) fn parse(line: &[u8]) -> Option<Said> {
    const KEY: &[u8] = b"\"restage\"";
    if !may_begin(line) || !line.windows(KEY.len()).any(|part| part == KEY) {
        return None;
    }
    let text = |text: String| (text.len() <= TEXT_MAX).then_some(text);
    match serde_json::from_slice(line).ok()? {
        Written::Todos { items } => todos(items).map(Said::Todos),
        Written::Output { text: output } => text(output).map(Said::Output),
        Written::Handoff { text: handoff } => text(handoff).map(Said::Handoff),
        Written::Continue { text: notes } => text(notes).map(Said::Continue),
        Written::Session { id } => is_session(&id).then_some(Said::Session(id)),
        Written::Score { value } => (0.0..=1.0).contains(&value).then_some(Said::Score(value)),
        Written::Result { passed } => Some(Said::Result(passed)),
    }
}

fn todos(items: Vec<WrittenTodo>) -> Option<Vec<Todo>> {
    let fits = items.len() <= TODOS_MAX && items.iter().all(|item| item.text.len() <= TODO_MAX);
    fits.then(|| items.into_iter().map(|WrittenTodo { text, done }| Todo { text, done }).collect())
}

/// It may become an argument of the next command: nothing that could be taken for an option.
fn is_session(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    (1..=SESSION_MAX).contains(&id.len()) && id.bytes().all(fits) && !id.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_line_is_understood() {
        let todo = |text: &str, done| Todo { text: text.into(), done };
        let table = [
            (
                r#"{"restage":"todos","items":[{"text":"a","done":true},{"text":"b"}]}"#,
                Said::Todos(vec![todo("a", true), todo("b", false)]),
            ),
            (r#"{"restage":"output","text":"o\nk"}"#, Said::Output("o\nk".into())),
            (r#"  {"text":"h","restage":"handoff","later":[1]}  "#, Said::Handoff("h".into())),
            (r#"{"restage":"continue","text":""}"#, Said::Continue(String::new())),
            (r#"{"restage":"session","id":"0f-9:a_b.c"}"#, Said::Session("0f-9:a_b.c".into())),
            (r#"{"restage":"score","value":0.93}"#, Said::Score(0.93)),
            (r#"{"restage":"score","value":1}"#, Said::Score(1.0)),
            (r#"{"restage":"result","passed":false}"#, Said::Result(false)),
        ];
        for (line, said) in table {
            assert_eq!(parse(line.as_bytes()), Some(said), "{line}");
        }
    }

    #[test]
    fn what_is_malformed_or_too_much_is_text() {
        let deep = format!(r#"{{"restage":"output","text":"a","x":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
        let long = format!(r#"{{"restage":"output","text":"{}"}}"#, "a".repeat(TEXT_MAX + 1));
        let many = format!(r#"{{"restage":"todos","items":[{}{{"text":"a"}}]}}"#, r#"{"text":"a"},"#.repeat(TODOS_MAX));
        let table = [
            "",
            "restage",
            "{",
            "{}",
            "null",
            "[]",
            "\"restage\"",
            r#"["restage"]"#,
            r#"{"restage":1}"#,
            r#"{"restage":"shout","text":"a"}"#,
            r#"{"restage":"output"}"#,
            r#"{"restage":"output","text":1}"#,
            r#"{"restage":"output","text":"a"} trailing"#,
            r#"{"restage":"output","text":"a","text":"b"}"#,
            r#"{"restage":"output","text":"\ud800"}"#,
            r#"{"restage":"score","value":1.01}"#,
            r#"{"restage":"score","value":-0.1}"#,
            r#"{"restage":"score","value":NaN}"#,
            r#"{"restage":"score","value":1e999}"#,
            r#"{"restage":"session","id":""}"#,
            r#"{"restage":"session","id":"--help"}"#,
            r#"{"restage":"session","id":"a b"}"#,
            r#"{"x":{"restage":"result","passed":true}}"#,
            &deep,
            &long,
            &many,
        ];
        for line in table {
            assert_eq!(parse(line.as_bytes()), None, "{:.100}", line);
        }
        assert_eq!(parse(b"{\"restage\":\"output\",\"text\":\"\xff\"}"), None);
    }
}
