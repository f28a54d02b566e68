//! From what is on disk to a store that goes on.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::log::Log;
use super::log_read::LogReader;
use super::options::LogOptions;
use super::segment;
use super::snapshot::{self, SnapshotInfo, SnapshotReader};
use super::{Change, Disk, DiskFile, Index, Position, StoreError};

/// How much is applied to the index at a time.
const CHUNK_BYTES: usize = 4 << 20;

/// What was found, whole and at one position.
pub(super) struct Recovered<D: Disk, I: Index> {
    pub(super) log: Log<D>,
    pub(super) index: I,
    pub(super) snapshot: Option<SnapshotInfo>,
    /// Bytes of the log that the snapshot does not cover.
    pub(super) uncovered: u64,
}

/// Mends the log and brings an index up to its end: the one that was found if it can be, a blank one otherwise.
pub(super) fn recover<D: Disk, I: Index>(
    disk: Arc<D>,
    found: Option<I>,
    blank: &dyn Fn() -> Result<I, StoreError>,
    options: &LogOptions,
) -> Result<Recovered<D, I>, StoreError> {
    let snapshot = snapshot::latest(&*disk)?;
    if let Some(foreign) = snapshot.as_ref().filter(|s| s.store != options.store_id) {
        let problem = "it is a snapshot of another store".to_owned();
        return Err(StoreError::Damaged { file: disk.path(&foreign.name), offset: 0, problem });
    }
    let covered = snapshot.as_ref().map_or(Position(0), |s| s.position);
    // An index that can't say is no witness; it is replaced below.
    let applied = found.as_ref().and_then(|index| index.applied().ok()).unwrap_or_default();
    let log = Log::open(disk, options.store_id, covered, applied)?;
    let reused = found.and_then(|index| match bring_forward(&log, &index) {
        Ok(true) => Some(index),
        Ok(false) => None,
        Err(error) => {
            tracing::warn!(%error, "the index can't be used and is built anew");
            None
        }
    });
    let index = match reused {
        Some(index) => index,
        None => {
            let index = blank()?;
            if let Some(snapshot) = &snapshot {
                fill(&log, &index, snapshot)?;
            }
            replay(&log, &index, covered)?;
            index
        }
    };
    let uncovered = uncovered_bytes(&log, covered)?;
    Ok(Recovered { log, index, snapshot, uncovered })
}

/// Applies to a found index what the log has beyond it. `false` when the log does not reach back to it.
fn bring_forward<D: Disk, I: Index>(log: &Log<D>, index: &I) -> Result<bool, StoreError> {
    let applied = index.applied()?;
    let oldest = log.segments.all().first().copied().unwrap_or_default();
    if applied.0 + 1 < oldest.0 {
        tracing::warn!(applied = applied.0, last = log.last.0, "the index does not fit the log and is built anew");
        return Ok(false);
    }
    replay(log, index, applied)?;
    Ok(true)
}

/// Applies the frames after a position, in chunks that end with a frame.
fn replay<D: Disk, I: Index>(log: &Log<D>, index: &I, after: Position) -> Result<(), StoreError> {
    if after >= log.last {
        return Ok(());
    }
    let segments = log.segments.all();
    let mut reader = LogReader::new(Arc::clone(&log.disk), log.store, &segments, after, log.last)?;
    let mut chunk: BTreeMap<Vec<u8>, Change> = BTreeMap::new();
    let mut bytes = 0;
    while let Some(found) = reader.next()? {
        let batch = reader.batch(&found)?;
        bytes += super::batch_bytes(&batch);
        for change in batch.changes {
            let (Change::Put(key, _) | Change::Delete(key)) = &change;
            chunk.insert(key.clone(), change);
        }
        if bytes >= CHUNK_BYTES || found.header.position == log.last {
            let changes: Vec<Change> = std::mem::take(&mut chunk).into_values().collect();
            index.apply(&changes, found.header.position)?;
            bytes = 0;
        }
    }
    Ok(())
}

/// Puts a snapshot into a blank index. The position is noted with the last entries only: one that was filled half
/// way stays at 0 and is not taken for whole.
fn fill<D: Disk, I: Index>(log: &Log<D>, index: &I, snapshot: &SnapshotInfo) -> Result<(), StoreError> {
    let mut chunk = Vec::new();
    let mut bytes = 0;
    for entry in SnapshotReader::open(&*log.disk, snapshot)? {
        let (key, value) = entry?;
        bytes += key.len() + value.len();
        chunk.push(Change::Put(key, value));
        if bytes >= CHUNK_BYTES {
            index.apply(&std::mem::take(&mut chunk), Position(0))?;
            bytes = 0;
        }
    }
    index.apply(&chunk, snapshot.position)
}

fn uncovered_bytes<D: Disk>(log: &Log<D>, covered: Position) -> Result<u64, StoreError> {
    let segments = log.segments.all();
    let mut sum = log.end;
    for pair in segments.windows(2).filter(|pair| pair[1].0 > covered.0 + 1) {
        let name = segment::name(pair[0]);
        let len = log.disk.open(&name).and_then(|file| file.len());
        sum += len.map_err(|e| StoreError::io("measure", log.disk.path(&name), e))?;
    }
    Ok(sum)
}
