//! From the old snapshot and the closed segments after it to a new snapshot; then what both are no longer needed for
//! is removed. Nothing is read from the index: what it may have wrong never gets into a snapshot.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::iter::Peekable;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::core::Core;
use super::log_read::LogReader;
use super::segment;
use super::snapshot::{self, SnapshotInfo, SnapshotReader};
use super::whole::remove_if_there;
use super::{Disk, DiskFile, Entry, Index, Position, StoreError, frame};

/// Where the value of a key lies in the log.
#[derive(Clone, Copy, Debug)]
struct ValueAt {
    segment: Position,
    offset: u64,
    len: usize,
}

/// The last change of each key; `None` is deleted. Values stay where they are, so memory holds keys only.
type Changed = BTreeMap<Vec<u8>, Option<ValueAt>>;

impl<D: Disk, I: Index> Core<D, I> {
    /// Whether the log has grown enough for a new snapshot to be worth its writing.
    pub(super) fn wants_snapshot(&self) -> bool {
        let last = self.snapshot().map_or(0, |s| s.bytes);
        let after = self.options.snapshot_after_bytes.max(last).min(self.options.snapshot_after_bytes_max);
        self.counts.uncovered.load(Ordering::Relaxed) >= after && self.poisoned().is_none()
    }

    fn snapshot(&self) -> Option<SnapshotInfo> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes a snapshot of all closed segments and removes what nobody needs any more. `false` when no closed segment
    /// is without one, or the disk has no space for it. An error leaves everything as it was.
    pub(super) fn compact(&self) -> Result<bool, StoreError> {
        let _one_at_a_time = self.compacting.lock().unwrap_or_else(PoisonError::into_inner);
        let (segments, head_bytes) = {
            let log = self.log();
            (log.segments.all(), log.end)
        };
        let old = self.snapshot();
        let covered = old.as_ref().map_or(Position(0), |s| s.position);
        let up_to = Position(segments.last().map_or(0, |head| head.0.saturating_sub(1)));
        if up_to <= covered {
            return Ok(false);
        }
        let uncovered = self.counts.uncovered.load(Ordering::Relaxed);
        let needed = uncovered.saturating_add(old.as_ref().map_or(0, |s| s.bytes));
        if self.free_bytes()? < needed.saturating_add(self.options.free_bytes_min) {
            tracing::warn!(needed, "no snapshot is written: the disk has not enough space for it");
            return Ok(false);
        }
        let (changed, at_ms) = self.changed(&segments, covered, up_to)?;
        let mut merged = Merged::new(self, old.as_ref(), changed)?;
        let new = snapshot::write(&*self.disk, self.options.store_id, up_to, at_ms, &mut merged)?;
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = Some(new);
        self.counts.snapshots.fetch_add(1, Ordering::Relaxed);
        // What was committed since this began stays uncovered.
        let appended = self.counts.uncovered.load(Ordering::Relaxed).saturating_sub(uncovered);
        self.counts.uncovered.store(head_bytes.saturating_add(appended), Ordering::Relaxed);
        self.collect(up_to)?;
        Ok(true)
    }

    /// The last change of each key in the frames after one position up to another, and the time of the last frame.
    fn changed(&self, segments: &[Position], after: Position, up_to: Position) -> Result<(Changed, i64), StoreError> {
        let mut changed = Changed::new();
        let mut at_ms = 0;
        let (disk, store) = (Arc::clone(&self.disk), self.options.store_id);
        let mut reader = LogReader::new(disk, store, segments, after, up_to)?;
        while let Some(found) = reader.next()? {
            at_ms = found.header.at_ms;
            let (segment, start) = (reader.segment(), found.offset + frame::HEADER as u64);
            let body = reader.body(&found)?;
            let whole = frame::changes(body, |key, value| {
                let at = value.map(|v| ValueAt { segment, offset: start + v.start as u64, len: v.len() });
                match changed.get_mut(&body[key.clone()]) {
                    Some(known) => *known = at,
                    None => drop(changed.insert(body[key].to_vec(), at)),
                }
            });
            if whole.is_none() {
                return Err(reader.undecodable(&found));
            }
        }
        Ok((changed, at_ms))
    }

