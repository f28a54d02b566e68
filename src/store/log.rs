//! The log: frames in segments, the last of which is the head that is written to.
//!
//! Behind the last frame the head is filled with zeros, written ahead of time. A frame then overwrites blocks that the
//! file already has, which makes the sync cheap, and the room is there when the disk is full.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::frame::{self, MARK_BYTES, Place, Stamp};
use super::manifest::StoreId;
use super::segment::{self, SEGMENT_HEADER, SegmentHeader};
use super::{Batch, Disk, DiskFile, Position, StoreError};

/// First positions of the segments there are, ascending; the last is the head.
#[derive(Debug, Default)]
pub(super) struct Segments(Mutex<Vec<Position>>);

impl Segments {
    pub(super) fn new(firsts: Vec<Position>) -> Self {
        Self(Mutex::new(firsts))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Vec<Position>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn all(&self) -> Vec<Position> {
        self.lock().clone()
    }
}

/// What one write and one sync made durable.
#[derive(Debug)]
pub(super) struct Group {
    /// Where its first frame stands.
    pub(super) place: Place,
    pub(super) first: Position,
    pub(super) last: Position,
    pub(super) bytes: Vec<u8>,
}

/// The end of the log, open for appending.
pub(super) struct Log<D: Disk> {
    pub(super) disk: Arc<D>,
    pub(super) store: StoreId,
    pub(super) segments: Arc<Segments>,
    pub(super) file: D::File,
    /// First position of the head.
    pub(super) first: Position,
    /// Where the next frame goes.
    pub(super) end: u64,
    /// From `end` up to here there are zeros in the file, but for a mark.
    pub(super) zeroed: u64,
    pub(super) last: Position,
    pub(super) at_ms: i64,
    /// What the last mark or frame calls durable.
    pub(super) told: Position,
}

impl<D: Disk> Log<D> {
    /// Makes the first segment of a log that goes on after `last`.
    pub(super) fn create(disk: Arc<D>, store: StoreId, last: Position) -> Result<Self, StoreError> {
        let header = SegmentHeader { first: Position(last.0 + 1), before: Position(0) };
        let file = make_segment(&*disk, store, header, 0)?;
        Ok(Self {
            disk,
            store,
            segments: Arc::new(Segments::new(vec![header.first])),
            file,
            first: header.first,
            end: SEGMENT_HEADER,
            zeroed: SEGMENT_HEADER,
            last,
            at_ms: 0,
            told: last,
        })
    }

    /// Zeroed bytes behind the last frame.
    pub(super) fn room(&self) -> u64 {
        self.zeroed.saturating_sub(self.end)
    }

    pub(super) fn path(&self) -> PathBuf {
        self.disk.path(&segment::name(self.first))
    }

    /// Appends a frame a batch and syncs. After an error nothing may be appended any more.
    pub(super) fn append<'a>(
        &mut self,
        batches: impl Iterator<Item = &'a Batch> + Clone,
        now_ms: i64,
    ) -> Result<Group, StoreError> {
        let start = Place { store: self.store, segment: self.first, offset: self.end };
        // A clock that was set back must not make later frames look older.
        let at_ms = self.at_ms.max(now_ms);
        let mut bytes = Vec::with_capacity(batches.clone().map(super::batch_bytes).sum());
        let first = Position(self.last.0 + 1);
        let mut position = self.last;
        for batch in batches {
            position.0 += 1;
            let place = Place { offset: self.end + bytes.len() as u64, ..start };
            if !frame::append(&mut bytes, place, Stamp { position, synced: self.last, at_ms }, batch) {
                return Err(StoreError::TooLarge { bytes: super::batch_bytes(batch), most: u32::MAX as usize });
            }
        }
        self.file.write_at(&bytes, self.end).map_err(|e| StoreError::io("write", self.path(), e))?;
        self.sync()?;
        self.told = self.last;
        self.end += bytes.len() as u64;
        self.zeroed = self.zeroed.max(self.end);
        self.last = position;
        self.at_ms = at_ms;
        Ok(Group { place: start, first, last: position, bytes })
    }

