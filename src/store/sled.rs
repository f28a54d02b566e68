//! The index in a folder of sled 0.34, the only place that names it.
//!
//! sled's flush is no fsync, it panics on what it can't read back, and large values make both worse. So it is handed
//! small values only, a panic in it becomes an error, and after the first failure it is not used again: the folder is
//! marked, and the next start builds a new one.
//!
//! Keys in sled, all in one tree, since its batches are atomic within one:
//!
//! | key | value |
//! |---|---|
//! | `0` | the position that was applied last |
//! | `1` key | `0` value, or `1` length (u64) when the value is in chunks |
//! | `2` length of key (u32) key number (u32) | a chunk of the value |

use std::collections::{HashMap, HashSet};
use std::fs;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use std::{io, thread};

use super::{Change, Entry, Index, Position, StoreError};

/// The largest value that sled gets in one piece.
const CHUNK_BYTES: usize = 4096;
/// Set in the folder when sled failed: it is not to be trusted.
pub(super) const FAILED: &str = "FAILED";

const APPLIED: &[u8] = &[0];
const DATA: u8 = 1;
const CHUNK: u8 = 2;
const WHOLE: u8 = 0;
const CHUNKED: u8 = 1;

/// How sled is run.
#[derive(Clone, Copy, Debug)]
pub struct SledOptions {
    /// Bytes it keeps in memory. Below the size of what is in use memory grows instead, to many times as much: evicting
    /// costs more than it frees.
    pub cache_bytes: u64,
}

impl Default for SledOptions {
    fn default() -> Self {
        Self { cache_bytes: 512 << 20 }
    }
}

/// An index in a folder. Clones are the same index.
#[derive(Clone)]
pub struct SledIndex {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    /// Written while a batch is applied, so that what is read is never half of one. `None` once closed.
    db: RwLock<Option<sled::Db>>,
    applying: Mutex<()>,
    failed: OnceLock<String>,
}

/// Why a call into sled did not work out.
enum Trouble {
    Sled(sled::Error),
    Content(&'static str),
}

impl From<sled::Error> for Trouble {
    fn from(error: sled::Error) -> Self {
        Self::Sled(error)
    }
}

impl SledIndex {
    /// Opens the index in the folder, or makes an empty one there.
    pub fn open(folder: &Path, options: SledOptions) -> Result<Self, StoreError> {
        let config = sled::Config::new()
            .path(folder)
            .cache_capacity(options.cache_bytes)
            .mode(sled::Mode::LowSpace)
            .flush_every_ms(None);
        let shared = Shared {
            folder: folder.to_path_buf(),
            db: RwLock::new(None),
            applying: Mutex::new(()),
            failed: OnceLock::new(),
        };
        shared.await_release().map_err(|e| StoreError::io("opening the index", folder, e))?;
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        let db = shared.judge("opening the index", opened.map(|opened| opened.map_err(Trouble::Sled)))?;
        let shared = Shared { db: RwLock::new(Some(db)), ..shared };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Ends it: everything is durable, and sled has let go of its files.
    pub fn close(&self) -> Result<(), StoreError> {
        self.settle()?;
        let db = self.shared.db.write().unwrap_or_else(PoisonError::into_inner).take();
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(db)));
        self.shared.judge("closing the index", dropped.map(Ok))?;
        self.shared.await_release().map_err(|e| StoreError::io("closing the index", &self.shared.folder, e))?;
        sync_tree(&self.shared.folder).map_err(|e| StoreError::io("syncing the index", &self.shared.folder, e))
    }
}

impl Index for SledIndex {
    fn applied(&self) -> Result<Position, StoreError> {
        self.shared.read(|db| match db.get(APPLIED)? {
            None => Ok(Position(0)),
            Some(value) => {
                let bytes =
                    value.as_ref().try_into().map_err(|_| Trouble::Content("the applied position is damaged"))?;
                Ok(Position(u64::from_le_bytes(bytes)))
            }
        })
    }

