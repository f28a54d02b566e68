//! Reading durable frames, across segments.

use std::sync::Arc;

use super::manifest::StoreId;
use super::segment::{Found, SEGMENT_HEADER, SegmentReader};
use super::{Batch, Disk, Frame, Position, StoreError, frame};

/// Where reading can go on later without searching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The last frame read.
    pub(super) after: Position,
    /// Segment and byte at which that frame ended.
    pub(super) segment: Position,
    pub(super) offset: u64,
}

/// Goes through the frames after one position up to another, all of which have to be there: one that is missing or
/// not valid is damage.
pub(super) struct LogReader<D: Disk> {
    disk: Arc<D>,
    store: StoreId,
    /// The segments that hold them, last first.
    ahead: Vec<Position>,
    segment: SegmentReader<D>,
    offset: u64,
    last: Position,
    until: Position,
}

impl<D: Disk> LogReader<D> {
    /// Frames after `after` up to `until`, of which all are durable. [`StoreError::Gone`] when the first is no longer
    /// in the log.
    pub(super) fn new(
        disk: Arc<D>,
        store: StoreId,
        segments: &[Position],
        after: Position,
        until: Position,
    ) -> Result<Self, StoreError> {
        let next = Position(after.0 + 1);
        let at = segments.partition_point(|first| *first <= next);
        let Some(first) = at.checked_sub(1).and_then(|at| segments.get(at)).copied() else {
            return Err(StoreError::Gone { oldest: segments.first().copied().unwrap_or_default() });
        };
        let cursor = Cursor { after: Position(first.0.saturating_sub(1)), segment: first, offset: SEGMENT_HEADER };
        Self::resume(disk, store, segments, cursor, until)?.skip_to(after)
    }

    /// The same from where a reader was before.
    pub(super) fn resume(
        disk: Arc<D>,
        store: StoreId,
        segments: &[Position],
        cursor: Cursor,
        until: Position,
    ) -> Result<Self, StoreError> {
        let segment = SegmentReader::open(&*disk, store, cursor.segment)?;
        let ahead = segments.iter().rev().copied().take_while(|first| *first > cursor.segment).collect();
        Ok(Self { disk, store, ahead, segment, offset: cursor.offset, last: cursor.after, until })
    }

    fn skip_to(mut self, after: Position) -> Result<Self, StoreError> {
        while self.last < after.min(self.until) {
            self.next()?;
        }
        Ok(self)
    }

    /// The next frame, its header and place; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Found>, StoreError> {
        if self.last >= self.until {
            return Ok(None);
        }
        let position = Position(self.last.0 + 1);
        while self.ahead.last().is_some_and(|first| *first <= position) {
            let first = self.ahead.pop().unwrap_or_default();
            self.segment = SegmentReader::open(&*self.disk, self.store, first)?;
            if self.segment.header()?.is_none() {
                return Err(self.segment.damaged(0, "its header is not what was written"));
            }
            self.offset = SEGMENT_HEADER;
        }
        let found = self.segment.frame(self.offset)?;
        let Some(found) = found.filter(|f| !f.header.is_mark() && f.header.position == position) else {
            return Err(self.segment.damaged(self.offset, format!("frame {} is not what was written", position.0)));
        };
        self.offset = found.header.next(found.offset);
        self.last = position;
        Ok(Some(found))
    }

    /// The body of the frame that was returned last.
    pub(super) fn body(&mut self, found: &Found) -> Result<&[u8], StoreError> {
        self.segment.body(found)
    }

    /// The changes of the frame that was returned last.
    pub(super) fn batch(&mut self, found: &Found) -> Result<Batch, StoreError> {
        match frame::decode(self.segment.body(found)?) {
            Some(batch) => Ok(batch),
            None => Err(self.undecodable(found)),
        }
    }

    /// The error for a body that is what was written and still no batch.
    pub(super) fn undecodable(&self, found: &Found) -> StoreError {
        self.segment.damaged(found.offset, format!("frame {} does not hold changes", found.header.position.0))
    }

    /// The next frame whole.
    pub(super) fn next_frame(&mut self) -> Result<Option<Frame>, StoreError> {
        let Some(found) = self.next()? else { return Ok(None) };
        let batch = self.batch(&found)?;
        Ok(Some(Frame { position: found.header.position, at_ms: found.header.at_ms, batch }))
    }

    /// The segment that the last frame lies in.
    pub(super) fn segment(&self) -> Position {
        self.segment.first()
    }

    /// Where this reader is.
    pub(super) fn cursor(&self) -> Cursor {
        Cursor { after: self.last, segment: self.segment.first(), offset: self.offset }
    }
}
