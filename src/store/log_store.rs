//! The store that outlives power cuts.

use std::ops::Bound;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::core::Core;
use super::options::{LogOptions, LogStats};
use super::queue::Submission;
use super::{Batch, Disk, Done, Entry, Frame, Index, Position, Store, StoreError, Urgency, recovery};

/// With nothing committed for so long, what has gathered is applied to the index.
const GATHER: Duration = Duration::from_millis(50);
/// How often it is looked whether a snapshot is due.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(1);

/// A log of frames on a disk, with an index in front of which reads see what is durable.
pub struct LogStore<D: Disk, I: Index> {
    core: Arc<Core<D, I>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    ending: Arc<Ending>,
}

/// Tells the threads beside the committing one to end.
#[derive(Default)]
struct Ending {
    ended: Mutex<bool>,
    told: Condvar,
}

impl Ending {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for so long, or until it is time to end.
    fn wait(&self, most: Duration) {
        let ended = self.lock();
        if !*ended {
            drop(self.told.wait_timeout(ended, most));
        }
    }
}

impl<D: Disk, I: Index> LogStore<D, I> {
    /// Opens what is on the disk, or begins there. The index that was `found` is brought up to the end of the log if
    /// that can be, else a `blank` one is filled from snapshot and log.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] when something acknowledged is not there as it was written; nothing is changed then.
    pub fn open(
        disk: D,
        found: Option<I>,
        blank: &dyn Fn() -> Result<I, StoreError>,
        options: LogOptions,
    ) -> Result<Self, StoreError> {
        let recovered = recovery::recover(Arc::new(disk), found, blank, &options)?;
        let threads = options.threads;
        let store =
            Self { core: Arc::new(Core::new(recovered, options)), threads: Mutex::default(), ending: Arc::default() };
        if threads {
            store.spawn("store-commit", |core, _| core.run_committer())?;
            store.spawn("store-apply", run_applier)?;
            store.spawn("store-compact", run_compactor)?;
        }
        Ok(store)
    }

    fn spawn(&self, name: &str, work: fn(&Core<D, I>, &Ending)) -> Result<(), StoreError> {
        let (core, ending) = (Arc::clone(&self.core), Arc::clone(&self.ending));
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || work(&core, &ending));
        let thread = thread.map_err(|e| StoreError::io("start a thread for", self.core.disk.path(""), e))?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    /// Commits one group of what waits; for stores without threads. `false` when nothing waits.
    #[cfg(any(test, feature = "testkit"))]
    pub fn step(&self) -> bool {
        self.core.step()
    }

    /// Does one piece of what the committing thread does when it has nothing else to do; for stores without threads.
    /// `false` when nothing is left.
    #[cfg(any(test, feature = "testkit"))]
    pub fn idle(&self) -> bool {
        self.core.idle()
    }

    /// Applies what is durable to the index; for stores without threads. `false` when there was nothing to apply, or
    /// the disk is too full for it.
    #[cfg(any(test, feature = "testkit"))]
    pub fn apply(&self) -> Result<bool, StoreError> {
        self.core.apply()
    }

    /// Writes a snapshot of all closed segments, and removes what it covers and the feed need not keep. `false` when
    /// there was nothing to do, or no space to do it.
    #[cfg(any(test, feature = "testkit"))]
    pub fn compact(&self) -> Result<bool, StoreError> {
        self.core.compact()
    }

    /// What it has done, and how it stands.
    pub fn stats(&self) -> LogStats {
        self.core.stats()
    }

    /// The index. It may lack what was committed last.
    #[cfg(test)]
    pub(super) fn index(&self) -> &I {
        &self.core.index
    }

    /// The disk.
    #[cfg(test)]
    pub(super) fn disk(&self) -> &D {
        &self.core.disk
    }

    /// Which error ended all writing, if one has.
    pub fn failure(&self) -> Option<StoreError> {
        self.core.poisoned()
    }

    /// Runs `work` while no file of the store is removed.
    pub fn with_files_kept<T>(&self, work: impl FnOnce(&D) -> T) -> T {
        let _kept = self.core.compacting.lock().unwrap_or_else(PoisonError::into_inner);
        work(&self.core.disk)
    }

    fn end_threads(&self) {
        self.core.queue.close();
        *self.ending.lock() = true;
        self.ending.told.notify_all();
        self.core.overlay.wake();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // The store may be dropped by what one of its threads has called.
            if thread.thread().id() != thread::current().id() && thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
    }
}

impl<D: Disk, I: Index> Store for LogStore<D, I> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.core.overlay.get(&self.core.index, key)
    }

    fn scan(&self, from: Bound<&[u8]>, to: Bound<&[u8]>, most: usize) -> Result<Vec<Entry>, StoreError> {
        self.core.overlay.scan(&self.core.index, from, to, most)
    }

    fn admit(&self, bytes: usize, urgency: Urgency) -> Result<(), StoreError> {
        self.core.admit(bytes, urgency)
    }

    fn commit(&self, batch: Batch, done: Done) {
        let bytes = super::batch_bytes(&batch);
        self.core.submit(Submission::Commit { batch, bytes, done });
    }

    fn barrier(&self, done: Done) {
        self.core.submit(Submission::Barrier { done });
    }

    fn durable(&self) -> Position {
        self.core.durable()
    }

    fn frames(&self, after: Position, bytes_max: usize) -> Result<Vec<Frame>, StoreError> {
        self.core.feed.frames(after, self.core.durable(), bytes_max)
    }

    fn close(&self) -> Result<(), StoreError> {
        self.end_threads();
        while self.core.step() {}
        while self.core.apply()? {}
        self.core.check_poison()?;
        self.core.log().mark().map_err(|e| self.core.poison(&e))?;
        if self.core.may_write_beside()? {
            self.core.index.settle()?;
        }
        Ok(())
    }
}

impl<D: Disk, I: Index> Drop for LogStore<D, I> {
    fn drop(&mut self) {
        self.end_threads();
    }
}

/// The thread that brings the index up to what is durable.
fn run_applier<D: Disk, I: Index>(core: &Core<D, I>, ending: &Ending) {
    loop {
        let ended = || core.queue.is_closed() || core.poisoned().is_some();
        core.overlay.wait(|_, behind| ended() || (behind && core.may_write_beside().unwrap_or(false)));
        if ended() {
            return;
        }
        gather(core, ending);
        if let Err(error) = core.apply() {
            tracing::error!(%error, "the index could not be written to");
            return;
        }
    }
}

/// Lets changes gather while commits keep coming: the index takes as much of the processors as they do, and nobody waits
/// for it. Not beyond half of what may gather, since then they would have to.
fn gather<D: Disk, I: Index>(core: &Core<D, I>, ending: &Ending) {
    loop {
        let before = core.durable();
        ending.wait(GATHER);
        if *ending.lock() || core.durable() == before || core.overlay.bytes() >= core.options.overlay_bytes_max / 2 {
            return;
        }
    }
}

/// Has this thread stand back behind those that callers wait for. Linux sets the priority of the calling thread alone.
fn stand_back() {
    const NICE: i32 = 10;
    // Without it the work is done all the same.
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "a thread could not be made to stand back");
    }
}

/// The thread that writes snapshots.
fn run_compactor<D: Disk, I: Index>(core: &Core<D, I>, ending: &Ending) {
    stand_back();
    while !*ending.lock() {
        if core.wants_snapshot()
            && let Err(error) = core.compact()
        {
            tracing::error!(%error, "no snapshot could be written: the log is kept and grows on");
        }
        ending.wait(SNAPSHOT_EVERY);
    }
}
