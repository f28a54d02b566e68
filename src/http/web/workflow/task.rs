//! One task of a workflow: what is to be done, who has it, and what came of it.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use super::super::html::Html;
use super::super::shell::Shell;
use super::super::text::{Safe, line, plain};
use super::super::when::When;
use super::results::readable;
use super::tasks::Row;
use super::{Head, Outcome, STYLE};
use crate::api::EntityId;
use crate::api::workflow::TaskId;
use crate::http::address::At;
use crate::http::problem::Answer;
use crate::http::state::App;

/// What is shown of a result.
const RESULT_BYTES_MAX: usize = 256 << 10;
/// Late results of a workflow that are looked through for those of the task.
const LATE_MOST: usize = 200;

/// A task of a workflow.
#[derive(Debug, Deserialize)]
pub(super) struct TaskAt {
    id: EntityId,
    task: TaskId,
}

#[derive(Template)]
#[template(path = "workflow/task.html")]
struct OneTask {
    shell: Shell,
    head: Head,
    task: Row,
    gate: String,
    place: u16,
    created_at: When,
    by: Safe,
    timeout_seconds: u32,
    input: Safe,
    outcome: Option<Outcome>,
    /// Numbers of the results that came too late for it.
    late: Vec<u64>,
}

pub(super) async fn page(shell: Shell, app: Data<App>, at: At<TaskAt>) -> Answer<Html> {
    let workflow = app.workflows.get(&at.id);
    let view = workflow.view().await?;
    let stored = workflow.task(&at.task).await?;
    let late = workflow.late_results(None, LATE_MOST).await?;
    let late = late.into_iter().filter(|late| late.task == at.task).map(|late| late.orphan.number).collect();
    let place = at.task.lane.gate;
    let (outline, _) = view.state.gate_at(place)?;
    let least = view.state.outline.safety_least;
    let outcome = stored
        .result
        .as_ref()
        .map(|result| Outcome::of(&result.result, result.at, least, RESULT_BYTES_MAX).attempt(result.attempt));
    let (title, gate) = (format!("{}: {}", at.task, stored.task.title), outline.name.clone());
    let (created_at, by) = (When(stored.task.created_at), line(&stored.task.by));
    let (timeout_seconds, input) = (stored.task.timeout_seconds, plain(&readable(&stored.task.input)));
    let task = Row::of(stored, app.now());
    let head = Head::of(&at.id, &view, None);
    let shell = shell.titled(title).about("workflow", &at.id).style(STYLE);
    shell.page(|shell| OneTask {
        shell,
        head,
        task,
        gate,
        place,
        created_at,
        by,
        timeout_seconds,
        input,
        outcome,
        late,
    })
}
