//! What does not go on by itself in a workflow: work that nobody claims, workers that are gone, results that came late, and
//! what only a person can decide.

use std::time::Duration;

use super::state::{RunStatus, Standing, UnderWay, Workflow};
use super::task::{Domain, TaskId};
use crate::domain::stuck::{LateWork, Stuck};
use crate::domain::{EntityId, Timestamp};

/// Everything in a workflow that does not go on by itself. What may yet go on is given so much time.
pub fn stuck(
    workflow: &Workflow,
    id: &EntityId,
    orphans: &[LateWork],
    now: Timestamp,
    patience: Duration,
) -> Vec<Stuck> {
    let look = Look { workflow, id, now, patience };
    let mut found: Vec<Stuck> = workflow.under_way.iter().filter_map(|(task, entry)| look.task(task, entry)).collect();
    found.extend(look.queues());
    found.extend(look.bound());
    found.extend(look.person());
    found.extend(look.run());
    found.extend(orphans.iter().map(|late| late.stuck(format!("restage workflow orphan adopt {id} {}", late.number))));
    found
}

struct Look<'a> {
    workflow: &'a Workflow,
    id: &'a EntityId,
    now: Timestamp,
    patience: Duration,
}

impl Look<'_> {
    fn is_long(&self, since: Timestamp) -> bool {
        self.now.since(since) >= self.patience
    }

    /// A task whose worker is gone, that failed, or that a safety check has stopped.
    fn task(&self, task: &TaskId, entry: &UnderWay) -> Option<Stuck> {
        let (id, part) = (self.id, Some(task.to_string()));
        let problem = entry.problem.clone().unwrap_or_default();
        match entry.standing {
            Standing::Leased => {
                let lease = entry.lease.as_ref()?;
                let is_lost = lease.end() <= self.now || self.is_long(lease.seen_at);
                is_lost.then(|| Stuck {
                    what: "lost_worker",
                    part,
                    since: lease.seen_at,
                    why: format!("worker {} has task {task}, and gives no sign of life", lease.worker),
                    cure: format!("restage workflow release {id} {task}"),
                })
            }
            Standing::Failed => Some(Stuck {
                what: "failed",
                part,
                since: entry.since,
                why: format!("task {task} failed as often as it may: {problem}"),
                cure: format!("restage workflow retry {id} {task}"),
            }),
            Standing::Queued if entry.human => Some(Stuck {
                what: "blocked",
                part,
                since: entry.since,
                why: format!("task {task} waits for a person: {problem}"),
                cure: format!("restage workflow retry {id} {task}"),
            }),
            Standing::Queued | Standing::Waiting(_) => None,
        }
    }

    /// Queues in which nobody claims anything. Each is told once, whatever waits in it.
    fn queues(&self) -> Vec<Stuck> {
        let waiting = self.workflow.domains_waiting().into_iter();
        let asks_person = self.workflow.under_way.values().any(|entry| entry.human);
        let long = waiting.filter(|(domain, offered)| {
            self.is_long(offered.since) && !(asks_person && domain.as_str() == Domain::HUMAN)
        });
        let told = long.map(|(domain, offered)| Stuck {
            what: "unclaimed",
            part: Some(domain.to_string()),
            since: offered.since,
            why: format!("tasks wait in queue {domain}, and no worker claims one"),
            cure: format!("restage worker run --queue {domain} -- COMMAND"),
        });
        told.collect()
    }

    /// So many tasks were met and are not finished that no more are granted.
    fn bound(&self) -> Option<Stuck> {
        let workflow = self.workflow;
        let waits = workflow.lanes_of(workflow.gate).any(|(_, lane)| lane.ahead() > 0);
        let (task, entry) = workflow.under_way.iter().min_by_key(|(_, entry)| entry.since)?;
        (workflow.is_full() && waits && workflow.grants()).then(|| Stuck {
            what: "full",
            part: None,
            since: entry.since,
            why: format!("{} tasks were begun and are not finished, and no more are granted", workflow.under_way.len()),
            cure: format!("restage workflow cancel {} {task}", self.id),
        })
    }

    /// A person's word that is waited for, or was no.
    fn person(&self) -> Option<Stuck> {
        let workflow = self.workflow;
        let (outline, gate) = workflow.current().filter(|_| workflow.waits_for_approval() && workflow.is_running())?;
        let since = gate.opened_at.unwrap_or_default();
        if let Some(error) = &workflow.error {
            let why = error.clone();
            let cure = format!("restage workflow reset {}", self.id);
            return Some(Stuck { what: "rejected", part: Some(outline.id.to_string()), since, why, cure });
        }
        self.is_long(since).then(|| Stuck {
            what: "unapproved",
            part: Some(outline.id.to_string()),
            since,
            why: format!("everything that {} asks for is done, and nobody has approved it", outline.id),
            cure: format!("restage workflow approve {} {}", self.id, outline.id),
        })
    }

    /// Work that is not granted because no run goes on.
    fn run(&self) -> Option<Stuck> {
        let workflow = self.workflow;
        let run = workflow.run.as_ref().filter(|run| run.status != RunStatus::Running)?;
        let since = run.ended_at.unwrap_or(run.started_at);
        let waits = !workflow.is_completed() && !workflow.has_nothing_to_do(workflow.gate);
        (waits && self.is_long(since)).then(|| Stuck {
            what: "not_running",
            part: None,
            since,
            why: format!("tasks wait, and the last run is over: the workflow is {}", workflow.status()),
            cure: format!("restage workflow run {}", self.id),
        })
    }
}
