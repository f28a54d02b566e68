//! What tasks tell.

use serde_json::{Value, json};

use super::told::{Said, Tell};
use crate::domain::Timestamp;
use crate::domain::task::{Cause, Event, OperationKind, Problem, StageState, TaskKind};

impl Tell for TaskKind {
    #[cfg(test)]
    const TYPES: &'static [&'static str] = &[
        "created",
        "stage_changed",
        "stage_entered",
        "stage_run",
        "stage_said",
        "stage_finished",
        "stage_interrupted",
        "stage_approved",
        "approval_fell",
        "stage_rejected",
        "stage_completed",
        "stage_cleared",
        "stage_adopted",
        "operation_began",
        "operation_ended",
        "operation_failed",
        "rolled_back",
        "run_failed",
        "agent_began",
        "agent_ended",
        "worktree_made",
        "worktree_removed",
        "worktree_back",
        "merged",
        "paused",
        "resumed",
        "blocked",
        "unblocked",
        "dependency_changed",
        "log_grew",
    ];

    fn tell(event: &Event, _: Timestamp) -> Option<Said> {
        Some(match event {
            Event::Created(task) => Said::new("created", json!({ "title": task.title, "tier": task.tier.name })),
            Event::Stage { stage, cause, state } => Said::of(of_cause(*cause), stage, stage_data(state)),
            Event::StatusChanged { stage, status, action } => Said {
                name: "stage_changed",
                stage: stage.clone(),
                data: json!({ "status": status, "action": action }),
            },
            Event::Began(operation) => {
                let data = json!({ "operation": operation.number, "does": of_operation(&operation.kind) });
                Said::new("operation_began", data)
            }
            Event::Ended(None) => Said::new("operation_ended", json!({})),
            Event::Ended(Some(problem)) => Said::new("operation_failed", problem_data(problem)),
            Event::RolledBack(back) => {
                let data =
                    json!({ "from": back.from, "to": back.to, "snapshot": back.snapshot_ref, "kept": back.kept });
                Said::new("rolled_back", data)
            }
            Event::Problem(problem) => Said::new("run_failed", problem_data(problem)),
            Event::Run(Some(run)) => Said::of("agent_began", &run.stage, json!({ "run": run.number })),
            Event::Run(None) => Said::new("agent_ended", json!({})),
            Event::Placed(place) => Said::new("worktree_made", json!({ "branch": place.branch })),
            Event::CleanedUp(true) => Said::new("worktree_removed", json!({})),
            Event::CleanedUp(false) => Said::new("worktree_back", json!({})),
            Event::Merged(commit) => Said::new("merged", json!({ "commit": commit })),
            Event::Paused(Some(_)) => Said::new("paused", json!({})),
            Event::Paused(None) => Said::new("resumed", json!({})),
            Event::Blocked(Some(why)) => Said::new("blocked", json!({ "why": why })),
            Event::Blocked(None) => Said::new("unblocked", json!({})),
            Event::Dependency(on) => {
                Said::new("dependency_changed", json!({ "task": on.task, "done": on.done.is_some() }))
            }
            Event::Logged(next) => Said::new("log_grew", json!({ "next": next })),
            // What these change is told with the stage, and by `stage_changed`.
            Event::Entered { .. } | Event::Agent { .. } | Event::Rejections(..) | Event::Awaited(_) => return None,
        })
    }
}

fn of_cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Entered => "stage_entered",
        Cause::Run => "stage_run",
        Cause::Said => "stage_said",
        Cause::Finished => "stage_finished",
        Cause::Interrupted => "stage_interrupted",
        Cause::Approved => "stage_approved",
        Cause::Changed => "approval_fell",
        Cause::Rejected => "stage_rejected",
        Cause::Completed => "stage_completed",
        Cause::Cleared => "stage_cleared",
        Cause::Adopted => "stage_adopted",
    }
}

fn of_operation(kind: &OperationKind) -> &'static str {
    match kind {
        OperationKind::Create => "create",
        OperationKind::Commit { .. } => "commit",
        OperationKind::Restart { .. } => "restart",
        OperationKind::Undo { .. } => "undo",
        OperationKind::Merge { .. } => "merge",
        OperationKind::CleanUp => "clean_up",
    }
}

fn stage_data(stage: &StageState) -> Value {
    json!({ "status": stage.status, "run": stage.last_run, "todos": { "done": stage.todos.0, "all": stage.todos.1 } })
}

fn problem_data(problem: &Problem) -> Value {
    json!({ "doing": problem.doing, "code": problem.code, "what": problem.what, "hint": problem.hint })
}
