//! One frame of the log as bytes.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of the whole frame; 0 is the end of the log |
//! | 8 | position |
//! | 8 | `synced`: the last position known to be durable when this was written |
//! | 8 | milliseconds since the start of 1970 |
//! | 4 | checksum of the body |
//! | 4 | checksum of the 32 bytes before |
//! | rest | body: the changes |
//!
//! All numbers are little-endian. A frame starts at a multiple of [`ALIGN`]. One without a body is a *mark*: it has no
//! number of its own, stands after frame `position` until the next frame takes its place, and says what is durable.
//!
//! Both checksums begin with the store and the place where the frame stands. So a frame is valid in its own place only:
//! a copy of log bytes inside a value is never taken for a frame.

use std::ops::Range;

use super::manifest::StoreId;
use super::{Batch, Change, Position};

/// Bytes before the body.
pub(super) const HEADER: usize = 36;
/// Frames start at multiples of this.
pub(super) const ALIGN: usize = 8;
/// What a mark takes.
pub(super) const MARK_BYTES: u64 = padded(HEADER as u64);

/// Where a frame stands: in which store, in which segment, at which byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) store: StoreId,
    pub(super) segment: Position,
    pub(super) offset: u64,
}

/// The first part of a frame, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) length: usize,
    pub(super) position: Position,
    pub(super) synced: Position,
    pub(super) at_ms: i64,
    body_crc: u32,
}

impl Header {
    pub(super) fn is_mark(&self) -> bool {
        self.length == HEADER
    }

    /// Where the next frame starts when this one starts at `offset`.
    pub(super) fn next(&self, offset: u64) -> u64 {
        offset + padded(self.length as u64)
    }

    /// Reads it; `None` unless it was written at that place.
    pub(super) fn read(bytes: &[u8], place: Place) -> Option<Self> {
        let mut rest = bytes.get(..HEADER)?;
        let checked = &rest[..HEADER - 4];
        let header = Self {
            length: usize::try_from(u32::from_le_bytes(take(&mut rest)?)).ok()?,
            position: Position(u64::from_le_bytes(take(&mut rest)?)),
            synced: Position(u64::from_le_bytes(take(&mut rest)?)),
            at_ms: i64::from_le_bytes(take(&mut rest)?),
            body_crc: u32::from_le_bytes(take(&mut rest)?),
        };
        let crc = u32::from_le_bytes(take(&mut rest)?);
        (header.length >= HEADER && crc == checksum(place, checked)).then_some(header)
    }

    /// The body of a frame of `length` bytes; `None` unless it is what was written.
    pub(super) fn body<'a>(&self, frame: &'a [u8], place: Place) -> Option<&'a [u8]> {
        let body = frame.get(HEADER..self.length)?;
        (checksum(place, body) == self.body_crc).then_some(body)
    }
}

/// What goes into a header beside the body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    pub(super) position: Position,
    pub(super) synced: Position,
    pub(super) at_ms: i64,
}

/// Appends a frame that will stand at `place`, filled up to where the next one starts. `false` and nothing is appended
/// when it would be longer than a frame can be.
pub(super) fn append(out: &mut Vec<u8>, place: Place, stamp: Stamp, batch: &Batch) -> bool {
    append_with(out, place, stamp, |out| encode(out, batch))
}

/// Appends a mark.
pub(super) fn append_mark(out: &mut Vec<u8>, place: Place, stamp: Stamp) {
    append_with(out, place, stamp, |_| ());
}

fn append_with(out: &mut Vec<u8>, place: Place, stamp: Stamp, body: impl FnOnce(&mut Vec<u8>)) -> bool {
    let start = out.len();
    out.resize(start + HEADER, 0);
    body(out);
    let Ok(length) = u32::try_from(out.len() - start) else {
        out.truncate(start);
        return false;
    };
    let body_crc = checksum(place, &out[start + HEADER..]);
    let mut header = Vec::with_capacity(HEADER);
    header.extend_from_slice(&length.to_le_bytes());
    header.extend_from_slice(&stamp.position.0.to_le_bytes());
    header.extend_from_slice(&stamp.synced.0.to_le_bytes());
    header.extend_from_slice(&stamp.at_ms.to_le_bytes());
    header.extend_from_slice(&body_crc.to_le_bytes());
    let crc = checksum(place, &header);
    header.extend_from_slice(&crc.to_le_bytes());
    out[start..start + HEADER].copy_from_slice(&header);
    out.resize(start + (out.len() - start).next_multiple_of(ALIGN), 0);
    true
}

fn checksum(place: Place, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&place.store.0);
    hasher.update(&place.segment.0.to_le_bytes());
    hasher.update(&place.offset.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// The next multiple of [`ALIGN`].
pub(super) const fn padded(bytes: u64) -> u64 {
    bytes.next_multiple_of(ALIGN as u64)
}

const DELETE: u8 = 0;
const PUT: u8 = 1;

fn encode(out: &mut Vec<u8>, batch: &Batch) {
    varint(out, batch.changes.len());
    for change in &batch.changes {
        match change {
            Change::Put(key, value) => {
                out.push(PUT);
                varint(out, key.len());
                out.extend_from_slice(key);
                varint(out, value.len());
                out.extend_from_slice(value);
            }
            Change::Delete(key) => {
                out.push(DELETE);
                varint(out, key.len());
                out.extend_from_slice(key);
            }
        }
    }
}

/// Calls `visit` with each change of a body: where its key lies in it and, for a put, its value. `None` unless the body
/// is exactly one encoded batch.
pub(super) fn changes(body: &[u8], mut visit: impl FnMut(Range<usize>, Option<Range<usize>>)) -> Option<()> {
    let mut at = 0;
    let count = read_varint(body, &mut at)?;
    for _ in 0..count {
        let tag = *body.get(at)?;
        at += 1;
        let key = read_bytes(body, &mut at)?;
        match tag {
            PUT => visit(key, Some(read_bytes(body, &mut at)?)),
            DELETE => visit(key, None),
            _ => return None,
        }
    }
    (at == body.len()).then_some(())
}

/// The batch of a body.
pub(super) fn decode(body: &[u8]) -> Option<Batch> {
    let mut batch = Batch::default();
    changes(body, |key, value| match value {
        Some(value) => batch.put(&body[key], &body[value]),
        None => batch.delete(&body[key]),
    })?;
    Some(batch)
}

fn varint(out: &mut Vec<u8>, number: usize) {
    let mut rest = number as u64;
    while rest >= 0x80 {
        out.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    out.push(rest.to_le_bytes()[0]);
}

/// One way only to write a number: no more bytes than it needs.
fn read_varint(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut number = 0u64;
    for shift in (0..63).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return if byte == 0 && shift > 0 { None } else { usize::try_from(number).ok() };
        }
    }
    None
}

fn read_bytes(bytes: &[u8], at: &mut usize) -> Option<Range<usize>> {
    let len = read_varint(bytes, at)?;
    let end = at.checked_add(len).filter(|end| *end <= bytes.len())?;
    let range = *at..end;
    *at = end;
    Some(range)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}
