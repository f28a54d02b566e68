//! The workers of a workflow: who has its tasks, and who asks its queues.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::web::Data;
use askama::Template;

use super::super::html::Html;
use super::super::marks::{Mark, Tone};
use super::super::shell::Shell;
use super::super::text::{Safe, line};
use super::super::when::When;
use super::{Head, STYLE, Tab};
use crate::api::workflow::{Domain, Workflow};
use crate::api::workflows::Worker;
use crate::api::{EntityId, Timestamp};
use crate::http::address::{At, EntityAt};
use crate::http::problem::Answer;
use crate::http::state::App;

/// Most workers that are looked at and shown.
const WORKERS_MAX: usize = 500;
/// Most tasks of one worker that are listed.
const HELD_SHOWN: usize = 20;

#[derive(Template)]
#[template(path = "workflow/workers.html")]
struct Workers {
    shell: Shell,
    head: Head,
    workers: Vec<Seen>,
    queues: Vec<String>,
    now: When,
}

/// A worker, as it was seen.
#[derive(Debug)]
pub(in crate::http::web) struct Seen {
    pub(in crate::http::web) name: Safe,
    pub(in crate::http::web) mark: Mark,
    pub(in crate::http::web) queues: String,
    pub(in crate::http::web) seen_at: When,
    pub(in crate::http::web) polled_at: Option<When>,
    pub(in crate::http::web) done: u64,
    pub(in crate::http::web) failed: u64,
    pub(in crate::http::web) holds: Vec<Holds>,
    /// Tasks that it has beside those.
    pub(in crate::http::web) more: usize,
}

/// A task that a worker has.
#[derive(Debug)]
pub(in crate::http::web) struct Holds {
    pub(in crate::http::web) href: String,
    pub(in crate::http::web) task: String,
    pub(in crate::http::web) until: When,
    pub(in crate::http::web) progress: Option<Safe>,
}

pub(super) async fn page(shell: Shell, app: Data<App>, at: At<EntityAt>) -> Answer<Html> {
    let view = app.workflows.get(&at.id).view().await?;
    let state = &view.state;
    let domains: BTreeSet<Domain> = domains(state);
    let now = app.now();
    let mut found = holders(&at.id, state, now);
    for worker in app.workflows.workers(None, WORKERS_MAX) {
        // Only what it has of this workflow is told here, and that the workflow itself knows best.
        if let Some(holder) = found.get_mut(&worker.name) {
            holder.meet(&worker);
        } else if worker.queues.iter().any(|queue| domains.contains(queue)) {
            found.insert(worker.name.clone(), Seen { holds: Vec::new(), more: 0, ..Seen::of(&worker, now) });
        }
    }
    let workers = found.into_values().take(WORKERS_MAX).collect();
    let queues = domains.iter().map(ToString::to_string).collect();
    let head = Head::of(&at.id, &view, Some(Tab::Workers));
    let shell = shell.titled(format!("Workers of {}", state.title)).about("workflow", &at.id).style(STYLE);
    shell.page(|shell| Workers { shell, head, workers, queues, now: When(now) })
}

/// The queues that the workflow has work for, or had.
fn domains(state: &Workflow) -> BTreeSet<Domain> {
    let lanes = state.lanes.keys().map(|lane| lane.domain.clone());
    lanes.chain(state.under_way.iter().map(|(task, entry)| entry.domain(task))).collect()
}

/// Who has tasks of a workflow, as it knows itself: what was seen of workers is forgotten with the process.
fn holders(id: &EntityId, state: &Workflow, now: Timestamp) -> BTreeMap<String, Seen> {
    let mut found: BTreeMap<String, Seen> = BTreeMap::new();
    for (task, lease) in state.under_way.iter().filter_map(|(task, entry)| Some((task, entry.leased()?))) {
        let holder = found.entry(lease.worker.clone()).or_insert_with(|| Seen {
            name: line(&lease.worker),
            mark: mark(true, lease.end() <= now),
            queues: String::new(),
            seen_at: When(lease.seen_at),
            polled_at: None,
            done: 0,
            failed: 0,
            holds: Vec::new(),
            more: 0,
        });
        if lease.end() <= now {
            holder.mark = mark(true, true);
        }
        holder.seen_at = When(holder.seen_at.0.max(lease.seen_at));
        holder.hold(Holds {
            href: super::tasks::href(id, task),
            task: task.to_string(),
            until: When(lease.end()),
            progress: lease.progress.as_deref().map(line),
        });
    }
    found
}

/// How a worker is.
fn mark(is_busy: bool, is_lost: bool) -> Mark {
    match (is_lost, is_busy) {
        (true, _) => Mark::new(Tone::Bad, '✕', "lost"),
        (false, true) => Mark::new(Tone::Active, '◐', "at work"),
        (false, false) => Mark::new(Tone::Done, '◇', "waits for tasks"),
    }
}

impl Seen {
    /// A worker as it was seen, with all that it has.
    pub(in crate::http::web) fn of(worker: &Worker, now: Timestamp) -> Self {
        let is_lost = worker.holding.iter().any(|held| held.until <= now);
        let mark = match worker.holding.is_empty() && worker.waiting == 0 {
            true => Mark::new(Tone::Idle, '○', "away"),
            false => mark(!worker.holding.is_empty(), is_lost),
        };
        let mut seen = Self {
            name: line(&worker.name),
            mark,
            queues: String::new(),
            seen_at: When(worker.seen_at),
            polled_at: None,
            done: 0,
            failed: 0,
            holds: Vec::new(),
            more: 0,
        };
        seen.meet(worker);
        for held in &worker.holding {
            seen.hold(Holds {
                href: super::tasks::href(&held.workflow, &held.task),
                task: format!("{} {}", held.workflow, held.task),
                until: When(held.until),
                progress: None,
            });
        }
        seen
    }

    /// Takes over what only was seen.
    fn meet(&mut self, worker: &Worker) {
        self.queues = worker.queues.iter().map(Domain::as_str).collect::<Vec<_>>().join(", ");
        self.polled_at = worker.polled_at.map(When);
        self.seen_at = When(self.seen_at.0.max(worker.seen_at));
        (self.done, self.failed) = (worker.done, worker.failed);
    }

    fn hold(&mut self, task: Holds) {
        if self.holds.len() < HELD_SHOWN { self.holds.push(task) } else { self.more += 1 }
    }
}
