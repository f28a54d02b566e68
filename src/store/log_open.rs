//! Finding the end of the log, and mending it: what was never acknowledged is cut, damage is refused.

use std::collections::VecDeque;
use std::sync::Arc;

use super::frame::MARK_BYTES;
use super::log::{Log, Segments};
use super::manifest::StoreId;
use super::segment::{self, LookOn, SEGMENT_HEADER, SegmentHeader, SegmentReader};
use super::{Disk, DiskFile, Position, StoreError};

/// Where the head ends.
struct Tail {
    end: u64,
    last: Position,
    /// Known to be durable.
    synced: Position,
    /// Where the first frame starts that is not known to be durable.
    unsynced_from: u64,
    at_ms: i64,
    /// Leftovers lie behind the end.
    torn: bool,
}

impl<D: Disk> Log<D> {
    /// Opens the log of a store whose latest snapshot is of `snapshot`, and whose index has frame `applied`. Stopped at
    /// any point, it starts over and ends the same.
    pub(super) fn open(
        disk: Arc<D>,
        store: StoreId,
        snapshot: Position,
        applied: Position,
    ) -> Result<Self, StoreError> {
        let mut firsts = segment::list(&*disk)?;
        let Some(header) = find_head(&*disk, store, snapshot, &mut firsts)? else {
            if applied > snapshot {
                let problem = format!("it holds no log, but the index has frame {}", applied.0);
                return Err(StoreError::Damaged { file: disk.path(""), offset: 0, problem });
            }
            return Self::create(disk, store, snapshot);
        };
        check_chain(&*disk, store, snapshot, &firsts)?;
        let mut reader = SegmentReader::open(&*disk, store, header.first)?;
        let tail = find_tail(&mut reader)?;
        // Both get durable frames only: what they have and the log has not is gone, and cutting would hide it.
        for (what, position) in [("snapshot", snapshot), ("index", applied)] {
            if tail.last < position {
                let problem = format!("it ends at frame {}, but the {what} has frame {}", tail.last.0, position.0);
                return Err(reader.damaged(tail.end, problem));
            }
        }
        let name = segment::name(header.first);
        let file = disk.open(&name).map_err(|e| StoreError::io("open", disk.path(&name), e))?;
        mend(&*disk, store, header, &mut reader, &file, &tail)?;
        Ok(Self {
            zeroed: if tail.torn { tail.end } else { reader.len().max(tail.end) },
            disk,
            store,
            segments: Arc::new(Segments::new(firsts)),
            file,
            first: header.first,
            end: tail.end,
            last: tail.last,
            at_ms: tail.at_ms,
            told: tail.synced,
        })
    }
}

/// The last segment that was made completely. One after it that was not, which a crash may leave, is removed.
fn find_head<D: Disk>(
    disk: &D,
    store: StoreId,
    snapshot: Position,
    firsts: &mut Vec<Position>,
) -> Result<Option<SegmentHeader>, StoreError> {
    while let Some(first) = firsts.last().copied() {
        let mut reader = SegmentReader::open(disk, store, first)?;
        if let Some(header) = reader.header()? {
            return Ok(Some(header));
        }
        // Frames are written only once the header is durable. So what was not finished has no frame, and no other bytes
        // of a header than its own.
        let before = firsts.len().checked_sub(2).map_or(Position(0), |at| firsts[at]);
        let unfinished = reader.begins(SegmentHeader { first, before })?
            && reader.look_on(SEGMENT_HEADER, Position(0))? == LookOn::Zeros;
        let missing = firsts.len() == 1 && first.0 > snapshot.0 + 1;
        if missing || !unfinished {
            return Err(reader.damaged(0, "its header is not what was written, or that of another store"));
        }
        let name = segment::name(first);
        disk.remove(&name).map_err(|e| StoreError::io("remove", disk.path(&name), e))?;
        disk.sync_folder().map_err(|e| StoreError::io("sync the folder of", disk.path(&name), e))?;
        firsts.pop();
    }
    Ok(None)
}

