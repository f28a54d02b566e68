//! To test an entity kind of one's own against crashes: entities over a simulated disk, without threads, on simulated
//! time, so that the same calls give the same bytes.
//!
//! ```
//! # use restage::testkit::{Ask, Fault, Harness, Keep, SimDisk, Terms};
//! # use restage::workshop::{Command, Template, WorkshopKind};
//! # use restage::EntityId;
//! # let template = Box::new(Template::from_toml("name='t'\ntitle='T'\n[[steps]]\nid='a'\ntitle='A'\nprompt='p'")?);
//! # let create = Ask::Command(Command::Create { title: "A title".into(), template });
//! let id = EntityId::new("w")?;
//! let disk = SimDisk::new();
//! let mut harness = Harness::<WorkshopKind>::open(disk.clone())?;
//! let stop_at = disk.operations() + 2;
//! disk.fail_at(stop_at, Fault::Stop);
//! let acknowledged = harness.ask(&id, create, Terms::default()).is_ok();
//! // The power fails; the same seed leaves the same sectors.
//! let mut after = Harness::<WorkshopKind>::open(disk.crash(7, Keep::Random))?;
//! assert!(!acknowledged || after.view(&id)?.state.exists());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use crate::engine::{Answer, Ask, EngineOptions, Receipt, Terms};
pub use crate::store::{Fault, Keep, SimDisk};

use crate::domain::{Entity, EntityId, StageId, Timestamp};
use crate::engine::{
    Audit, Commit, Failure, Handled, Instance, Owed, Page, PageRange, Request, Turn, View, next_sweep, query,
};
use crate::store::{
    Change, Entry, LogOptions, LogStore, MemoryIndex, MemoryStore, Position, Store, StoreError, StoreId, Urgency,
    batch_bytes,
};

/// When simulated time begins, in milliseconds since the start of 1970.
const BEGINNING: i64 = 1_000_000_000_000;

/// Entities of one kind over a store, driven by hand.
pub struct Harness<E: Entity> {
    ground: Ground,
    entities: BTreeMap<EntityId, Instance<E>>,
    clock: Arc<AtomicI64>,
    options: Arc<EngineOptions>,
}

/// What the entities lie in.
enum Ground {
    Disk(Box<LogStore<SimDisk, MemoryIndex>>),
    Memory(MemoryStore),
}

/// A request on its way: what it came to is known after [`Harness::settle`].
#[derive(Debug)]
pub struct Posted<R>(Slot<R>);

type Slot<R> = Arc<Mutex<Option<Result<Receipt<R>, Failure>>>>;

impl<R> Posted<R> {
    /// What it came to; `None` while that is not durable, and once it was taken.
    pub fn take(&self) -> Option<Result<Receipt<R>, Failure>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<E: Entity> std::fmt::Debug for Harness<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Harness").field("kind", &E::KIND).field("durable", &self.durable()).finish_non_exhaustive()
    }
}

impl<E: Entity> Harness<E> {
    /// Opens what is on the disk, or begins there. Segments and snapshots are small, so that short histories come upon
    /// every boundary.
    ///
    /// # Errors
    /// The store's, and the faults of the disk.
    pub fn open(disk: SimDisk) -> Result<Self, StoreError> {
        let clock = Arc::new(AtomicI64::new(BEGINNING));
        let time = Arc::clone(&clock);
        let mut options =
            LogOptions::new(StoreId(*b"the test harness"), Arc::new(move || time.load(Ordering::Relaxed)));
        options.threads = false;
        options.segment_bytes = 8 << 10;
        options.reserve_bytes = 16 << 10;
        options.growth_bytes = 8 << 10;
        options.free_bytes_min = 64 << 10;
        options.snapshot_after_bytes = 8 << 10;
        options.feed_retention_bytes = 8 << 10;
        options.recent_bytes_max = 4 << 10;
        let store = LogStore::open(disk, None, &|| Ok(MemoryIndex::default()), options)?;
        Ok(Self::over(Ground::Disk(Box::new(store)), clock))
    }

    /// Over a store in memory that never fails: what a run on a disk is compared with.
    pub fn in_memory() -> Self {
        let clock = Arc::new(AtomicI64::new(BEGINNING));
        let time = Arc::clone(&clock);
        let store = MemoryStore::keeping(Arc::new(move || time.load(Ordering::Relaxed)), usize::MAX);
        Self::over(Ground::Memory(store), clock)
    }

    fn over(ground: Ground, clock: Arc<AtomicI64>) -> Self {
        Self { ground, entities: BTreeMap::new(), clock, options: Arc::default() }
    }

