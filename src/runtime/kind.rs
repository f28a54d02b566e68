//! One kind of entity in one runtime: finds or starts the actor of an entity, and asks it.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::Actor;
use actix::prelude::SendError;
use tokio::sync::{Notify, oneshot};

use super::actor::{Delivery, EntityActor, Leave, Letter, Reply, Returned};
use super::clock::Moment;
use super::error::AskError;
use super::registry::{Registry, spread};
use super::shared::Shared;
use crate::domain::{Entity, EntityId, StageId, Timestamp};
use crate::engine::{Ask, Page, PageRange, Receipt, Request, Terms, View};
use crate::store::Store;

/// Figures of one kind.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// How often drafts could not be stored and were tried again.
    pub(super) draft_retries: AtomicU64,
    /// Drafts that are held and not durable.
    pub(super) drafts_pending: AtomicUsize,
    /// Commands that a fence turned away, or that were superseded.
    pub(super) fences_hit: AtomicU64,
    /// Effects that were owed when last looked.
    pub(super) effects_owed: AtomicUsize,
    /// How often each verb was done or begun.
    pub(super) verbs: Mutex<BTreeMap<&'static str, u64>>,
}

impl Counters {
    pub(super) fn did(&self, verb: &'static str) {
        *self.verbs.lock().unwrap_or_else(PoisonError::into_inner).entry(verb).or_default() += 1;
    }
}

/// Figures of one kind since the runtime was started, as they are read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KindStats {
    /// The kind.
    pub kind: &'static str,
    /// Entities in memory.
    pub active: usize,
    /// Drafts that are held and not durable.
    pub drafts_pending: usize,
    /// How often drafts could not be stored and were tried again.
    pub draft_retries: u64,
    /// Commands that a fence turned away, or that were superseded.
    pub fences_hit: u64,
    /// Effects owed to the world, if somebody carries them out; no more than some thousand are counted.
    pub effects_owed: usize,
    /// How often each verb was done or begun.
    pub verbs: Vec<(&'static str, u64)>,
}

/// What the actors of one kind share.
pub(crate) struct KindState<E: Entity> {
    pub(super) shared: Arc<Shared>,
    pub(super) registry: Registry<E>,
    pub(super) counters: Counters,
    /// Told when an effect is owed.
    pub(super) owing: Notify,
    /// Whether somebody carries out its effects: only one can.
    pub(super) served: AtomicBool,
}

impl<E: Entity> KindState<E> {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let (registry, counters) = (Registry::default(), Counters::default());
        Self { shared, registry, counters, owing: Notify::new(), served: AtomicBool::new(false) }
    }

    /// The store, for what is read beside the actors.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.shared.store)
    }

    /// Asks an entity for a turn.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        id: &EntityId,
        request: Request<E>,
        within: Duration,
    ) -> Result<Receipt<E::Reply>, AskError> {
        let deadline = Moment::current().after(within);
        let letter = |reply| Letter::Ask(request, deadline, reply);
        self.until(deadline, within, self.exchange(id, letter, deadline)).await
    }

    /// Looks at an entity, and at a page of its content.
    pub(crate) async fn look(
        self: &Arc<Self>,
        id: &EntityId,
        range: Option<(StageId, PageRange)>,
        within: Duration,
    ) -> Result<(View<E>, Page), AskError> {
        let deadline = Moment::current().after(within);
        self.until(deadline, within, self.exchange(id, |reply| Letter::Look(range, reply), deadline)).await
    }

    async fn until<T>(
        &self,
        deadline: Moment,
        within: Duration,
        answer: impl Future<Output = Result<T, AskError>>,
    ) -> Result<T, AskError> {
        // By the same clock as the wait for room, so that what was never delivered is told as busy and not as late.
        tokio::time::timeout_at(deadline.instant(), answer).await.unwrap_or(Err(AskError::Deadline(within)))
    }

    /// Sends a letter until an actor that owns the entity has read it.
    async fn exchange<T>(
        self: &Arc<Self>,
        id: &EntityId,
        letter: impl FnOnce(Reply<E, T>) -> Letter<E>,
        deadline: Moment,
    ) -> Result<T, AskError>
    where
        Letter<E>: Readdress<E, T>,
    {
        let (reply, mut answer) = oneshot::channel();
        let mut letter = letter(reply);
        loop {
            if self.shared.closing.load(Ordering::Acquire) {
                return Err(AskError::Stopped);
            }
            self.post(id, letter, deadline).await?;
            match answer.await {
                Ok(Returned::Answer(result)) => return result,
                Ok(Returned::Moved(unread)) => {
                    let (reply, next) = oneshot::channel();
                    letter = unread.readdress(reply);
                    answer = next;
                }
                // The reply was dropped with the turn undecided or uncertain; only a stopping runtime does that.
                Err(_) => return Err(AskError::Stopped),
            }
        }
    }

    /// Puts a letter into the mailbox of the entity's actor, once there is room for it.
    async fn post(self: &Arc<Self>, id: &EntityId, letter: Letter<E>, deadline: Moment) -> Result<(), AskError> {
        let most = self.shared.options.mailbox_most;
        let (addr, room) = self.registry.addr(id, most, |serial| {
            let actor = EntityActor::new(Arc::clone(self), id.clone(), serial);
            EntityActor::start_in_arbiter(self.shared.arbiters.pick(spread(id)), |_| actor)
        });
        let busy = AskError::Busy { waiting: most };
        let permit = match Arc::clone(&room).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => match tokio::time::timeout_at(deadline.instant(), room.acquire_owned()).await {
                Ok(Ok(permit)) => permit,
                _ => return Err(busy),
            },
        };
        match addr.try_send(Delivery::new(letter, permit)) {
            Ok(()) => Ok(()),
            Err(SendError::Closed(delivery)) => {
                // Dropped, it goes back to its sender, who tries again.
                self.registry.forget_closed(id);
                drop(delivery);
                Ok(())
            }
            Err(SendError::Full(_)) => Err(busy),
        }
    }

    /// Asks on behalf of the runtime itself.
    pub(super) async fn ask_as_runtime(self: &Arc<Self>, id: &EntityId, ask: Ask<E>) -> Result<(), AskError> {
        let terms = Terms { by: "restage".into(), ..Terms::default() };
        self.ask(id, Request { ask, terms }, self.shared.options.deadline).await.map(|_| ())
    }
}