/// Each segment names the one before it, so a missing one is noticed without reading them all.
fn check_chain<D: Disk>(disk: &D, store: StoreId, snapshot: Position, firsts: &[Position]) -> Result<(), StoreError> {
    for (i, first) in firsts.iter().enumerate() {
        let mut reader = SegmentReader::open(disk, store, *first)?;
        let Some(header) = reader.header()? else {
            return Err(reader.damaged(0, "its header is not what was written"));
        };
        let fits = if i == 0 { first.0 <= snapshot.0 + 1 } else { header.before == firsts[i - 1] };
        if !fits {
            let problem = format!("the frames before frame {} are missing", first.0);
            return Err(reader.damaged(0, problem));
        }
    }
    Ok(())
}

fn find_tail<D: Disk>(reader: &mut SegmentReader<D>) -> Result<Tail, StoreError> {
    // A head is made when all frames before it are durable.
    let before = Position(reader.first().0.saturating_sub(1));
    let mut tail = Tail {
        end: SEGMENT_HEADER,
        last: before,
        synced: before,
        unsynced_from: SEGMENT_HEADER,
        at_ms: 0,
        torn: false,
    };
    let mut unsynced: VecDeque<(Position, u64)> = VecDeque::new();
    let mut look_from = tail.end;
    while let Some(found) = reader.frame(tail.end)? {
        let header = found.header;
        let expected = Position(tail.last.0 + u64::from(!header.is_mark()));
        if header.position != expected {
            break;
        }
        tail.synced = tail.synced.max(header.synced);
        if header.is_mark() {
            look_from = tail.end + MARK_BYTES;
            break;
        }
        unsynced.push_back((header.position, found.offset));
        while unsynced.front().is_some_and(|(position, _)| *position <= tail.synced) {
            unsynced.pop_front();
        }
        tail.last = header.position;
        tail.at_ms = header.at_ms;
        tail.end = header.next(found.offset);
        look_from = tail.end;
    }
    let missing = Position(tail.last.0 + 1);
    match reader.look_on(look_from, missing)? {
        LookOn::Evidence(at) => {
            let problem = format!("frame {} is not what was written, though byte {at} calls it durable", missing.0);
            return Err(reader.damaged(tail.end, problem));
        }
        LookOn::Leftovers => tail.torn = true,
        LookOn::Zeros => {}
    }
    while unsynced.front().is_some_and(|(position, _)| *position <= tail.synced) {
        unsynced.pop_front();
    }
    tail.unsynced_from = unsynced.front().map_or(tail.end, |(_, offset)| *offset);
    Ok(tail)
}

/// Cuts leftovers, so that they can't come back behind later frames, and makes durable what was found.
///
/// Frames that are not known to be durable are written again before they are synced: after a failed sync the system
/// has them in memory only and believes them written.
fn mend<D: Disk>(
    disk: &D,
    store: StoreId,
    header: SegmentHeader,
    reader: &mut SegmentReader<D>,
    file: &D::File,
    tail: &Tail,
) -> Result<(), StoreError> {
    let path = disk.path(&segment::name(header.first));
    let unsynced = tail.unsynced_from < tail.end;
    let untouched = tail.end == SEGMENT_HEADER;
    if tail.torn {
        file.set_len(tail.end).map_err(|e| StoreError::io("cut", &path, e))?;
    }
    if unsynced {
        let len = usize::try_from(tail.end - tail.unsynced_from).unwrap_or(usize::MAX);
        let bytes = reader.bytes(tail.unsynced_from, len)?;
        file.write_at(bytes, tail.unsynced_from).map_err(|e| StoreError::io("write", &path, e))?;
    }
    if untouched {
        file.write_at(&header.encode(store), 0).map_err(|e| StoreError::io("write", &path, e))?;
    }
    if tail.torn || unsynced || untouched {
        file.sync().map_err(|e| StoreError::io("sync", &path, e))?;
    }
    if untouched {
        // The making of the segment may have been stopped before its name was durable.
        disk.sync_folder().map_err(|e| StoreError::io("sync the folder of", &path, e))?;
    }
    Ok(())
}
