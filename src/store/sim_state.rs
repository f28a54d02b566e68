//! What a [simulated folder](super::sim) holds, and what is left of it after a cut.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;

/// What a disk writes whole, in bytes.
pub(super) const SECTOR: usize = 512;

/// What goes wrong at an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process dies before it: this and everything later fails, reading too.
    Stop,
    /// A write is half done, then as [`Fault::Stop`].
    Tear,
    /// It fails, and everything later works again. A sync that fails loses what it was to save.
    FailOnce(io::ErrorKind),
}

/// What a power cut leaves of that which was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// Everything.
    All,
    /// Any sectors of any writes, and folder changes up to any of them.
    Random,
}

#[derive(Clone, Debug)]
pub(super) enum Write {
    Bytes(usize, Vec<u8>),
    SetLen(usize),
}

#[derive(Clone, Debug)]
pub(super) enum FolderChange {
    Create(String, u64),
    Rename(String, String),
    Remove(String),
}

#[derive(Clone, Debug, Default)]
pub(super) struct FileState {
    /// What processes see.
    pub(super) seen: Vec<u8>,
    /// What a power cut leaves for certain.
    pub(super) durable: Vec<u8>,
    /// What leads from `durable` to `seen`, as far as the system will still write it.
    pub(super) pending: Vec<Write>,
    /// Sectors that take space.
    pub(super) sectors: BTreeSet<usize>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    pub(super) names: BTreeMap<String, u64>,
    pub(super) durable_names: BTreeMap<String, u64>,
    pub(super) pending: Vec<FolderChange>,
    pub(super) files: BTreeMap<u64, FileState>,
    pub(super) operations: u64,
    pub(super) faults: BTreeMap<u64, Fault>,
    pub(super) dead: bool,
    pub(super) limit: Option<u64>,
}

/// Marks the error of a write that was half done.
#[derive(Debug, thiserror::Error)]
#[error("the simulated process has ended within a write")]
pub(super) struct Torn;

impl Shared {
    pub(super) fn alive(&self) -> io::Result<()> {
        if self.dead { Err(io::Error::other("the simulated process has ended")) } else { Ok(()) }
    }

    pub(super) fn operation(&mut self) -> io::Result<()> {
        self.alive()?;
        self.operations += 1;
        match self.faults.get(&self.operations).copied() {
            None => Ok(()),
            Some(Fault::FailOnce(kind)) => Err(kind.into()),
            Some(Fault::Stop) => {
                self.dead = true;
                self.alive()
            }
            Some(Fault::Tear) => {
                self.dead = true;
                Err(io::Error::other(Torn))
            }
        }
    }

    pub(super) fn id(&self, name: &str) -> io::Result<u64> {
        self.names.get(name).copied().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, name.to_owned()))
    }

    pub(super) fn file(&mut self, id: u64) -> io::Result<&mut FileState> {
        self.files.get_mut(&id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn change(&mut self, change: FolderChange) {
        change.apply(&mut self.names);
        self.pending.push(change);
    }

    pub(super) fn free(&self) -> u64 {
        let used: usize = self.names.values().filter_map(|id| self.files.get(id)).map(|f| f.sectors.len()).sum();
        self.limit.unwrap_or(u64::MAX).saturating_sub((used * SECTOR) as u64)
    }

    /// How many of the bytes the disk has space for.
    pub(super) fn fitting(&mut self, id: u64, at: usize, len: usize) -> io::Result<usize> {
        if self.limit.is_none() {
            return Ok(len);
        }
        let mut free = self.free() / SECTOR as u64;
        let file = self.file(id)?;
        for (part, sector) in sectors(at, len) {
            if !file.sectors.contains(&sector) {
                if free == 0 {
                    return Ok(part.start - at);
                }
                free -= 1;
            }
        }
        Ok(len)
    }
}

impl FileState {
    pub(super) fn write(&mut self, write: Write) {
        match &write {
            Write::Bytes(at, bytes) => self.sectors.extend(sectors(*at, bytes.len()).map(|(_, sector)| sector)),
            Write::SetLen(len) => drop(self.sectors.split_off(&len.div_ceil(SECTOR))),
        }
        write.apply(&mut self.seen);
        self.pending.push(write);
    }

    pub(super) fn after_cut(&self, keep: Keep, dice: &mut Dice) -> FileState {
        let mut durable = self.durable.clone();
        for write in &self.pending {
            match (keep, write) {
                (Keep::Nothing, _) => {}
                (Keep::All, write) => write.apply(&mut durable),
                (Keep::Random, Write::SetLen(_)) if dice.coin() => write.apply(&mut durable),
                (Keep::Random, Write::SetLen(_)) => {}
                (Keep::Random, Write::Bytes(at, bytes)) => {
                    for (part, _) in sectors(*at, bytes.len()).filter(|_| dice.coin()) {
                        overwrite(&mut durable, part.start, &bytes[part.start - at..part.end - at]);
                    }
                }
            }
        }
        let sectors = sectors(0, durable.len()).map(|(_, sector)| sector).collect();
        FileState { seen: durable.clone(), durable, pending: Vec::new(), sectors }
    }
}

impl Write {
    pub(super) fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Bytes(at, new) => overwrite(bytes, *at, new),
            Self::SetLen(len) => bytes.resize(*len, 0),
        }
    }
}

impl FolderChange {
    pub(super) fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Create(name, id) => drop(names.insert(name.clone(), *id)),
            Self::Rename(from, to) => {
                if let Some(id) = names.remove(from) {
                    names.insert(to.clone(), id);
                }
            }
            Self::Remove(name) => drop(names.remove(name)),
        }
    }
}

/// The parts of a range that lie in one sector each, with the sector's number.
fn sectors(at: usize, len: usize) -> impl Iterator<Item = (Range<usize>, usize)> {
    let end = at + len;
    (at / SECTOR..end.div_ceil(SECTOR)).map(move |s| ((s * SECTOR).max(at)..((s + 1) * SECTOR).min(end), s))
}

fn overwrite(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
    if bytes.len() < at + new.len() {
        bytes.resize(at + new.len(), 0);
    }
    bytes[at..at + new.len()].copy_from_slice(new);
}

/// Numbers from a seed (splitmix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % end.max(1) as u64).unwrap_or(0)
    }

    pub(super) fn coin(&mut self) -> bool {
        self.roll() & 1 == 1
    }
}
