//! `snapshot-<position>.snap`: all that lives after a frame, sorted by key and checksummed.
//!
//! Made of [blocks](super::blocks): one head, entries, one end with their count. Written under another name, synced and
//! renamed, so that a file with a snapshot's name is whole; anything else about it is damage, and refused.

use super::blocks::{Block, BlockReader, BlockWriter, Fields, put_bytes};
use super::manifest::{FORMAT, StoreId};
use super::whole::remove_if_there;
use super::{Disk, Entry, Position, StoreError};

const TEMPORARY: &str = "snapshot.tmp";
const MAGIC: &[u8; 8] = b"RESTAGES";

const HEAD: u8 = 1;
const ENTRIES: u8 = 2;
const END: u8 = 3;

/// Bytes of the last block: its header and a count.
const END_BYTES: u64 = 9 + 8;

/// What a snapshot says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SnapshotInfo {
    /// Of which store.
    pub(super) store: StoreId,
    /// The last frame it has in it.
    pub(super) position: Position,
    /// When that frame was committed, in milliseconds since the start of 1970.
    pub(super) at_ms: i64,
    /// How many keys it has.
    pub(super) entries: u64,
    /// How large its file is.
    pub(super) bytes: u64,
    /// What its file is called.
    pub(super) name: String,
}

/// Writes a snapshot of the entries, which have to come sorted, each key once.
pub(super) fn write<D: Disk>(
    disk: &D,
    store: StoreId,
    position: Position,
    at_ms: i64,
    entries: &mut dyn Iterator<Item = Result<Entry, StoreError>>,
) -> Result<SnapshotInfo, StoreError> {
    remove_if_there(disk, TEMPORARY)?;
    let written = write_temporary(disk, store, position, at_ms, entries);
    let (count, bytes) = match written {
        Ok(written) => written,
        Err(error) => {
            // The space is needed more than ever, and the error that is told is the first one.
            let _ = remove_if_there(disk, TEMPORARY);
            return Err(error);
        }
    };
    let name = file_name(position);
    let renamed = disk.rename(TEMPORARY, &name).and_then(|()| disk.sync_folder());
    renamed.map_err(|e| StoreError::io("writing", disk.path(&name), e))?;
    Ok(SnapshotInfo { store, position, at_ms, entries: count, bytes, name })
}

fn write_temporary<D: Disk>(
    disk: &D,
    store: StoreId,
    position: Position,
    at_ms: i64,
    entries: &mut dyn Iterator<Item = Result<Entry, StoreError>>,
) -> Result<(u64, u64), StoreError> {
    let mut blocks = BlockWriter::create(disk, TEMPORARY)?;
    blocks.record(HEAD, |out| {
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&store.0);
        out.extend_from_slice(&position.0.to_le_bytes());
        out.extend_from_slice(&at_ms.to_le_bytes());
    })?;
    let mut count = 0_u64;
    for entry in entries {
        let (key, value) = entry?;
        blocks.record(ENTRIES, |out| put_entry(out, &key, &value))?;
        count += 1;
    }
    blocks.record(END, |out| out.extend_from_slice(&count.to_le_bytes()))?;
    Ok((count, blocks.finish()?))
}

/// Appends an entry as blocks have it.
pub(super) fn put_entry(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    put_bytes(out, key);
    put_bytes(out, value);
}

/// Takes an entry off.
pub(super) fn take_entry(fields: &mut Fields<'_>) -> Option<Entry> {
    Some((fields.bytes()?.to_vec(), fields.bytes()?.to_vec()))
}

/// The newest snapshot. What is left of one that was never finished is removed.
pub(super) fn latest<D: Disk>(disk: &D) -> Result<Option<SnapshotInfo>, StoreError> {
    remove_if_there(disk, TEMPORARY)?;
    find(disk)
}

/// The newest snapshot. One that can't be read is an error: an older one may lack frames that the log no longer has.
pub(super) fn find<D: Disk>(disk: &D) -> Result<Option<SnapshotInfo>, StoreError> {
    let names = disk.list().map_err(|e| StoreError::io("listing", disk.path(""), e))?;
    match names.iter().filter_map(|name| position_in(name)).max() {
        Some(position) => info(disk, &file_name(position)).map(Some),
        None => Ok(None),
    }
}

