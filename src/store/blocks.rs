//! Checksummed blocks, one after the other: what snapshots and backups are made of.
//!
//! A block is its length (4 bytes), its kind (1 byte), the CRC-32 of offset, kind and payload (4 bytes), and the payload.
//! The offset is in the sum so that a block in the wrong place is not taken for the right one.

use super::{Disk, DiskFile, StoreError};

/// About how large the payload of a block is. A single larger record has a larger block of its own.
pub(super) const BLOCK_BYTES: usize = 64 * 1024;

const HEADER: usize = 9;

/// Appends blocks to a new file.
pub(super) struct BlockWriter<'d, D: Disk> {
    disk: &'d D,
    name: &'d str,
    file: D::File,
    offset: u64,
    kind: u8,
    payload: Vec<u8>,
}

impl<'d, D: Disk> BlockWriter<'d, D> {
    /// Makes the file.
    pub(super) fn create(disk: &'d D, name: &'d str) -> Result<Self, StoreError> {
        let file = disk.create(name).map_err(|e| StoreError::io("creating", disk.path(name), e))?;
        Ok(Self { disk, name, file, offset: 0, kind: 0, payload: Vec::with_capacity(BLOCK_BYTES) })
    }

    /// Adds a record, which `encode` appends, to the present block, or to a new one if that is full or of another kind.
    pub(super) fn record(&mut self, kind: u8, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(), StoreError> {
        if self.kind != kind || self.payload.len() >= BLOCK_BYTES {
            self.end_block()?;
            self.kind = kind;
        }
        encode(&mut self.payload);
        Ok(())
    }

    /// Ends the file and makes its bytes durable; returns how many they are.
    pub(super) fn finish(mut self) -> Result<u64, StoreError> {
        self.end_block()?;
        self.file.sync().map_err(|e| StoreError::io("syncing", self.disk.path(self.name), e))?;
        Ok(self.offset)
    }

    fn end_block(&mut self) -> Result<(), StoreError> {
        if self.payload.is_empty() {
            return Ok(());
        }
        let len = u32::try_from(self.payload.len())
            .map_err(|_| StoreError::TooLarge { bytes: self.payload.len(), most: u32::MAX as usize })?;
        let mut bytes = Vec::with_capacity(HEADER + self.payload.len());
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.push(self.kind);
        bytes.extend_from_slice(&sum(self.offset, self.kind, &self.payload).to_le_bytes());
        bytes.append(&mut self.payload);
        self.file.write_at(&bytes, self.offset).map_err(|e| StoreError::io("writing", self.disk.path(self.name), e))?;
        self.offset += bytes.len() as u64;
        Ok(())
    }
}

/// A block that was read and fits its checksum.
#[derive(Debug)]
pub(super) struct Block {
    /// Where it starts in the file.
    pub(super) offset: u64,
    /// What its records are.
    pub(super) kind: u8,
    /// Its records.
    pub(super) payload: Vec<u8>,
}

impl Block {
    /// Where a part of the payload is in the file.
    pub(super) fn offset_of(&self, part: &[u8]) -> u64 {
        let within = part.as_ptr().addr().saturating_sub(self.payload.as_ptr().addr());
        self.offset + (HEADER + within) as u64
    }
}

/// Reads blocks from the start of a file to its end.
pub(super) struct BlockReader<D: Disk> {
    file: D::File,
    path: std::path::PathBuf,
    offset: u64,
    len: u64,
}

impl<D: Disk> BlockReader<D> {
    /// Opens the file.
    pub(super) fn open(disk: &D, name: &str) -> Result<Self, StoreError> {
        let path = disk.path(name);
        let opened = disk.open(name).and_then(|file| Ok((file.len()?, file)));
        let (len, file) = opened.map_err(|e| StoreError::io("opening", &path, e))?;
        Ok(Self { file, path, offset: 0, len })
    }

    /// Bytes that the file has.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Where the next block starts.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Goes on at an offset.
    pub(super) fn seek(&mut self, offset: u64) {
        self.offset = offset;
    }

    /// The next block; `None` at the end of the file.
    pub(super) fn next_block(&mut self) -> Result<Option<Block>, StoreError> {
        if self.offset == self.len {
            return Ok(None);
        }
        let offset = self.offset;
        let mut header = [0; HEADER];
        self.read(&mut header, offset)?;
        let [l0, l1, l2, l3, kind, s0, s1, s2, s3] = header;
        let len = u32::from_le_bytes([l0, l1, l2, l3]);
        if u64::from(len) > self.len - offset - HEADER as u64 {
            return Err(self.damaged(offset, "the file ends within a block"));
        }
        let mut payload = vec![0; len as usize];
        self.read(&mut payload, offset + HEADER as u64)?;
        if sum(offset, kind, &payload) != u32::from_le_bytes([s0, s1, s2, s3]) {
            return Err(self.damaged(offset, "the checksum of the block does not fit"));
        }
        self.offset = offset + HEADER as u64 + u64::from(len);
        Ok(Some(Block { offset, kind, payload }))
    }

    /// Bytes of the file, all of them or [`StoreError::Damaged`].
    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> Result<(), StoreError> {
        let n = self.file.read_at(buffer, offset).map_err(|e| StoreError::io("reading", &self.path, e))?;
        if n == buffer.len() { Ok(()) } else { Err(self.damaged(offset, "the file ends within a block")) }
    }

    /// An error about this file.
    pub(super) fn damaged(&self, offset: u64, problem: &str) -> StoreError {
        StoreError::Damaged { file: self.path.clone(), offset, problem: problem.to_owned() }
    }
}

/// Takes apart the payload of a block.
#[derive(Debug)]
pub(super) struct Fields<'b>(pub(super) &'b [u8]);

impl<'b> Fields<'b> {
    /// A number of one byte.
    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// A number of four bytes.
    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// A number of eight bytes.
    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A signed number of eight bytes.
    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// So many bytes, as they are.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    /// Bytes behind their length.
    pub(super) fn bytes(&mut self) -> Option<&'b [u8]> {
        let len = self.u32()? as usize;
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }
}

/// Appends bytes behind their length. 4 GiB and more don't fit, and are refused when the block that has them ends.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn sum(offset: u64, kind: u8, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&offset.to_le_bytes());
    hasher.update(&[kind]);
    hasher.update(payload);
    hasher.finalize()
}
