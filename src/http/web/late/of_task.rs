//! What a run of a task said and made after its stage had gone back.

use actix_web::web::Data;
use askama::Template;

use super::super::html::Html;
use super::super::shell::Shell;
use super::super::task::{Head, calm};
use super::super::text::line;
use super::{Late, Said, Side, found, page_of};
use crate::api::task::{Command, Finish, Outcome, Todo};
use crate::api::{Error, StageId, Task};
use crate::http::address::{At, EntityAt};
use crate::http::page::Paging;
use crate::http::problem::Answer;
use crate::http::state::App;

/// The late work of a task, among its pages.
#[derive(Template)]
#[template(path = "task/late.html")]
struct Page {
    shell: Shell,
    head: Head,
    late: Vec<Late>,
    next: Option<String>,
}

pub(super) async fn page(shell: Shell, app: Data<App>, at: At<EntityAt>, paging: Paging) -> Answer<Html> {
    let task = app.tasks.get(&at.id);
    let view = task.view().await?;
    let (orphans, next) = page_of(&view.orphans, paging.after_number()?);
    let next = paging.next_href(next.map(|number| number.to_string()));
    let mut late = Vec::with_capacity(orphans.len());
    for orphan in orphans {
        // One that was adopted or discarded meanwhile is none any more.
        let Some(command) = found(task.handle().orphan(orphan.number).await)? else { continue };
        // Nothing else that is asked of a task is work.
        let Command::Finish { finish, .. } = command else { continue };
        late.push(Late {
            what: line(&format!("Run {} of {}: {}", finish.run, orphan.stage, ended(&finish))),
            sides: sides(&task, &orphan.stage, &finish).await?,
            ..Late::new("task", &at.id, orphan, view.generation(&orphan.stage).0)
        });
    }
    let shell = shell.titled(format!("Late work of {}", view.state.title)).about("task", &at.id);
    let shell = calm(shell.style("task.css").style("late.css"));
    let head = Head::of(&shell, &at.id, &view, "late", None);
    shell.page(|shell| Page { shell, head, late, next })
}

/// How the run ended, and what files it left.
fn ended(finish: &Finish) -> String {
    let how = match &finish.outcome {
        Outcome::Done => "it was done".to_owned(),
        Outcome::Failed { what, .. } => format!("it failed: {what}"),
        Outcome::Interrupted => "it was interrupted".to_owned(),
    };
    match &finish.candidate {
        Some(made) => format!("{how}, and left {} changed files", made.changed),
        None => how,
    }
}

/// What it said, each beside what the stage has now.
async fn sides(task: &Task, stage: &StageId, finish: &Finish) -> Result<Vec<Side>, Error> {
    let report = &finish.report;
    let missing = |what: &str| format!("The stage has no {what} now.");
    let mut sides = Vec::new();
    if let Some(output) = &report.output {
        let there = task.output(stage).await?.map(Said::from).ok_or_else(|| missing("output"));
        sides.push(Side::new("Output", &output.clone().into(), there));
    }
    if let Some(handoff) = &report.handoff {
        let there = task.handoff(stage).await?.map(Said::from).ok_or_else(|| missing("hand-off"));
        sides.push(Side::new("Hand-off", &handoff.clone().into(), there));
    }
    if let Some(todos) = &report.todos {
        let there = Some(listed(&task.todos(stage).await?)).filter(|text| !text.is_empty());
        let there = there.map(Said::from).ok_or_else(|| missing("list of things to do"));
        sides.push(Side::new("Things to do", &listed(todos).into(), there));
    }
    if !report.lines.is_empty() {
        let lines: Vec<&str> = report.lines.iter().map(|line| line.text.as_str()).collect();
        let there = Err("Adopted, these lines are added to the log.".to_owned());
        sides.push(Side::new("Log", &lines.join("\n").into(), there));
    }
    Ok(sides)
}

fn listed(todos: &[Todo]) -> String {
    let lines = todos.iter().map(|todo| format!("{} {}", if todo.done { "[x]" } else { "[ ]" }, todo.text));
    lines.collect::<Vec<_>>().join("\n")
}
