//! A store that lives as long as the process.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::overlay::is_empty;
use super::{Batch, Change, Done, Entry, Frame, Position, Store, StoreError, Urgency, batch_bytes};

/// Bytes of frames that are kept for the feed.
const FRAMES_BYTES: usize = 16 << 20;

/// Behaves as a [`LogStore`](super::LogStore) does, but that nothing outlives it: a commit is durable at once.
pub struct MemoryStore {
    held: Mutex<Held>,
    now: Arc<dyn Fn() -> i64 + Send + Sync>,
    frames_bytes: usize,
}

#[derive(Default)]
struct Held {
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    frames: VecDeque<Frame>,
    bytes: usize,
    last: Position,
    at_ms: i64,
    /// Whom to tell, in order; whoever finds nobody telling does it for all.
    outcomes: VecDeque<(Done, Result<Position, StoreError>)>,
    telling: bool,
    closed: bool,
}

impl MemoryStore {
    /// An empty one; `now` gives the time in milliseconds since the start of 1970.
    pub fn new(now: Arc<dyn Fn() -> i64 + Send + Sync>) -> Self {
        Self::keeping(now, FRAMES_BYTES)
    }

    /// One that keeps so many bytes of frames for the feed.
    pub fn keeping(now: Arc<dyn Fn() -> i64 + Send + Sync>, frames_bytes: usize) -> Self {
        Self { held: Mutex::default(), now, frames_bytes }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells outcomes in the order they came about, without the lock.
    fn tell<'a>(&'a self, mut held: MutexGuard<'a, Held>, done: Done, outcome: Result<Position, StoreError>) {
        held.outcomes.push_back((done, outcome));
        if std::mem::replace(&mut held.telling, true) {
            return;
        }
        while let Some((done, outcome)) = held.outcomes.pop_front() {
            drop(held);
            done(outcome);
            held = self.lock();
        }
        held.telling = false;
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("last", &self.lock().last).finish_non_exhaustive()
    }
}

impl Held {
    fn add(&mut self, batch: Batch, at_ms: i64, frames_bytes: usize) -> Position {
        for change in &batch.changes {
            match change {
                Change::Put(key, value) => self.entries.insert(key.clone(), value.clone()),
                Change::Delete(key) => self.entries.remove(key),
            };
        }
        self.last.0 += 1;
        self.at_ms = self.at_ms.max(at_ms);
        self.bytes += batch_bytes(&batch);
        self.frames.push_back(Frame { position: self.last, at_ms: self.at_ms, batch });
        while self.bytes > frames_bytes
            && let Some(old) = self.frames.pop_front()
        {
            self.bytes -= batch_bytes(&old.batch);
        }
        self.last
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.lock().entries.get(key).cloned())
    }

    fn scan(&self, from: Bound<&[u8]>, to: Bound<&[u8]>, most: usize) -> Result<Vec<Entry>, StoreError> {
        if is_empty(from, to) {
            return Ok(Vec::new());
        }
        let held = self.lock();
        Ok(held.entries.range::<[u8], _>((from, to)).take(most).map(|(k, v)| (k.clone(), v.clone())).collect())
    }

    fn admit(&self, _bytes: usize, _urgency: Urgency) -> Result<(), StoreError> {
        if self.lock().closed { Err(StoreError::Closed) } else { Ok(()) }
    }

    fn commit(&self, batch: Batch, done: Done) {
        let now = (self.now)();
        let mut held = self.lock();
        let outcome = match held.closed {
            true => Err(StoreError::Closed),
            false => Ok(held.add(batch, now, self.frames_bytes)),
        };
        self.tell(held, done, outcome);
    }

    fn barrier(&self, done: Done) {
        let held = self.lock();
        let outcome = if held.closed { Err(StoreError::Closed) } else { Ok(held.last) };
        self.tell(held, done, outcome);
    }

    fn durable(&self) -> Position {
        self.lock().last
    }

    fn frames(&self, after: Position, bytes_max: usize) -> Result<Vec<Frame>, StoreError> {
        let held = self.lock();
        if after >= held.last {
            return Ok(Vec::new());
        }
        let oldest = held.frames.front().map_or(Position(held.last.0 + 1), |frame| frame.position);
        if oldest.0 > after.0 + 1 {
            return Err(StoreError::Gone { oldest });
        }
        let mut sum = 0;
        let wanted = held.frames.iter().skip_while(|frame| frame.position <= after).take_while(|frame| {
            let fits = sum == 0 || sum < bytes_max;
            sum += batch_bytes(&frame.batch);
            fits
        });
        Ok(wanted.cloned().collect())
    }

    fn close(&self) -> Result<(), StoreError> {
        self.lock().closed = true;
        Ok(())
    }
}
