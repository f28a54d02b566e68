use proptest::prelude::*;

use super::super::{DiskFile, Fault, Keep, SimDisk};
use super::*;

const STORE: StoreId = StoreId([7; 16]);

fn entries(n: u32, bytes: usize) -> Vec<Entry> {
    (0..n).map(|i| (i.to_be_bytes().to_vec(), vec![i.to_le_bytes()[0]; bytes])).collect()
}

fn put(disk: &SimDisk, position: u64, entries: &[Entry]) -> Result<SnapshotInfo, StoreError> {
    write(disk, STORE, Position(position), 1_000, &mut entries.iter().cloned().map(Ok))
}

fn read(disk: &SimDisk, info: &SnapshotInfo) -> Result<Vec<Entry>, StoreError> {
    SnapshotReader::open(disk, info)?.collect()
}

#[test]
fn the_newest_is_found_with_what_it_says_of_itself() {
    let disk = SimDisk::new();
    assert_eq!(latest(&disk).unwrap(), None);
    put(&disk, 9, &entries(3, 10)).unwrap();
    let info = put(&disk, 10, &entries(2000, 100)).unwrap();
    assert_eq!(info.name, "snapshot-00000000000000000010.snap");
    assert_eq!((info.store, info.position, info.at_ms, info.entries), (STORE, Position(10), 1_000, 2000));
    assert_eq!(disk.open(&info.name).unwrap().len().unwrap(), info.bytes);
    assert_eq!(latest(&disk).unwrap(), Some(info.clone()));
    assert_eq!(read(&disk, &info).unwrap(), entries(2000, 100));
}

#[test]
fn an_empty_one_is_whole() {
    let disk = SimDisk::new();
    let info = put(&disk, 0, &[]).unwrap();
    assert_eq!(latest(&disk).unwrap(), Some(info.clone()));
    assert_eq!(read(&disk, &info).unwrap(), []);
}

#[test]
fn a_cut_at_any_operation_leaves_the_old_or_the_new() {
    let start = SimDisk::new();
    let old = put(&start, 1, &entries(5, 10)).unwrap();
    let start = start.kill();
    let full = start.kill();
    put(&full, 2, &entries(3000, 100)).unwrap();
    for k in 1..=full.operations() {
        for seed in 0..5 {
            let disk = start.kill();
            disk.fail_at(k, Fault::Tear);
            put(&disk, 2, &entries(3000, 100)).unwrap_err();
            let after = disk.crash(seed, Keep::Random);
            let info = latest(&after).unwrap().unwrap();
            if info.position == Position(1) {
                assert_eq!(info, old);
                assert_eq!(after.list().unwrap(), std::slice::from_ref(&old.name), "what was not finished is removed");
            }
            let expected = if info.position == Position(1) { entries(5, 10) } else { entries(3000, 100) };
            assert_eq!(read(&after, &info).unwrap(), expected);
        }
    }
}

#[test]
fn a_full_disk_leaves_nothing_behind() {
    let disk = SimDisk::with_limit(100_000);
    let error = put(&disk, 1, &entries(3000, 100)).unwrap_err();
    assert!(matches!(error, StoreError::DiskFull { .. }));
    assert!(disk.list().unwrap().is_empty());
}

#[test]
fn an_error_of_the_entries_is_passed_on() {
    let disk = SimDisk::new();
    let mut entries = [Ok((vec![1], vec![])), Err(StoreError::Closed)].into_iter();
    assert!(matches!(write(&disk, STORE, Position(1), 0, &mut entries), Err(StoreError::Closed)));
    assert!(disk.list().unwrap().is_empty());
}

#[test]
fn keys_out_of_order_and_a_snapshot_under_another_name_are_refused() {
    let disk = SimDisk::new();
    let info = put(&disk, 1, &[(vec![2], vec![]), (vec![1], vec![])]).unwrap();
    assert!(matches!(read(&disk, &info), Err(StoreError::Damaged { .. })));
    disk.rename(&info.name, &file_name(Position(4))).unwrap();
    assert!(matches!(latest(&disk), Err(StoreError::Damaged { .. })));
}

#[test]
fn every_cut_of_the_file_is_refused() {
    let whole = SimDisk::new();
    let info = put(&whole, 1, &entries(20, 10)).unwrap();
    for len in 0..info.bytes {
        let disk = whole.kill();
        disk.truncate(&info.name, len).unwrap();
        assert!(matches!(latest(&disk), Err(StoreError::Damaged { .. })), "cut at {len}");
    }
}

proptest! {
    #[test]
    fn every_flipped_bit_is_refused(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let disk = SimDisk::new();
        let info = put(&disk, 1, &entries(900, 100)).unwrap();
        let bytes = usize::try_from(info.bytes).unwrap();
        disk.flip(&info.name, at.index(bytes) as u64, bit).unwrap();
        let outcome = latest(&disk).and_then(|info| read(&disk, &info.unwrap()));
        prop_assert!(matches!(outcome, Err(StoreError::Damaged { .. })), "{:?}", outcome.map(|e| e.len()));
    }
}
