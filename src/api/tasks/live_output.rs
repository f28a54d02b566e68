//! What an agent puts out, for those who look on while it does. The log has all of it; this is its end, and in no store.

use crate::api::live::{Live, LiveText};
use crate::domain::task::Run;
use crate::domain::{EntityId, Generation, StageId};

/// The name that it has among the texts of its stage.
const NAME: &str = "output";
/// How much of it is kept here: its end.
const KEPT_BYTES: usize = 16 << 10;

/// What a run put out so far. When it is dropped, whoever looks on is told that no more comes.
#[derive(Debug)]
pub(super) struct LiveOutput {
    live: Live,
    task: EntityId,
    stage: StageId,
    generation: Generation,
    text: String,
    /// Bytes before those that are kept.
    skipped: u64,
}

impl LiveOutput {
    pub(super) fn new(live: &Live, task: &EntityId, run: &Run) -> Self {
        let (live, task, stage) = (live.clone(), task.clone(), run.stage.clone());
        Self { live, task, stage, generation: run.generation, text: String::new(), skipped: 0 }
    }

    /// Takes a line in; it is shown with the next [`show`](Self::show).
    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(&visible(line));
        self.text.push('\n');
        let over = self.text.len().saturating_sub(KEPT_BYTES);
        // Not at every line: what is before the end is moved each time.
        if over > KEPT_BYTES {
            let at = self.text.ceil_char_boundary(over);
            self.text.drain(..at);
            self.skipped = self.skipped.saturating_add(u64::try_from(at).unwrap_or(u64::MAX));
        }
    }

    /// Shows what there is by now.
    pub(super) fn show(&self) {
        self.publish(false);
    }

    fn publish(&self, finished: bool) {
        self.live.publish(LiveText {
            kind: "task".into(),
            id: self.task.clone(),
            stage: self.stage.clone(),
            generation: self.generation,
            name: NAME.into(),
            text: self.text.clone(),
            skipped: self.skipped,
            finished,
        });
    }
}

impl Drop for LiveOutput {
    fn drop(&mut self) {
        self.publish(true);
    }
}

/// A line whose characters can all be seen. Sequences that only change colours are left out; other characters that a
/// terminal would obey, or that turn the direction of writing, are shown by a sign of their own or by their number.
fn visible(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = after_colour(rest) {
            rest = after;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '\t' => shown.push(c),
            '\0'..='\x1f' => shown.extend(char::from_u32(0x2400 + u32::from(c))),
            '\x7f' => shown.push('\u{2421}'),
            '\u{80}'..='\u{9f}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{61c}' => {
                shown.push_str(&format!("<U+{:04X}>", u32::from(c)));
            }
            '\u{2060}'..='\u{206f}' | '\u{feff}' => shown.push_str(&format!("<U+{:04X}>", u32::from(c))),
            c => shown.push(c),
        }
    }
    shown
}

/// What follows a sequence that changes colours, if there is one here.
fn after_colour(text: &str) -> Option<&str> {
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':')?;
    parameters[end..].strip_prefix('m')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::webhook::Selection;

    fn output(live: &Live, generation: u64) -> LiveOutput {
        let run = Run {
            number: 1,
            stage: StageId::new("plan").unwrap(),
            generation: Generation(generation),
            since: Timestamp::from_millis(0),
            process: None,
        };
        LiveOutput::new(live, &EntityId::new("t1").unwrap(), &run)
    }

    #[tokio::test]
    async fn who_looks_on_sees_the_end_of_it_and_that_it_ended() {
        let live = Live::default();
        let mut stream = live.subscribe(&Selection::default());
        let mut output = output(&live, 3);
        output.line("first");
        output.show();
        let shown = stream.next().await;
        assert_eq!((shown[0].name.as_str(), shown[0].text.as_str(), shown[0].finished), ("output", "first\n", false));
        for n in 0..10_000 {
            output.line(&format!("line {n}"));
        }
        drop(output);
        let shown = stream.next().await;
        assert!(shown[0].finished && shown[0].text.ends_with("line 9998\nline 9999\n"));
        let all: usize = 6 + (0..10_000).map(|n| format!("line {n}\n").len()).sum::<usize>();
        assert_eq!(usize::try_from(shown[0].skipped).unwrap() + shown[0].text.len(), all);
    }

    #[test]
    fn nothing_in_it_is_obeyed() {
        assert_eq!(visible("\x1b[1;32mok\x1b[0m\tgrün"), "ok\tgrün");
        assert_eq!(visible("\x1b]52;c;cHduZWQ=\x07\x1b[2J\r"), "␛]52;c;cHduZWQ=␇␛[2J␍");
        assert_eq!(visible("a\u{202e}b\u{200f}\u{feff}\u{9b}"), "a<U+202E>b<U+200F><U+FEFF><U+009B>");
    }
}
