//! What workflows tell.

use serde_json::json;

use super::told::{Said, Tell};
use crate::domain::Timestamp;
use crate::domain::workflow::{Event, Standing, UnderWay, WorkflowKind};

impl Tell for WorkflowKind {
    const TYPES: &'static [&'static str] = &[
        "started",
        "gate_entered",
        "gate_changed",
        "run_changed",
        "tasks_changed",
        "task_claimed",
        "task_heartbeat",
        "task_waiting",
        "task_failed",
        "task_settled",
        "stuck",
        "unstuck",
    ];

    fn tell(event: &Event, at: Timestamp) -> Option<Said> {
        Some(match event {
            Event::Started { title, story, .. } => Said::new("started", json!({ "title": title, "story": story })),
            Event::Gate(gate) => Said::new("gate_entered", json!({ "gate": gate })),
            Event::GateIs(gate, state) => {
                let data = json!({
                    "gate": gate,
                    "opened": state.opened_at.is_some(),
                    "passed": state.passed_at.is_some(),
                    "approved": state.approval.is_some(),
                    "results": state.results,
                    "given_up": state.given_up,
                });
                Said::new("gate_changed", data)
            }
            Event::RunIs(run) => {
                let data = json!({ "run": run.number, "status": run.status, "until": run.until });
                Said::new("run_changed", data)
            }
            Event::LaneIs(lane, tasks) => {
                let waiting = tasks.end.saturating_sub(tasks.next);
                let data = json!({
                    "gate": lane.gate, "domain": lane.domain, "priority": lane.priority, "waiting": waiting,
                });
                Said::new("tasks_changed", data)
            }
            Event::TaskIs(task, Some(under_way)) => task_said(&task.to_string(), under_way, at),
            Event::TaskIs(task, None) => Said::new("task_settled", json!({ "task": task })),
            Event::Error(Some(why)) => Said::new("stuck", json!({ "why": why })),
            Event::Error(None) => Said::new("unstuck", json!({})),
        })
    }
}

fn task_said(task: &str, under_way: &UnderWay, at: Timestamp) -> Said {
    let attempt = under_way.attempt;
    match &under_way.standing {
        // A sign of life leaves it standing as it was.
        Standing::Leased(lease) if under_way.since < at => {
            let data = json!({ "task": task, "worker": lease.worker, "attempt": attempt, "progress": lease.progress });
            Said::new("task_heartbeat", data)
        }
        Standing::Leased(lease) => {
            Said::new("task_claimed", json!({ "task": task, "worker": lease.worker, "attempt": attempt }))
        }
        Standing::Waiting(_) => {
            let data = json!({ "task": task, "attempt": attempt, "human": under_way.human, "problem": under_way.problem });
            Said::new("task_waiting", data)
        }
        Standing::Failed => {
            Said::new("task_failed", json!({ "task": task, "attempt": attempt, "problem": under_way.problem }))
        }
    }
}
