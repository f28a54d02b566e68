//! Queues: which workflows have work for a domain, and how much there is.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Workflows;
use crate::api::error::Error;
use crate::domain::queue;
use crate::domain::workflow::{Domain, Standing, Workflow};
use crate::domain::{EntityId, Rejection, Timestamp};
use crate::engine::query;

/// Workflows looked at to say how much work there is in a queue. Beyond, it is at least that much.
const LOOKED_AT_MOST: usize = 500;
/// Whoever asked for work not longer ago is there.
pub(super) const LATELY: Duration = Duration::from_secs(2 * 60);

/// A queue, as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Queue {
    /// Its name.
    pub domain: Domain,
    /// Workflows that have work for it.
    pub workflows: usize,
    /// Since when the work waits that waits the longest.
    pub oldest: Option<Timestamp>,
    /// Workers that wait for its work, or asked for some lately.
    pub workers: usize,
}

/// How much work there is in a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Depth {
    /// Tasks that wait, by priority.
    pub by_priority: BTreeMap<u8, u64>,
    /// Whether there may be more: only so many workflows are looked at.
    pub at_least: bool,
}

/// The id of the queue of a domain.
pub(super) fn queue_id(domain: &Domain) -> Result<EntityId, Rejection> {
    EntityId::new(domain.as_str())
}

impl Workflows {
    /// Queues that ever had work, by name, after one of them.
    ///
    /// # Errors
    /// The store's.
    pub async fn queues(&self, after: Option<&Domain>, most: usize) -> Result<Vec<Queue>, Error> {
        let after = after.map(queue_id).transpose()?;
        let mut queues = Vec::new();
        for id in self.0.queues.list(after.as_ref(), most).await? {
            queues.push(self.queue(&Domain::new(id.as_str())?).await?);
        }
        Ok(queues)
    }

    /// A queue; one that never had work is empty.
    ///
    /// # Errors
    /// The store's.
    pub async fn queue(&self, domain: &Domain) -> Result<Queue, Error> {
        let state = self.queue_state(domain).await?;
        let workers = self.0.workers.of_queue(domain, LATELY, self.now());
        Ok(Queue { domain: domain.clone(), workflows: state.hints.len(), oldest: state.oldest(), workers })
    }

    /// How much work there is in a queue, by looking at the workflows that have some.
    ///
    /// # Errors
    /// The store's.
    pub async fn depth(&self, domain: &Domain) -> Result<Depth, Error> {
        let state = self.queue_state(domain).await?;
        let mut depth = Depth { by_priority: BTreeMap::new(), at_least: state.hints.len() > LOOKED_AT_MOST };
        for id in state.hints.keys().take(LOOKED_AT_MOST) {
            add(&mut depth.by_priority, &self.peek(id).await?.state, domain);
        }
        Ok(depth)
    }

    async fn queue_state(&self, domain: &Domain) -> Result<queue::Queue, Error> {
        let id = queue_id(domain)?;
        let queue = self.0.queues.entity(&id);
        Ok(queue.read(move |store| query::view::<queue::QueueKind>(store, &id)).await?.state)
    }

    /// Workers that were seen since the program was started, by name, after one of them.
    pub fn workers(&self, after: Option<&str>, most: usize) -> Vec<super::Worker> {
        self.0.workers.list(after, most, self.now())
    }
}

/// Adds what a workflow would grant to workers of a domain.
fn add(by_priority: &mut BTreeMap<u8, u64>, workflow: &Workflow, domain: &Domain) {
    if !workflow.grants() {
        return;
    }
    for (lane, state) in workflow.lanes_of(workflow.gate).filter(|(lane, _)| lane.domain == *domain) {
        *by_priority.entry(lane.priority).or_default() += state.ahead();
    }
    for (task, entry) in workflow.under_way_of(workflow.gate) {
        if entry.standing == Standing::Queued && entry.domain(task) == *domain {
            *by_priority.entry(task.lane.priority).or_default() += 1;
        }
    }
    by_priority.retain(|_, count| *count > 0);
}
