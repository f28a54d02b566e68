//! Actors: one per active entity, on threads of their own. The only place that knows actix, and no rule is in it.
//!
//! What is promised on order, back-pressure, panics and shutdown is told in the semantics page of the documentation.

mod actor;
mod arbiters;
mod clock;
mod effects;
mod error;
mod feed;
mod kind;
mod options;
mod registry;
mod services;
mod shared;

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use self::arbiters::Arbiters;
use self::clock::Moment;
use self::kind::AnyKind;
use self::shared::Shared;
use crate::domain::Entity;
use crate::store::{Position, Store, StoreError};

#[cfg(feature = "http")]
pub use clock::Stopwatch;
pub use clock::{Clock, SystemClock, random_bytes, random_id};
pub use effects::EffectHandler;
pub use error::AskError;
pub use feed::Feed;
pub(crate) use kind::KindState;
pub use kind::KindStats;
pub use options::RuntimeOptions;

/// The actors over one store.
pub(crate) struct Runtime {
    inner: Arc<Inner>,
}

/// A kind, and the type that it is of.
type TypedKind = (TypeId, Arc<dyn AnyKind>);

/// What the services hold on to, weakly.
struct Inner {
    shared: Arc<Shared>,
    kinds: Mutex<HashMap<&'static str, TypedKind>>,
    /// Held while something is swept.
    sweeping: tokio::sync::Mutex<()>,
    /// Set when threads and store were ended.
    closed: AtomicBool,
}

impl Inner {
    /// Ends threads and store; once.
    fn close(&self) -> Result<(), StoreError> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.shared.arbiters.stop();
        let closed = self.shared.store.close();
        self.shared.ended.store(true, Ordering::Release);
        // Wakes who waits for something that will not come any more.
        self.shared.feed.send_modify(|_| {});
        self.kinds().iter().for_each(|kind| kind.wake());
        closed
    }

    fn kinds(&self) -> Vec<Arc<dyn AnyKind>> {
        let kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.values().map(|(_, kind)| Arc::clone(kind)).collect()
    }

    fn kind_named(&self, name: &str) -> Option<Arc<dyn AnyKind>> {
        let kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.get(name).map(|(_, kind)| Arc::clone(kind))
    }
}

impl Runtime {
    /// Starts the threads.
    pub(crate) fn start(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        options: RuntimeOptions,
    ) -> Result<Self, StoreError> {
        let arbiters = Arbiters::start(options.arbiters)
            .map_err(|error| StoreError::io("starting threads for", "the actor runtime", error))?;
        let feed = watch::Sender::new(store.durable());
        let (timers, garbage) = (Notify::new(), Notify::new());
        let shared = Shared {
            store,
            clock,
            options,
            arbiters,
            closing: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            timers,
            garbage,
            feed,
        };
        let inner = Arc::new(Inner {
            shared: Arc::new(shared),
            kinds: Mutex::default(),
            sweeping: tokio::sync::Mutex::default(),
            closed: AtomicBool::new(false),
        });
        let services = inner.shared.arbiters.pick(0);
        services.spawn(services::timers(Arc::downgrade(&inner)));
        services.spawn(services::sweeper(Arc::downgrade(&inner)));
        services.spawn(services::janitor(Arc::downgrade(&inner)));
        Ok(Self { inner })
    }

    /// The actors of a kind.
    pub(crate) fn kind<E: Entity>(&self) -> Result<Arc<KindState<E>>, AskError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if E::KIND.is_empty() || !E::KIND.chars().all(allowed) {
            return Err(AskError::KindName(E::KIND));
        }
        let mut kinds = self.inner.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let make =
            || -> TypedKind { (TypeId::of::<E>(), Arc::new(KindState::<E>::new(Arc::clone(&self.inner.shared)))) };
        let (of, kind) = kinds.entry(E::KIND).or_insert_with(make);
        if *of != TypeId::of::<E>() {
            return Err(AskError::KindTaken(E::KIND));
        }
        let kind = Arc::clone(kind).as_any().downcast().map_err(|_| AskError::KindTaken(E::KIND))?;
        // Timers of a kind that was not known wait for this.
        self.inner.shared.timers.notify_one();
        Ok(kind)
    }

    /// Has the effects of a kind carried out. False if somebody does already.
    pub(crate) fn serve<E: Entity>(&self, kind: &Arc<KindState<E>>, handler: impl EffectHandler<E>) -> bool {
        if kind.served.swap(true, Ordering::AcqRel) {
            return false;
        }
        self.spawn_beside(effects::dispatch(Arc::clone(kind), Arc::new(handler)));
        true
    }

    /// Runs what talks to the world where the program's own tasks run, not beside actors.
    pub(crate) fn spawn_beside(&self, task: impl Future<Output = ()> + Send + 'static) {
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(task)),
            Err(_) => drop(self.inner.shared.arbiters.pick(1).spawn(task)),
        }
    }

    /// Committed turns after a position.
    pub(crate) fn feed(&self, after: Position) -> Feed {
        Feed::new(Arc::clone(&self.inner.shared), after)
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.inner.shared.store
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.shared.clock
    }

    pub(crate) fn options(&self) -> &RuntimeOptions {
        &self.inner.shared.options
    }

    /// Figures of each kind, by name.
    pub(crate) fn stats(&self) -> Vec<KindStats> {
        let mut stats: Vec<_> = self.inner.kinds().iter().map(|kind| kind.stats()).collect();
        stats.sort_by_key(|kind| kind.kind);
        stats
    }

    /// Removes what nothing refers to any more, all of it.
    pub(crate) async fn sweep(&self) -> Result<(), StoreError> {
        while services::sweep_once(&self.inner).await? {}
        Ok(())
    }

    /// Takes no more messages, has every entity commit its drafts and leave memory, and closes the store.
    ///
    /// # Errors
    /// The store's. [`AskError::Deadline`] when entities did not leave in time; the store is closed all the same.
    pub(crate) async fn shutdown(&self) -> Result<(), AskError> {
        self.inner.shared.closing.store(true, Ordering::Release);
        let most = self.inner.shared.options.shutdown_most;
        let deadline = Moment::current().after(most);
        let mut left = true;
        let mut pause = Duration::from_millis(1);
        loop {
            let kinds = self.inner.kinds();
            if kinds.iter().all(|kind| kind.active() == 0) {
                break;
            }
            if deadline.is_over() {
                left = false;
                break;
            }
            kinds.iter().for_each(|kind| kind.passivate(Duration::ZERO, 0));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(100));
        }
        let inner = Arc::clone(&self.inner);
        let closed = tokio::task::spawn_blocking(move || inner.close());
        closed.await.unwrap_or(Err(StoreError::Closed))?;
        if left { Ok(()) } else { Err(AskError::Deadline(most)) }
    }
}

impl Drop for Runtime {
    /// Ends the threads. Drafts that were not committed are lost, as in a crash: call `shutdown` to keep them.
    fn drop(&mut self) {
        self.inner.shared.closing.store(true, Ordering::Release);
        if let Err(error) = self.inner.close() {
            tracing::error!(%error, "the store could not be closed");
        }
    }
}
