//! Results of a workflow that came too late.

use actix_web::web::Data;
use askama::Template;

use super::super::html::Html;
use super::super::shell::Shell;
use super::super::text::line;
use super::super::workflow::{Head, STYLE, Tab, readable, took};
use super::{Late, PER_PAGE, Said, Side};
use crate::api::workflow::{Domain, TaskResult};
use crate::api::workflows::{LateResult, StoredTask, TaskStatus};
use crate::http::address::{At, EntityAt};
use crate::http::page::Paging;
use crate::http::problem::Answer;
use crate::http::state::App;

/// What adopting comes to where the task was cleared.
const NO_GATE: &str = "Its task was cleared: adopted, it is kept among the results, and no gate waits for it.";

#[derive(Template)]
#[template(path = "workflow/late.html")]
struct Page {
    shell: Shell,
    head: Head,
    late: Vec<Late>,
    next: Option<String>,
}

pub(super) async fn page(shell: Shell, app: Data<App>, at: At<EntityAt>, paging: Paging) -> Answer<Html> {
    let workflow = app.workflows.get(&at.id);
    let view = workflow.view().await?;
    let mut results = workflow.late_results(paging.after_number()?, PER_PAGE + 1).await?;
    let more = results.len() > PER_PAGE;
    results.truncate(PER_PAGE);
    let next = paging.next_href(results.last().filter(|_| more).map(|late| late.orphan.number.to_string()));
    let mut late = Vec::with_capacity(results.len());
    for result in results {
        let place = workflow.place_of(&result).await?;
        let title = place.title.as_deref().unwrap_or("a task that was cleared");
        let by = place.task.as_ref().map(|stored| stored.id.clone());
        let holds = view.generation(&result.orphan.stage).0;
        late.push(Late {
            what: line(&format!("{}: {title}", result.task)),
            href: by.as_ref().map(|by| format!("/ui/workflows/{}/tasks/{by}", at.id)),
            note: (by.as_ref() != Some(&result.task)).then_some(NO_GATE),
            sides: vec![Side::new("Result", &said(&result.result), there(&result, place.task))],
            ..Late::new("workflow", &at.id, &result.orphan, holds)
        });
    }
    let head = Head::of(&at.id, &view, Some(Tab::Late));
    let shell = shell.titled(format!("Late work of {}", view.state.title)).about("workflow", &at.id);
    shell.style(STYLE).style("late.css").page(|shell| Page { shell, head, late, next })
}

/// What took the place of the late result, or why nothing did.
fn there(late: &LateResult, stored: Option<StoredTask>) -> Result<Said, String> {
    let Some(stored) = stored else { return Err("The task was cleared, and none is in its place.".to_owned()) };
    let is_other = stored.id != late.task;
    let Some(result) = &stored.result else {
        let why = not_done(&stored);
        return Err(if is_other { format!("{} was handed out in its place. {why}", stored.id) } else { why });
    };
    let mut said = said(&result.result);
    if is_other {
        said.facts.insert(0, format!("{}, handed out in its place", stored.id));
    }
    Ok(said)
}

/// Why a task has no result.
fn not_done(stored: &StoredTask) -> String {
    let entry = stored.under_way.as_ref();
    match (stored.status, entry.and_then(|entry| entry.leased())) {
        (_, Some(lease)) => format!("{} is at work on it.", lease.worker),
        (TaskStatus::Cancelled, _) => "It was cancelled, and has no result.".to_owned(),
        (TaskStatus::Failed, _) => "It failed as often as it may, and has no result.".to_owned(),
        _ => {
            let domain = entry.map_or_else(|| stored.id.lane.domain.clone(), |entry| entry.domain(&stored.id));
            let whom = if domain.as_str() == Domain::HUMAN { "a person" } else { "a worker" };
            format!("Nobody has done it yet: it waits in queue {domain} for {whom}.")
        }
    }
}

fn said(result: &TaskResult) -> Said {
    let mut facts = vec![format!("by {}", result.agent), format!("took {}", took(result.duration_ms))];
    facts.extend(result.safety_score.map(|score| format!("safety {score:.2}")));
    facts.extend(result.error.as_ref().map(|error| format!("error: {error}")));
    Said { text: readable(&result.result), facts }
}
