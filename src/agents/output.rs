//! What an agent writes, cut into lines and gathered into batches that have a limit.

use std::mem::{discriminant, take};
use std::str;

use super::protocol;
use super::{Line, Said, Stream};

/// The longest line of text, in bytes. What follows up to its end is dropped.
const TEXT_LINE_MAX: usize = 64 << 10;
/// How much text a batch has.
const BATCH_MAX: usize = 64 << 10;
/// How much text a run has. What follows is counted, not kept.
const RUN_MAX: u64 = 16 << 20;
/// How much a run may say by the protocol before its batches are gathered for longer, so that later words replace earlier.
const SAID_MAX: usize = 16 << 20;
/// What a line costs beyond its bytes, so that empty lines have a limit too.
const LINE_COST: usize = 32;

/// Cuts what comes from one stream into lines.
#[derive(Debug)]
pub(super) struct Cutter {
    stream: Stream,
    line: Vec<u8>,
    /// Bytes of this line were dropped.
    is_cut: bool,
}

impl Cutter {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, line: Vec::new(), is_cut: false }
    }

    /// Takes what was read, and puts the lines that it ends into `batch`.
    pub(super) fn push(&mut self, mut bytes: &[u8], batch: &mut Batch) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.extend(&bytes[..end]);
            self.end_line(batch);
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes);
    }

    /// Takes a last line that has no end.
    pub(super) fn close(&mut self, batch: &mut Batch) {
        if !self.line.is_empty() || self.is_cut {
            self.end_line(batch);
        }
    }

    fn extend(&mut self, bytes: &[u8]) {
        let may_say = |start: &[u8]| self.stream == Stream::Out && protocol::may_begin(start);
        let start = if self.line.is_empty() { bytes } else { &self.line };
        let most = if may_say(start) { protocol::LINE_MAX } else { TEXT_LINE_MAX };
        let room = most.saturating_sub(self.line.len());
        self.is_cut |= bytes.len() > room;
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end_line(&mut self, batch: &mut Batch) {
        let cut = take(&mut self.is_cut);
        let line = take(&mut self.line);
        match (self.stream == Stream::Out && !cut).then(|| protocol::parse(&line)).flatten() {
            Some(said) => batch.say(said, line.len()),
            None => batch.text(self.stream, &line, cut),
        }
    }
}

/// Lines on their way to whoever follows the agent, and what of the run's limit is used up.
#[derive(Debug, Default)]
pub(super) struct Batch {
    lines: Vec<Line>,
    size: usize,
    /// Bytes that this run said by the protocol.
    said: usize,
    /// Text of this run that was passed on.
    passed: u64,
    /// Bytes left out since that was last told.
    left: u64,
    /// Whether it was told that lines are left out.
    left_is_told: bool,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.size >= BATCH_MAX
    }

    /// Whether so much was said that it is better heard less often.
    pub(super) fn is_talkative(&self) -> bool {
        self.said > SAID_MAX
    }

    /// What was gathered.
    pub(super) fn take(&mut self) -> Vec<Line> {
        self.size = 0;
        take(&mut self.lines)
    }

    /// What was gathered at last, with what was left out.
    pub(super) fn close(&mut self) -> Vec<Line> {
        self.tell_left();
        self.take()
    }

    /// A later word of a kind stands for the earlier one, so no more than the last of each kind is passed on.
    fn say(&mut self, said: Said, size: usize) {
        self.said = self.said.saturating_add(size);
        let is_same_kind =
            |line: &Line| matches!(line, Line::Said(other) if discriminant(other) == discriminant(&said));
        self.lines.retain(|line| !is_same_kind(line));
        self.lines.push(Line::Said(said));
    }

    fn text(&mut self, stream: Stream, line: &[u8], was_cut: bool) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (text, cut) = readable(line);
        let cost = text.len() + LINE_COST;
        if self.passed + cost as u64 > RUN_MAX {
            self.left += line.len() as u64 + 1;
            if !self.left_is_told {
                self.tell_left();
            }
            return;
        }
        self.passed += cost as u64;
        self.size += cost;
        self.lines.push(Line::Text { stream, text, cut: cut || was_cut });
    }

    fn tell_left(&mut self) {
        if self.left > 0 {
            self.left_is_told = true;
            self.lines.push(Line::Left(take(&mut self.left)));
        }
    }
}