    /// The same with other options of the engine.
    #[must_use]
    pub fn with(mut self, options: EngineOptions) -> Self {
        self.options = Arc::new(options);
        self.entities.clear();
        self
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.load(Ordering::Relaxed))
    }

    /// Sets the time: a harness begins at the same one again.
    pub fn set_now(&mut self, now: Timestamp) {
        self.clock.store(now.as_millis(), Ordering::Relaxed);
    }

    /// Lets time pass; drafts are committed when they are due, and timers fire.
    ///
    /// # Errors
    /// Of the first of them that failed.
    pub fn pass(&mut self, time: Duration) -> Result<(), Failure> {
        let end = self.now().after(time);
        while let Some((due, id)) = self.entities.iter().filter_map(|(id, e)| Some((e.due()?, id.clone()))).min() {
            if due > end {
                break;
            }
            self.set_now(due.max(self.now()));
            let now = self.now();
            if let Some(entity) = self.entities.get_mut(&id)
                && let Some(commit) = entity.commit_held(store(&self.ground), Some(now))?
            {
                let slot: Slot<E::Reply> = Slot::default();
                self.commit(commit, Arc::clone(&slot), Err(StoreError::Closed.into()));
                self.settle();
                if let Some(failure) = self.failure() {
                    return Err(failure.into());
                }
            }
        }
        self.set_now(end.max(self.now()));
        for timer in query::timers(store(&self.ground), None, usize::MAX)? {
            if timer.due <= end && timer.kind == E::KIND {
                self.ask(&timer.id, Ask::Timer { key: timer.key, due: timer.due }, Terms::default())?;
            }
        }
        Ok(())
    }

    /// Asks an entity and waits until the answer, and everything it rests on, is durable.
    ///
    /// # Errors
    /// Of the turn.
    pub fn ask(&mut self, id: &EntityId, ask: Ask<E>, terms: Terms) -> Result<Receipt<E::Reply>, Failure> {
        let posted = self.post(id, ask, terms);
        self.settle();
        posted.take().unwrap_or(Err(StoreError::Closed.into()))
    }

    /// Asks an entity and does not wait: what is posted until [`settle`](Self::settle) becomes durable together.
    pub fn post(&mut self, id: &EntityId, ask: Ask<E>, terms: Terms) -> Posted<E::Reply> {
        let slot = Slot::default();
        let now = self.now();
        if let Err(failure) = self.activate(id) {
            put(&slot, Err(failure));
        } else if let Some(entity) = self.entities.get_mut(id) {
            let Handled { commit, outcome } = entity.handle(Request { ask, terms }, store(&self.ground), now);
            match commit {
                Some(commit) => self.commit(commit, Arc::clone(&slot), outcome),
                None if entity.is_durable() => put(&slot, outcome),
                None => {
                    let slot = Arc::clone(&slot);
                    let done = move |stored: Result<_, StoreError>| {
                        put(&slot, stored.map_err(Failure::from).and(outcome));
                    };
                    store(&self.ground).barrier(Box::new(done));
                }
            }
        }
        Posted(slot)
    }

    fn commit(&self, commit: Commit<E>, slot: Slot<E::Reply>, outcome: Result<Receipt<E::Reply>, Failure>) {
        let Commit { batch, ticket, .. } = commit;
        let done = move |stored: Result<_, StoreError>| {
            if stored.is_ok() {
                ticket.durable();
            }
            put(&slot, stored.map_err(Failure::from).and(outcome));
        };
        store(&self.ground).commit(batch, Box::new(done));
    }

    fn activate(&mut self, id: &EntityId) -> Result<(), Failure> {
        if !self.entities.contains_key(id) {
            let entity = Instance::load(store(&self.ground), id.clone(), Arc::clone(&self.options))?;
            self.entities.insert(id.clone(), entity);
        }
        Ok(())
    }

    /// Commits everything that was posted, and tells whom it concerns.
    pub fn settle(&self) {
        if let Ground::Disk(log) = &self.ground {
            while log.step() {}
        }
    }

    /// Has entities leave memory that hold no drafts; they are read anew when they are asked again.
    pub fn passivate(&mut self) {
        self.settle();
        self.entities.retain(|_, entity| !entity.is_settled());
    }

    /// Has all entities leave memory as they are, as when the process is killed: drafts are lost.
    pub fn kill(&mut self) {
        self.entities.clear();
    }

    /// Does one piece of what the store does when it has nothing else to do. `false` when nothing is left.
    pub fn idle(&self) -> bool {
        matches!(&self.ground, Ground::Disk(log) if log.idle())
    }

    /// Applies what is durable to the index. `false` when there was nothing to apply.
    ///
    /// # Errors
    /// The store's.
    pub fn apply(&self) -> Result<bool, StoreError> {
        match &self.ground {
            Ground::Disk(log) => log.apply(),
            Ground::Memory(_) => Ok(false),
        }
    }

    /// Writes a snapshot and removes what it covers. `false` when there was nothing to do.
    ///
    /// # Errors
    /// The store's.
    pub fn compact(&self) -> Result<bool, StoreError> {
        match &self.ground {
            Ground::Disk(log) => log.compact(),
            Ground::Memory(_) => Ok(false),
        }
    }

    /// Removes what nothing refers to any more.
    ///
    /// # Errors
    /// The store's.
    pub fn sweep(&self) -> Result<(), StoreError> {
        let retention = i64::try_from(self.options.answer_retention.as_millis()).unwrap_or(i64::MAX);
        let before = Timestamp::from_millis(self.now().as_millis().saturating_sub(retention));
        let store = store(&self.ground);
        while let Some(batch) = next_sweep(store, before)? {
            store.admit(batch_bytes(&batch), Urgency::Reserved)?;
            store.commit(batch, Box::new(|_| {}));
            self.settle();
            self.failure().map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    /// Ends the store in order. Drafts are lost, as in a crash: flush them before.
    ///
    /// # Errors
    /// The store's.
    pub fn close(self) -> Result<(), StoreError> {
        store(&self.ground).close()
    }

    /// Which error ended all writing, if one has.
    pub fn failure(&self) -> Option<StoreError> {
        match &self.ground {
            Ground::Disk(log) => log.failure(),
            Ground::Memory(_) => None,
        }
    }
}

/// Looking.
impl<E: Entity> Harness<E> {
    /// An entity as its readers see it.
    ///
    /// # Errors
    /// What is stored for it can't be read.
    pub fn view(&mut self, id: &EntityId) -> Result<View<E>, Failure> {
        self.settle();
        self.activate(id)?;
        Ok(self.entities.get(id).ok_or(StoreError::Closed)?.view())
    }

    /// An entity as the store has it, whatever is in memory.
    ///
    /// # Errors
    /// What is stored for it can't be read.
    pub fn reread(&self, id: &EntityId) -> Result<View<E>, Failure> {
        query::view(store(&self.ground), id)
    }

    /// A page of a stage's content, as readers see it.
    ///
    /// # Errors
    /// As of [`view`](Self::view).
    pub fn page(&mut self, id: &EntityId, stage: &StageId, range: &PageRange) -> Result<Page, Failure> {
        let view = self.view(id)?;
        let layers = view.fences.get(stage).cloned().unwrap_or_default().layers;
        query::content::<E>(store(&self.ground), id, stage, &layers, range)
    }

    /// All turns of an entity.
    ///
    /// # Errors
    /// The store's.
    pub fn history(&self, id: &EntityId) -> Result<Vec<Turn<E>>, Failure> {
        query::history(store(&self.ground), id, 0, usize::MAX)
    }

    /// All audit entries of an entity.
    ///
    /// # Errors
    /// The store's.
    pub fn audit(&self, id: &EntityId) -> Result<Vec<Audit>, Failure> {
        query::audit::<E>(store(&self.ground), id, 0, usize::MAX)
    }

    /// The command that an orphan holds.
    ///
    /// # Errors
    /// The store's.
    pub fn orphan(&self, id: &EntityId, number: u64) -> Result<Option<E::Command>, Failure> {
        query::orphan::<E>(store(&self.ground), id, number)
    }

    /// What is owed to the world, in no particular order.
    ///
    /// # Errors
    /// The store's.
    pub fn owed(&self) -> Result<Vec<Owed<E>>, Failure> {
        query::owed::<E>(store(&self.ground), usize::MAX)
    }

    /// The last durable frame.
    pub fn durable(&self) -> Position {
        store(&self.ground).durable()
    }

    /// What [`dump`](Self::dump) gave at a position; of a store in memory, which has all its frames.
    ///
    /// # Errors
    /// [`StoreError::Gone`] when the log does not reach back to its beginning.
    pub fn dump_at(&self, position: Position) -> Result<Vec<Entry>, StoreError> {
        let mut entries = BTreeMap::new();
        let frames = store(&self.ground).frames(Position(0), usize::MAX)?;
        for change in frames.into_iter().filter(|frame| frame.position <= position).flat_map(|f| f.batch.changes) {
            match change {
                Change::Put(key, value) => entries.insert(key, value),
                Change::Delete(key) => entries.remove(&key),
            };
        }
        Ok(entries.into_iter().collect())
    }

    /// Every key with its value. Two stores with the same are the same.
    ///
    /// # Errors
    /// The store's.
    pub fn dump(&self) -> Result<Vec<Entry>, StoreError> {
        store(&self.ground).scan(Bound::Unbounded, Bound::Unbounded, usize::MAX)
    }
}

fn store(ground: &Ground) -> &dyn Store {
    match ground {
        Ground::Disk(log) => log.as_ref(),
        Ground::Memory(memory) => memory,
    }
}

fn put<R>(slot: &Slot<R>, outcome: Result<Receipt<R>, Failure>) {
    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
}

/// The steps of going back, in order: where the environment variable `RESTAGE_CRASH_AT` can have the process kill itself.
#[cfg(feature = "tasks")]
pub fn going_back_steps() -> Vec<&'static str> {
    let of = ["back-", "place-", "snapshot-", "file-", "extra-"];
    crate::vcs::STEPS.iter().copied().filter(|step| of.iter().any(|name| step.starts_with(name))).collect()
}