    fn apply(&self, changes: &[Change], up_to: Position) -> Result<(), StoreError> {
        let _one_at_a_time = self.shared.applying.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = self.shared.read(|db| {
            let mut batch = sled::Batch::default();
            let chunked = lengths_of_chunked_keys(db, changes)?;
            for change in changes {
                add(&mut batch, db, change, &chunked)?;
            }
            batch.insert(APPLIED, &up_to.0.to_le_bytes());
            Ok(batch)
        })?;
        let db = self.shared.db.write().unwrap_or_else(PoisonError::into_inner);
        self.shared.using(db.as_ref(), |db| Ok(db.apply_batch(batch)?))
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.shared.read(|db| db.get(data_key(key))?.map(|record| value(db, key, &record)).transpose())
    }

    fn scan(&self, from: Bound<&[u8]>, to: Bound<&[u8]>, most: usize) -> Result<Vec<Entry>, StoreError> {
        let from = match from {
            Bound::Unbounded => Bound::Included(vec![DATA]),
            bound => bound.map(data_key),
        };
        let to = match to {
            Bound::Unbounded => Bound::Excluded(vec![DATA + 1]),
            bound => bound.map(data_key),
        };
        self.shared.read(|db| {
            let mut entries = Vec::new();
            for found in db.range::<Vec<u8>, _>((from, to)).take(most) {
                let (key, record) = found?;
                let key = key[1..].to_vec();
                let value = value(db, &key, &record)?;
                entries.push((key, value));
            }
            Ok(entries)
        })
    }

    fn settle(&self) -> Result<(), StoreError> {
        self.shared.read(|db| Ok(db.flush().map(drop)?))?;
        sync_tree(&self.shared.folder).map_err(|e| StoreError::io("syncing the index", &self.shared.folder, e))
    }
}

impl Shared {
    fn read<T>(&self, work: impl FnOnce(&sled::Db) -> Result<T, Trouble>) -> Result<T, StoreError> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        self.using(db.as_ref(), work)
    }

    fn using<T>(
        &self,
        db: Option<&sled::Db>,
        work: impl FnOnce(&sled::Db) -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        if let Some(cause) = self.failed.get() {
            return Err(StoreError::Poisoned { cause: cause.clone() });
        }
        let db = db.ok_or(StoreError::Closed)?;
        self.judge("using the index", catch_unwind(AssertUnwindSafe(|| work(db))))
    }

    /// Makes an error of a failure in sled, and remembers that there was one: here and in the folder.
    fn judge<T>(&self, doing: &'static str, outcome: thread::Result<Result<T, Trouble>>) -> Result<T, StoreError> {
        let error = match outcome {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(Trouble::Sled(sled::Error::Io(error)))) => StoreError::io(doing, &self.folder, error),
            Ok(Err(Trouble::Sled(error))) => StoreError::io(doing, &self.folder, io::Error::other(error)),
            Ok(Err(Trouble::Content(problem))) => StoreError::io(doing, &self.folder, io::Error::other(problem)),
            Err(panic) => {
                let said = panic.downcast_ref::<String>().map(String::as_str);
                let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("nothing");
                StoreError::io(doing, &self.folder, io::Error::other(format!("sled panicked and said: {said}")))
            }
        };
        if self.failed.set(error.to_string()).is_ok() {
            // Best effort: without the mark the next start may fail once more, and then build anew.
            let _ = fs::write(self.folder.join(FAILED), error.to_string());
        }
        Err(error)
    }

    /// Waits until sled's threads are done with its file, which they hold locked for a while after its end.
    fn await_release(&self) -> io::Result<()> {
        const TRIES: u32 = 500;
        let file = match fs::File::open(self.folder.join("db")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(()),
                Err(fs::TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(10)),
                Err(fs::TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "sled does not let go of its file"))
    }
}

