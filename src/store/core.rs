//! What the threads of a log store share, and how much of it is left when something fails.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::feed::Feed;
use super::log::Log;
use super::options::{LogOptions, LogStats};
use super::overlay::Overlay;
use super::queue::{Queue, Submission};
use super::recovery::Recovered;
use super::snapshot::SnapshotInfo;
use super::space::{Admission, Space};
use super::{Disk, Index, Position, StoreError, Urgency};

/// A log store without its threads.
pub(super) struct Core<D: Disk, I: Index> {
    pub(super) disk: Arc<D>,
    pub(super) options: LogOptions,
    pub(super) queue: Queue,
    pub(super) log: Mutex<Log<D>>,
    pub(super) space: Space,
    pub(super) overlay: Overlay,
    pub(super) index: I,
    pub(super) feed: Feed<D>,
    pub(super) snapshot: Mutex<Option<SnapshotInfo>>,
    /// Held while a snapshot is written and old files are removed.
    pub(super) compacting: Mutex<()>,
    pub(super) counts: Counts,
    /// The last durable frame.
    pub(super) durable: AtomicU64,
    poison: OnceLock<StoreError>,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) groups: AtomicU64,
    pub(super) frames: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) sync_ms: AtomicU64,
    pub(super) snapshots: AtomicU64,
    /// Bytes of the log that the latest snapshot does not cover.
    pub(super) uncovered: AtomicU64,
}

impl<D: Disk, I: Index> Core<D, I> {
    pub(super) fn new(recovered: Recovered<D, I>, options: LogOptions) -> Self {
        let Recovered { log, index, snapshot, uncovered } = recovered;
        let disk = Arc::clone(&log.disk);
        let feed = Feed::new(Arc::clone(&disk), options.store_id, Arc::clone(&log.segments), options.recent_bytes_max);
        let space = Space::default();
        space.set_room(log.room());
        Self {
            disk,
            options,
            queue: Queue::default(),
            space,
            overlay: Overlay::new(log.last),
            index,
            feed,
            snapshot: Mutex::new(snapshot),
            compacting: Mutex::default(),
            counts: Counts { uncovered: AtomicU64::new(uncovered), ..Counts::default() },
            durable: AtomicU64::new(log.last.0),
            poison: OnceLock::new(),
            log: Mutex::new(log),
        }
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Log<D>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn durable(&self) -> Position {
        Position(self.durable.load(Ordering::Acquire))
    }

    pub(super) fn now_ms(&self) -> i64 {
        (self.options.now)()
    }

    /// Ends all writing for good: what the disk holds now is known only to one who reads it anew.
    pub(super) fn poison(&self, error: &StoreError) -> StoreError {
        let poisoned = self.poison.get_or_init(|| {
            tracing::error!(%error, "the store stops: a write failed, and nothing is acknowledged any more");
            match error {
                StoreError::Poisoned { .. } => error.clone(),
                _ => StoreError::Poisoned { cause: error.to_string() },
            }
        });
        self.overlay.wake();
        poisoned.clone()
    }

    pub(super) fn poisoned(&self) -> Option<StoreError> {
        self.poison.get().cloned()
    }

    /// Whether writing can still begin.
    pub(super) fn check_open(&self) -> Result<(), StoreError> {
        match self.poisoned() {
            Some(error) => Err(error),
            None if self.queue.is_closed() => Err(StoreError::Closed),
            None => Ok(()),
        }
    }

    pub(super) fn submit(&self, submission: Submission) {
        if let Err(submission) = self.queue.push(submission) {
            let (Submission::Commit { done, .. } | Submission::Barrier { done }) = submission;
            done(Err(self.poisoned().unwrap_or(StoreError::Closed)));
        }
    }

    pub(super) fn admit(&self, bytes: usize, urgency: Urgency) -> Result<(), StoreError> {
        self.check_open()?;
        if bytes > self.options.frame_bytes_max {
            return Err(StoreError::TooLarge { bytes, most: self.options.frame_bytes_max });
        }
        let bytes = bytes as u64;
        // What a look at the disk has found may be gone to others before it is set aside.
        while let Admission::Look { room } = self.space.admit(bytes, urgency, &self.options, self.now_ms()) {
            if !self.make_room(room, urgency)? {
                let free = self.free_bytes()?;
                return Err(self.space.refusal(bytes, urgency, free, &self.options));
            }
        }
        Ok(())
    }

    /// Looks at the disk and extends the log to so much room. `false` when that can't be.
    fn make_room(&self, room: u64, urgency: Urgency) -> Result<bool, StoreError> {
        let mut log = self.log();
        let free = self.free_bytes()?;
        let missing = room.saturating_sub(log.room());
        if urgency == Urgency::Ordinary && free < self.options.free_bytes_min.saturating_add(missing) {
            self.space.set_full(true, self.now_ms());
            return Ok(false);
        }
        let grown = self.grow(&mut log, room)?;
        if !grown {
            self.space.set_full(true, self.now_ms());
        } else if urgency == Urgency::Ordinary {
            self.space.set_full(false, self.now_ms());
        }
        Ok(grown)
    }

    pub(super) fn grow(&self, log: &mut Log<D>, room: u64) -> Result<bool, StoreError> {
        self.check_poison()?;
        let grown = log.grow(room, self.options.growth_bytes.max(1)).map_err(|e| self.poison(&e));
        self.space.set_room(log.room());
        grown
    }

    pub(super) fn check_poison(&self) -> Result<(), StoreError> {
        self.poisoned().map_or(Ok(()), Err)
    }

    pub(super) fn free_bytes(&self) -> Result<u64, StoreError> {
        self.disk.free_bytes().map_err(|e| StoreError::io("measure the free space of", self.disk.path(""), e))
    }

    /// Applies what is durable to the index, unless the disk is too full for an index to be written to. `false` when
    /// there was nothing to do or no space to do it.
    pub(super) fn apply(&self) -> Result<bool, StoreError> {
        if !self.overlay.is_behind() || !self.may_write_beside()? {
            return Ok(false);
        }
        self.overlay.apply_to(&self.index).map_err(|e| self.poison(&e))
    }

    /// Whether there is space for more than the log.
    pub(super) fn may_write_beside(&self) -> Result<bool, StoreError> {
        Ok(self.free_bytes()? >= self.options.free_bytes_min / 2)
    }

    pub(super) fn stats(&self) -> LogStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LogStats {
            groups: count(&self.counts.groups),
            frames: count(&self.counts.frames),
            bytes: count(&self.counts.bytes),
            sync_ms: count(&self.counts.sync_ms),
            overlay_bytes: self.overlay.bytes() as u64,
            room_bytes: self.space.room(),
            snapshots: count(&self.counts.snapshots),
            full: self.space.is_full(),
        }
    }
}
