use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::workshop::Role;

fn texts(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|m| m.content.as_str()).collect()
}

fn ids(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|m| m.id.as_str()).collect()
}

fn said(id: &str, content: &str) -> Message {
    Message {
        id: id.into(),
        role: Role::User,
        content: content.into(),
        finished: true,
        sub_step: None,
        by: None,
        source: None,
    }
}

/// What is written, which must be readable again and mean the same.
fn written(messages: &[Message]) -> String {
    let bytes = write(messages);
    assert_eq!(texts(&read(&bytes).unwrap()), texts(messages), "{}", String::from_utf8_lossy(&bytes));
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_three_layouts_say_the_same() {
    let own = "{\"id\":\"m-0001\",\"role\":\"user\",\"content\":\"Hi\"}\n{\"id\":\"m-0002\",\"role\":\"assistant\",\"content\":\"Hello\"}\n";
    let chat = "{\"role\":\"user\",\"content\":\"Hi\"}\n{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"Hello\"}]}\n";
    let document = "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":\"assistant\",\"content\":\"Hello\"}],\"n\":1}";
    let array = "\u{feff}[\r\n  {\"role\":\"user\",\"content\":\"Hi\"},\r\n  {\"role\":\"assistant\",\"content\":\"Hello\"}\r\n]\r\n";
    for text in [own, chat, document, array] {
        let messages = read(text.as_bytes()).unwrap();
        assert_eq!(texts(&messages), ["Hi", "Hello"], "{text}");
        assert_eq!(ids(&messages), ["m-0001", "m-0002"]);
        assert_eq!([messages[0].role, messages[1].role], [Role::User, Role::Assistant]);
        assert_eq!(write(&messages), text.as_bytes());
    }
}

#[test]
fn content_is_read_in_every_form_that_chat_services_have() {
    for (fields, content) in [
        (json!({"content": "a\nb"}), "a\nb"),
        (
            json!({"content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {}}, "b"]}),
            "a\n[image_url]\nb",
        ),
        (json!({"content": [{"type": "refusal", "refusal": "no"}]}), "no"),
        (json!({"content": null, "refusal": "no"}), "no"),
        (
            json!({"content": null, "tool_calls": [{"function": {"name": "f", "arguments": "{\"x\":1}"}}]}),
            "f({\"x\":1})",
        ),
        (
            json!({"tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}, {"name": "g"}]}),
            "f({\"x\":1})\ng()",
        ),
    ] {
        let mut line = json!({"role": "assistant"});
        line.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        assert_eq!(texts(&read(line.to_string().as_bytes()).unwrap()), [content]);
    }
}

#[test]
fn names_and_roles_of_chat_services_are_understood() {
    let text = "{\"role\":\"developer\",\"content\":\"a\",\"name\":\"Ada\"}\n{\"role\":\"function\",\"content\":\"b\",\"id\":7}\n";
    let messages = read(text.as_bytes()).unwrap();
    assert_eq!((messages[0].role, messages[0].by.as_deref()), (Role::System, Some("Ada")));
    assert_eq!((messages[1].role, messages[1].id.as_str()), (Role::Tool, "7"));
}

#[test]
fn messages_without_content_are_left_out_and_their_bytes_are_not() {
    let empty = "{\"role\":\"assistant\",\"content\":\"\"}";
    let full = "{\"role\":\"user\",\"content\":\"x\"}";
    for text in
        [format!("{empty}\n{full}\n\n{empty}\n{full}\n{empty}"), format!("[{empty}, {full} , {empty},{full},{empty} ]")]
    {
        let messages = read(text.as_bytes()).unwrap();
        assert_eq!(ids(&messages), ["m-0002", "m-0004"]);
        assert_eq!(write(&messages), text.as_bytes());
        let more: Vec<Message> = messages.into_iter().chain([said("n", "more")]).collect();
        let again = read(&write(&more)).unwrap();
        assert_eq!(texts(&again), ["x", "x", "more"]);
    }
}

#[test]
fn every_error_names_the_line_and_the_byte() {
    let line = "{\"role\":\"user\",\"content\":\"x\"}";
    let at = |line, byte| Place { line, byte };
    let cases: Vec<(Vec<u8>, Place)> = vec![
        ([line.as_bytes(), b"\n\xff"].concat(), at(2, 30)),
        (format!("{line}\n{{\"role\":}}").into(), at(2, 38)),
        (format!("{line}\n{{\"role\":\"us").into(), at(2, 40)),
        (b"\n {\"role\":\"robot\",\"content\":\"x\"}".into(), at(2, 2)),
        (format!("{line}\n{line} x").into(), at(2, 60)),
        (format!("[\n{line},\n{{}}]").into(), at(3, 33)),
        (format!("[{line},\n {line}").into(), at(2, 61)),
        (format!("[{line}]\n{line}").into(), at(2, 32)),
        (format!("{{\"messages\":[{line}]}}\n\n{{}}").into(), at(3, 46)),
        (b"7\n".into(), at(1, 0)),
        (b"{\"role\":\"user\",\"content\":5}".into(), at(1, 0)),
        (b"{\"content\":\"x\"}".into(), at(1, 0)),
        (b"{\"id\":\"\",\"role\":\"user\",\"content\":\"x\"}".into(), at(1, 0)),
        (b"{\"id\":\"a\\u0000\",\"role\":\"user\",\"content\":\"x\"}".into(), at(1, 0)),
    ];
    for (bytes, expected) in cases {
        let error = read(&bytes).unwrap_err();
        let place = match &error {
            TranscriptError::NotUtf8 { at }
            | TranscriptError::NotJson { at, .. }
            | TranscriptError::NotAMessage { at, .. }
            | TranscriptError::Trailing { at } => *at,
            other => panic!("{other}"),
        };
        assert_eq!(place, expected, "{}: {error}", String::from_utf8_lossy(&bytes));
        assert!(!error.hint().is_empty());
        assert!(!error.to_string().contains("struct"), "{error}");
    }
}

#[test]
fn an_id_that_comes_twice_is_refused_with_both_places() {
    let text =
        "{\"id\":\"a\",\"role\":\"user\",\"content\":\"x\"}\n\n{\"id\":\"a\",\"role\":\"user\",\"content\":\"y\"}\n";
    let error = read(text.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "line 3 (byte 40) has the same id as line 1 (byte 0): \"a\"");
}

#[test]
fn a_file_without_messages_is_refused_unless_it_is_empty() {
    assert_eq!(read(b"").unwrap(), []);
    for text in ["\n", "[]", "{\"messages\": []}", "{\"role\":\"user\",\"content\":\"\"}\n"] {
        assert_eq!(read(text.as_bytes()).unwrap_err(), TranscriptError::NoMessages, "{text:?}");
    }
}

#[test]
fn a_message_said_later_is_written_in_the_layout_of_the_file() {
    let cases = [
        ("", "NEW\n"),
        ("{\"role\":\"user\",\"content\":\"a\"}", "{\"role\":\"user\",\"content\":\"a\"}\nNEW\n"),
        ("{\"role\":\"user\",\"content\":\"a\"}\n", "{\"role\":\"user\",\"content\":\"a\"}\nNEW\n"),
        ("[{\"role\":\"user\",\"content\":\"a\"}]\n", "[{\"role\":\"user\",\"content\":\"a\"},\nNEW]\n"),
        (
            "{\"messages\": [ {\"role\":\"user\",\"content\":\"a\"} ], \"n\": 1}",
            "{\"messages\": [ {\"role\":\"user\",\"content\":\"a\"},\nNEW ], \"n\": 1}",
        ),
    ];
    let new = "{\"id\":\"n\",\"role\":\"user\",\"content\":\"b\"}";
    for (file, expected) in cases {
        let mut messages = read(file.as_bytes()).unwrap();
        messages.push(said("n", "b"));
        assert_eq!(written(&messages), expected.replace("NEW", new));
    }
}

#[test]
fn files_that_do_not_fit_together_are_written_as_lines() {
    let lines = read(b"\xef\xbb\xbf{\"id\":\"a\",\"role\":\"user\",\"content\":\"a\"}").unwrap();
    let more = read(b"\xef\xbb\xbf{\"id\":\"b\",\"role\":\"user\",\"content\":\"b\"}").unwrap();
    let document = read(b"{\"messages\": [{\"id\":\"c\",\n\"role\":\"user\",\r\n\"content\":\"c\"}]}").unwrap();
    let other = read(b"[{\"id\":\"d\",\"role\":\"user\",\"content\":\"d\"}]").unwrap();
    written(&[&lines[..], &more].concat());
    written(&[&lines[..], &document, &other].concat());
    written(&[&document[..], &lines].concat());
    written(&[&[said("n", "n")], &document[..]].concat());
    assert_eq!(
        written(&[&document[..], &other].concat()),
        "{\"id\":\"c\", \"role\":\"user\",  \"content\":\"c\"}\n{\"id\":\"d\",\"role\":\"user\",\"content\":\"d\"}\n"
    );
}

#[test]
fn an_edited_message_keeps_what_stood_around_it() {
    let text = " {\"role\":\"user\",\"content\":\"a\",\"x\":1}\t\r\n\r\n{\"role\":\"user\",\"content\":\"b\"}";
    let mut messages = read(text.as_bytes()).unwrap();
    messages[0] = edited(&messages[0], "\"c\"");
    let expected = " {\"id\":\"m-0001\",\"role\":\"user\",\"content\":\"\\\"c\\\"\"}\t\r\n\r\n{\"role\":\"user\",\"content\":\"b\"}";
    assert_eq!(written(&messages), expected);
    assert_eq!(edited(&said("n", "a"), "b"), said("n", "b"));
}

#[test]
fn lines_from_a_pipe_are_messages_at_once() {
    let mut reader = LineReader::default();
    assert_eq!(reader.feed(b"\n").unwrap(), None);
    let first = reader.feed(b"{\"role\":\"user\",\"content\":\"a\"}\r\n").unwrap().unwrap();
    assert_eq!((first.id.as_str(), first.content.as_str()), ("m-0001", "a"));
    assert_eq!(reader.feed(b"{").unwrap_err().to_string().split(" is").next(), Some("line 3 (byte 32)"));
    let second = reader.feed(b"{\"role\":\"user\",\"content\":\"b\"}").unwrap().unwrap();
    assert_eq!(second.id, "m-0002");
    assert_eq!(
        write([&first, &second]),
        b"\n{\"role\":\"user\",\"content\":\"a\"}\r\n{\"role\":\"user\",\"content\":\"b\"}"
    );
}

#[test]
fn the_bundled_conversations_are_read_and_written_back() {
    let workshop = include_bytes!("../../../tests/data/conversation.jsonl");
    let tour = include_bytes!("../../cli/tour/conversation.jsonl");
    for (bytes, most) in [(&workshop[..], 566), (&tour[..], 40)] {
        let messages = read(bytes).unwrap();
        assert_eq!(messages.len(), most);
        assert!(write(&messages) == bytes);
    }
}

/// White space between tokens. Lines can't have line breaks inside a message.
fn space(breaks: bool) -> impl Strategy<Value = &'static str> {
    let kinds: &[&str] = if breaks { &["", "", " ", "\n", "\r\n\t", " \n\n"] } else { &["", "", " ", "\t", "  "] };
    proptest::sample::select(kinds)
}

/// JSON text with the given white space between its tokens.
fn spaced(value: &serde_json::Value, spaces: &mut impl Iterator<Item = &'static str>) -> String {
    let mut next = || spaces.next().unwrap_or_default();
    match value {
        serde_json::Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{}{}{}:{}{value}{}", next(), json!(key), next(), next(), next()))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        other => other.to_string(),
    }
}

fn message() -> impl Strategy<Value = serde_json::Value> {
    let text = "\\PC{0,40}|[\\x00-\\x7f\u{2028}\u{feff}]{0,12}";
    let content = prop_oneof![
        4 => text.prop_map(serde_json::Value::from),
        1 => Just(serde_json::Value::Null),
        1 => proptest::collection::vec(text, 0..3)
            .prop_map(|parts| parts.iter().map(|part| json!({"type": "text", "text": part})).collect()),
    ];
    let role = proptest::sample::select(&["user", "assistant", "system", "tool", "developer"][..]);
    (content, role, any::<bool>(), any::<bool>(), text).prop_map(|(content, role, calls, extra, text)| {
        let mut message = json!({"role": role, "content": content});
        if calls {
            message["tool_calls"] = json!([{"function": {"name": "f", "arguments": text}}]);
        }
        if extra {
            message["\u{e4}\"]}"] = json!({"messages": [text, 1e300, -0.0]});
        }
        message
    })
}

/// A conversation in a random layout, with random white space everywhere it may be.
fn file() -> impl Strategy<Value = String> {
    let parts = (proptest::collection::vec(message(), 0..12), 0..3_u8, any::<bool>(), any::<bool>());
    parts.prop_flat_map(|(mut messages, layout, with_ids, bom)| {
        for (number, message) in messages.iter_mut().enumerate().filter(|_| with_ids) {
            message["id"] = json!(format!("id {number} \u{1f600}"));
        }
        let spaces = proptest::collection::vec(space(layout != 0), 200);
        (spaces, space(true)).prop_map(move |(spaces, end)| {
            let mut spaces = spaces.into_iter();
            let mut joined = Vec::new();
            for message in &messages {
                let around = [spaces.next().unwrap_or_default(), spaces.next().unwrap_or_default()];
                joined.push(format!("{}{}{}", around[0], spaced(message, &mut spaces), around[1]));
            }
            let body = match layout {
                0 => joined.join(if with_ids { "\n" } else { "\r\n\n" }),
                1 => format!("[{}]", joined.join(",")),
                _ => format!("{{\"a\":[],\"messages\"{end}:[{}],\"b\":{{\"c\":1}}}}", joined.join(",")),
            };
            format!("{}{body}{end}", if bom { "\u{feff}" } else { "" })
        })
    })
}

proptest! {
    #[test]
    fn what_was_read_is_written_back_byte_for_byte(file in file()) {
        match read(file.as_bytes()) {
            Ok(messages) => {
                prop_assert_eq!(String::from_utf8(write(&messages)).unwrap(), file);
                prop_assert!(messages.iter().all(|m| !m.content.is_empty()));
            }
            Err(error) => prop_assert_eq!(error, TranscriptError::NoMessages),
        }
    }

    #[test]
    fn what_was_said_later_and_edited_can_be_read_again(file in file(), at in any::<prop::sample::Index>()) {
        let Ok(mut messages) = read(file.as_bytes()) else { return Ok(()) };
        messages.insert(at.index(messages.len() + 1), said("new", "said \"later\""));
        let which = at.index(messages.len());
        messages[which] = edited(&messages[which], "edited \u{2028}\n");
        let again = read(&write(&messages)).unwrap();
        prop_assert_eq!(texts(&again), texts(&messages));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(messages) = read(&bytes) {
            prop_assert_eq!(write(&messages), bytes);
        }
    }

    #[test]
    fn any_json_like_text_is_read_or_refused(text in "[\\[\\]{}\",: \n]{0,40}") {
        if let Ok(messages) = read(text.as_bytes()) {
            prop_assert_eq!(write(&messages), text.as_bytes());
        }
    }
}

#[test]
fn a_document_is_told_from_lines_by_its_first_line() {
    for (line, document) in [
        ("[", true),
        ("\u{feff} [{\"role\":\"user\"", true),
        ("{", true),
        ("{\"model\":\"x\",", true),
        ("{\"messages\":[]}", true),
        ("{\"role\":\"user\",\"content\":\"Hi\"}\n", false),
        ("no JSON", false),
        ("", false),
        (" \n", false),
    ] {
        assert_eq!(begins_document(line.as_bytes()), document, "{line:?}");
    }
}

#[test]
fn a_message_without_an_id_is_told_from_one_with_the_same_id() {
    let text = "{\"role\":\"user\",\"content\":\"a\"}\n{\"id\":\"m-0009\",\"role\":\"user\",\"content\":\"b\"}\n";
    let named: Vec<bool> = read(text.as_bytes()).unwrap().iter().map(is_named_by_place).collect();
    assert_eq!(named, [true, false]);
    assert!(!is_named_by_place(&said("m-0001", "typed, not read")));
}

#[test]
fn drafts_may_come_again_and_say_whether_they_are_finished() {
    let draft = |content: &str, finished| json!({"id": "d", "role": "user", "content": content, "finished": finished});
    let mut reader = LineReader::of_drafts();
    for (content, finished) in [("On", false), ("Once", true)] {
        let line = format!("{}\n", draft(content, finished));
        let message = reader.feed(line.as_bytes()).unwrap().unwrap();
        assert_eq!((message.content.as_str(), message.finished), (content, finished));
    }
    let mut reader = LineReader::default();
    let line = format!("{}\n", draft("On", false));
    reader.feed(line.as_bytes()).unwrap();
    assert!(matches!(reader.feed(line.as_bytes()), Err(TranscriptError::DuplicateId { .. })));
}