/// Gives a letter that came back unread a new place for its answer.
pub(super) trait Readdress<E: Entity, T> {
    fn readdress(self, reply: Reply<E, T>) -> Letter<E>;
}

impl<E: Entity> Readdress<E, Receipt<E::Reply>> for Letter<E> {
    fn readdress(self, reply: Reply<E, Receipt<E::Reply>>) -> Letter<E> {
        match self {
            Letter::Ask(request, deadline, _) => Letter::Ask(request, deadline, reply),
            other => other,
        }
    }
}

impl<E: Entity> Readdress<E, (View<E>, Page)> for Letter<E> {
    fn readdress(self, reply: Reply<E, (View<E>, Page)>) -> Letter<E> {
        match self {
            Letter::Look(range, _) => Letter::Look(range, reply),
            other => other,
        }
    }
}

/// A kind without its type, for what the runtime does with all of them.
pub(super) trait AnyKind: Send + Sync {
    fn active(&self) -> usize;
    fn stats(&self) -> KindStats;
    /// Has entities leave memory: those unused for `idle`, and the least recently used beyond `most`.
    fn passivate(&self, idle: Duration, most: usize);
    /// Has whoever carries out effects look again.
    fn wake(&self);
    /// Hands a timer that is due to its entity.
    fn fire(self: Arc<Self>, id: EntityId, key: String, due: Timestamp) -> futures::Fired;
    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// Types of boxed futures.
pub(super) mod futures {
    use std::pin::Pin;

    use super::AskError;

    /// Resolves when the entity has taken the timer in.
    pub(in super::super) type Fired = Pin<Box<dyn Future<Output = Result<(), AskError>> + Send>>;
}

impl<E: Entity> AnyKind for KindState<E> {
    fn active(&self) -> usize {
        self.registry.active()
    }

    fn stats(&self) -> KindStats {
        let counters = &self.counters;
        let verbs = counters.verbs.lock().unwrap_or_else(PoisonError::into_inner);
        KindStats {
            kind: E::KIND,
            active: self.registry.active(),
            drafts_pending: counters.drafts_pending.load(Ordering::Relaxed),
            draft_retries: counters.draft_retries.load(Ordering::Relaxed),
            fences_hit: counters.fences_hit.load(Ordering::Relaxed),
            effects_owed: counters.effects_owed.load(Ordering::Relaxed),
            verbs: verbs.iter().map(|(verb, count)| (*verb, *count)).collect(),
        }
    }

    fn passivate(&self, idle: Duration, most: usize) {
        for addr in self.registry.to_passivate(idle, most) {
            // One that is closed is on its way already.
            let _ = addr.try_send(Leave);
        }
    }

    fn wake(&self) {
        self.owing.notify_one();
    }

    fn fire(self: Arc<Self>, id: EntityId, key: String, due: Timestamp) -> futures::Fired {
        Box::pin(async move { self.ask_as_runtime(&id, Ask::Timer { key, due }).await })
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
