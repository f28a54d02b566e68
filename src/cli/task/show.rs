//! `show`: a task with its stages, or one stage with what it put out.

use serde_json::{Value, json};

use super::words::{next, problem_json, stage_status, standing_json, status};
use super::{Call, stage};
use crate::api::task::{StageOutline, StageState, StageStatus, TaskKind, Todo};
use crate::api::{EntityId, StageId, Task, UndoPoint, View};
use crate::cli::args::task::ShowArgs;
use crate::cli::call::{count, names};
use crate::cli::files::short;
use crate::cli::output::{Cell, Table, Tone, block, line};
use crate::cli::stop::Outcome;
use crate::cli::time;

/// Lines of a brief that are shown with the whole task.
const BRIEF_LINES: usize = 5;

pub(super) async fn show(call: &mut Call<'_>, args: ShowArgs) -> Outcome {
    let (task, view) = call.task(&args.task, None).await?;
    match &args.stage {
        Some(name) => one_stage(call, &task, &view, &stage(&task, &view, name)?).await,
        None => {
            let brief = task.brief().await?;
            let answer = task_json(task.id(), &view, &brief);
            Ok(call.output.data(&answer, |width| task_text(task.id(), &view, &brief, width))?)
        }
    }
}

fn task_json(id: &EntityId, view: &View<TaskKind>, brief: &str) -> Value {
    let state = &view.state;
    let mut answer = standing_json(id, view);
    let more = json!({
        "title": state.title,
        "brief": brief,
        "tier": state.tier.name,
        "repository": state.repository,
        "from": state.from,
        "auto": state.auto,
        "created_at": time::rfc3339(view.created_at.as_millis()),
        "updated_at": time::rfc3339(view.updated_at.as_millis()),
        "done_at": state.done_at.map(|at| time::rfc3339(at.as_millis())),
        "stages": state.stages().map(|(outline, stage)| stage_json(outline, stage, view)).collect::<Vec<_>>(),
        "place": state.place.as_ref().map(|place| json!({
            "branch": place.branch, "worktree": place.worktree, "base": place.base, "base_commit": place.base_commit,
            "removed": state.cleaned_up,
        })),
        "run": state.run.as_ref().map(|run| json!({
            "run": run.number, "stage": run.stage, "generation": run.generation,
            "since": time::rfc3339(run.since.as_millis()), "process": run.process.as_ref().map(|process| process.0),
        })),
        "agent": state.agent,
        "session": state.session,
        "rejections": state.rejections,
        "paused_at": state.paused.map(|at| time::rfc3339(at.as_millis())),
        "blocked": state.blocked,
        "merged": state.merged,
        "depends_on": state.depends_on.iter().map(|on| json!({
            "task": on.task, "done": on.done, "begun_with": on.begun_with,
        })).collect::<Vec<_>>(),
        "dependents": state.dependents,
        "stale": state.stale().iter().map(|stale| json!({ "task": stale.task, "why": stale.why })).collect::<Vec<_>>(),
        "undo_points": view.undo_points.iter().map(|point| json!({
            "undo_point": point.number, "verb": point.verb, "stage": point.stage, "undone_by": point.undone_by,
            "until": time::rfc3339(point.until.as_millis()),
        })).collect::<Vec<_>>(),
        "orphans": view.orphans.len(),
        "restart_targets": state.restart_targets(),
        "log_lines": state.log,
        "next": next(id, state),
    });
    if let (Value::Object(answer), Value::Object(more)) = (&mut answer, more) {
        answer.extend(more);
    }
    answer
}

