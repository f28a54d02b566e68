//! A backup: one file that is a prefix of the store's log, taken while it runs.
//!
//! Made of [blocks](super::blocks): one head, the entries of the newest snapshot, every frame after it, and one end
//! with the counts. So it can be restored to any frame from the snapshot on. Nothing stops while it is taken: a
//! snapshot never changes, and neither does a durable frame.

use super::blocks::{Block, BlockReader, BlockWriter, Fields, put_bytes};
use super::manifest::{FORMAT, StoreId};
use super::snapshot::{self, SnapshotInfo, SnapshotReader, put_entry};
use super::whole::remove_if_there;
use super::{Change, Disk, Frame, Position, Store, StoreError};

const MAGIC: &[u8; 8] = b"RESTAGEB";

const HEAD: u8 = 1;
pub(super) const ENTRIES: u8 = 2;
pub(super) const FRAMES: u8 = 3;
const END: u8 = 4;

const DELETE: u8 = 0;
const PUT: u8 = 1;

/// Told how far a long operation is: how much is done, of how much.
pub type Progress<'p> = &'p mut dyn FnMut(u64, u64);

/// What a backup says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupInfo {
    /// Of which store.
    pub store: StoreId,
    /// The oldest frame it can be restored to, and when that was committed, in milliseconds since the start of 1970.
    pub oldest: (Position, i64),
    /// The newest.
    pub newest: (Position, i64),
    /// How many keys its snapshot has.
    pub entries: u64,
    /// How many frames follow.
    pub frames: u64,
    /// How large its file is.
    pub bytes: u64,
}

/// Writes a backup of a store whose folder is `from` to a file of the folder `to`, in place of one of that name.
/// Meanwhile no file of the store may be removed.
pub(super) fn write<D: Disk, T: Disk>(
    from: &D,
    id: StoreId,
    store: &dyn Store,
    to: &T,
    name: &str,
    progress: Progress<'_>,
) -> Result<BackupInfo, StoreError> {
    let temporary = format!("{name}.tmp");
    remove_if_there(to, &temporary)?;
    let written = write_temporary(from, id, store, to, &temporary, progress);
    if written.is_err() {
        let _ = remove_if_there(to, &temporary);
    }
    let info = written?;
    let renamed = to.rename(&temporary, name).and_then(|()| to.sync_folder());
    renamed.map_err(|e| StoreError::io("writing", to.path(name), e))?;
    Ok(info)
}

fn write_temporary<D: Disk, T: Disk>(
    from: &D,
    id: StoreId,
    store: &dyn Store,
    to: &T,
    name: &str,
    progress: Progress<'_>,
) -> Result<BackupInfo, StoreError> {
    const FRAME_BYTES: usize = 1 << 20;
    let snapshot = snapshot::find(from)?;
    let oldest = snapshot.as_ref().map_or((Position(0), 0), |snapshot| (snapshot.position, snapshot.at_ms));
    let entries = snapshot.as_ref().map_or(0, |snapshot| snapshot.entries);
    let mut blocks = BlockWriter::create(to, name)?;
    blocks.record(HEAD, |out| {
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&id.0);
        out.extend_from_slice(&oldest.0.0.to_le_bytes());
        out.extend_from_slice(&oldest.1.to_le_bytes());
    })?;
    if let Some(snapshot) = snapshot {
        let expected = entries + store.durable().0.saturating_sub(oldest.0.0);
        copy_entries(from, &snapshot, &mut blocks, &mut |done| progress(done, expected))?;
    }
    let until = store.durable();
    let mut newest = oldest;
    while newest.0 < until {
        for frame in store.frames(newest.0, FRAME_BYTES)? {
            if frame.position > until {
                break;
            }
            newest = (frame.position, frame.at_ms);
            blocks.record(FRAMES, |out| put_frame(out, &frame))?;
        }
        progress(entries + (newest.0.0 - oldest.0.0), entries + until.0.saturating_sub(oldest.0.0));
    }
    let frames = newest.0.0 - oldest.0.0;
    blocks.record(END, |out| {
        out.extend_from_slice(&entries.to_le_bytes());
        out.extend_from_slice(&frames.to_le_bytes());
        out.extend_from_slice(&newest.0.0.to_le_bytes());
        out.extend_from_slice(&newest.1.to_le_bytes());
    })?;
    Ok(BackupInfo { store: id, oldest, newest, entries, frames, bytes: blocks.finish()? })
}

fn copy_entries<D: Disk, T: Disk>(
    from: &D,
    snapshot: &SnapshotInfo,
    blocks: &mut BlockWriter<'_, T>,
    progress: &mut dyn FnMut(u64),
) -> Result<(), StoreError> {
    for (done, entry) in (1..).zip(SnapshotReader::open(from, snapshot)?) {
        let (key, value) = entry?;
        blocks.record(ENTRIES, |out| put_entry(out, &key, &value))?;
        if done % 1024 == 0 {
            progress(done);
        }
    }
    Ok(())
}

