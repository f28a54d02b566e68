//! Batches: the same verb on many, how far it is, and what became of each.

use actix_web::web::{self, Data};
use askama::Template;
use utoipa_actix_web::service_config::ServiceConfig;

use super::html::Html;
use super::marks::{Mark, Tone};
use super::shell::Shell;
use super::text::{Safe, line};
use super::when::When;
use super::workflow::STYLE;
use crate::api::batch::{BatchKind, Of, Outcome, Status, StepResult, Work};
use crate::api::{EntityId, View};
use crate::http::address::{At, EntityAt};
use crate::http::page::Paging;
use crate::http::problem::Answer;
use crate::http::state::App;

pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.route("/ui/batches", web::get().to(list));
    config.route("/ui/batches/{id}", web::get().to(page));
}

#[derive(Template)]
#[template(path = "batches.html")]
struct Batches {
    shell: Shell,
    batches: Vec<Brief>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "batch.html")]
struct Batch {
    shell: Shell,
    batch: Brief,
    outcomes: Vec<Row>,
    next: Option<String>,
}

/// A batch, with how far it is.
#[derive(Debug)]
struct Brief {
    id: String,
    what: String,
    mark: Mark,
    total: u64,
    done: u64,
    failed: u64,
    by: Safe,
    reason: Option<Safe>,
    created_at: When,
    ended_at: Option<When>,
    /// The batch that it undoes.
    undoes: Option<String>,
    can_cancel: bool,
    can_undo: bool,
}

/// What became of a target.
#[derive(Debug)]
struct Row {
    place: u64,
    target: String,
    href: String,
    mark: Mark,
    /// What it came to, or why it was refused.
    what: Safe,
    at: When,
}

async fn list(shell: Shell, app: Data<App>, paging: Paging) -> Answer<Html> {
    let after = paging.after(|key| EntityId::new(key).ok())?;
    let mut ids = app.batches.list(after.as_ref(), paging.to_read()).await?;
    let more = ids.len() > paging.limit;
    ids.truncate(paging.limit);
    let next = paging.next_href(ids.last().filter(|_| more).map(ToString::to_string));
    let mut batches = Vec::with_capacity(ids.len());
    for id in &ids {
        batches.push(Brief::of(id, &app.batches.peek(id).await?));
    }
    let shell = shell.titled("Batches").following(&["batch"]).style(STYLE);
    shell.page(|shell| Batches { shell, batches, next })
}

async fn page(shell: Shell, app: Data<App>, at: At<EntityAt>, paging: Paging) -> Answer<Html> {
    let after = paging.after_number()?;
    let batch = app.batches.get(&at.id);
    let view = batch.view().await?;
    let mut found = batch.outcomes(after, paging.to_read()).await?;
    let more = found.len() > paging.limit;
    found.truncate(paging.limit);
    let next = paging.next_href(found.last().filter(|_| more).map(|(place, _)| place.to_string()));
    let kind = kind(&view);
    let outcomes = found.into_iter().map(|(place, outcome)| Row::of(kind, place, &outcome)).collect();
    let brief = Brief::of(&at.id, &view);
    let mut shell = shell.titled(format!("Batch {}", at.id)).style(STYLE);
    shell.follow = format!("kind=batch&id={}", at.id);
    shell.page(|shell| Batch { shell, batch: brief, outcomes, next })
}

/// The kind of its targets.
fn kind(view: &View<BatchKind>) -> &'static str {
    match view.state.work.as_ref().map(Work::of) {
        Some(Of::Workshops) => "workshop",
        _ => "workflow",
    }
}

impl Brief {
    fn of(id: &EntityId, view: &View<BatchKind>) -> Self {
        let state = &view.state;
        let (what, undoes) = match &state.work {
            Some(Work::ResetWorkflows { to: Some(gate), .. }) => (format!("reset to before gate {}", gate + 1), None),
            Some(Work::ResetSteps { step }) => (format!("reset of step {step}"), None),
            Some(Work::Undo { batch, .. }) => (format!("undo of {batch}"), Some(batch.to_string())),
            _ => ("reset to where each stands".to_owned(), None),
        };
        let mark = match state.status {
            Status::Running => Mark::new(Tone::Active, '◐', "running"),
            Status::Completed if state.failed > 0 => Mark::new(Tone::Warn, '!', "completed, some refused"),
            Status::Completed => Mark::new(Tone::Done, '✓', "completed"),
            Status::Cancelled => Mark::new(Tone::Warn, '‖', "cancelled"),
        };
        let is_over = state.status != Status::Running && !state.under_way;
        Self {
            id: id.to_string(),
            what: format!("{} {}s: {what}", state.total, kind(view)),
            mark,
            total: state.total,
            done: state.done,
            failed: state.failed,
            by: line(&state.by),
            reason: state.reason.as_deref().map(line),
            created_at: When(view.created_at),
            ended_at: state.ended_at.map(When),
            undoes,
            can_cancel: state.status == Status::Running,
            can_undo: is_over && state.done > 0,
        }
    }
}

impl Row {
    fn of(kind: &str, place: u64, outcome: &Outcome) -> Self {
        let (mark, what) = match &outcome.result {
            StepResult::Done { revision, .. } => {
                (Mark::new(Tone::Done, '✓', "done"), line(&format!("at revision {revision}")))
            }
            StepResult::Failed { problem, .. } => (Mark::new(Tone::Bad, '✕', "refused"), line(problem)),
        };
        Self {
            place: place.saturating_add(1),
            target: outcome.target.to_string(),
            href: format!("/ui/{kind}s/{}", outcome.target),
            mark,
            what,
            at: When(outcome.at),
        }
    }
}
