//! What does not go on by itself, over all kinds, a part at a time.

use std::time::Duration;

use super::database::Restage;
use super::error::Error;
use super::kind::Kind;
#[cfg(feature = "tasks")]
use crate::domain::task::{self, TaskKind};
use crate::domain::workflow::{self, Domain, WorkflowKind};
use crate::domain::workshop::{self, WorkshopKind};
use crate::domain::{Entity, EntityId, LateWork, Rejection, Stuck, Timestamp};
use crate::engine::{Failure, View, query};
use crate::store::Store;

/// Entities looked at in one call.
const LOOKED_AT_MOST: usize = 1_000;
/// Entities read together.
const READ_MOST: usize = 100;

/// A queue with work that nobody asks for; queues are none of the kinds that a person works with.
const QUEUE: &str = "queue";

/// What of an entity does not go on by itself, as its kind has it.
type Rule<S> = fn(&S, &EntityId, &[LateWork], Timestamp, Duration) -> Vec<Stuck>;

/// Where to look for what does not go on by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StuckQuery {
    /// Only in entities of this kind.
    pub kind: Option<String>,
    /// What may yet go on is given so much time.
    pub patience: Duration,
    /// After this entity: [`StuckPage::next`] of the call before.
    pub after: Option<StuckAfter>,
    /// As many as this, if there are so many, and those of the last entity all together.
    pub most: usize,
}

impl Default for StuckQuery {
    /// All of it, and a patience of ten minutes.
    fn default() -> Self {
        Self { kind: None, patience: Duration::from_secs(10 * 60), after: None, most: 100 }
    }
}

/// An entity that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StuckAfter {
    /// Its kind.
    pub kind: String,
    /// Its id.
    pub id: EntityId,
}

/// Something that does not go on by itself, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StuckAt {
    /// The kind of the entity.
    pub kind: &'static str,
    /// The entity.
    pub id: EntityId,
    /// What it is, and its cure.
    pub stuck: Stuck,
}

/// What one call found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StuckPage {
    /// What was found, by kind and id.
    pub items: Vec<StuckAt>,
    /// After which to go on; `None` when all was looked at. There may be more although nothing was found.
    pub next: Option<StuckAfter>,
}

/// Looks through kinds in the order of their names.
struct Search<'a> {
    query: &'a StuckQuery,
    now: Timestamp,
    looked_at: usize,
    page: StuckPage,
}

impl Restage {
    /// What does not go on by itself in workshops, tasks, workflows and queues: since when, why, and the one command
    /// that cures it. Looks at a thousand entities at most: with [`StuckPage::next`] it goes on.
    ///
    /// # Errors
    /// A kind that there is not, and the store's.
    pub async fn stuck(&self, query: &StuckQuery) -> Result<StuckPage, Error> {
        let kinds = [QUEUE, "task", WorkflowKind::KIND, WorkshopKind::KIND];
        let named = query.kind.iter().chain(query.after.as_ref().map(|after| &after.kind));
        if let Some(unknown) = named.into_iter().find(|kind| !kinds.contains(&kind.as_str())) {
            return Err(Rejection::not_found("kind", unknown).into());
        }
        let mut search = Search { query, now: self.clock().now(), looked_at: 0, page: StuckPage::default() };
        search.queues(self).await?;
        #[cfg(feature = "tasks")]
        search.entities(&self.kind::<TaskKind>()?, task::stuck).await?;
        search.entities(&self.kind::<WorkflowKind>()?, workflow::stuck).await?;
        search.entities(&self.kind::<WorkshopKind>()?, workshop::stuck).await?;
        Ok(search.page)
    }
}

impl Search<'_> {
    /// Where to begin in a kind; `None` where it is not looked at.
    fn begin(&self, kind: &str) -> Option<Option<EntityId>> {
        if self.page.next.is_some() || self.query.kind.as_deref().is_some_and(|wanted| wanted != kind) {
            return None;
        }
        match &self.query.after {
            Some(after) if after.kind.as_str() > kind => None,
            Some(after) if after.kind == kind => Some(Some(after.id.clone())),
            _ => Some(None),
        }
    }

    /// Takes in what was found in an entity; whether to go on to the next.
    fn take(&mut self, kind: &'static str, id: &EntityId, found: Vec<Stuck>) -> bool {
        self.looked_at += 1;
        self.page.items.extend(found.into_iter().map(|stuck| StuckAt { kind, id: id.clone(), stuck }));
        let enough = self.page.items.len() >= self.query.most || self.looked_at >= LOOKED_AT_MOST;
        if enough {
            self.page.next = Some(StuckAfter { kind: kind.to_owned(), id: id.clone() });
        }
        !enough
    }

    async fn entities<E: Entity>(&mut self, kind: &Kind<E>, stuck: Rule<E::State>) -> Result<(), Error> {
        let Some(mut after) = self.begin(E::KIND) else { return Ok(()) };
        loop {
            let ids = kind.list(after.as_ref(), READ_MOST).await?;
            let is_last = ids.len() < READ_MOST;
            let Some(last) = ids.last().cloned() else { return Ok(()) };
            let read = kind.entity(&last).read(move |store| views::<E>(store, ids)).await?;
            for (id, view) in read {
                let late: Vec<LateWork> = view.orphans.iter().map(late).collect();
                let found = stuck(&view.state, &id, &late, self.now, self.query.patience);
                if !self.take(E::KIND, &id, found) {
                    return Ok(());
                }
            }
            if is_last {
                return Ok(());
            }
            after = Some(last);
        }
    }

    /// Queues with work that nobody asks for.
    async fn queues(&mut self, restage: &Restage) -> Result<(), Error> {
        let Some(after) = self.begin(QUEUE) else { return Ok(()) };
        let workflows = restage.workflows()?;
        let after = after.map(|id| Domain::new(id.as_str())).transpose()?;
        for queue in workflows.queues(after.as_ref(), LOOKED_AT_MOST).await? {
            let long = queue.oldest.filter(|since| self.now.since(*since) >= self.query.patience);
            let found = long.filter(|_| queue.workers == 0).map(|since| Stuck {
                what: "no_workers",
                part: None,
                since,
                why: format!("{} workflows have tasks in it, and no worker asks for any", queue.workflows),
                cure: format!("restage worker run --queue {} -- COMMAND", queue.domain),
            });
            if !self.take(QUEUE, &EntityId::new(queue.domain.as_str())?, found.into_iter().collect()) {
                break;
            }
        }
        Ok(())
    }
}

fn views<E: Entity>(store: &dyn Store, ids: Vec<EntityId>) -> Result<Vec<(EntityId, View<E>)>, Failure> {
    let view = |id: EntityId| query::view::<E>(store, &id).map(|view| (id, view));
    // One that can't be read is an error of its own, and hides nothing else.
    let readable =
        ids.into_iter().map(view).filter(|read| !matches!(read, Err(Failure::Unreadable { .. } | Failure::Gap { .. })));
    readable.collect()
}

fn late(orphan: &crate::engine::Orphan) -> LateWork {
    LateWork { number: orphan.number, stage: orphan.stage.clone(), at: orphan.at }
}