fn put_frame(out: &mut Vec<u8>, frame: &Frame) {
    out.extend_from_slice(&frame.position.0.to_le_bytes());
    out.extend_from_slice(&frame.at_ms.to_le_bytes());
    out.extend_from_slice(&(frame.batch.changes.len() as u64).to_le_bytes());
    for change in &frame.batch.changes {
        match change {
            Change::Put(key, value) => {
                out.push(PUT);
                put_bytes(out, key);
                put_bytes(out, value);
            }
            Change::Delete(key) => {
                out.push(DELETE);
                put_bytes(out, key);
            }
        }
    }
}

/// A frame as it stands in a block; values are where they are.
pub(super) struct FrameView<'b> {
    pub(super) position: Position,
    pub(super) at_ms: i64,
    pub(super) changes: Vec<(&'b [u8], Option<&'b [u8]>)>,
}

/// Takes a frame off.
pub(super) fn take_frame<'b>(fields: &mut Fields<'b>) -> Option<FrameView<'b>> {
    let position = Position(fields.u64()?);
    let at_ms = fields.i64()?;
    let mut changes = Vec::new();
    for _ in 0..fields.u64()? {
        changes.push(match fields.u8()? {
            PUT => (fields.bytes()?, Some(fields.bytes()?)),
            DELETE => (fields.bytes()?, None),
            _ => return None,
        });
    }
    Some(FrameView { position, at_ms, changes })
}

/// Reads all of a backup, and checks every block, the order of keys and frames, and the counts.
pub(super) fn check<D: Disk>(disk: &D, name: &str, progress: Progress<'_>) -> Result<BackupInfo, StoreError> {
    let (mut blocks, store, oldest) = open(disk, name)?;
    let (mut newest, mut entries, mut frames) = (oldest, 0_u64, 0_u64);
    let mut last_key: Option<Vec<u8>> = None;
    loop {
        let Some(Block { offset, kind, payload }) = blocks.next_block()? else {
            return Err(blocks.damaged(blocks.len(), "the end is missing"));
        };
        progress(blocks.offset(), blocks.len());
        let mut fields = Fields(&payload);
        match kind {
            ENTRIES if frames == 0 => {
                while !fields.0.is_empty() {
                    let (Some(key), Some(_)) = (fields.bytes(), fields.bytes()) else {
                        return Err(blocks.damaged(offset, "an entry is cut short"));
                    };
                    if last_key.as_deref().is_some_and(|last| last >= key) {
                        return Err(blocks.damaged(offset, "the keys are not in order"));
                    }
                    last_key = Some(key.to_vec());
                    entries += 1;
                }
            }
            FRAMES => {
                while !fields.0.is_empty() {
                    let frame = take_frame(&mut fields).filter(|frame| frame.position.0 == newest.0.0 + 1);
                    let Some(frame) = frame else { return Err(blocks.damaged(offset, "the frames are not in order")) };
                    newest = (frame.position, frame.at_ms);
                    frames += 1;
                }
            }
            END => {
                let counted = Some([entries, frames, newest.0.0]);
                let said = (|| Some([fields.u64()?, fields.u64()?, fields.u64()?]))();
                if said != counted || blocks.offset() != blocks.len() {
                    return Err(blocks.damaged(offset, "the end does not fit what is before it"));
                }
                return Ok(BackupInfo { store, oldest, newest, entries, frames, bytes: blocks.len() });
            }
            _ => return Err(blocks.damaged(offset, "a block in the wrong place")),
        }
    }
}

/// Opens a backup behind its head: of which store it is, and after which frame its entries are.
#[expect(clippy::type_complexity, reason = "three things that are taken apart at once")]
pub(super) fn open<D: Disk>(disk: &D, name: &str) -> Result<(BlockReader<D>, StoreId, (Position, i64)), StoreError> {
    let mut blocks = BlockReader::open(disk, name)?;
    let Some(Block { kind: HEAD, payload, .. }) = blocks.next_block()? else {
        return Err(blocks.damaged(0, "it is not a backup"));
    };
    let mut fields = Fields(&payload);
    if fields.array() != Some(*MAGIC) {
        return Err(blocks.damaged(0, "it is not a backup"));
    }
    if let Some(found) = fields.u32().filter(|format| *format > FORMAT) {
        return Err(StoreError::NewerFormat { folder: disk.path(name), found, known: FORMAT });
    }
    let head = (|| Some((StoreId(fields.array()?), (Position(fields.u64()?), fields.i64()?))))();
    match head {
        Some((store, oldest)) => Ok((blocks, store, oldest)),
        None => Err(blocks.damaged(0, "the head does not make sense")),
    }
}

#[cfg(test)]
mod tests;
