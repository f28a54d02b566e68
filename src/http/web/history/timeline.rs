//! How stages were, over time: a row for each, a bar for each status that it had.

use std::collections::BTreeMap;

use askama::Template;
use askama::filters::HtmlSafe;
use serde_json::Value;

use crate::api::Timestamp;
use crate::api::events::Event;
use crate::http::web::marks::Mark;
use crate::http::web::stages::gate_mark;
use crate::http::web::text::{Safe, line};
use crate::http::web::when::When;

/// How wide the bars are together, and where they begin.
const WIDTH: f64 = 670.0;
const LEFT: f64 = 165.0;
/// How high a row is.
const ROW: f64 = 30.0;
/// A bar is so wide at least.
const BAR_WIDTH_MIN: f64 = 4.0;
/// Most bars of a row; earlier ones are left out.
const BARS_MAX: usize = 300;

/// Part of the time that a stage had one status.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) mark: Mark,
    pub(super) from: Timestamp,
    /// Until when; `None` if it still is.
    pub(super) until: Option<Timestamp>,
    /// The revision that began it.
    pub(super) revision: u64,
}

/// The stages of an entity, each with how it was. Filled with turns in their order.
#[derive(Debug, Default)]
pub(super) struct Spans {
    names: Vec<String>,
    rows: BTreeMap<String, Vec<Span>>,
    /// How the stages were before each turn that left an undo point.
    before: BTreeMap<u64, BTreeMap<String, Mark>>,
}

impl Spans {
    /// Rows for stages of these names, in this order.
    pub(super) fn of(names: Vec<String>) -> Self {
        Self { names, ..Self::default() }
    }

    /// What one turn changed.
    pub(super) fn take(&mut self, turn: &[Event]) {
        let before = self.now();
        for event in turn {
            if let (Some(at), Some((name, mark))) = (event.at, self.status(event)) {
                self.set(name, mark, at, event.revision);
            }
        }
        let number = |event: &Event, name: &str| event.data.get(name).and_then(Value::as_u64);
        for event in turn {
            if let Some(point) = number(event, "undo_point") {
                self.before.insert(point, before.clone());
            }
            // What comes back is told by its undo point alone.
            if let (Some(at), Some(undone)) = (event.at, number(event, "undone")) {
                self.restore(undone, at, event);
            }
        }
    }

    /// How each stage is.
    fn now(&self) -> BTreeMap<String, Mark> {
        let open = |row: &Vec<Span>| row.last().filter(|span| span.until.is_none()).map(|span| span.mark.clone());
        self.rows.iter().filter_map(|(name, row)| Some((name.clone(), open(row)?))).collect()
    }

    fn set(&mut self, name: String, mark: Mark, at: Timestamp, revision: u64) {
        let row = self.rows.entry(name).or_default();
        if let Some(last) = row.last_mut().filter(|last| last.until.is_none()) {
            if last.mark == mark {
                return;
            }
            last.until = Some(at);
        }
        row.push(Span { mark, from: at, until: None, revision });
    }

    /// Has the stages that an undo names be as they were before what it took back. Gates go back together.
    fn restore(&mut self, undone: u64, at: Timestamp, event: &Event) {
        let Some(before) = self.before.get(&undone).cloned() else { return };
        let stages = event.data.get("stages").and_then(Value::as_array);
        let is_named = |name: &str| stages.is_some_and(|stages| stages.iter().any(|stage| stage == name));
        let changed = |name: &String| event.kind == "workflow" || is_named(name);
        for name in self.rows.keys().filter(|name| changed(name)).cloned().collect::<Vec<_>>() {
            match before.get(&name) {
                Some(mark) => self.set(name, mark.clone(), at, event.revision),
                None => self.rows.entry(name).or_default().last_mut().into_iter().for_each(|span| {
                    span.until.get_or_insert(at);
                }),
            }
        }
    }