/// Lengths of the keys among which one may have its value in chunks. Few have: asking for each of the others whether it
/// has would cost as much as writing it.
fn lengths_of_chunked_keys(db: &sled::Db, changes: &[Change]) -> Result<HashSet<usize>, Trouble> {
    let mut ranges: HashMap<usize, (&[u8], &[u8])> = HashMap::new();
    for change in changes {
        let (Change::Put(key, _) | Change::Delete(key)) = change;
        let (first, last) = ranges.entry(key.len()).or_insert((key, key));
        (*first, *last) = ((*first).min(key), (*last).max(key));
    }
    let mut chunked = HashSet::new();
    for (length, (first, last)) in ranges {
        if let Some(found) = db.range(chunk_key(first, 0)..=chunk_key(last, u32::MAX)).next() {
            found?;
            chunked.insert(length);
        }
    }
    Ok(chunked)
}

/// Adds what a change means to sled. Chunks of the value before that the new one does not overwrite go in the same batch.
fn add(batch: &mut sled::Batch, db: &sled::Db, change: &Change, chunked: &HashSet<usize>) -> Result<(), Trouble> {
    let (key, value) = match change {
        Change::Put(key, value) => (key, Some(value)),
        Change::Delete(key) => (key, None),
    };
    let record_key = data_key(key);
    let before = match chunked.contains(&key.len()).then(|| db.get(&record_key)).transpose()?.flatten() {
        Some(record) => chunks_of(&record)?,
        None => 0,
    };
    let mut now = 0;
    match value {
        None => batch.remove(record_key),
        Some(value) if value.len() <= CHUNK_BYTES => batch.insert(record_key, [&[WHOLE], value.as_slice()].concat()),
        Some(value) => {
            batch.insert(record_key, [&[CHUNKED], (value.len() as u64).to_le_bytes().as_slice()].concat());
            for chunk in value.chunks(CHUNK_BYTES) {
                batch.insert(chunk_key(key, now), chunk);
                now += 1;
            }
        }
    }
    for stale in now..before {
        batch.remove(chunk_key(key, stale));
    }
    Ok(())
}

fn value(db: &sled::Db, key: &[u8], record: &[u8]) -> Result<Vec<u8>, Trouble> {
    let chunks = chunks_of(record)?;
    if chunks == 0 {
        return Ok(record[1..].to_vec());
    }
    let mut value = Vec::with_capacity(chunked_len(record)?);
    for chunk in db.range(chunk_key(key, 0)..chunk_key(key, chunks)) {
        value.extend_from_slice(&chunk?.1);
    }
    if value.len() != chunked_len(record)? {
        return Err(Trouble::Content("chunks of a value are missing"));
    }
    Ok(value)
}

/// In how many chunks the value of a record is; 0 when it is in the record itself.
fn chunks_of(record: &[u8]) -> Result<u32, Trouble> {
    match record.first() {
        Some(&WHOLE) => Ok(0),
        Some(&CHUNKED) => {
            let chunks = chunked_len(record)?.div_ceil(CHUNK_BYTES);
            u32::try_from(chunks).map_err(|_| Trouble::Content("a value has an impossible length"))
        }
        _ => Err(Trouble::Content("a record of unknown kind")),
    }
}

fn chunked_len(record: &[u8]) -> Result<usize, Trouble> {
    let len = record[1..].try_into().ok().and_then(|bytes| usize::try_from(u64::from_le_bytes(bytes)).ok());
    len.ok_or(Trouble::Content("the length of a value is damaged"))
}

fn data_key(key: &[u8]) -> Vec<u8> {
    [&[DATA], key].concat()
}

fn chunk_key(key: &[u8], number: u32) -> Vec<u8> {
    // The length in front keeps the chunks of one key out of the range of another.
    let len = u32::try_from(key.len()).unwrap_or(u32::MAX);
    [&[CHUNK], len.to_be_bytes().as_slice(), key, number.to_be_bytes().as_slice()].concat()
}

/// Makes all files in a folder durable, and the folder itself.
pub(super) fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        } else {
            fs::File::open(entry.path())?.sync_all()?;
        }
    }
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