    /// Removes older snapshots, and segments that the snapshot covers but for those that are kept for the feed.
    fn collect(&self, covered: Position) -> Result<(), StoreError> {
        // A removal before may have failed at this.
        self.sync_folder()?;
        let names = self.disk.list().map_err(|e| StoreError::io("list the files of", self.disk.path(""), e))?;
        let old = |name: &String| snapshot::position_in(name).is_some_and(|p| p < covered);
        for name in names.into_iter().filter(old) {
            remove_if_there(&*self.disk, &name)?;
        }
        for first in self.superfluous(covered)? {
            // The feed is told first: one that reads it meanwhile finds a missing file and looks here again.
            let segments = Arc::clone(&self.log().segments);
            segments.lock().retain(|kept| *kept != first);
            if let Err(error) = remove_if_there(&*self.disk, &segment::name(first)) {
                segments.lock().insert(0, first);
                return Err(error);
            }
            // After each, so that a crash never leaves an older segment without the one after it.
            self.sync_folder()?;
        }
        Ok(())
    }

    /// Segments to remove, oldest first.
    fn superfluous(&self, covered: Position) -> Result<Vec<Position>, StoreError> {
        let segments = self.log().segments.all();
        let mut kept = 0;
        let mut superfluous = Vec::new();
        for pair in segments.windows(2).rev().filter(|pair| pair[1].0 <= covered.0 + 1) {
            let name = segment::name(pair[0]);
            let len = self.disk.open(&name).and_then(|file| file.len());
            kept += len.map_err(|e| StoreError::io("measure", self.disk.path(&name), e))?;
            if kept > self.options.feed_retention_bytes {
                superfluous.push(pair[0]);
            }
        }
        superfluous.reverse();
        Ok(superfluous)
    }

    fn sync_folder(&self) -> Result<(), StoreError> {
        self.disk.sync_folder().map_err(|e| StoreError::io("sync the folder of", self.disk.path("log"), e))
    }
}

/// The entries of an old snapshot with the changes since, in order.
struct Merged<'a, D: Disk> {
    disk: &'a D,
    old: Peekable<Box<dyn Iterator<Item = Result<Entry, StoreError>>>>,
    changed: Peekable<btree_map::IntoIter<Vec<u8>, Option<ValueAt>>>,
    open: BTreeMap<Position, D::File>,
}

impl<'a, D: Disk> Merged<'a, D> {
    fn new<I: Index>(core: &'a Core<D, I>, old: Option<&SnapshotInfo>, changed: Changed) -> Result<Self, StoreError> {
        let disk = &*core.disk;
        let old: Box<dyn Iterator<Item = _>> = match old {
            Some(old) => Box::new(SnapshotReader::open(disk, old)?),
            None => Box::new(std::iter::empty()),
        };
        Ok(Self { disk, old: old.peekable(), changed: changed.into_iter().peekable(), open: BTreeMap::new() })
    }

    fn value(&mut self, at: ValueAt) -> Result<Vec<u8>, StoreError> {
        let name = segment::name(at.segment);
        let failed = |e| StoreError::io("read", self.disk.path(&name), e);
        let file = match self.open.entry(at.segment) {
            btree_map::Entry::Occupied(open) => open.into_mut(),
            btree_map::Entry::Vacant(place) => place.insert(self.disk.open(&name).map_err(failed)?),
        };
        let mut value = vec![0; at.len];
        match file.read_at(&mut value, at.offset).map_err(failed)? {
            read if read == at.len => Ok(value),
            read => Err(StoreError::Damaged {
                file: self.disk.path(&name),
                offset: at.offset + read as u64,
                problem: "it ends within a frame".to_owned(),
            }),
        }
    }
}

impl<D: Disk> Iterator for Merged<'_, D> {
    type Item = Result<Entry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let newer = match (self.old.peek(), self.changed.peek()) {
                (Some(Err(_)), _) | (Some(_), None) => return self.old.next(),
                (Some(Ok((old, _))), Some((new, _))) if old < new => return self.old.next(),
                (Some(Ok((old, _))), Some((new, _))) if old == new => {
                    self.old.next();
                    self.changed.next()?
                }
                (_, Some(_)) => self.changed.next()?,
                (None, None) => return None,
            };
            if let (key, Some(at)) = newer {
                return Some(self.value(at).map(|value| (key, value)));
            }
        }
    }
}
