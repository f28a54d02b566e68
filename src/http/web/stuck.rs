//! What does not go on by itself: since when, why, and what cures it.

use std::time::Duration;

use actix_web::web::{self, Data};
use askama::Template;
use serde::Deserialize;
use utoipa_actix_web::service_config::ServiceConfig;

use super::html::Html;
use super::marks::{Mark, Tone};
use super::shell::Shell;
use super::text::{Safe, line};
use super::when::When;
use super::workflow::STYLE;
use crate::api::{EntityId, StuckAfter, StuckAt, StuckQuery};
use crate::http::address::Params;
use crate::http::page::Paging;
use crate::http::problem::{Answer, Problem};
use crate::http::state::App;

/// How long a look may be patient, in seconds, with the words for it.
const PATIENCES: [(u64, &str); 5] =
    [(0, "no time"), (60, "a minute"), (600, "10 minutes"), (3_600, "an hour"), (86_400, "a day")];
/// The kinds that are looked through, with the words for them.
const KINDS: [(&str, &str); 4] =
    [("workshop", "Workshops"), ("task", "Tasks"), ("workflow", "Workflows"), ("queue", "Queues")];

pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.route("/ui/stuck", web::get().to(page));
}

/// What is looked for. A form sends what is not chosen as nothing.
#[derive(Debug, Deserialize)]
struct Which {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    patience: String,
}

#[derive(Template)]
#[template(path = "stuck.html")]
struct Stuck {
    shell: Shell,
    rows: Vec<Row>,
    kinds: Vec<Choice>,
    patiences: Vec<Choice>,
    /// Whether anything but all is looked for.
    is_filtered: bool,
    next: Option<String>,
}

/// A choice of a filter.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) is_chosen: bool,
}

/// Something that does not go on by itself.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) mark: Mark,
    pub(super) href: String,
    pub(super) name: String,
    pub(super) part: Option<Safe>,
    pub(super) since: When,
    pub(super) why: Safe,
    pub(super) cure: String,
    /// Whether nothing but the command cures it.
    pub(super) is_by_hand: bool,
    pub(super) acts: Vec<Act>,
}

/// What a click does about it.
#[derive(Debug)]
pub(super) enum Act {
    /// It is one ordinary call.
    Post { path: String, label: &'static str, doing: &'static str },
    /// It goes back, or takes something in: the dialog asks first.
    Verb { path: String, title: String, label: &'static str, doing: &'static str },
    /// A person has to look first.
    Look { href: String, label: &'static str },
}

async fn page(shell: Shell, app: Data<App>, which: Params<Which>, paging: Paging) -> Answer<Html> {
    let default = StuckQuery::default();
    let kind = Some(which.kind.clone()).filter(|kind| !kind.is_empty());
    let patience = match which.patience.as_str() {
        "" => default.patience,
        text => Duration::from_secs(
            text.parse().map_err(|_| Problem::bad_request("patience", "the patience is no number of seconds"))?,
        ),
    };
    let query = StuckQuery { kind, patience, after: paging.after(after)?, most: paging.limit };
    let found = app.restage.stuck(&query).await?;
    let rows = found.items.into_iter().map(|at| Row::new(at, &shell)).collect();
    let next = paging.next_href(found.next.map(|after| format!("{}/{}", after.kind, after.id)));
    let choice = |value: &str, label: &str, chosen: &str| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        is_chosen: value == chosen,
    };
    let kinds = KINDS.iter().map(|(value, label)| choice(value, label, &which.kind)).collect();
    let seconds = patience.as_secs().to_string();
    let patiences = PATIENCES.iter().map(|(value, label)| choice(&value.to_string(), label, &seconds)).collect();
    let is_filtered = query.kind.is_some() || query.after.is_some() || patience != default.patience;
    let shell = shell.titled("Stuck").following(&["workshop", "task", "workflow"]).style(STYLE);
    shell.page(|shell| Stuck { shell, rows, kinds, patiences, is_filtered, next })
}

fn after(key: &str) -> Option<StuckAfter> {
    let (kind, id) = key.split_once('/')?;
    Some(StuckAfter { kind: kind.to_owned(), id: EntityId::new(id).ok()? })
}

impl Row {
    pub(super) fn new(StuckAt { kind, id, stuck, .. }: StuckAt, shell: &Shell) -> Self {
        let href = match kind {
            "queue" => format!("/ui/queues#{id}"),
            _ => format!("/ui/{kind}s/{id}"),
        };
        let mut acts = acts(kind, &id, stuck.what, stuck.part.as_deref());
        acts.retain(|act| match act {
            Act::Post { .. } => shell.may_write,
            Act::Verb { .. } => shell.may_reset,
            Act::Look { .. } => true,
        });
        Self {
            mark: mark(stuck.what),
            href,
            name: format!("{kind} {id}"),
            part: stuck.part.as_deref().map(line),
            since: When(stuck.since),
            why: line(&stuck.why),
            cure: stuck.cure,
            is_by_hand: matches!(stuck.what, "unclaimed" | "no_workers"),
            acts,
        }
    }
}

