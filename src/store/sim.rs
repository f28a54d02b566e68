//! A folder in memory that loses power, fills up and fails on demand: crash tests run the store itself on it.
//!
//! What is assumed of a file system is what POSIX promises, and no more:
//!
//! - What was written is seen by everyone at once, and outlives the process ([`SimDisk::kill`]).
//! - It outlives a power cut only once the file was synced. Of unsynced writes any sectors of 512 bytes may be there,
//!   in any order; a sector is whole, old or new. Where a file grew around a sector that is not there, it has zeros.
//! - Syncing a file does not make its name durable. Creations, renames and removals need a sync of the folder;
//!   without it they survive in order, up to any of them (journalled metadata).
//! - A failed sync is final: what it was to save may be gone although a later sync succeeds, because the kernel
//!   marks the pages clean.
//! - Growing a file by `set_len` takes no space; writing into the hole does, and may find the disk full half way.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::sim_state::{Dice, Fault, FileState, FolderChange, Keep, Shared, Torn, Write};
use super::{Disk, DiskFile};

/// A simulated folder. Clones are the same folder.
#[derive(Clone, Debug, Default)]
pub struct SimDisk {
    shared: Arc<Mutex<Shared>>,
}

/// A file of a [`SimDisk`].
#[derive(Debug)]
pub struct SimFile {
    shared: Arc<Mutex<Shared>>,
    id: u64,
}

impl SimDisk {
    /// An empty folder on a disk without end.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty folder on a disk of so many bytes.
    pub fn with_limit(bytes: u64) -> Self {
        let disk = Self::default();
        disk.set_limit(Some(bytes));
        disk
    }

    /// Makes the disk larger or smaller; `None` is without end.
    pub fn set_limit(&self, bytes: Option<u64>) {
        lock(&self.shared).limit = bytes;
    }

    /// How many operations there were: create, write, set_len, sync, rename, remove, sync_folder. Reading is none.
    pub fn operations(&self) -> u64 {
        lock(&self.shared).operations
    }

    /// Sets what goes wrong at the operation of that number, counted from 1 over the life of the folder.
    pub fn fail_at(&self, operation: u64, fault: Fault) {
        lock(&self.shared).faults.insert(operation, fault);
    }

    /// The folder as the next process finds it when this one is killed now. This folder stays as it is.
    pub fn kill(&self) -> SimDisk {
        let shared = lock(&self.shared).clone();
        Self::from(Shared { operations: 0, faults: BTreeMap::new(), dead: false, ..shared })
    }

    /// The folder as found after a power cut now; the same for the same seed. This folder stays as it is.
    pub fn crash(&self, seed: u64, keep: Keep) -> SimDisk {
        let now = lock(&self.shared);
        let mut dice = Dice(seed);
        let survivors = match keep {
            Keep::Nothing => 0,
            Keep::All => now.pending.len(),
            Keep::Random => dice.below(now.pending.len() + 1),
        };
        let mut names = now.durable_names.clone();
        for change in &now.pending[..survivors] {
            change.apply(&mut names);
        }
        let files =
            names.values().filter_map(|id| Some((*id, now.files.get(id)?.after_cut(keep, &mut dice)))).collect();
        Self::from(Shared { durable_names: names.clone(), names, files, limit: now.limit, ..Shared::default() })
    }

    /// Turns one bit of a file over, on the disk itself.
    pub fn flip(&self, name: &str, byte: u64, bit: u8) -> io::Result<()> {
        let at = index(byte)?;
        self.damage(name, |bytes| {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << (bit % 8);
            }
        })
    }

    /// Cuts a file, on the disk itself.
    pub fn truncate(&self, name: &str, len: u64) -> io::Result<()> {
        let len = index(len)?;
        self.damage(name, |bytes| bytes.truncate(len))
    }

    fn damage(&self, name: &str, change: impl Fn(&mut Vec<u8>)) -> io::Result<()> {
        let mut shared = lock(&self.shared);
        let id = shared.id(name)?;
        let file = shared.file(id)?;
        change(&mut file.seen);
        change(&mut file.durable);
        Ok(())
    }

    fn from(shared: Shared) -> Self {
        Self { shared: Arc::new(Mutex::new(shared)) }
    }
}

impl Disk for SimDisk {
    type File = SimFile;

    fn open(&self, name: &str) -> io::Result<SimFile> {
        let shared = lock(&self.shared);
        shared.alive()?;
        Ok(SimFile { shared: Arc::clone(&self.shared), id: shared.id(name)? })
    }

    fn create(&self, name: &str) -> io::Result<SimFile> {
        let mut shared = lock(&self.shared);
        shared.operation()?;
        if shared.names.contains_key(name) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, name));
        }
        let id = shared.files.keys().next_back().map_or(1, |last| last + 1);
        shared.files.insert(id, FileState::default());
        shared.change(FolderChange::Create(name.to_owned(), id));
        Ok(SimFile { shared: Arc::clone(&self.shared), id })
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let shared = lock(&self.shared);
        shared.alive()?;
        Ok(shared.names.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut shared = lock(&self.shared);
        shared.operation()?;
        shared.id(from)?;
        shared.change(FolderChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut shared = lock(&self.shared);
        shared.operation()?;
        shared.id(name)?;
        shared.change(FolderChange::Remove(name.to_owned()));
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut shared = lock(&self.shared);
        shared.operation()?;
        shared.durable_names = shared.names.clone();
        shared.pending.clear();
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let shared = lock(&self.shared);
        shared.alive()?;
        Ok(shared.free())
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("sim").join(name)
    }
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        let mut shared = lock(&self.shared);
        shared.alive()?;
        Ok(shared.file(self.id)?.seen.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut shared = lock(&self.shared);
        shared.alive()?;
        let rest = shared.file(self.id)?.seen.get(index(offset)?..).unwrap_or_default();
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let at = index(offset)?;
        let mut shared = lock(&self.shared);
        let outcome = shared.operation();
        let fits = match &outcome {
            Ok(()) => shared.fitting(self.id, at, bytes.len())?,
            Err(e) if e.get_ref().is_some_and(|e| e.is::<Torn>()) => bytes.len() / 2,
            Err(_) => 0,
        };
        if fits > 0 {
            shared.file(self.id)?.write(Write::Bytes(at, bytes[..fits].to_vec()));
        }
        outcome?;
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = index(len)?;
        let mut shared = lock(&self.shared);
        shared.operation()?;
        shared.file(self.id)?.write(Write::SetLen(len));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut shared = lock(&self.shared);
        let outcome = shared.operation();
        let dead = shared.dead;
        let file = shared.file(self.id)?;
        match outcome {
            Ok(()) => file.pending.drain(..).for_each(|write| write.apply(&mut file.durable)),
            Err(_) if dead => {}
            Err(_) => file.pending.clear(),
        }
        outcome
    }
}

fn index(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput.into())
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
