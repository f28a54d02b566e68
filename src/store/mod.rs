//! Durable bytes: batches that are committed whole, and read back by key.
//!
//! What is acknowledged lies in the [log](log) and, once that has grown, in a [snapshot](snapshot) of all that lives. Both are
//! checksummed and synced. The [index](index) that reads go to, sled, is derived from them and can be lost: it is never
//! the only copy of anything. Knows nothing of entities, of what a key means, and of actors.

mod aside;
mod backup;
mod blocks;
mod committer;
mod compaction;
mod core;
mod disk;
mod error;
mod feed;
mod folder;
mod frame;
mod index;
mod lock;
mod log;
mod log_open;
mod log_read;
mod log_store;
mod manifest;
mod memory;
#[cfg(any(test, feature = "testkit"))]
mod memory_index;
mod options;
mod overlay;
mod queue;
mod recovery;
mod restore;
mod segment;
#[cfg(any(test, feature = "testkit"))]
mod sim;
#[cfg(any(test, feature = "testkit"))]
mod sim_state;
mod sled;
mod snapshot;
mod space;
#[cfg(test)]
mod tests;
mod trust;
mod verify;
mod whole;

use std::ops::Bound;

pub use backup::BackupInfo;
pub use disk::{Disk, DiskFile, OsDisk};
pub use error::StoreError;
pub use folder::{FolderOptions, FolderStore, check_backup, open_folder, restore_backup};
pub use index::Index;
pub use log_store::LogStore;
pub use manifest::StoreId;
pub use memory::MemoryStore;
#[cfg(any(test, feature = "testkit"))]
pub use memory_index::MemoryIndex;
pub use options::{LogOptions, LogStats};
pub use restore::UpTo;
#[cfg(any(test, feature = "testkit"))]
pub use sim::SimDisk;
#[cfg(any(test, feature = "testkit"))]
pub use sim_state::{Fault, Keep};
pub use sled::{SledIndex, SledOptions};
pub use verify::{Finding, IndexState, VerifyReport, verify};

/// The number of a frame in the log: 1 for the first, without gaps. 0 stands before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The key has this value from now on.
    Put(Vec<u8>, Vec<u8>),
    /// The key is gone.
    Delete(Vec<u8>),
}

/// Changes that become durable together or not at all: one frame of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// In order; a later change of a key wins.
    pub changes: Vec<Change>,
}

impl Batch {
    /// Sets a key.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.changes.push(Change::Put(key.into(), value.into()));
    }

    /// Removes a key.
    pub fn delete(&mut self, key: impl Into<Vec<u8>>) {
        self.changes.push(Change::Delete(key.into()));
    }
}

/// How much a commit matters when the disk is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Refused when the disk is full.
    Ordinary,
    /// Goes through on the reserve: going back, and what frees space.
    Reserved,
}

/// Called once with the outcome of a commit, on the committing thread: it must be short and must not block.
pub type Done = Box<dyn FnOnce(Result<Position, StoreError>) + Send>;

/// A frame of the log, as the feed sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its number.
    pub position: Position,
    /// When it was committed, in milliseconds since the start of 1970.
    pub at_ms: i64,
    /// What it changed.
    pub batch: Batch,
}

/// A key with its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// What engine and runtime need of a store. Reads see what is durable, and nothing else.
pub trait Store: Send + Sync {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Up to `most` keys between the bounds with their values, ascending.
    fn scan(&self, from: Bound<&[u8]>, to: Bound<&[u8]>, most: usize) -> Result<Vec<Entry>, StoreError>;

    /// Sets `bytes` aside for a commit that will follow; asked before a turn is applied, so that one that can't be
    /// stored is refused while nothing has changed. Each admission is followed by exactly one commit.
    fn admit(&self, bytes: usize, urgency: Urgency) -> Result<(), StoreError>;

    /// Commits the batch after all that were handed over before it, and calls `done` when it is durable or never will be.
    fn commit(&self, batch: Batch, done: Done);

    /// Calls `done` when everything handed over before is durable, or never will be.
    fn barrier(&self, done: Done);

    /// The last durable frame.
    fn durable(&self) -> Position;

    /// Durable frames after `after`, in order, about `bytes_max` of them but at least one if there is one.
    /// [`StoreError::Gone`] when they are no longer in the log.
    fn frames(&self, after: Position, bytes_max: usize) -> Result<Vec<Frame>, StoreError>;

    /// Ends the store: everything handed over is made durable, then nothing more is taken.
    fn close(&self) -> Result<(), StoreError>;
}

/// Bytes that a batch takes in the log, to a close upper bound.
pub fn batch_bytes(batch: &Batch) -> usize {
    const PER_FRAME: usize = 64;
    const PER_CHANGE: usize = 16;
    batch.changes.iter().fold(PER_FRAME, |sum, change| {
        sum + PER_CHANGE
            + match change {
                Change::Put(key, value) => key.len() + value.len(),
                Change::Delete(key) => key.len(),
            }
    })
}