/// In which way, for people.
fn mark(what: &'static str) -> Mark {
    let (tone, sign) = match what {
        "lost_worker" | "failed" | "blocked" | "rejected" | "full" => (Tone::Bad, '✕'),
        "paused" | "interrupted" | "not_running" => (Tone::Warn, '‖'),
        "stale" => (Tone::Warn, '↻'),
        "unapproved" => (Tone::Warn, '?'),
        _ => (Tone::Warn, '!'),
    };
    let word = if what == "orphan" { "late work".to_owned() } else { what.replace('_', " ") };
    Mark::new(tone, sign, word)
}

/// What can be done about it from a page; nothing where only a command helps.
fn acts(kind: &str, id: &EntityId, what: &str, part: Option<&str>) -> Vec<Act> {
    let part = part.unwrap_or_default();
    let (api, ui) = (format!("/v1/{kind}s/{id}"), format!("/ui/{kind}s/{id}"));
    let post = |path: String, label, doing| Act::Post { path, label, doing };
    let look = |href: String, label| Act::Look { href, label };
    match (kind, what) {
        (_, "orphan") => vec![look(format!("{ui}/late#orphan-{part}"), "Compare")],
        ("workflow", "lost_worker") => vec![
            post(format!("{api}/tasks/{part}/release"), "Hand it out again", "Handing out..."),
            look(format!("{ui}/tasks/{part}"), "Look at the task"),
        ],
        ("workflow", "failed" | "blocked") => vec![
            post(format!("{api}/tasks/{part}/retry"), "Retry", "Retrying..."),
            look(format!("{ui}/tasks/{part}"), "Look at the task"),
        ],
        ("workflow", "unapproved") => vec![look(ui, "Look and approve")],
        ("workflow", "rejected") => {
            let title = format!("Reset {id}?");
            vec![
                Act::Verb { path: format!("{api}/reset"), title, label: "Reset", doing: "Resetting..." },
                look(ui, "Look at it"),
            ]
        }
        ("workflow", "not_running") => vec![post(format!("{api}/run"), "Run", "Starting...")],
        ("workflow", "full") => vec![look(format!("{ui}/tasks?status=failed"), "Look at what failed")],
        ("workflow", "unclaimed") | ("queue", _) => vec![look("/ui/queues".into(), "Look at the queues")],
        ("task", "paused") | ("workshop", "paused") => {
            vec![post(format!("{api}/resume"), "Resume", "Resuming...")]
        }
        ("task", "failed" | "interrupted") => {
            vec![post(format!("{api}/retry"), "Retry", "Retrying..."), look(ui, "Look at it")]
        }
        ("task", "not_running") => vec![post(format!("{api}/run"), "Run", "Starting...")],
        ("workshop", "stale") => {
            let title = format!("Accept {part} as it is?");
            let path = format!("{api}/steps/{part}/accept");
            vec![
                look(format!("{ui}/steps/{part}"), "Look at the step"),
                Act::Verb { path, title, label: "Accept", doing: "Accepting..." },
            ]
        }
        _ => vec![look(ui, "Look at it")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_cured_by_one_call_has_a_button_and_the_rest_leads_to_where_it_is() {
        let id = EntityId::new("x").unwrap();
        let first = |kind, what, part| match acts(kind, &id, what, part).remove(0) {
            Act::Post { path, .. } => format!("POST {path}"),
            Act::Verb { path, .. } => format!("VERB {path}"),
            Act::Look { href, .. } => format!("GET {href}"),
        };
        for (kind, what, part, wanted) in [
            ("workflow", "lost_worker", Some("0-pm-5-1"), "POST /v1/workflows/x/tasks/0-pm-5-1/release"),
            ("workflow", "failed", Some("0-pm-5-1"), "POST /v1/workflows/x/tasks/0-pm-5-1/retry"),
            ("workflow", "blocked", Some("0-pm-5-1"), "POST /v1/workflows/x/tasks/0-pm-5-1/retry"),
            ("workflow", "rejected", Some("plan"), "VERB /v1/workflows/x/reset"),
            ("workflow", "not_running", None, "POST /v1/workflows/x/run"),
            ("workflow", "unapproved", Some("plan"), "GET /ui/workflows/x"),
            ("workflow", "orphan", Some("3"), "GET /ui/workflows/x/late#orphan-3"),
            ("workflow", "unclaimed", Some("fe"), "GET /ui/queues"),
            ("queue", "no_workers", None, "GET /ui/queues"),
            ("task", "interrupted", Some("plan"), "POST /v1/tasks/x/retry"),
            ("task", "blocked", Some("plan"), "GET /ui/tasks/x"),
            ("workshop", "paused", None, "POST /v1/workshops/x/resume"),
            ("workshop", "orphan", Some("1"), "GET /ui/workshops/x/late#orphan-1"),
        ] {
            assert_eq!(first(kind, what, part), wanted, "{kind} {what}");
        }
    }
}
