//! Durable changes that the index does not have yet.
//!
//! New changes go to the *active* map. The applier takes it as a whole: it is then the *applying* one until the index
//! has it. Reads look at the active map, the applying one and the index, in that order. It is applied in chunks, so that
//! neither those who read the index nor commits that wait for room wait for all of it.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use super::{Batch, Change, Entry, Index, Position, StoreError};

/// What each change costs beside key and value.
const PER_CHANGE: usize = 64;
/// Changes that are applied to the index at a time, in bytes.
const CHUNK_BYTES: usize = 64 << 10;

/// Keys with their value; `None` is deleted.
type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// The changes in front of the index.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    active: Mutex<Active>,
    /// Readers hold this while they look at overlay and index, so that nothing moves from one to the other meanwhile.
    applying: RwLock<Arc<Changes>>,
    /// There is something to apply, or something has been applied, or a thread shall end.
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Active {
    changes: Changes,
    bytes: usize,
    up_to: Position,
    /// Bytes of the map that is being applied, and up to which frame it brings the index.
    applying_bytes: usize,
    applying_up_to: Position,
    /// Up to which frame the index is.
    applied: Position,
}

impl Overlay {
    /// In front of an index that is up to a frame.
    pub(super) fn new(applied: Position) -> Self {
        let active = Active { up_to: applied, applying_up_to: applied, applied, ..Active::default() };
        Self { active: Mutex::new(active), ..Self::default() }
    }

    fn active(&self) -> MutexGuard<'_, Active> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of all changes that the index does not have.
    pub(super) fn bytes(&self) -> usize {
        let active = self.active();
        active.bytes + active.applying_bytes
    }

