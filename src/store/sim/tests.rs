use std::collections::BTreeSet;

use super::super::sim_state::SECTOR;
use super::*;

fn read(disk: &SimDisk, name: &str) -> Vec<u8> {
    let file = disk.open(name).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    assert_eq!(file.read_at(&mut bytes, 0).unwrap(), bytes.len());
    bytes
}

fn saved(name: &str, bytes: &[u8]) -> (SimDisk, SimFile) {
    let disk = SimDisk::new();
    let file = disk.create(name).unwrap();
    file.write_at(bytes, 0).unwrap();
    file.sync().unwrap();
    disk.sync_folder().unwrap();
    (disk, file)
}

#[test]
fn synced_bytes_survive_and_unsynced_ones_do_not() {
    let (disk, file) = saved("a", b"one");
    file.write_at(b"two", 3).unwrap();
    assert_eq!(read(&disk, "a"), b"onetwo");
    assert_eq!(read(&disk.kill(), "a"), b"onetwo");
    assert_eq!(read(&disk.crash(1, Keep::Nothing), "a"), b"one");
    assert_eq!(read(&disk.crash(1, Keep::All), "a"), b"onetwo");
    assert_eq!(read(&disk.kill().crash(1, Keep::Nothing), "a"), b"one", "a kill syncs nothing");
}

#[test]
fn a_synced_file_without_a_synced_folder_is_gone() {
    let disk = SimDisk::new();
    disk.create("a").unwrap().sync().unwrap();
    assert!(disk.crash(1, Keep::Nothing).list().unwrap().is_empty());
}

#[test]
fn folder_changes_survive_up_to_any_of_them() {
    let (disk, _) = saved("a", b"old");
    disk.create("b").unwrap();
    disk.rename("b", "a").unwrap();
    disk.create("c").unwrap();
    let mut found = BTreeSet::new();
    for seed in 0..100 {
        let after = disk.crash(seed, Keep::Random);
        found.insert((after.list().unwrap().join(" "), read(&after, "a").len()));
    }
    let expected = [("a", 3), ("a b", 3), ("a", 0), ("a c", 0)].map(|(names, len)| (names.to_owned(), len));
    assert_eq!(found, expected.into());
}

#[test]
fn a_write_is_torn_at_sectors_only() {
    let (disk, file) = saved("a", &[1; 3 * SECTOR]);
    file.write_at(&[2; 2 * SECTOR], 100).unwrap();
    let mut found = BTreeSet::new();
    for seed in 0..100 {
        let bytes = read(&disk.crash(seed, Keep::Random), "a");
        let parts =
            [0..100, 100..SECTOR, SECTOR..2 * SECTOR, 2 * SECTOR..2 * SECTOR + 100, 2 * SECTOR + 100..3 * SECTOR];
        let values = parts.map(|part| {
            assert!(bytes[part.clone()].iter().all(|b| *b == bytes[part.start]));
            bytes[part.start]
        });
        assert_eq!((values[0], values[4]), (1, 1));
        found.insert(values);
    }
    assert_eq!(found.len(), 8, "each of three sectors is old or new");
}

#[test]
fn the_same_seed_gives_the_same_folder() {
    let (disk, file) = saved("a", &[1; 5000]);
    file.write_at(&[2; 9000], 7).unwrap();
    assert_eq!(read(&disk.crash(7, Keep::Random), "a"), read(&disk.crash(7, Keep::Random), "a"));
}

#[test]
fn stop_fails_everything_from_its_operation_on() {
    let (disk, file) = saved("a", b"one");
    assert_eq!(disk.operations(), 4);
    disk.fail_at(5, Fault::Stop);
    assert!(file.write_at(b"x", 0).is_err());
    assert!(file.sync().is_err());
    assert!(disk.open("a").is_err());
    assert_eq!(disk.operations(), 5);
    assert_eq!(read(&disk.kill(), "a"), b"one");
}

#[test]
fn tear_leaves_half_a_write() {
    let (disk, file) = saved("a", b"");
    disk.fail_at(5, Fault::Tear);
    assert!(file.write_at(b"abcd", 0).is_err());
    assert!(file.len().is_err());
    assert_eq!(read(&disk.kill(), "a"), b"ab");
    assert_eq!(read(&disk.crash(1, Keep::Nothing), "a"), b"");
}

#[test]
fn a_failed_sync_loses_what_it_was_to_save_although_the_next_succeeds() {
    let (disk, file) = saved("a", b"one");
    file.write_at(b"two", 0).unwrap();
    disk.fail_at(6, Fault::FailOnce(io::ErrorKind::Other));
    assert!(file.sync().is_err());
    file.sync().unwrap();
    assert_eq!(read(&disk, "a"), b"two");
    assert_eq!(read(&disk.crash(1, Keep::All), "a"), b"one");
}

#[test]
fn a_full_disk_takes_what_fits_and_says_so() {
    let disk = SimDisk::with_limit(3 * SECTOR as u64);
    let file = disk.create("a").unwrap();
    file.set_len(10 * SECTOR as u64).unwrap();
    assert_eq!(disk.free_bytes().unwrap(), 3 * SECTOR as u64, "a hole takes no space");
    let error = file.write_at(&[1; 4 * SECTOR], 0).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(disk.free_bytes().unwrap(), 0);
    file.write_at(&[2; SECTOR], 0).unwrap();
    disk.set_limit(Some(4 * SECTOR as u64));
    file.write_at(&[2; SECTOR], 8 * SECTOR as u64).unwrap();
    file.set_len(0).unwrap();
    assert_eq!(disk.free_bytes().unwrap(), 4 * SECTOR as u64);
}

#[test]
fn damage_outlives_a_power_cut() {
    let (disk, _) = saved("a", b"abc");
    disk.flip("a", 1, 0).unwrap();
    disk.truncate("a", 2).unwrap();
    assert_eq!(read(&disk.crash(1, Keep::Nothing), "a"), b"ac");
}
