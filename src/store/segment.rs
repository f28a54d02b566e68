//! One file of the log: its name, its header, and reading frames from it.

use super::frame::{self, Header, Place};
use super::manifest::StoreId;
use super::{Disk, DiskFile, Position, StoreError};

/// Bytes before the first frame.
pub(super) const SEGMENT_HEADER: u64 = HEADER as u64;
const HEADER: usize = 48;
const MAGIC: [u8; 4] = *b"rlog";
const FORMAT: u32 = 1;
/// How much is read at once.
const WINDOW: usize = 128 << 10;
/// How much is compared with zeros at once.
const LOOK: usize = 32 << 10;

/// The name of the segment whose first frame has that position.
pub(super) fn name(first: Position) -> String {
    format!("log-{:020}.seg", first.0)
}

/// The first positions of all segments in the folder, ascending.
pub(super) fn list<D: Disk>(disk: &D) -> Result<Vec<Position>, StoreError> {
    let names = disk.list().map_err(|e| StoreError::io("list the files of", disk.path(""), e))?;
    let mut firsts: Vec<Position> = names
        .iter()
        .filter_map(|n| n.strip_prefix("log-")?.strip_suffix(".seg")?.parse().ok().map(Position))
        .filter(|first| names.contains(&name(*first)))
        .collect();
    firsts.sort_unstable();
    Ok(firsts)
}

/// What stands at the start of a segment. It names the segment before, so that a missing one is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) first: Position,
    /// First position of the segment before; 0 for none.
    pub(super) before: Position,
}

impl SegmentHeader {
    pub(super) fn encode(&self, store: StoreId) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&store.0);
        out.extend_from_slice(&self.first.0.to_le_bytes());
        out.extend_from_slice(&self.before.0.to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out
    }

    fn decode(bytes: &[u8], store: StoreId) -> Option<Self> {
        let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let header = Self { first: Position(number(24)?), before: Position(number(32)?) };
        (header.encode(store) == bytes).then_some(header)
    }
}

/// A frame in a segment: its header and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) header: Header,
    pub(super) offset: u64,
}

/// What lies behind the last valid frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LookOn {
    /// Room for the next frames.
    Zeros,
    /// Parts of frames that were never acknowledged.
    Leftovers,
    /// A header, at this offset, which proves that a frame is missing.
    Evidence(u64),
}

/// Reads a segment from front to back, and never more of it into memory than a window or one frame.
pub(super) struct SegmentReader<D: Disk> {
    file: D::File,
    path: std::path::PathBuf,
    store: StoreId,
    first: Position,
    len: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl<D: Disk> SegmentReader<D> {
    pub(super) fn open(disk: &D, store: StoreId, first: Position) -> Result<Self, StoreError> {
        let path = disk.path(&name(first));
        let file = disk.open(&name(first)).map_err(|e| StoreError::io("open", &path, e))?;
        let len = file.len().map_err(|e| StoreError::io("measure", &path, e))?;
        Ok(Self { file, path, store, first, len, window: Vec::new(), window_at: 0 })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn first(&self) -> Position {
        self.first
    }

    pub(super) fn damaged(&self, offset: u64, problem: impl Into<String>) -> StoreError {
        StoreError::Damaged { file: self.path.clone(), offset, problem: problem.into() }
    }

    /// The file's header; `None` unless it is what was written.
    pub(super) fn header(&mut self) -> Result<Option<SegmentHeader>, StoreError> {
        let (store, first) = (self.store, self.first);
        let bytes = self.bytes(0, HEADER)?;
        Ok(SegmentHeader::decode(bytes, store).filter(|h| h.first == first))
    }

    /// Whether the file begins with a part of that header, or nothing, and zeros.
    pub(super) fn begins(&mut self, header: SegmentHeader) -> Result<bool, StoreError> {
        let expected = header.encode(self.store);
        let bytes = self.bytes(0, HEADER)?;
        let same = bytes.iter().zip(&expected).take_while(|(a, b)| a == b).count();
        Ok(bytes[same..].iter().all(|byte| *byte == 0))
    }

    /// The frame at `offset`, header and body checked; `None` when there is no valid one.
    pub(super) fn frame(&mut self, offset: u64) -> Result<Option<Found>, StoreError> {
        let place = self.place(offset);
        let Some(header) = Header::read(self.bytes(offset, frame::HEADER)?, place) else { return Ok(None) };
        if self.len.saturating_sub(offset) < header.length as u64 {
            return Ok(None);
        }
        let valid = header.body(self.bytes(offset, header.length)?, place).is_some();
        Ok(valid.then_some(Found { header, offset }))
    }

    /// The body of a frame that [`SegmentReader::frame`] has found.
    pub(super) fn body(&mut self, found: &Found) -> Result<&[u8], StoreError> {
        let len = found.header.length - frame::HEADER;
        self.bytes(found.offset + frame::HEADER as u64, len)
    }

    /// What lies at and after `offset`, where frame `position` should have started and did not.
    ///
    /// Frames are written after what they call durable was synced. So a single header there that calls `position`
    /// durable proves that this frame, and all before, had been acknowledged.
    pub(super) fn look_on(&mut self, offset: u64, position: Position) -> Result<LookOn, StoreError> {
        static ZEROS: [u8; LOOK] = [0; LOOK];
        let mut only_zeros = true;
        let mut at = offset;
        while at < self.len {
            // A header that starts in the part that is compared lies whole in what is read.
            let bytes = self.bytes(at, LOOK + frame::HEADER)?;
            let part = bytes.len().min(LOOK);
            if bytes[..part] != ZEROS[..part] {
                only_zeros = false;
                let bytes = bytes.to_vec();
                for step in (0..part).step_by(frame::ALIGN) {
                    let place = self.place(at + step as u64);
                    if Header::read(&bytes[step..], place).is_some_and(|h| h.synced >= position) {
                        return Ok(LookOn::Evidence(place.offset));
                    }
                }
            }
            at += LOOK as u64;
        }
        Ok(if only_zeros { LookOn::Zeros } else { LookOn::Leftovers })
    }

    /// Up to `len` bytes at `offset`; fewer at the end of the file.
    pub(super) fn bytes(&mut self, offset: u64, len: usize) -> Result<&[u8], StoreError> {
        let end = offset.saturating_add(len as u64).min(self.len);
        if offset < self.window_at || end > self.window_at + self.window.len() as u64 {
            let rest = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
            self.window.resize(len.max(WINDOW).min(rest), 0);
            self.window_at = offset;
            let read = self.file.read_at(&mut self.window, offset);
            let read = read.map_err(|e| StoreError::io("read", &self.path, e))?;
            self.window.truncate(read);
        }
        let start = usize::try_from(offset - self.window_at).unwrap_or(usize::MAX).min(self.window.len());
        let end = start.saturating_add(len).min(self.window.len());
        Ok(&self.window[start..end])
    }

    pub(super) fn place(&self, offset: u64) -> Place {
        Place { store: self.store, segment: self.first, offset }
    }
}
