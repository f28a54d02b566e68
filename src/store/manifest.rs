//! `MANIFEST`: says that a folder is a data folder, in which format, and which store it is.
//!
//! | bytes | |
//! |---|---|
//! | 8 | magic |
//! | 4 | format |
//! | 16 | store id |
//! | 4 | CRC-32 of all before; the last four bytes in every format to come |

use std::fmt;
use std::path::PathBuf;

use super::whole::{read_whole, write_whole};
use super::{Disk, StoreError};

/// The file's name.
pub(super) const MANIFEST: &str = "MANIFEST";
/// The newest format of the data folder this program knows.
pub(super) const FORMAT: u32 = 1;

const MAGIC: &[u8; 8] = b"RESTAGE\n";
const BYTES: usize = 32;

/// Which store it is: random, made once with the folder. A restored backup is a store of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoreId(pub [u8; 16]);

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Makes the folder a data folder.
pub(super) fn create<D: Disk>(disk: &D, id: StoreId) -> Result<(), StoreError> {
    let mut bytes = Vec::with_capacity(BYTES);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&id.0);
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    write_whole(disk, MANIFEST, &bytes)
}

/// Which store the folder is; `None` when it is not a data folder yet.
pub(super) fn read<D: Disk>(disk: &D) -> Result<Option<StoreId>, StoreError> {
    let Some(bytes) = read_whole(disk, MANIFEST)? else { return Ok(None) };
    let damaged =
        |problem: &str| StoreError::Damaged { file: disk.path(MANIFEST), offset: 0, problem: problem.to_owned() };
    if !bytes.starts_with(MAGIC) && !MAGIC.starts_with(&bytes) {
        let problem = format!("its {MANIFEST} was written by another program");
        return Err(StoreError::NotADataFolder { folder: folder(disk), problem });
    }
    let Some((body, sum)) = bytes.split_last_chunk::<4>() else { return Err(damaged("it is cut short")) };
    if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
        return Err(damaged("the checksum does not fit"));
    }
    let Some((format, rest)) = body.get(MAGIC.len()..).and_then(|rest| rest.split_first_chunk::<4>()) else {
        return Err(damaged("it is cut short"));
    };
    let found = u32::from_le_bytes(*format);
    if found > FORMAT {
        return Err(StoreError::NewerFormat { folder: folder(disk), found, known: FORMAT });
    }
    rest.try_into().map(|id| Some(StoreId(id))).map_err(|_| damaged("it has the wrong length"))
}

fn folder<D: Disk>(disk: &D) -> PathBuf {
    disk.path(MANIFEST).parent().map(PathBuf::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::{DiskFile, Fault, Keep, SimDisk};
    use super::*;

    const ID: StoreId = StoreId(*b"0123456789abcdef");

    fn written(bytes: &[u8]) -> SimDisk {
        let disk = SimDisk::new();
        disk.create(MANIFEST).unwrap().write_at(bytes, 0).unwrap();
        disk
    }

    #[test]
    fn what_was_created_is_read() {
        let disk = SimDisk::new();
        assert_eq!(read(&disk).unwrap(), None);
        create(&disk, ID).unwrap();
        assert_eq!(read(&disk).unwrap(), Some(ID));
        assert_eq!(read(&disk.crash(1, Keep::Nothing)).unwrap(), Some(ID));
        assert_eq!(ID.to_string(), "30313233343536373839616263646566");
    }

    #[test]
    fn a_cut_at_any_operation_leaves_it_whole_or_absent() {
        let whole = SimDisk::new();
        create(&whole, ID).unwrap();
        for k in 1..=whole.operations() {
            for seed in 0..20 {
                let disk = SimDisk::new();
                disk.fail_at(k, Fault::Tear);
                create(&disk, ID).unwrap_err();
                let after = disk.crash(seed, Keep::Random);
                let found = read(&after).unwrap();
                assert!(found.is_none() || found == Some(ID));
                create(&after, ID).unwrap();
                assert_eq!(read(&after).unwrap(), Some(ID));
            }
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let disk = SimDisk::new();
        create(&disk, ID).unwrap();
        for byte in 0..BYTES as u64 {
            let cut = disk.kill();
            cut.truncate(MANIFEST, byte).unwrap();
            assert!(matches!(read(&cut), Err(StoreError::Damaged { .. })), "cut at {byte}");
            for bit in 0..8 {
                let flipped = disk.kill();
                flipped.flip(MANIFEST, byte, bit).unwrap();
                let error = read(&flipped).unwrap_err();
                assert!(matches!(error, StoreError::Damaged { .. } | StoreError::NotADataFolder { .. }), "{error}");
            }
        }
    }

    #[test]
    fn a_newer_format_and_a_foreign_file_are_told_apart() {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&7_u32.to_le_bytes());
        bytes.extend_from_slice(&[0; 40]);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        assert!(matches!(read(&written(&bytes)), Err(StoreError::NewerFormat { found: 7, known: 1, .. })));
        assert!(matches!(read(&written(b"CURRENT=MANIFEST-1")), Err(StoreError::NotADataFolder { .. })));
    }
}
