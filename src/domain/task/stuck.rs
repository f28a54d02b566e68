//! What does not go on by itself in a task: a breaker that is open, runs that came to nothing, what waits for a person, and
//! files that are moved for too long.

use std::time::Duration;

use super::state::{Problem, StageState, StageStatus, Task};
use crate::domain::stuck::{LateWork, Stuck};
use crate::domain::{EntityId, StageId, Timestamp};

/// Everything in a task that does not go on by itself. What may yet go on is given so much time.
pub fn stuck(task: &Task, id: &EntityId, orphans: &[LateWork], now: Timestamp, patience: Duration) -> Vec<Stuck> {
    let is_long = |since: Timestamp| now.since(since) >= patience;
    let mut found: Vec<Stuck> = Vec::new();
    found.extend(operation(task, id).filter(|stuck| is_long(stuck.since)));
    if let Some(since) = task.paused.filter(|since| is_long(*since)) {
        let (why, cure) = ("the task is paused".into(), format!("restage task resume {id}"));
        found.push(Stuck { what: "paused", part: None, since, why, cure });
    } else if let Some((outline, stage)) = task.current().filter(|_| task.operation.is_none()) {
        found.extend(at_rest(task, id, &outline.id, stage, &is_long));
    }
    found.extend(orphans.iter().map(|late| late.stuck(format!("restage task adopt {id} {}", late.number))));
    found
}

fn operation(task: &Task, id: &EntityId) -> Option<Stuck> {
    let operation = task.operation.as_ref()?;
    let problem = task.problem.as_ref().map(|problem| format!(": {}", problem.what)).unwrap_or_default();
    Some(Stuck {
        what: "operation",
        part: None,
        since: operation.since,
        why: format!("it is {}, asked for by {}, and that is not done{problem}", operation.kind, operation.by),
        cure: format!("restage task log {id} --follow"),
    })
}

/// What its stage waits for, if somebody has to do something about it.
fn at_rest(
    task: &Task,
    id: &EntityId,
    of: &StageId,
    stage: &StageState,
    is_long: &dyn Fn(Timestamp) -> bool,
) -> Option<Stuck> {
    let entered = stage.started_at.unwrap_or(task.created_at);
    let failed_at = task.problem.as_ref().map_or(entered, |problem| problem.at);
    let (what, since, why, cure) = match stage.status {
        _ if task.blocked.is_some() => {
            let why = format!("the task is blocked: {}", task.blocked.as_deref().unwrap_or_default());
            ("blocked", entered, why, format!("restage task restart {id} {of}"))
        }
        StageStatus::Failed => {
            let problem = task.problem.as_ref().map(problem).unwrap_or_default();
            ("failed", failed_at, format!("the run of {of} failed{problem}"), format!("restage task retry {id}"))
        }
        StageStatus::Interrupted => {
            let why = format!("the run of {of} was ended before it was done");
            ("interrupted", failed_at, why, format!("restage task retry {id}"))
        }
        StageStatus::ToApprove if is_long(entered) => {
            let why = format!("what the run of {of} has made is neither approved nor rejected");
            ("unapproved", entered, why, format!("restage task approve {id}"))
        }
        StageStatus::Ready | StageStatus::Rejected if is_long(entered) => (
            "not_running",
            entered,
            format!("{of} is {}, and no agent works on it", stage.status),
            format!("restage task run {id}"),
        ),
        _ => return None,
    };
    Some(Stuck { what, part: Some(of.to_string()), since, why, cure })
}

fn problem(problem: &Problem) -> String {
    format!(": {}", problem.what)
}