fn stage_json(outline: &StageOutline, stage: &StageState, view: &View<TaskKind>) -> Value {
    json!({
        "stage": outline.id,
        "status": stage.status,
        "generation": view.generation(&outline.id),
        "runs": stage.runs,
        "started_at": stage.started_at.map(|at| time::rfc3339(at.as_millis())),
        "completed_at": stage.completed_at.map(|at| time::rfc3339(at.as_millis())),
        "candidate": stage.candidate.as_ref().map(|candidate| json!({
            "tree": candidate.tree, "changed": candidate.changed,
        })),
        "approval": stage.approval.as_ref().map(|approval| json!({
            "by": approval.by, "at": time::rfc3339(approval.at.as_millis()), "tree": approval.tree,
        })),
        "commit": stage.commit,
        "score": stage.score.map(|score| score.to_string()),
        "passed": stage.passed,
        "todos_done": stage.todos.0,
        "todos": stage.todos.1,
    })
}

fn task_text(id: &EntityId, view: &View<TaskKind>, brief: &str, width: Option<u16>) -> String {
    let state = &view.state;
    let repository = state.repository.as_ref().map(|name| name.as_str()).unwrap_or_default();
    let mut text = format!(
        "{id}: {} ({}, tier {}, repository {repository}, revision {})\n",
        line(&state.title),
        status(state).0,
        state.tier.name,
        view.revision
    );
    text.push_str(&brief_text(brief));
    text.push_str(&stages_text(view, width));
    text.push_str(&place_text(view));
    text.push_str(&goes_on_text(view));
    if !view.orphans.is_empty() {
        let late = count(view.orphans.len(), "orphan");
        text.push_str(&format!("late work: {late}; see restage task orphans {id}\n"));
    }
    let targets = state.restart_targets();
    if !targets.is_empty() {
        let targets = targets.iter().map(|target| target.map_or("--full", StageId::as_str));
        text.push_str(&format!("restart: {}\n", names(targets)));
    }
    text.push_str(&undo_text(id, &view.undo_points));
    if let Some(next) = next(id, state) {
        text.push_str(&format!("next: {next}\n"));
    }
    text
}

fn brief_text(brief: &str) -> String {
    let mut text: String = brief.lines().take(BRIEF_LINES).map(|text| format!("  {}\n", line(text))).collect();
    let more = brief.lines().count().saturating_sub(BRIEF_LINES);
    if more > 0 {
        text.push_str(&format!("  and {} of the brief; --json has all\n", count(more, "more line")));
    }
    text
}

fn stages_text(view: &View<TaskKind>, width: Option<u16>) -> String {
    let mut table = Table::new(["STAGE", "STATUS", "GEN", "RUNS", "COMMIT", "APPROVED", "RESULT", "TODOS"]);
    for (outline, stage) in view.state.stages() {
        let (word, tone) = stage_status(stage.status);
        let approved = match (&stage.approval, &stage.candidate) {
            (Some(approval), _) => format!("by {}: {}", approval.by, short(&approval.tree)),
            (None, Some(candidate)) => format!("not yet: {}", short(&candidate.tree)),
            (None, None) => String::new(),
        };
        table.row([
            outline.id.as_str().into(),
            Cell::new(word, tone),
            view.generation(&outline.id).to_string().into(),
            if stage.runs == 0 { "".into() } else { stage.runs.to_string().into() },
            stage.commit.as_ref().map(short).unwrap_or_default().into(),
            approved.into(),
            result(stage),
            if stage.todos.1 == 0 { "".into() } else { format!("{}/{}", stage.todos.0, stage.todos.1).into() },
        ]);
    }
    table.text(width)
}

fn result(stage: &StageState) -> Cell {
    match (stage.score, stage.passed) {
        (_, Some(true)) => Cell::new("holds", Tone::Good),
        (_, Some(false)) => Cell::new("does not hold", Tone::Bad),
        (Some(score), None) => score.to_string().into(),
        (None, None) => "".into(),
    }
}

fn place_text(view: &View<TaskKind>) -> String {
    let state = &view.state;
    let Some(place) = &state.place else { return String::new() };
    let base = place.base.as_deref().unwrap_or("no branch");
    let mut text = format!("branch {}, from {} at {}\n", line(&place.branch), line(base), short(&place.base_commit));
    let removed = if state.cleaned_up { " (removed)" } else { "" };
    text.push_str(&format!("worktree {}{removed}\n", line(&place.worktree)));
    if let Some(commit) = &state.merged {
        text.push_str(&format!("merged into {}: {}\n", line(base), short(commit)));
    }
    text
}

