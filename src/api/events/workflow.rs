//! What workflows tell.

use serde_json::{Value, json};

use super::told::{Said, Tell};
use crate::domain::Timestamp;
use crate::domain::workflow::{Event, Standing, UnderWay, WorkflowKind};

impl Tell for WorkflowKind {
    #[cfg(test)]
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
                let data = json!({
                    "gate": lane.gate, "domain": lane.domain, "priority": lane.priority,
                    "next": tasks.next, "end": tasks.end,
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
    let worker = under_way.lease.as_ref().map(|lease| &lease.worker);
    let said = |name: &'static str, data: Value| Said::new(name, data);
    match under_way.standing {
        // A sign of life leaves it standing as it was.
        Standing::Leased if under_way.since < at => {
            let progress = under_way.lease.as_ref().and_then(|lease| lease.progress.as_ref());
            let data = json!({ "task": task, "worker": worker, "attempt": attempt, "progress": progress });
            said("task_heartbeat", data)
        }
        Standing::Leased => said("task_claimed", json!({ "task": task, "worker": worker, "attempt": attempt })),
        Standing::Waiting(_) | Standing::Queued => {
            let (human, problem) = (under_way.human, &under_way.problem);
            said("task_waiting", json!({ "task": task, "attempt": attempt, "human": human, "problem": problem }))
        }
        Standing::Failed => {
            said("task_failed", json!({ "task": task, "attempt": attempt, "problem": under_way.problem }))
        }
    }
}