/// What the file of a snapshot says of itself. Its entries are not looked at.
pub(super) fn info<D: Disk>(disk: &D, name: &str) -> Result<SnapshotInfo, StoreError> {
    let mut blocks = BlockReader::open(disk, name)?;
    let head = blocks.next_block()?;
    let mut fields = match &head {
        Some(Block { kind: HEAD, payload, .. }) => Fields(payload),
        _ => return Err(blocks.damaged(0, "the head is missing")),
    };
    if fields.array() != Some(*MAGIC) {
        return Err(blocks.damaged(0, "it is not a snapshot"));
    }
    let bad = || blocks.damaged(0, "the head does not make sense");
    let found = fields.u32().ok_or_else(bad)?;
    if found > FORMAT {
        return Err(StoreError::NewerFormat { folder: disk.path(name), found, known: FORMAT });
    }
    let store = StoreId(fields.array().ok_or_else(bad)?);
    let position = Position(fields.u64().ok_or_else(bad)?);
    let at_ms = fields.i64().ok_or_else(bad)?;
    if position_in(name).is_some_and(|named| named != position) {
        return Err(blocks.damaged(0, "it has the name of another snapshot"));
    }
    let bytes = blocks.len();
    let end = bytes.saturating_sub(END_BYTES);
    if end < blocks.offset() {
        return Err(blocks.damaged(end, "the end is missing"));
    }
    blocks.seek(end);
    let last = blocks.next_block()?;
    let entries = match &last {
        Some(Block { kind: END, payload, .. }) => Fields(payload).u64(),
        _ => None,
    };
    let entries = entries.ok_or_else(|| blocks.damaged(end, "the end is missing"))?;
    Ok(SnapshotInfo { store, position, at_ms, entries, bytes, name: name.to_owned() })
}

/// Reads the entries of a snapshot in order, and checks every block, the order and the count on the way. It ends after
/// the first error.
pub(super) struct SnapshotReader<D: Disk> {
    blocks: BlockReader<D>,
    at: u64,
    payload: Vec<u8>,
    taken: usize,
    last: Option<Vec<u8>>,
    count: u64,
    expected: u64,
    ended: bool,
}

impl<D: Disk> SnapshotReader<D> {
    /// Opens the snapshot.
    pub(super) fn open(disk: &D, info: &SnapshotInfo) -> Result<Self, StoreError> {
        let mut blocks = BlockReader::open(disk, &info.name)?;
        blocks.next_block()?;
        Ok(Self {
            blocks,
            at: 0,
            payload: Vec::new(),
            taken: 0,
            last: None,
            count: 0,
            expected: info.entries,
            ended: false,
        })
    }

    fn entry(&mut self) -> Result<Option<Entry>, StoreError> {
        while self.taken == self.payload.len() {
            let Some(Block { offset, kind, payload }) = self.blocks.next_block()? else {
                return Err(self.blocks.damaged(self.at, "the end is missing"));
            };
            (self.at, self.payload, self.taken) = (offset, payload, 0);
            match kind {
                ENTRIES => {}
                END => return self.end().map(|()| None),
                _ => return Err(self.blocks.damaged(offset, "a block of unknown kind")),
            }
        }
        let mut fields = Fields(&self.payload[self.taken..]);
        let entry = take_entry(&mut fields).ok_or_else(|| self.blocks.damaged(self.at, "an entry is cut short"))?;
        self.taken = self.payload.len() - fields.0.len();
        if self.last.as_ref().is_some_and(|last| *last >= entry.0) {
            return Err(self.blocks.damaged(self.at, "the keys are not in order"));
        }
        self.last = Some(entry.0.clone());
        self.count += 1;
        Ok(Some(entry))
    }

    fn end(&self) -> Result<(), StoreError> {
        if Fields(&self.payload).u64() != Some(self.count) || self.count != self.expected {
            return Err(self.blocks.damaged(self.at, "the count of entries does not fit"));
        }
        if self.blocks.offset() != self.blocks.len() {
            return Err(self.blocks.damaged(self.blocks.offset(), "there are bytes behind the end"));
        }
        Ok(())
    }
}

impl<D: Disk> Iterator for SnapshotReader<D> {
    type Item = Result<Entry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let entry = self.entry().transpose();
        self.ended = !matches!(entry, Some(Ok(_)));
        entry
    }
}

/// What the snapshot after a frame is called.
pub(super) fn file_name(position: Position) -> String {
    format!("snapshot-{:020}.snap", position.0)
}

/// After which frame a snapshot of that name is; `None` when it is no snapshot.
pub(super) fn position_in(name: &str) -> Option<Position> {
    let digits = name.strip_prefix("snapshot-")?.strip_suffix(".snap")?;
    (digits.len() == 20).then(|| digits.parse().ok()).flatten().map(Position)
}

#[cfg(test)]
mod tests;
