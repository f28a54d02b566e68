//! Damage of what was acknowledged is refused by file and offset, and never taken for a torn end.

use proptest::prelude::*;

use super::super::*;
use super::history::{Told, any_batch, open, put};

/// A store that was left in peace: its last group is marked as durable.
fn settled(batches: &[Batch]) -> (SimDisk, Told) {
    let disk = SimDisk::new();
    let store = open(&disk, None).unwrap();
    let mut told = Told::default();
    for batch in batches {
        told.commit(&store, std::slice::from_ref(batch));
        while store.idle() {}
    }
    assert_eq!(told.acknowledged, batches.len());
    (disk, told)
}

fn segments(disk: &SimDisk) -> Vec<(String, u64)> {
    let mut names: Vec<String> = disk.list().unwrap().into_iter().filter(|n| n.starts_with("log-")).collect();
    names.sort();
    names.into_iter().map(|n| (n.clone(), disk.open(&n).unwrap().len().unwrap())).collect()
}

/// Refused as damaged, or nothing is missing.
fn refused_or_whole(disk: &SimDisk, told: &Told, what: &str) -> bool {
    match open(disk, None) {
        Ok(store) => {
            assert!(store.durable().0 as usize == told.acknowledged, "{what}: silently lost");
            told.clone().check(&store);
            false
        }
        Err(StoreError::Damaged { .. }) => true,
        Err(other) => panic!("{what}: {other}"),
    }
}

#[test]
fn every_bit_that_turns_over_in_the_log_is_found_or_changes_nothing() {
    let batches: Vec<Batch> = (0..9).map(|i| put(&format!("key {i}"), i, 90 * usize::from(i % 3))).collect();
    let (disk, told) = settled(&batches);
    let mut refused = 0;
    for (name, len) in segments(&disk) {
        for byte in len.saturating_sub(4096)..len {
            for bit in 0..8 {
                let flipped = disk.kill();
                flipped.flip(&name, byte, bit).unwrap();
                refused += u32::from(refused_or_whole(&flipped, &told, &format!("{name} byte {byte} bit {bit}")));
            }
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn a_segment_that_is_missing_or_cut_is_noticed() {
    let batches: Vec<Batch> = (0..9).map(|i| put(&format!("key {i}"), i, 300)).collect();
    let (disk, told) = settled(&batches);
    let all = segments(&disk);
    assert!(all.len() >= 3);
    for (name, len) in &all[..all.len() - 1] {
        let without = disk.kill();
        without.remove(name).unwrap();
        assert!(refused_or_whole(&without, &told, name), "{name} is missing");
        let cut = disk.kill();
        cut.truncate(name, len - 20).unwrap();
        assert!(refused_or_whole(&cut, &told, name), "{name} is cut");
    }
}

#[test]
fn a_segment_that_is_missing_is_noticed_though_the_index_needs_none() {
    let kept = super::history::Kept::default();
    let disk = SimDisk::new();
    let store = open(&disk, Some(kept.clone())).unwrap();
    let mut told = Told::default();
    for i in 0..9 {
        told.commit(&store, &[put("k", i, 300)]);
    }
    store.close().unwrap();
    let all = segments(&disk);
    for (name, _) in &all {
        let without = disk.kill();
        without.remove(name).unwrap();
        assert!(matches!(open(&without, Some(kept.clone())), Err(StoreError::Damaged { .. })), "{name} is missing");
    }
    told.check(&open(&disk, Some(kept)).unwrap());
}

#[test]
fn a_log_of_another_store_is_refused() {
    let (disk, _) = settled(&[put("a", 1, 10)]);
    let other = LogOptions { store_id: StoreId([7; 16]), ..super::history::small() };
    let opened = LogStore::open(disk, None, &|| Ok(super::history::Kept::default()), other);
    assert!(matches!(opened, Err(StoreError::Damaged { .. })));
}

#[test]
fn a_value_that_looks_like_log_is_no_evidence_of_damage() {
    // A value holds a copy of a whole segment, and the frame with it is torn.
    let (disk, _) = settled(&[put("a", 1, 100), put("b", 2, 100), put("c", 3, 50)]);
    let (name, len) = segments(&disk).swap_remove(0);
    let mut copy = vec![0; len as usize];
    disk.open(&name).unwrap().read_at(&mut copy, 0).unwrap();
    for shift in 0..16 {
        let disk = SimDisk::new();
        let store = open(&disk, None).unwrap();
        let mut told = Told::default();
        told.commit(&store, &[put("a", 1, 100)]);
        disk.fail_at(disk.operations() + 3, Fault::Tear);
        let mut batch = Batch::default();
        batch.put(vec![b'k'; shift], copy.repeat(3));
        told.commit(&store, &[batch]);
        assert_eq!(told.acknowledged, 1);
        told.check(&open(&disk.kill(), None).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn damage_anywhere_is_found_or_changes_nothing(
        batches in prop::collection::vec(any_batch(), 1..12),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0u8..8), 1..12),
    ) {
        let (disk, told) = settled(&batches);
        let all = segments(&disk);
        for (segment, byte, bit) in hits {
            let (name, len) = &all[segment.index(all.len())];
            let flipped = disk.kill();
            flipped.flip(name, byte.index(*len as usize) as u64, bit).unwrap();
            refused_or_whole(&flipped, &told, name);
        }
    }
}
