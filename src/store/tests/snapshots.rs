//! Snapshots keep the log short and lose nothing.

use proptest::prelude::*;

use super::super::*;
use super::history::{Act, Told, any_acts, open, put};

fn names(disk: &SimDisk, prefix: &str) -> Vec<String> {
    disk.list().unwrap().into_iter().filter(|name| name.starts_with(prefix)).collect()
}

#[test]
fn the_log_stays_short_however_much_is_committed() {
    let disk = SimDisk::new();
    let store = open(&disk, None).unwrap();
    let mut told = Told::default();
    for i in 0..60 {
        told.commit(&store, &[put(&format!("k{}", i % 5), i, 300)]);
        if i % 7 == 0 {
            store.compact().unwrap();
        }
    }
    store.compact().unwrap();
    assert_eq!(names(&disk, "snapshot-").len(), 1);
    // The head, and closed ones up to the 700 bytes that are kept for the feed.
    assert!(names(&disk, "log-").len() <= 2, "{:?}", names(&disk, "log-"));
    assert!(store.stats().snapshots > 5);
    assert!(matches!(store.frames(Position(0), 100), Err(StoreError::Gone { .. })));
    told.check(&store);
    told.check(&open(&disk.crash(0, Keep::Nothing), None).unwrap());
}

#[test]
fn a_snapshot_is_not_written_when_nothing_is_closed_or_the_disk_has_no_space_for_it() {
    let disk = SimDisk::new();
    let store = open(&disk, None).unwrap();
    let mut told = Told::default();
    assert!(!store.compact().unwrap());
    for i in 0..6 {
        told.commit(&store, &[put("k", i, 300)]);
    }
    let files = disk.list().unwrap();
    disk.set_limit(Some(0));
    assert!(!store.compact().unwrap());
    assert_eq!(disk.list().unwrap(), files);
    disk.set_limit(None);
    assert!(store.compact().unwrap());
    assert!(!store.compact().unwrap());
    told.check(&store);
}

#[test]
fn a_snapshot_that_fails_leaves_the_store_as_it_was() {
    let probe = SimDisk::new();
    let mut told = Told::default();
    let acts: Vec<Act> = (0..6).map(|i| Act::Commit(vec![put("k", i, 300)])).collect();
    told.run(&open(&probe, None).unwrap(), &acts);
    let before = probe.operations();
    for k in 1..20 {
        let disk = SimDisk::new();
        let store = open(&disk, None).unwrap();
        let mut told = Told::default();
        told.run(&store, &acts);
        disk.fail_at(before + k, Fault::FailOnce(std::io::ErrorKind::Other));
        let _ = store.compact();
        told.commit(&store, &[put("later", 1, 10)]);
        told.check(&store);
        told.check(&open(&disk.crash(k, Keep::Nothing), None).unwrap());
        store.compact().unwrap();
        told.check(&store);
        told.check(&open(&disk.crash(k, Keep::Random), None).unwrap());
    }
}

#[test]
fn an_index_that_is_older_than_the_log_reaches_back_is_replaced() {
    use super::history::{Kept, small};
    let disk = SimDisk::new();
    let kept = Kept::default();
    let store = LogStore::open(disk.clone(), Some(kept.clone()), &|| Ok(Kept::default()), small()).unwrap();
    let mut told = Told::default();
    told.commit(&store, &[put("a", 1, 10)]);
    store.apply().unwrap();
    for i in 0..12 {
        told.commit(&store, &[put("b", i, 400)]);
    }
    store.compact().unwrap();
    drop(store);
    assert_eq!(kept.applied().unwrap(), Position(1));
    let store = open(&disk, Some(kept.clone())).unwrap();
    assert_eq!(kept.applied().unwrap(), Position(1), "it was not touched");
    told.check(&store);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn any_history_gives_the_same_state_with_snapshots(acts in any_acts(30)) {
        let disk = SimDisk::new();
        let store = open(&disk, None).unwrap();
        let mut told = Told::default();
        told.run(&store, &acts);
        prop_assert!(store.failure().is_none());
        prop_assert_eq!(told.acknowledged, told.submitted.len());
        told.check(&store);
        store.compact().unwrap();
        told.check(&open(&disk.crash(1, Keep::Nothing), None).unwrap());
    }
}
