//! Results of a workflow that came too late.

use actix_web::web::Data;
use askama::Template;

use super::super::html::Html;
use super::super::shell::Shell;
use super::super::text::line;
use super::super::workflow::{Head, STYLE, Tab, readable, took};
use super::{Late, PER_PAGE, Said, Side, found};
use crate::api::workflow::{Domain, TaskResult};
use crate::api::workflows::{StoredTask, TaskStatus, Workflow};
use crate::http::address::{At, EntityAt};
use crate::http::page::Paging;
use crate::http::problem::Answer;
use crate::http::state::App;

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
        let stored = found(workflow.task(&result.task).await)?;
        let title = stored.as_ref().map(|stored| stored.task.title.as_str()).unwrap_or("a task that was cleared");
        let holds = view.generation(&result.orphan.stage).0;
        late.push(Late {
            what: line(&format!("Result of {}: {title}", result.task)),
            href: stored.is_some().then(|| format!("/ui/workflows/{}/tasks/{}", at.id, result.task)),
            sides: vec![Side::new("Result", &said(&result.result), there(&workflow, stored))],
            ..Late::new("workflow", &at.id, &result.orphan, holds)
        });
    }
    let head = Head::of(&at.id, &view, Some(Tab::Late));
    let shell = shell.titled(format!("Late work of {}", view.state.title)).about("workflow", &at.id);
    shell.style(STYLE).style("late.css").page(|shell| Page { shell, head, late, next })
}

/// What took the place of the late result, or why nothing did.
fn there(workflow: &Workflow, stored: Option<StoredTask>) -> Result<Said, String> {
    let Some(stored) = stored else {
        return Err(format!(
            "The task was cleared. Adopted, the result is kept in {}, and no gate waits for it.",
            workflow.id()
        ));
    };
    if let Some(result) = &stored.result {
        return Ok(said(&result.result));
    }
    let lease = stored.under_way.as_ref().and_then(|entry| entry.leased());
    Err(match (stored.status, lease) {
        (_, Some(lease)) => format!("{} is at work on the task again. Adopting turns that away.", lease.worker),
        (TaskStatus::Cancelled, _) => "The task was cancelled, and has no result.".to_owned(),
        (TaskStatus::Failed, _) => "The task failed since, and has no result.".to_owned(),
        _ => {
            let domain = stored.under_way.as_ref().map_or_else(
                || stored.id.lane.domain.clone(),
                |entry| if entry.human { Domain::human() } else { stored.id.lane.domain.clone() },
            );
            format!("Nobody has done the task again yet: it waits in queue {domain}.")
        }
    })
}

fn said(result: &TaskResult) -> Said {
    let mut facts = vec![format!("by {}", result.agent), format!("took {}", took(result.duration_ms))];
    facts.extend(result.safety_score.map(|score| format!("safety {score:.2}")));
    facts.extend(result.error.as_ref().map(|error| format!("error: {error}")));
    Said { text: readable(&result.result), facts }
}
