use std::sync::{Arc, Mutex};

use super::*;

/// A stream that can be looked into.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<u8>>>);

impl Write for Seen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seen {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Without colours, as where nobody sees them.
    fn plain(&self) -> String {
        anstream::adapter::strip_str(&self.text()).to_string()
    }
}

fn output(json: bool, quiet: bool) -> (Output, Seen, Seen) {
    let (out, err) = (Seen::default(), Seen::default());
    (Output::to(Box::new(out.clone()), Box::new(err.clone()), json, quiet), out, err)
}

fn problem() -> Problem {
    Problem {
        code: "not_found".into(),
        what: "step \"x\" can't be reset".into(),
        why: Some("there is no step \"x\"".into()),
        hint: Some("restage workshop show garden".into()),
        ..Problem::default()
    }
}

#[test]
fn data_goes_to_one_stream_and_the_rest_to_the_other() {
    let (mut output, out, err) = output(false, false);
    output.data(&json!({"a": 1}), |_| "a is 1".into()).unwrap();
    output.note("saved");
    output.problem(&problem());
    assert_eq!(out.text(), "a is 1\n");
    assert_eq!(
        err.plain(),
        "saved\nerror: step \"x\" can't be reset\n  why: there is no step \"x\"\n hint: restage workshop show garden\n"
    );
    assert_eq!(problem().exit(), Exit::NotFound);
}

#[test]
fn json_is_all_there_is_when_it_was_asked_for() {
    let (mut output, out, err) = output(true, false);
    output.data(&json!({"a": "\u{1b}[2J\u{9b}\u{202e}"}), |_| "text".into()).unwrap();
    output.note("saved");
    output.problem(&Problem { hint: None, ..problem() });
    assert_eq!(out.text(), "{\"a\":\"\\u001b[2J\\u009b\\u202e\"}\n");
    let said: serde_json::Value = serde_json::from_str(&err.text()).unwrap();
    let expected = json!({"code": "not_found", "what": "step \"x\" can't be reset", "why": "there is no step \"x\""});
    assert_eq!(said, json!({ "error": expected }));
}

#[test]
fn colours_are_left_out_where_nobody_sees_them_and_files_are_not_touched() {
    let (mut output, out, _) = output(false, false);
    output.data(&1, |_| "\x1b[1mbold\x1b[0m".into()).unwrap();
    output.bytes(b"\x1b[1m\xff").unwrap();
    assert_eq!(*out.0.lock().unwrap(), b"bold\n\x1b[1m\xff");
}

#[test]
fn quiet_says_nothing_but_data_and_errors() {
    let (mut output, out, err) = output(false, true);
    output.note("saved");
    output.data(&1, |_| String::new()).unwrap();
    output.problem(&Problem { what: "no".into(), ..Problem::default() });
    assert_eq!((out.text(), err.plain()), (String::new(), "error: no\n".into()));
}

#[tokio::test]
async fn nobody_is_asked_where_nobody_is() {
    assert_eq!(output(false, false).0.ask("Reset?").await.unwrap(), None);
}

#[test]
fn what_came_from_outside_is_shown_and_not_obeyed() {
    for (text, in_a_line, in_a_block) in [
        ("plain é 日本 🙂", "plain é 日本 🙂", "plain é 日本 🙂"),
        ("a\nb\tc", "a\\nb\\tc", "a\nb\tc"),
        ("\u{1b}[31mred\u{7}", "\\u{1b}[31mred\\u{7}", "\\u{1b}[31mred\\u{7}"),
        ("over\rwritten", "over\\rwritten", "over\\rwritten"),
        ("\u{9b}2J \u{202e}abc", "\\u{9b}2J \\u{202e}abc", "\\u{9b}2J \\u{202e}abc"),
    ] {
        assert_eq!(line(text), in_a_line);
        assert_eq!(block(text), in_a_block);
    }
}

#[test]
fn a_table_has_columns_and_safe_cells() {
    let mut table = Table::new(["STEP", "STATUS"]);
    table.row(["challenge".into(), Cell::new("complete", Tone::Good)]);
    table.row(["a\u{1b}[2J".into(), "".into()]);
    let coloured = table.text(None);
    assert!(coloured.contains("\u{1b}[38;5;"), "{coloured:?}");
    let plain = anstream::adapter::strip_str(&coloured).to_string();
    assert_eq!(plain, "STEP        STATUS\nchallenge   complete\na\\u{1b}[2J\n");
}

#[test]
fn a_table_is_as_wide_as_the_terminal_and_as_long_as_it_must_be() {
    let mut table = Table::new(["WHAT"]);
    table.row(["word ".repeat(30).into()]);
    let widest = |text: String| anstream::adapter::strip_str(&text).to_string().lines().map(str::len).max();
    assert!(widest(table.text(Some(40))) <= Some(40));
    assert!(widest(table.text(None)) > Some(140), "a row is one line where a program reads it");
}

#[test]
fn a_reader_that_went_away_is_told_from_a_failure() {
    assert!(is_closed(&io::Error::from(io::ErrorKind::BrokenPipe)));
    assert!(!is_closed(&io::Error::from(io::ErrorKind::StorageFull)));
}

#[test]
fn what_another_machine_says_has_colours_and_moves_nothing() {
    for (text, shown) in [
        ("\x1b[1;31merror:\x1b[0m a\nb\tc", "\x1b[1;31merror:\x1b[0m a\nb\tc"),
        ("\x1b[2Jx", "\\u{1b}[2Jx"),
        ("\x1b]52;c;AAAA\x07", "\\u{1b}]52;c;AAAA\\u{7}"),
        ("\x1b[m\x1b[1", "\x1b[m\\u{1b}[1"),
        ("a\rb\u{202e}c\x1b", "a\\rb\\u{202e}c\\u{1b}"),
        ("\u{9b}2J", "\\u{9b}2J"),
        ("", ""),
    ] {
        assert_eq!(escape::coloured(text), shown);
    }
}
