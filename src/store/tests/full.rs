//! A full disk refuses ordinary turns before they are decided, lets urgent ones through, and opens by itself.

use super::super::*;
use super::history::{Told, open, put, small};

/// Commits until it is refused; gives how many were taken and the refusal.
fn fill(store: &super::history::Tested, told: &mut Told, urgency: Urgency) -> (usize, StoreError) {
    for taken in 0..1_000 {
        let batch = put(&format!("{urgency:?} {taken}"), 1, 60);
        if let Err(refusal) = store.admit(batch_bytes(&batch), urgency) {
            return (taken, refusal);
        }
        let before = told.acknowledged;
        told.submitted.push(batch.clone());
        let (sender, answer) = std::sync::mpsc::channel();
        store.commit(batch, Box::new(move |answer| sender.send(answer).unwrap()));
        store.step();
        while store.idle() {}
        assert_eq!(answer.recv().unwrap().unwrap().0 as usize, before + 1, "what was admitted is committed");
        told.acknowledged += 1;
    }
    panic!("the disk is never full");
}

#[test]
fn ordinary_turns_are_refused_first_and_urgent_ones_go_on_the_reserve() {
    // At each size of the disk another operation is the one that does not fit.
    for sectors in 12..60 {
        let disk = SimDisk::with_limit(sectors * 512);
        let store = open(&disk, None).unwrap();
        let mut told = Told::default();
        let (ordinary, refusal) = fill(&store, &mut told, Urgency::Ordinary);
        let StoreError::DiskFull { free_bytes, needed_bytes } = refusal else { panic!("{refusal}") };
        assert!(free_bytes < needed_bytes);
        assert!(store.stats().full);
        assert!(ordinary > 0, "a disk of {sectors} sectors takes nothing");
        // Others fill what is left.
        disk.set_limit(Some(0));
        let (urgent, refusal) = fill(&store, &mut told, Urgency::Reserved);
        assert!(matches!(refusal, StoreError::DiskFull { .. }));
        assert!(urgent >= 2, "{urgent} urgent turns went through on a disk of {sectors} sectors");
        assert!(store.failure().is_none());
        told.check(&store);
        // It can be opened while it is full, and read.
        told.check(&open(&disk.crash(sectors, Keep::Random), None).unwrap());
        disk.set_limit(Some(sectors * 512 + 4096));
        told.commit(&store, &[put("again", 1, 60)]);
        assert_eq!(told.acknowledged, ordinary + urgent + 1, "it takes turns again");
        assert!(!store.stats().full);
        told.check(&open(&disk.crash(sectors, Keep::Random), None).unwrap());
    }
}

#[test]
fn a_disk_that_is_full_without_warning_loses_nothing_admitted() {
    // With no threshold, only the failing write tells that the disk is full.
    for sectors in 8..60 {
        let disk = SimDisk::with_limit(sectors * 512);
        let options = LogOptions { free_bytes_min: 0, ..small() };
        let store = LogStore::open(disk.clone(), None, &|| Ok(super::history::Kept::default()), options).unwrap();
        let mut told = Told::default();
        let (_, refusal) = fill(&store, &mut told, Urgency::Ordinary);
        assert!(matches!(refusal, StoreError::DiskFull { .. }));
        let _ = fill(&store, &mut told, Urgency::Reserved);
        assert!(store.failure().is_none());
        told.check(&store);
        told.check(&open(&disk.crash(sectors, Keep::Nothing), None).unwrap());
    }
}

#[test]
fn the_index_is_not_written_to_while_the_disk_is_full() {
    let disk = SimDisk::new();
    let store = open(&disk, None).unwrap();
    let mut told = Told::default();
    told.commit(&store, &[put("a", 1, 10)]);
    disk.set_limit(Some(0));
    assert!(!store.apply().unwrap());
    assert_eq!(store.index().applied().unwrap(), Position(0));
    assert_eq!(store.get(b"a").unwrap(), Some(vec![1; 10]));
    store.close().unwrap();
    disk.set_limit(None);
    told.check(&open(&disk, None).unwrap());
}

#[test]
fn what_is_set_aside_is_there_when_many_turns_are_decided_before_any_is_committed() {
    let disk = SimDisk::with_limit(40 * 512);
    let store = open(&disk, None).unwrap();
    let mut admitted = Vec::new();
    for i in 0..1_000u32 {
        let batch = put(&format!("k{i}"), 1, 60);
        if store.admit(batch_bytes(&batch), Urgency::Ordinary).is_err() {
            break;
        }
        admitted.push(batch);
    }
    assert!((10..1_000).contains(&admitted.len()));
    disk.set_limit(Some(0));
    let (sender, answers) = std::sync::mpsc::channel();
    for batch in &admitted {
        let sender = sender.clone();
        store.commit(batch.clone(), Box::new(move |answer| sender.send(answer).unwrap()));
    }
    while store.step() {}
    assert_eq!(answers.try_iter().filter(Result::is_ok).count(), admitted.len());
}

#[test]
fn a_turn_that_is_too_large_is_refused_and_the_others_go_on() {
    let options = LogOptions { frame_bytes_max: 500, ..small() };
    let store = LogStore::open(SimDisk::new(), None, &|| Ok(super::history::Kept::default()), options).unwrap();
    assert!(matches!(store.admit(501, Urgency::Reserved), Err(StoreError::TooLarge { bytes: 501, most: 500 })));
    let (sender, answers) = std::sync::mpsc::channel();
    for len in [10, 1000, 10] {
        let sender = sender.clone();
        store.commit(put("a", 1, len), Box::new(move |answer| sender.send(answer).unwrap()));
    }
    while store.step() {}
    let answers: Vec<_> = answers.try_iter().collect();
    assert!(matches!(
        answers[..],
        [Ok(Position(1)), Err(StoreError::TooLarge { .. }), Ok(Position(2))]
            | [Err(StoreError::TooLarge { .. }), Ok(Position(1)), Ok(Position(2))]
    ));
}
