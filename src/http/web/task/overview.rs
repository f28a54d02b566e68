//! The first page of a task: the stage that it is in, or one that is asked for, with all that it put out.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use super::head::Head;
use super::notices::{Undoable, undoable};
use super::{Looked, look, short_id};
use crate::api::task::{StageStatus, TaskKind};
use crate::api::{StageId, Task, View};
use crate::http::address::{At, EntityAt, Params};
use crate::http::problem::Answer;
use crate::http::state::App;
use crate::http::web::html::Html;
use crate::http::web::marks::Mark;
use crate::http::web::shell::Shell;
use crate::http::web::text::{Safe, line, markdown, plain};
use crate::http::web::when::When;

/// So many lines of the log are shown of a run until its live output comes.
const TAIL_LINES: u64 = 30;

/// Which stage is told of.
#[derive(Deserialize)]
pub(super) struct Asked {
    stage: Option<StageId>,
}

#[derive(Template)]
#[template(path = "task/overview.html")]
struct Page {
    shell: Shell,
    head: Head,
    stage: Option<Stage>,
    brief: Safe,
    details: Details,
    undoable: Vec<Undoable>,
}

/// A stage, whole.
struct Stage {
    id: StageId,
    mark: Mark,
    generation: u64,
    runs: u32,
    entered: Option<When>,
    completed: Option<When>,
    approved_by: Option<Safe>,
    commit: Option<String>,
    found: Option<String>,
    /// What is put out now.
    live: Option<LiveOutput>,
    feedback: Option<Safe>,
    todos: Vec<Todo>,
    todos_done: usize,
    /// What its output is called, and the output.
    output: Option<(Safe, Safe)>,
    handoff: Option<Safe>,
    /// Whether there is nothing to show yet.
    is_empty: bool,
}

/// What a running agent puts out.
struct LiveOutput {
    agent: Safe,
    since: When,
    run: u64,
    tail: Safe,
}

struct Todo {
    text: Safe,
    is_done: bool,
}

/// What else there is to know.
struct Details {
    branch: Option<Safe>,
    worktree: Option<Safe>,
    is_removed: bool,
    base: Option<String>,
    merged: Option<String>,
    agent: Option<Safe>,
    session: Option<Safe>,
    rejections: Vec<(Safe, u32)>,
    depends_on: Vec<(String, bool)>,
    dependents: Vec<String>,
    created: When,
}

pub(super) async fn page(app: Data<App>, shell: Shell, at: At<EntityAt>, asked: Params<Asked>) -> Answer<Html> {
    let Looked { task, view, shell } = look(&app, shell, &at.id).await?;
    if let Some(stage) = &asked.stage {
        view.state.stage(stage)?;
    }
    let shown = asked.stage.clone().or_else(|| in_question(&view));
    let stage = match &shown {
        Some(stage) => Some(read(&task, &view, stage).await?),
        None => None,
    };
    let head = Head::of(&shell, &at.id, &view, "", shown.as_ref());
    let brief = markdown(&task.brief().await?);
    let undoable = if shell.may_reset { undoable(&at.id, &view) } else { Vec::new() };
    let details = details(&view);
    shell.page(|shell| Page { shell, head, stage, brief, details, undoable })
}

/// The stage that a person wants to see first: the one that the task is in, or the last of one that is done.
fn in_question(view: &View<TaskKind>) -> Option<StageId> {
    let state = &view.state;
    let last = || state.stages().next_back().filter(|_| state.is_done());
    state.current().or_else(last).map(|(outline, _)| outline.id.clone())
}

async fn read(task: &Task, view: &View<TaskKind>, id: &StageId) -> Answer<Stage> {
    let stage = view.state.stage(id)?;
    let outline = view.state.stages().find(|(outline, _)| outline.id == *id).map(|(outline, _)| outline);
    let called = outline.map(|outline| outline.output.as_str()).unwrap_or("output");
    let output = task.output(id).await?.map(|output| (line(called), markdown(&output)));
    let handoff = task.handoff(id).await?.map(|handoff| markdown(&handoff));
    let feedback = task.feedback(id).await?.map(|feedback| plain(&feedback));
    let todos = task.todos(id).await?;
    let todos_done = todos.iter().filter(|todo| todo.done).count();
    let live = live(task, view, id).await?;
    let is_empty = output.is_none() && handoff.is_none() && feedback.is_none() && todos.is_empty() && live.is_none();
    Ok(Stage {
        id: id.clone(),
        mark: Mark::from(stage.status),
        generation: view.generation(id).0,
        runs: stage.runs,
        entered: stage.started_at.map(When),
        completed: stage.completed_at.filter(|_| stage.status == StageStatus::Complete).map(When),
        approved_by: stage.approval.as_ref().map(|approval| line(&approval.by)),
        commit: stage.commit.as_ref().map(short_id),
        found: match (stage.passed, stage.score) {
            (Some(true), _) => Some("What it verified holds".into()),
            (Some(false), _) => Some("What it verified does not hold".into()),
            (None, score) => score.map(|score| format!("Score {score}")),
        },
        live,
        feedback,
        todos: todos.iter().map(|todo| Todo { text: line(&todo.text), is_done: todo.done }).collect(),
        todos_done,
        output,
        handoff,
        is_empty,
    })
}

/// What the agent of a running stage puts out, as far as the log has it.
async fn live(task: &Task, view: &View<TaskKind>, id: &StageId) -> Answer<Option<LiveOutput>> {
    let Some(run) = view.state.run.as_ref().filter(|run| run.stage == *id) else { return Ok(None) };
    let entries = task.log(view.state.log.saturating_sub(TAIL_LINES)).await?;
    let of_run = entries.iter().filter(|entry| super::log::is_of(&entry.line.source, id, run.generation));
    let lines: Vec<&str> = of_run.map(|entry| entry.line.text.as_str()).collect();
    let agent = view.state.agent.as_deref().filter(|_| run.process.is_some()).unwrap_or("An agent");
    let tail = plain(&lines.join("\n"));
    Ok(Some(LiveOutput { agent: line(agent), since: When(run.since), run: run.number, tail }))
}

fn details(view: &View<TaskKind>) -> Details {
    let state = &view.state;
    let place = state.place.as_ref();
    Details {
        branch: place.map(|place| line(&place.branch)),
        worktree: place.map(|place| line(&place.worktree)),
        is_removed: state.cleaned_up,
        base: place.map(|place| {
            let commit = short_id(&place.base_commit);
            place.base.as_ref().map_or_else(|| commit.clone(), |base| format!("{base} at {commit}"))
        }),
        merged: state.merged.as_ref().map(short_id),
        agent: state.agent.as_deref().map(line),
        session: state.session.as_deref().map(line),
        rejections: state.rejections.iter().map(|(counter, count)| (line(counter), *count)).collect(),
        depends_on: state.depends_on.iter().map(|on| (on.task.to_string(), on.done.is_some())).collect(),
        dependents: state.dependents.iter().map(ToString::to_string).collect(),
        created: When(view.created_at),
    }
}
