//! The results of a workflow: what workers handed in and what landed, a page at a time.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;
use serde_json::Value;

use super::super::html::Html;
use super::super::marks::{Mark, Tone};
use super::super::shell::Shell;
use super::super::stuck::Choice;
use super::super::text::{Safe, line, plain};
use super::super::when::When;
use super::tasks::{gate, gate_choices};
use super::{Head, STYLE, Tab};
use crate::api::Timestamp;
use crate::api::workflow::{TaskId, TaskResult};
use crate::api::workflows::ResultFilter;
use crate::http::address::{At, EntityAt, Params};
use crate::http::page::Paging;
use crate::http::problem::Answer;
use crate::http::state::App;

/// What is shown of a result in a list; all of it is on its task's page.
const LISTED_BYTES_MAX: usize = 4_000;
/// Longest result that is made readable: a longer one is shown as it came.
const READABLE_BYTES_MAX: usize = 1 << 20;

/// Which results are looked at. A form sends what is not chosen as nothing.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    gate: String,
}

#[derive(Template)]
#[template(path = "workflow/results.html")]
struct Results {
    shell: Shell,
    head: Head,
    rows: Vec<Row>,
    gates: Vec<Choice>,
    is_filtered: bool,
    next: Option<String>,
}

/// A result, and its task.
#[derive(Debug)]
struct Row {
    task: String,
    /// What was to be done; none where the task was cleared.
    title: Option<Safe>,
    outcome: Outcome,
}

/// What came of an attempt.
#[derive(Debug)]
pub(in crate::http::web) struct Outcome {
    pub(in crate::http::web) mark: Mark,
    pub(in crate::http::web) agent: Safe,
    pub(in crate::http::web) at: When,
    pub(in crate::http::web) took: String,
    /// How safe it is, and whether that is enough.
    pub(in crate::http::web) safety: Option<(String, Mark)>,
    pub(in crate::http::web) error: Option<Safe>,
    pub(in crate::http::web) text: Safe,
    /// Bytes that are not shown.
    pub(in crate::http::web) more: usize,
    /// The attempt; none where a person took it in from the late ones.
    pub(in crate::http::web) attempt: Option<u32>,
}

pub(super) async fn page(
    shell: Shell,
    app: Data<App>,
    at: At<EntityAt>,
    which: Params<Which>,
    paging: Paging,
) -> Answer<Html> {
    let after = paging.after(|key| key.parse::<TaskId>().ok())?;
    let filter = ResultFilter { gate: gate(&which.gate)? };
    let workflow = app.workflows.get(&at.id);
    let view = workflow.view().await?;
    let found = workflow.results(&filter, after.as_ref(), paging.limit).await?;
    let least = view.state.outline.safety_least;
    let mut rows = Vec::with_capacity(found.items.len());
    for (task, stored) in found.items {
        // The task of a result can be cleared without it.
        let title = workflow.task(&task).await.ok().map(|stored| line(&stored.task.title));
        let outcome = Outcome::of(&stored.result, stored.at, least, LISTED_BYTES_MAX).attempt(stored.attempt);
        rows.push(Row { task: task.to_string(), title, outcome });
    }
    let gates = gate_choices(&view.state, &which.gate);
    let is_filtered = filter.gate.is_some() || after.is_some();
    let next = paging.next_href(found.next.map(|id| id.to_string()));
    let head = Head::of(&at.id, &view, Some(Tab::Results));
    let shell = shell.titled(format!("Results of {}", view.state.title)).about("workflow", &at.id).style(STYLE);
    shell.page(|shell| Results { shell, head, rows, gates, is_filtered, next })
}

impl Outcome {
    /// What was handed in, with so much of its text.
    pub(in crate::http::web) fn of(result: &TaskResult, at: Timestamp, least: f64, most: usize) -> Self {
        let safety = result.safety_score.map(|score| {
            let mark = match score < least {
                true => Mark::new(Tone::Bad, '✕', format!("less than {least}")),
                false => Mark::new(Tone::Done, '✓', "safe"),
            };
            (format!("{score:.2}"), mark)
        });
        let text = readable(&result.result);
        let shown = text.get(..text.floor_char_boundary(most)).unwrap_or_default();
        Self {
            mark: result.status.into(),
            agent: line(&result.agent),
            at: When(at),
            took: took(result.duration_ms),
            safety,
            error: result.error.as_deref().map(line),
            more: text.len() - shown.len(),
            text: plain(shown),
            attempt: None,
        }
    }

    /// Says which attempt it is of.
    #[must_use]
    pub(in crate::http::web) fn attempt(self, attempt: Option<u32>) -> Self {
        Self { attempt, ..self }
    }
}

/// JSON text as people read it: a text alone without its quotes, nothing as nothing.
pub(in crate::http::web) fn readable(json: &str) -> String {
    if json.len() > READABLE_BYTES_MAX {
        return json.to_owned();
    }
    match serde_json::from_str::<Value>(json) {
        Ok(Value::Null) => String::new(),
        Ok(Value::String(text)) => text,
        Ok(value) => serde_json::to_string_pretty(&value).unwrap_or_else(|_| json.to_owned()),
        Err(_) => json.to_owned(),
    }
}

/// How long something took.
pub(in crate::http::web) fn took(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{seconds}.{} s", ms % 1_000 / 100),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::workflow::ResultStatus;

    fn result(text: &str, safety_score: Option<f64>) -> TaskResult {
        TaskResult {
            status: ResultStatus::Completed,
            agent: "a".into(),
            result: text.into(),
            duration_ms: 1_250,
            safety_score,
            error: None,
            retryable: true,
        }
    }

    #[test]
    fn durations_are_told_as_people_say_them() {
        for (ms, words) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1.0 s"),
            (59_990, "59.9 s"),
            (61_000, "1 min 1 s"),
            (3_600_000, "1 h 0 min"),
            (90_061_000, "25 h 1 min"),
        ] {
            assert_eq!(took(ms), words);
        }
    }

    #[test]
    fn a_result_is_shown_as_text_and_only_so_much_of_it() {
        let of = |text, most| Outcome::of(&result(text, None), Timestamp::from_millis(0), 0.85, most);
        assert_eq!(of(r#""<b>done</b>""#, 100).text.as_str(), "&lt;b&gt;done&lt;/b&gt;");
        assert_eq!(of(r#"{"a":[1]}"#, 100).text.as_str(), "{\n  &quot;a&quot;: [\n    1\n  ]\n}");
        assert_eq!(of("null", 100).text.as_str(), "");
        let cut = of(r#""öööö""#, 3);
        assert_eq!((cut.text.as_str(), cut.more), ("ö", 6));
        assert_eq!(of("no json", 100).text.as_str(), "no json");
    }

    #[test]
    fn what_is_not_safe_enough_is_told_in_words() {
        let of = |score| Outcome::of(&result("null", Some(score)), Timestamp::from_millis(0), 0.85, 10).safety.unwrap();
        assert_eq!((of(0.849).0.as_str(), of(0.849).1.word()), ("0.85", "less than 0.85"));
        assert_eq!((of(0.85).0.as_str(), of(0.85).1.word()), ("0.85", "safe"));
    }
}