/// A line as text of at most [`TEXT_LINE_MAX`], and whether it had to be cut for that.
fn readable(line: &[u8]) -> (String, bool) {
    let kept = &line[..line.len().min(TEXT_LINE_MAX)];
    // A character that the cut went through is left out, rather than shown as a bad one.
    let kept = match str::from_utf8(kept) {
        Err(error) if kept.len() < line.len() && error.error_len().is_none() => &kept[..error.valid_up_to()],
        _ => kept,
    };
    let mut text = String::from_utf8_lossy(kept).into_owned();
    let is_longer = text.len() > TEXT_LINE_MAX;
    text.truncate(text.floor_char_boundary(TEXT_LINE_MAX));
    (text, is_longer || kept.len() < line.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(stream: Stream, parts: &[&[u8]]) -> Vec<Line> {
        let (mut cutter, mut batch) = (Cutter::new(stream), Batch::default());
        parts.iter().for_each(|part| cutter.push(part, &mut batch));
        cutter.close(&mut batch);
        batch.close()
    }

    #[test]
    fn where_the_reading_was_interrupted_makes_no_difference() {
        let whole = "a\n\n{\"restage\":\"score\",\"value\":0.5}\nh\u{e9}llo\r\n{\"x\":1}\nlast".as_bytes();
        let expected = cut(Stream::Out, &[whole]);
        assert_eq!(expected.len(), 6);
        for first in 0..whole.len() {
            for second in first..whole.len() {
                let parts = [&whole[..first], &whole[first..second], &whole[second..]];
                assert_eq!(cut(Stream::Out, &parts), expected, "{first} {second}");
            }
        }
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let euros = "\u{20ac}".repeat(TEXT_LINE_MAX);
        for (line, length) in [("a".repeat(TEXT_LINE_MAX), TEXT_LINE_MAX), (euros, TEXT_LINE_MAX - 1)] {
            let lines = cut(Stream::Err, &[line.as_bytes(), b"\n"]);
            let [Line::Text { text, cut, .. }] = &lines[..] else { panic!("{}", lines.len()) };
            assert_eq!((text.len(), *cut), (length, line.len() > TEXT_LINE_MAX));
            assert!(line.starts_with(text.as_str()));
        }
        // Each byte that is no text becomes three.
        let lines = cut(Stream::Out, &[&[0xff; TEXT_LINE_MAX]]);
        assert!(matches!(&lines[..], [Line::Text { text, cut: true, .. }] if text.len() == TEXT_LINE_MAX - 1));
    }

    #[test]
    fn a_long_word_of_the_protocol_is_heard_whole() {
        let word = format!("{{\"restage\":\"output\",\"text\":\"{}\"}}", "a".repeat(1 << 20));
        assert_eq!(cut(Stream::Out, &[word.as_bytes()]), [Line::Said(Said::Output("a".repeat(1 << 20)))]);
        let lines = cut(Stream::Err, &[word.as_bytes()]);
        assert!(matches!(&lines[..], [Line::Text { cut: true, .. }]));
    }

    #[test]
    fn even_empty_lines_are_too_many_at_last() {
        let lines = cut(Stream::Out, &[&vec![b'\n'; 2 << 20]]);
        let told = lines.iter().filter(|line| matches!(line, Line::Text { .. })).count();
        let left: u64 = lines.iter().map(|line| if let Line::Left(bytes) = line { *bytes } else { 0 }).sum();
        assert_eq!(told as u64, RUN_MAX / LINE_COST as u64);
        assert_eq!(told as u64 + left, 2 << 20);
    }
}