/// What goes on, what is wrong, and what it waits for.
fn goes_on_text(view: &View<TaskKind>) -> String {
    let state = &view.state;
    let mut text = String::new();
    if let Some(operation) = &state.operation {
        let since = time::rfc3339(operation.since.as_millis());
        text.push_str(&format!("{} since {since}, asked for by {}\n", operation.kind, line(&operation.by)));
    }
    if let Some(run) = &state.run {
        let agent = state.agent.as_deref().filter(|_| run.process.is_some()).unwrap_or("an agent");
        let since = time::rfc3339(run.since.as_millis());
        text.push_str(&format!("{} works on {} since {since}: run {}\n", line(agent), run.stage, run.number));
    }
    if let Some(why) = &state.blocked {
        text.push_str(&format!("blocked: {}\n", line(why)));
    }
    if let Some(problem) = &state.problem {
        text.push_str(&format!("problem: could not {}: {}\n", line(&problem.doing), block(&problem.what)));
        if !problem.hint.is_empty() {
            text.push_str(&format!("   hint: {}\n", line(&problem.hint)));
        }
    }
    let waits: Vec<_> = state.depends_on.iter().filter(|on| on.done.is_none()).map(|on| &on.task).collect();
    if state.at.is_none() && !waits.is_empty() {
        text.push_str(&format!("waits for {}\n", names(waits)));
    }
    text.extend(state.stale().iter().map(|stale| format!("stale: {}\n", line(&stale.why))));
    text
}

fn undo_text(id: &EntityId, points: &[UndoPoint]) -> String {
    let mut text = String::new();
    for point in points.iter().rev().filter(|point| point.undone_by.is_none()) {
        let to = point.stage.as_ref().map(|stage| format!(" to {stage}")).unwrap_or_default();
        let (verb, number) = (&point.verb, point.number);
        text.push_str(&format!("the {verb}{to} can be taken back: restage task undo {id} {number}\n"));
    }
    text
}

async fn one_stage(call: &mut Call<'_>, task: &Task, view: &View<TaskKind>, id: &StageId) -> Outcome {
    let Some((outline, stage)) = view.state.stages().find(|(outline, _)| outline.id == *id) else { return Ok(()) };
    let (output, handoff) = (task.output(id).await?, task.handoff(id).await?);
    let (feedback, todos) = (task.feedback(id).await?, task.todos(id).await?);
    let mut answer = stage_json(outline, stage, view);
    if let Value::Object(answer) = &mut answer {
        let todo = |todo: &Todo| json!({ "text": todo.text, "done": todo.done });
        answer.insert("todos".into(), todos.iter().map(todo).collect());
        answer.remove("todos_done");
        answer.insert("output".into(), json!(output));
        answer.insert("handoff".into(), json!(handoff));
        answer.insert("feedback".into(), json!(feedback));
        if stage.status == StageStatus::Failed {
            answer.insert("problem".into(), view.state.problem.as_ref().map(problem_json).into());
        }
    }
    let text = |_| {
        let mut text = format!("{id}: {}, generation {}\n", stage.status, view.generation(id));
        if let Some(feedback) = &feedback {
            text.push_str(&format!("\nfeedback:\n{}\n", block(feedback)));
        }
        for todo in &todos {
            text.push_str(&format!("[{}] {}\n", if todo.done { "x" } else { " " }, line(&todo.text)));
        }
        if let Some(output) = &output {
            text.push_str(&format!("\n{}:\n{}\n", outline.output, block(output)));
        }
        if let Some(handoff) = &handoff {
            text.push_str(&format!("\nhand-off:\n{}\n", block(handoff)));
        }
        text
    };
    Ok(call.output.data(&answer, text)?)
}
