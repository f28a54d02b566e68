//! From a backup to a data folder.
//!
//! The folder gets a snapshot as of the frame asked for, and a log that goes on after it. It is a store of its own, with
//! an id of its own: the frames it will number on may differ from those of the store the backup is of, and who follows
//! that one's feed must notice.

use std::collections::BTreeMap;
use std::iter::Peekable;

use super::backup::{self, BackupInfo, ENTRIES, FRAMES, Progress, take_frame};
use super::blocks::{Block, BlockReader, Fields};
use super::manifest::{self, StoreId};
use super::snapshot::{self, take_entry};
use super::{Disk, Entry, Position, StoreError};

/// Up to where a backup is restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpTo {
    /// This frame included.
    Position(Position),
    /// All frames before the first that was committed later than this, in milliseconds since the start of 1970.
    AtMs(i64),
}

/// A key's last value among the frames: where in the file it is, and how long. `None` when the key is deleted.
type Changes = BTreeMap<Vec<u8>, Option<(u64, usize)>>;

/// A backup that was checked, and what is to become of it.
pub(super) struct Plan<'f, F: Disk> {
    from: &'f F,
    name: &'f str,
    bytes: u64,
    position: Position,
    at_ms: i64,
    changes: Changes,
}

/// Checks all of a backup, and finds out what is to be restored. Progress goes half way.
pub(super) fn plan<'f, F: Disk>(
    from: &'f F,
    name: &'f str,
    upto: Option<UpTo>,
    progress: Progress<'_>,
) -> Result<Plan<'f, F>, StoreError> {
    let info = backup::check(from, name, &mut |done, total| progress(done, 2 * total))?;
    check_range(&info, upto)?;
    let (position, at_ms, changes) = read_changes(from, name, &info, upto)?;
    Ok(Plan { from, name, bytes: info.bytes, position, at_ms, changes })
}

/// Restores a backup into an empty folder. Returns the last frame the new store has.
pub(super) fn restore<F: Disk, D: Disk>(
    plan: Plan<'_, F>,
    to: &D,
    id: StoreId,
    progress: Progress<'_>,
) -> Result<Position, StoreError> {
    let Plan { from, name, bytes, position, at_ms, changes } = plan;
    let entries = Entries { blocks: backup::open(from, name)?.0, payload: Vec::new(), taken: 0, ended: false };
    let values = backup::open(from, name)?.0;
    let mut merged = Merged { entries: entries.peekable(), changes: changes.into_iter().peekable(), values: &values };
    let mut done = 0_u64;
    let mut counted = std::iter::from_fn(|| merged.next()).inspect(|entry| {
        done += entry.as_ref().map_or(0, |(key, value)| key.len() + value.len()) as u64;
        progress(bytes + done.min(bytes), 2 * bytes);
    });
    snapshot::write(to, id, position, at_ms, &mut counted)?;
    // Last: without it the folder is no data folder, and nobody takes a half restored one for whole.
    manifest::create(to, id)?;
    progress(2 * bytes, 2 * bytes);
    Ok(position)
}

fn check_range(info: &BackupInfo, upto: Option<UpTo>) -> Result<(), StoreError> {
    let within = match upto {
        None => true,
        Some(UpTo::Position(position)) => (info.oldest.0..=info.newest.0).contains(&position),
        Some(UpTo::AtMs(at_ms)) => at_ms >= info.oldest.1,
    };
    if within { Ok(()) } else { Err(StoreError::NotInBackup { oldest: info.oldest.0, newest: info.newest.0 }) }
}

/// What the frames up to there change.
fn read_changes<F: Disk>(
    from: &F,
    name: &str,
    info: &BackupInfo,
    upto: Option<UpTo>,
) -> Result<(Position, i64, Changes), StoreError> {
    let (mut blocks, ..) = backup::open(from, name)?;
    let (mut last, mut changes) = (info.oldest, Changes::new());
    while let Some(block) = blocks.next_block()? {
        let mut fields = Fields(&block.payload);
        while block.kind == FRAMES && !fields.0.is_empty() {
            let Some(frame) = take_frame(&mut fields) else {
                return Err(blocks.damaged(block.offset, "a frame is cut short"));
            };
            let beyond = match upto {
                None => false,
                Some(UpTo::Position(position)) => frame.position > position,
                Some(UpTo::AtMs(at_ms)) => frame.at_ms > at_ms,
            };
            if beyond {
                return Ok((last.0, last.1, changes));
            }
            last = (frame.position, frame.at_ms);
            for (key, value) in frame.changes {
                changes.insert(key.to_vec(), value.map(|value| (block.offset_of(value), value.len())));
            }
        }
    }
    Ok((last.0, last.1, changes))
}

/// The entries of a backup.
struct Entries<D: Disk> {
    blocks: BlockReader<D>,
    payload: Vec<u8>,
    taken: usize,
    ended: bool,
}

impl<D: Disk> Iterator for Entries<D> {
    type Item = Result<Entry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended && self.taken == self.payload.len() {
            match self.blocks.next_block() {
                Ok(Some(Block { kind: ENTRIES, payload, .. })) => (self.payload, self.taken) = (payload, 0),
                Ok(_) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        if self.ended {
            return None;
        }
        let mut fields = Fields(&self.payload[self.taken..]);
        let entry = take_entry(&mut fields);
        self.taken = self.payload.len() - fields.0.len();
        Some(entry.ok_or_else(|| {
            self.ended = true;
            self.blocks.damaged(self.blocks.offset(), "an entry is cut short")
        }))
    }
}

/// Entries with the changes made: both are sorted, and a change wins.
struct Merged<'f, F: Disk, E: Iterator<Item = Result<Entry, StoreError>>> {
    entries: Peekable<E>,
    changes: Peekable<<Changes as IntoIterator>::IntoIter>,
    values: &'f BlockReader<F>,
}

impl<F: Disk, E: Iterator<Item = Result<Entry, StoreError>>> Merged<'_, F, E> {
    fn next(&mut self) -> Option<Result<Entry, StoreError>> {
        loop {
            let changed = match (self.entries.peek(), self.changes.peek()) {
                (Some(Err(_)), _) | (_, None) => return self.entries.next(),
                (Some(Ok((key, _))), Some((changed, _))) if key < changed => return self.entries.next(),
                (Some(Ok((key, _))), Some((changed, _))) => key == changed,
                (None, Some(_)) => false,
            };
            if changed {
                self.entries.next();
            }
            if let (key, Some((offset, len))) = self.changes.next()? {
                let mut value = vec![0; len];
                return Some(self.values.read(&mut value, offset).map(|()| (key, value)));
            }
        }
    }
}