    /// The stage that an event is about, and how it is from then on.
    fn status(&self, event: &Event) -> Option<(String, Mark)> {
        if event.r#type == "workflow.gate_changed" {
            let place = event.data.get("gate")?.as_u64().and_then(|place| usize::try_from(place).ok())?;
            let is = |name: &str| event.data.get(name).and_then(Value::as_bool).unwrap_or_default();
            return Some((self.names.get(place)?.clone(), gate_mark(is("opened"), is("passed"))));
        }
        let status = event.data.get("status")?;
        let mark = match event.kind.as_str() {
            "workshop" => serde_json::from_value::<crate::api::workshop::Status>(status.clone()).ok()?.into(),
            "task" => serde_json::from_value::<crate::api::task::StageStatus>(status.clone()).ok()?.into(),
            _ => return None,
        };
        Some((event.stage.as_ref()?.to_string(), mark))
    }
}

/// The drawing, and the same as a table.
#[derive(Debug, Template)]
#[template(path = "history/timeline.html")]
pub(super) struct Timeline {
    width: f64,
    height: f64,
    left: f64,
    rows: Vec<Row>,
    from: When,
    until: When,
}

impl HtmlSafe for Timeline {}

#[derive(Debug)]
struct Row {
    name: Safe,
    top: f64,
    bars: Vec<Bar>,
}

#[derive(Debug)]
struct Bar {
    x: f64,
    width: f64,
    mark: Mark,
    from: When,
    until: Option<When>,
    lasted: String,
    href: String,
    told: String,
}

impl Timeline {
    /// Draws what is known until `now`. `href` is where the entry of a revision is.
    pub(super) fn new(spans: &Spans, now: Timestamp, href: impl Fn(u64) -> String) -> Self {
        let starts = spans.rows.values().flatten().map(|span| span.from);
        let begin = starts.min().unwrap_or(now);
        let ends = spans.rows.values().flatten().map(|span| span.until.unwrap_or(now));
        let end = ends.max().unwrap_or(now).max(begin);
        let length = length(begin, end).max(1.0);
        let bar = |name: &str, span: &Span| {
            let until = span.until.unwrap_or(end);
            let lasted = lasted(length_ms(span.from, until));
            let x = LEFT + self::length(begin, span.from) / length * WIDTH;
            let still = if span.until.is_none() { "for " } else { "" };
            Bar {
                x: x.round(),
                width: (self::length(span.from, until) / length * WIDTH).max(BAR_WIDTH_MIN).round(),
                told: format!("{name}: {}, {still}{lasted}", span.mark.word()),
                mark: span.mark.clone(),
                from: When(span.from),
                until: span.until.map(When),
                lasted,
                href: href(span.revision),
            }
        };
        let mut rows: Vec<Row> = Vec::new();
        for name in &spans.names {
            let Some(row) = spans.rows.get(name) else { continue };
            let shown = row.get(row.len().saturating_sub(BARS_MAX)..).unwrap_or_default();
            // What a stage is before anybody comes to it needs no bar.
            let bars = shown.iter().filter(|span| !span.mark.is_idle()).map(|span| bar(name, span)).collect();
            rows.push(Row { name: line(name), top: row_top(rows.len()), bars });
        }
        let height = row_top(rows.len());
        Self { width: LEFT + WIDTH + BAR_WIDTH_MIN, height, left: LEFT, rows, from: When(begin), until: When(end) }
    }
}

fn row_top(number: usize) -> f64 {
    (0..number).map(|_| ROW).sum()
}

fn length_ms(from: Timestamp, until: Timestamp) -> i64 {
    until.as_millis().saturating_sub(from.as_millis()).max(0)
}

/// The time between, for drawing. Milliseconds of centuries are exact in it.
fn length(from: Timestamp, until: Timestamp) -> f64 {
    std::time::Duration::from_millis(length_ms(from, until).unsigned_abs()).as_secs_f64()
}

