//! What a restart or an undo would do, told before it is done; and what that rests on.

use super::going_back::end_of;
use super::limits::PLAN_NAMES_MAX;
use super::state::{ObjectId, StageState, StageStatus, Task};
use super::turn::Turn;
use crate::domain::stored::encode;
use crate::domain::{Digest, Fate, PlanLine, Rejection, StageId};

pub(super) fn restart(
    turn: &Turn<'_>,
    to: Option<&StageId>,
    after: Option<&(StageId, ObjectId)>,
) -> Result<(Vec<PlanLine>, Digest), Rejection> {
    let task = turn.state.as_ref();
    let first = to.map(|to| task.place_of(to)).transpose()?.unwrap_or_default();
    let mut lines = Vec::new();
    for (place, (outline, stage)) in task.stages().enumerate() {
        if stage.status == StageStatus::NotReached {
            continue;
        }
        let what = holds(outline.output.as_str(), stage);
        lines.push(if place < first {
            PlanLine::new(Fate::Kept, &outline.id, what, "it comes before the stage that is restarted")
        } else {
            PlanLine::new(Fate::Cleared, &outline.id, what, "the task goes back to before it; undo brings it back")
        });
    }
    lines.extend(fenced(task));
    let cleared = || task.tier.stages.iter().skip(first);
    for (counter, count) in &task.rejections {
        let reset = cleared().any(|outline| outline.counter == *counter);
        let (fate, why) = match reset {
            true => (Fate::Cleared, "a stage that it counts for starts over"),
            false => (Fate::Kept, "no stage that it counts for starts over"),
        };
        lines.push(of_task(fate, format!("rejections counted under {counter}: {count}"), why));
    }
    if task.paused.is_some() {
        lines.push(of_task(Fate::Cleared, "the pause", "a restarted task is not paused"));
    }
    if let Some(why) = &task.blocked {
        lines.push(of_task(Fate::Cleared, format!("the block: {why}"), "a restarted task is not blocked"));
    }
    if has_session(task) {
        let what = "the agent's session, and what it left for whoever goes on";
        lines.push(of_task(Fate::Cleared, what, "the next agent begins anew"));
    }
    if task.is_done() {
        for on in task.dependents.iter().take(PLAN_NAMES_MAX) {
            lines.push(of_task(
                Fate::Stale,
                format!("task {on}, if it was started"),
                "it waits for what this one ends with",
            ));
        }
        let more = task.dependents.len().saturating_sub(PLAN_NAMES_MAX);
        if more > 0 {
            lines.push(of_task(Fate::Stale, format!("{more} more tasks"), "they wait for what this one ends with"));
        }
    }
    let snapshot = task.operations.saturating_add(1);
    let what = format!("worktree and branch, to {}", end_of(task, after));
    let why = format!("everything uncommitted, and every commit left, goes into snapshot {snapshot}");
    lines.push(of_task(Fate::Restored, what, why));
    Ok((lines, rests_on(task, "restart", 0)?))
}

pub(super) fn take_back(turn: &Turn<'_>, point: u64, snapshot: u64) -> Result<(Vec<PlanLine>, Digest), Rejection> {
    let task = turn.state.as_ref();
    let mut lines = fenced(task);
    let why = format!("what is there now goes into snapshot {}", task.operations.saturating_add(1));
    let what = format!("worktree, index and branch, as snapshot {snapshot} keeps them");
    lines.push(of_task(Fate::Restored, what, why));
    Ok((lines, rests_on(task, "undo", point)?))
}

fn of_task(fate: Fate, what: impl Into<String>, why: impl Into<String>) -> PlanLine {
    PlanLine { fate, stage: None, what: what.into(), why: why.into() }
}

/// The agent at work, or the operation under way, that is ended.
fn fenced(task: &Task) -> Vec<PlanLine> {
    let mut lines = Vec::new();
    if let Some(run) = &task.run {
        let agent = task.agent.as_deref().filter(|_| run.process.is_some()).unwrap_or("an agent");
        let what = format!("run {}, by {agent}, under generation {}", run.number, run.generation);
        let why = "its processes are ended; what it still says is kept apart";
        lines.push(PlanLine::new(Fate::Fenced, &run.stage, what, why));
    }
    if let Some(operation) = &task.operation {
        let why = "it is given up, whether it was done or not";
        lines.push(of_task(Fate::Fenced, operation.kind.to_string(), why));
    }
    lines
}

/// What a stage holds, in words.
fn holds(output: &str, stage: &StageState) -> String {
    let mut parts = vec![stage.status.to_string()];
    if stage.status == StageStatus::Running {
        parts.push("everything its agent says until then".into());
        return parts.join(", ");
    }
    if stage.output.is_some() {
        parts.push(output.to_owned());
    }
    if stage.handoff {
        parts.push("hand-off".into());
    }
    if stage.feedback {
        parts.push("feedback".into());
    }
    if let Some(score) = stage.score {
        parts.push(format!("score {score}"));
    }
    if let Some(passed) = stage.passed {
        parts.push(if passed { "passed" } else { "not passed" }.into());
    }
    if let Some(approval) = &stage.approval {
        parts.push(format!("approved by {}", approval.by));
    }
    if let Some(commit) = &stage.commit {
        parts.push(format!("commit {commit}"));
    }
    if stage.todos.1 > 0 {
        parts.push("things to do".into());
    }
    parts.join(", ")
}

/// Everything that the lines show, as one number. What a running agent says is not among it.
fn rests_on(task: &Task, verb: &str, point: u64) -> Result<Digest, Rejection> {
    let shown = |stage: &StageState| match stage.status {
        StageStatus::Running => StageState { status: stage.status, last_run: stage.last_run, ..StageState::default() },
        _ => StageState { todos: (0, u32::from(stage.todos.1 > 0)), ..stage.clone() },
    };
    let stages: Vec<StageState> = task.stages.iter().map(shown).collect();
    let run = task.run.as_ref().map(|run| (run.number, run.generation, run.process.is_some()));
    let shown = (verb, point, stages, task.at, &task.rejections, task.paused, &task.blocked);
    let dependents = task.is_done().then_some(&task.dependents);
    let around = (&task.operation, task.operations, run, has_session(task), &task.place, dependents);
    Ok(Digest::of(&encode("plan", &(shown, around))?))
}

/// Whether there is something that the next agent would go on with. An agent at work has it while it is at work.
fn has_session(task: &Task) -> bool {
    task.run.is_none() && (task.session.is_some() || task.carry_over.is_some())
}
