//! Durable frames for those who follow the store: recent ones from memory, older ones from the log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::frame::{self, Header, Place};
use super::log::{Group, Segments};
use super::log_read::{Cursor, LogReader};
use super::manifest::StoreId;
use super::{Disk, Frame, Position, StoreError};

/// How many followers that lag behind can go on without searching a segment anew.
const CURSORS: usize = 16;

/// Frames after a position.
pub(super) struct Feed<D: Disk> {
    disk: Arc<D>,
    store: StoreId,
    segments: Arc<Segments>,
    recent_bytes_max: usize,
    recent: Mutex<Recent>,
    cursors: Mutex<VecDeque<Cursor>>,
}

#[derive(Default)]
struct Recent {
    groups: VecDeque<Arc<Group>>,
    bytes: usize,
}

impl<D: Disk> Feed<D> {
    pub(super) fn new(disk: Arc<D>, store: StoreId, segments: Arc<Segments>, recent_bytes_max: usize) -> Self {
        Self { disk, store, segments, recent_bytes_max, recent: Mutex::default(), cursors: Mutex::default() }
    }

    /// Keeps a durable group for a while.
    pub(super) fn push(&self, group: Group) {
        let mut recent = lock(&self.recent);
        recent.bytes += group.bytes.len();
        recent.groups.push_back(Arc::new(group));
        while recent.bytes > self.recent_bytes_max
            && let Some(old) = recent.groups.pop_front()
        {
            recent.bytes -= old.bytes.len();
        }
    }

    /// Frames after `after` up to `durable`, about `bytes_max` of them but at least one if there is one.
    pub(super) fn frames(
        &self,
        after: Position,
        durable: Position,
        bytes_max: usize,
    ) -> Result<Vec<Frame>, StoreError> {
        if after >= durable {
            return Ok(Vec::new());
        }
        match self.recent(after) {
            groups if groups.is_empty() => self.older(after, durable, bytes_max),
            groups => Ok(decode(&groups, after, durable, bytes_max)),
        }
    }

    /// The groups in memory that hold the frames after `after`; none when older ones are asked for.
    fn recent(&self, after: Position) -> Vec<Arc<Group>> {
        let recent = lock(&self.recent);
        if recent.groups.front().is_none_or(|oldest| oldest.first.0 > after.0 + 1) {
            return Vec::new();
        }
        let from = recent.groups.partition_point(|group| group.last <= after);
        recent.groups.range(from..).cloned().collect()
    }

    fn older(&self, after: Position, durable: Position, bytes_max: usize) -> Result<Vec<Frame>, StoreError> {
        let found = self.read(after, durable, bytes_max);
        // Segments may be removed meanwhile.
        match (&found, self.segments.all().first()) {
            (Err(StoreError::Io { .. }), Some(oldest)) if oldest.0 > after.0 + 1 => {
                Err(StoreError::Gone { oldest: *oldest })
            }
            _ => found,
        }
    }

    fn read(&self, after: Position, durable: Position, bytes_max: usize) -> Result<Vec<Frame>, StoreError> {
        let segments = self.segments.all();
        let known = lock(&self.cursors).iter().copied().find(|cursor| cursor.after == after);
        let known = known.filter(|cursor| segments.contains(&cursor.segment));
        let (disk, store) = (Arc::clone(&self.disk), self.store);
        let mut reader = match known {
            Some(cursor) => LogReader::resume(disk, store, &segments, cursor, durable)?,
            None => LogReader::new(disk, store, &segments, after, durable)?,
        };
        let mut frames = Vec::new();
        let mut bytes = 0;
        while bytes < bytes_max.max(1)
            && let Some(frame) = reader.next_frame()?
        {
            bytes += super::batch_bytes(&frame.batch);
            frames.push(frame);
        }
        let mut cursors = lock(&self.cursors);
        cursors.retain(|cursor| cursor.after != after);
        cursors.push_back(reader.cursor());
        if cursors.len() > CURSORS {
            cursors.pop_front();
        }
        Ok(frames)
    }
}

fn decode(groups: &[Arc<Group>], after: Position, durable: Position, bytes_max: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut sum = 0;
    for group in groups {
        let mut at = 0;
        while let Some(bytes) = group.bytes.get(at..).filter(|bytes| !bytes.is_empty()) {
            let place = Place { offset: group.place.offset + at as u64, ..group.place };
            let Some(header) = Header::read(bytes, place) else { break };
            if header.position > durable || (sum >= bytes_max && !frames.is_empty()) {
                return frames;
            }
            let body = bytes.get(frame::HEADER..header.length).unwrap_or_default();
            if header.position > after
                && let Some(batch) = frame::decode(body)
            {
                sum += header.length;
                frames.push(Frame { position: header.position, at_ms: header.at_ms, batch });
            }
            at += usize::try_from(header.next(0)).unwrap_or(usize::MAX);
        }
    }
    frames
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