    /// Takes in a durable group.
    pub(super) fn insert(&self, batches: impl Iterator<Item = Batch>, up_to: Position) {
        let mut active = self.active();
        for change in batches.flat_map(|batch| batch.changes) {
            let (key, value) = match change {
                Change::Put(key, value) => (key, Some(value)),
                Change::Delete(key) => (key, None),
            };
            let size = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, Vec::len);
            let key_len = key.len();
            active.bytes += size(&value);
            match active.changes.insert(key, value) {
                Some(old) => active.bytes -= size(&old),
                None => active.bytes += key_len + PER_CHANGE,
            }
        }
        active.up_to = up_to;
        drop(active);
        self.moved.notify_all();
    }

    /// Wakes all who wait here, to look at what else has changed.
    pub(super) fn wake(&self) {
        drop(self.active());
        self.moved.notify_all();
    }

    /// Whether the index lacks something.
    pub(super) fn is_behind(&self) -> bool {
        let active = self.active();
        active.up_to != active.applied
    }

    /// Waits, with a look at the world every so often, until `ready` says so, given the bytes held and whether the
    /// index lacks something.
    pub(super) fn wait(&self, mut ready: impl FnMut(usize, bool) -> bool) {
        const LOOK_EVERY: Duration = Duration::from_millis(250);
        let mut active = self.active();
        while !ready(active.bytes + active.applying_bytes, active.up_to != active.applied) {
            active = self.moved.wait_timeout(active, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Applies what is active to the index, sorted. `false` when there was nothing. One caller at a time.
    pub(super) fn apply_to<I: Index>(&self, index: &I) -> Result<bool, StoreError> {
        let (changes, before, up_to) = {
            let mut applying = self.applying.write().unwrap_or_else(PoisonError::into_inner);
            let mut active = self.active();
            if active.up_to == active.applied {
                return Ok(false);
            }
            // What could not be applied the last time is tried again first.
            if active.applying_up_to == active.applied {
                active.applying_bytes = std::mem::take(&mut active.bytes);
                active.applying_up_to = active.up_to;
                *applying = Arc::new(std::mem::take(&mut active.changes));
            }
            (Arc::clone(&applying), active.applied, active.applying_up_to)
        };
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        for (key, value) in changes.iter() {
            bytes += PER_CHANGE + key.len() + value.as_ref().map_or(0, Vec::len);
            chunk.push(match value {
                Some(value) => Change::Put(key.clone(), value.clone()),
                None => Change::Delete(key.clone()),
            });
            if bytes >= CHUNK_BYTES {
                // Still up to where it was: the rest of those frames is missing.
                index.apply(&std::mem::take(&mut chunk), before)?;
                let mut active = self.active();
                active.applying_bytes = active.applying_bytes.saturating_sub(std::mem::take(&mut bytes));
                drop(active);
                self.moved.notify_all();
            }
        }
        index.apply(&chunk, up_to)?;
        *self.applying.write().unwrap_or_else(PoisonError::into_inner) = Arc::default();
        let mut active = self.active();
        active.applying_bytes = 0;
        active.applied = up_to;
        drop(active);
        self.moved.notify_all();
        Ok(true)
    }

    /// The value of a key, here or in the index.
    pub(super) fn get<I: Index>(&self, index: &I, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let applying = self.applying.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = self.active().changes.get(key) {
            return Ok(value.clone());
        }
        if let Some(value) = applying.get(key) {
            return Ok(value.clone());
        }
        index.get(key)
    }

    /// Up to `most` keys between the bounds, of here and the index, as of one moment.
    pub(super) fn scan<I: Index>(
        &self,
        index: &I,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        most: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        if most == 0 || is_empty(from, to) {
            return Ok(Vec::new());
        }
        // The index may be applied to meanwhile, but only what is in `applying`, and that lies over it.
        let applying = self.applying.read().unwrap_or_else(PoisonError::into_inner);
        let above = merge(&self.active().changes, &applying, from, to, most);
        let mut above = above.into_iter().peekable();
        let mut out = Vec::new();
        let mut cursor: Option<Vec<u8>> = None;
        loop {
            let after = cursor.as_deref().map_or(from, Bound::Excluded);
            let below = index.scan(after, to, most)?;
            let more = below.len() == most;
            cursor = below.last().map(|(key, _)| key.clone());
            for (key, value) in below {
                while let Some((over, changed)) = above.next_if(|(over, _)| *over < key) {
                    out.extend(changed.map(|changed| (over, changed)));
                }
                match above.next_if(|(over, _)| *over == key) {
                    Some((_, changed)) => out.extend(changed.map(|changed| (key, changed))),
                    None => out.push((key, value)),
                }
                if out.len() >= most {
                    out.truncate(most);
                    return Ok(out);
                }
            }
            if !more {
                break;
            }
        }
        out.extend(above.filter_map(|(key, value)| Some((key, value?))));
        out.truncate(most);
        Ok(out)
    }
}

/// Whether nothing lies between the bounds. A sorted map panics at some of those.
pub(super) fn is_empty(from: Bound<&[u8]>, to: Bound<&[u8]>) -> bool {
    match (from, to) {
        (Bound::Included(a), Bound::Included(b)) => a > b,
        (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) => a >= b,
        _ => false,
    }
}

/// What both maps say between the bounds, the first over the second, up to the `most`-th value: what comes after it
/// can't be among the first `most` keys of a scan.
fn merge(
    over: &Changes,
    under: &Changes,
    from: Bound<&[u8]>,
    to: Bound<&[u8]>,
    most: usize,
) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let mut over = over.range::<[u8], _>((from, to)).peekable();
    let mut under = under.range::<[u8], _>((from, to)).peekable();
    let mut out = Vec::new();
    let mut values = 0;
    while values < most {
        let next = match (over.peek(), under.peek()) {
            (Some((a, _)), Some((b, _))) if a > b => under.next(),
            (Some((a, _)), Some((b, _))) => {
                if a == b {
                    under.next();
                }
                over.next()
            }
            (Some(_), None) => over.next(),
            (None, _) => under.next(),
        };
        let Some((key, value)) = next else { break };
        values += usize::from(value.is_some());
        out.push((key.clone(), value.clone()));
    }
    out
}