/// How long something took, in its two largest units.
fn lasted(millis: i64) -> String {
    let seconds = millis / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes, seconds) {
        (0, 0, 0, 0) => format!("{millis} ms"),
        (0, 0, 0, seconds) => format!("{seconds} s"),
        (0, 0, minutes, seconds) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes, _) => format!("{hours} h {} min", minutes % 60),
        (days, hours, ..) => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use serde_json::json;

    use super::*;
    use crate::api::events::Offset;
    use crate::api::{EntityId, StageId};

    fn event(revision: u64, at: i64, stage: &str, status: &str) -> Event {
        Event {
            position: "1.1".parse::<Offset>().unwrap(),
            r#type: Cow::Borrowed("task.stage_run"),
            kind: "task".into(),
            id: EntityId::new("a").unwrap(),
            revision,
            at: Some(Timestamp::from_millis(at)),
            by: String::new(),
            reason: None,
            stage: Some(StageId::new(stage).unwrap()),
            generation: None,
            data: json!({ "status": status }),
        }
    }

    #[test]
    fn a_bar_lasts_until_the_status_changes() {
        let mut spans = Spans::of(vec!["plan".into(), "<work>".into()]);
        let events = [
            (1, 0, "ready"),
            (2, 1_000, "running"),
            (3, 2_000, "running"),
            (4, 61_000, "failed"),
            (5, 62_000, "running"),
        ];
        for (revision, at, status) in events {
            spans.take(&[event(revision, at, "plan", status)]);
        }
        let timeline = Timeline::new(&spans, Timestamp::from_millis(122_000), |revision| format!("#entry-{revision}"));
        assert_eq!(timeline.rows.len(), 1);
        let told: Vec<_> = timeline.rows[0].bars.iter().map(|bar| (bar.told.as_str(), bar.href.as_str())).collect();
        assert_eq!(
            told,
            [
                ("plan: running, 1 min 0 s", "#entry-2"),
                ("plan: failed, 1 s", "#entry-4"),
                ("plan: running, for 1 min 0 s", "#entry-5")
            ]
        );
        let html = timeline.to_string();
        assert_eq!(html.matches("<rect").count(), 3);
        assert!(!html.contains("style="));
    }

    #[test]
    fn what_an_undo_brings_back_is_drawn() {
        let of = |event: Event, data: Value| Event { r#type: Cow::Borrowed("task.went_back"), data, ..event };
        let mut spans = Spans::of(vec!["plan".into(), "work".into()]);
        spans.take(&[event(1, 0, "plan", "complete")]);
        let went_back = of(event(2, 1_000, "plan", ""), json!({ "undo_point": 1, "stages": ["plan", "work"] }));
        spans.take(&[event(2, 1_000, "plan", "running"), event(2, 1_000, "work", "running"), went_back]);
        let undone = json!({ "undone": 1, "undo_point": 2, "stages": ["plan", "work"] });
        spans.take(&[of(event(3, 2_000, "plan", ""), undone)]);
        let timeline = Timeline::new(&spans, Timestamp::from_millis(3_000), |_| String::new());
        let told: Vec<_> = timeline.rows.iter().flat_map(|row| &row.bars).map(|bar| bar.told.as_str()).collect();
        assert_eq!(
            told,
            ["plan: complete, 1 s", "plan: running, 1 s", "plan: complete, for 1 s", "work: running, 1 s"]
        );
    }

    #[test]
    fn nothing_and_a_moment_are_drawn_too() {
        let empty = Timeline::new(&Spans::of(Vec::new()), Timestamp::from_millis(5), |_| String::new());
        assert!(empty.rows.is_empty());
        let mut spans = Spans::of(vec!["plan".into()]);
        spans.take(&[event(1, 5, "plan", "running")]);
        let moment = Timeline::new(&spans, Timestamp::from_millis(5), |_| String::new());
        assert!(moment.rows[0].bars[0].x.is_finite() && moment.rows[0].bars[0].width >= BAR_WIDTH_MIN);
        // A clock that was set back.
        let back = Timeline::new(&spans, Timestamp::from_millis(0), |_| String::new());
        assert!(back.rows[0].bars[0].width >= BAR_WIDTH_MIN);
    }

    #[test]
    fn lengths_are_told_in_two_units() {
        for (millis, told) in [(5, "5 ms"), (59_999, "59 s"), (3_600_000, "1 h 0 min"), (90_000_000, "1 d 1 h")] {
            assert_eq!(lasted(millis), told);
        }
    }
}
