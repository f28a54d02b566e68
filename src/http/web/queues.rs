//! The queues, and all workers that were seen.

use actix_web::web::{self, Data};
use askama::Template;
use utoipa_actix_web::service_config::ServiceConfig;

use super::html::Html;
use super::marks::{Mark, Tone};
use super::shell::Shell;
use super::when::When;
use super::workflow::{STYLE, Seen};
use crate::api::workflow::Domain;
use crate::api::workflows;
use crate::http::page::Paging;
use crate::http::problem::Answer;
use crate::http::state::App;

/// Most workers that are shown.
const WORKERS_MAX: usize = 200;

pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.route("/ui/queues", web::get().to(page));
}

#[derive(Template)]
#[template(path = "queues.html")]
struct Queues {
    shell: Shell,
    queues: Vec<Queue>,
    workers: Vec<Seen>,
    next: Option<String>,
}

/// A queue, with how much there is in it.
#[derive(Debug)]
struct Queue {
    name: String,
    mark: Mark,
    depth: u64,
    at_least: bool,
    /// Tasks by priority, in words.
    by_priority: String,
    workflows: usize,
    workers: usize,
    oldest: Option<When>,
    /// Whether somebody has to start a worker.
    calls: bool,
}

async fn page(shell: Shell, app: Data<App>, paging: Paging) -> Answer<Html> {
    let after = paging.after(|key| Domain::new(key).ok())?;
    let mut found = app.workflows.queues(after.as_ref(), paging.to_read()).await?;
    let more = found.len() > paging.limit;
    found.truncate(paging.limit);
    let next = paging.next_href(found.last().filter(|_| more).map(|queue| queue.domain.to_string()));
    let mut queues = Vec::with_capacity(found.len());
    for queue in found {
        let depth = app.workflows.depth(&queue.domain).await?;
        queues.push(Queue::of(&queue, &depth));
    }
    let now = app.now();
    let workers = app.workflows.workers(None, WORKERS_MAX).iter().map(|worker| Seen::of(worker, now)).collect();
    let shell = shell.titled("Queues").following(&["workflow", "queue"]).style(STYLE);
    shell.page(|shell| Queues { shell, queues, workers, next })
}

impl Queue {
    fn of(queue: &workflows::Queue, depth: &workflows::Depth) -> Self {
        let total: u64 = depth.by_priority.values().sum();
        let mark = match (total, queue.workers) {
            (0, _) => Mark::new(Tone::Idle, '○', "empty"),
            (_, 0) => Mark::new(Tone::Bad, '✕', "no workers"),
            _ => Mark::new(Tone::Active, '◐', "worked on"),
        };
        let by_priority = depth.by_priority.iter().rev();
        let by_priority: Vec<String> = by_priority.map(|(priority, tasks)| format!("{tasks} at {priority}")).collect();
        Self {
            name: queue.domain.to_string(),
            mark,
            depth: total,
            at_least: depth.at_least,
            by_priority: by_priority.join(", "),
            workflows: queue.workflows,
            workers: queue.workers,
            oldest: queue.oldest.map(When),
            calls: total > 0 && queue.workers == 0,
        }
    }
}