    /// Makes all that was written durable.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync().map_err(|e| StoreError::io("sync", self.path(), e))
    }

    /// Whether [`Log::mark`] would say something new.
    pub(super) fn wants_mark(&self) -> bool {
        self.told != self.last && self.room() >= MARK_BYTES
    }

    /// Notes behind the last frame that it is durable, so that damage of it is told from a frame that never was. Needs
    /// no sync: it is worth something only where it is read.
    pub(super) fn mark(&mut self) -> Result<(), StoreError> {
        if self.wants_mark() {
            let mut bytes = Vec::new();
            let place = Place { store: self.store, segment: self.first, offset: self.end };
            let stamp = Stamp { position: self.last, synced: self.last, at_ms: self.at_ms };
            frame::append_mark(&mut bytes, place, stamp);
            self.file.write_at(&bytes, self.end).map_err(|e| StoreError::io("write", self.path(), e))?;
            self.told = self.last;
        }
        Ok(())
    }

    /// Writes zeros until there is so much room. `false` when the disk is full before.
    pub(super) fn grow(&mut self, room: u64, step: u64) -> Result<bool, StoreError> {
        while self.room() < room {
            match write_zeros(&self.file, self.zeroed, step) {
                Ok(()) => self.zeroed += step,
                Err(e) if is_full(&e) => return Ok(false),
                Err(e) => return Err(StoreError::io("extend", self.path(), e)),
            }
        }
        Ok(true)
    }

    /// Goes on in a new segment that has so much room from the start. `false` when the disk is too full for it: then
    /// the head grows on.
    pub(super) fn roll(&mut self, room: u64) -> Result<bool, StoreError> {
        let header = SegmentHeader { first: Position(self.last.0 + 1), before: self.first };
        let file = match make_segment(&*self.disk, self.store, header, room) {
            Ok(file) => file,
            Err(StoreError::DiskFull { .. }) => {
                self.unmake(header.first)?;
                return Ok(false);
            }
            Err(e) => return Err(e),
        };
        // What lies behind the last frame of the old head is not needed any more. A crash may leave it; it does no harm.
        self.file.set_len(self.end).map_err(|e| StoreError::io("cut", self.path(), e))?;
        self.segments.lock().push(header.first);
        self.file = file;
        self.first = header.first;
        self.end = SEGMENT_HEADER;
        self.zeroed = SEGMENT_HEADER + room;
        self.told = self.last;
        Ok(true)
    }

    /// Removes a segment that could not be made. Its name must be gone for good before the old head goes on: both would
    /// claim the same positions.
    fn unmake(&self, first: Position) -> Result<(), StoreError> {
        let path = self.disk.path(&segment::name(first));
        match self.disk.remove(&segment::name(first)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(StoreError::io("remove", path, e)),
            _ => {}
        }
        self.disk.sync_folder().map_err(|e| StoreError::io("sync the folder of", path, e))
    }
}

/// Makes a segment that is durable, name and all. The header is written last: without it there is no segment.
fn make_segment<D: Disk>(disk: &D, store: StoreId, header: SegmentHeader, room: u64) -> Result<D::File, StoreError> {
    let name = segment::name(header.first);
    let path = disk.path(&name);
    let file = disk.create(&name).map_err(|e| StoreError::io("create", &path, e))?;
    write_zeros(&file, SEGMENT_HEADER, room).map_err(|e| StoreError::io("extend", &path, e))?;
    file.write_at(&header.encode(store), 0).map_err(|e| StoreError::io("write", &path, e))?;
    file.sync().map_err(|e| StoreError::io("sync", &path, e))?;
    disk.sync_folder().map_err(|e| StoreError::io("sync the folder of", &path, e))?;
    Ok(file)
}

fn write_zeros<F: DiskFile>(file: &F, mut offset: u64, mut bytes: u64) -> std::io::Result<()> {
    static ZEROS: [u8; 256 << 10] = [0; 256 << 10];
    while bytes > 0 {
        let part = ZEROS.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
        file.write_at(&ZEROS[..part], offset)?;
        offset += part as u64;
        bytes -= part as u64;
    }
    Ok(())
}

pub(super) fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}
