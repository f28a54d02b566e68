//! A crash at any moment loses nothing acknowledged and leaves nothing half.

use proptest::prelude::*;

use super::super::*;
use super::history::{Act, Told, any_acts, any_batch, open, put};

/// What a crash leaves, in all the ways there are.
fn after_crashes(disk: &SimDisk, seed: u64) -> Vec<SimDisk> {
    vec![
        disk.kill(),
        disk.crash(seed, Keep::Nothing),
        disk.crash(seed, Keep::All),
        disk.crash(seed, Keep::Random),
        disk.crash(seed ^ 0xabcdef, Keep::Random),
    ]
}

/// Opens what a crash has left, having been stopped at every operation of that, and checks it.
fn recover_through_crashes(left: &SimDisk, told: &Told, seed: u64) {
    let probe = left.kill();
    check_and_go_on(&open(&probe, None).unwrap(), told.clone());
    for k in 1..=operations_of_opening(left) {
        for fault in [Fault::Stop, Fault::Tear] {
            let stopped = left.kill();
            stopped.fail_at(k, fault);
            assert!(open(&stopped, None).is_err());
            for again in after_crashes(&stopped, seed + k) {
                check_and_go_on(&open(&again, None).unwrap(), told.clone());
            }
        }
    }
}

fn operations_of_opening(left: &SimDisk) -> u64 {
    let probe = left.kill();
    open(&probe, None).unwrap();
    probe.operations()
}

fn check_and_go_on(store: &LogStore<SimDisk, super::history::Kept>, mut told: Told) {
    told.check(store);
    told.commit(store, &[put("later", 1, 10), put("k", 2, 300)]);
    told.check(store);
    let reopened = open(&store.disk().crash(0, Keep::Nothing), None).unwrap();
    told.check(&reopened);
}

/// Runs the acts, stopped at the k-th operation of the disk.
fn run_until(acts: &[Act], k: u64, fault: Fault) -> (SimDisk, Told) {
    let disk = SimDisk::new();
    disk.fail_at(k, fault);
    let mut told = Told::default();
    if let Ok(store) = open(&disk, None) {
        told.run(&store, acts);
    }
    (disk, told)
}

fn operations_of(acts: &[Act]) -> u64 {
    run_until(acts, u64::MAX, Fault::Stop).0.operations()
}

#[test]
fn a_crash_at_every_operation_of_a_history_and_of_every_recovery_loses_nothing() {
    let acts = [
        Act::Commit(vec![put("a", 1, 30), put("b", 2, 700)]),
        Act::Idle,
        Act::Commit(vec![put("a", 3, 500), Batch::default(), put("c", 4, 5)]),
        Act::Apply,
        Act::Commit(vec![put("d", 5, 100)]),
        Act::Commit(vec![put("e", 5, 600)]),
        Act::Compact,
        Act::Commit(vec![Batch { changes: vec![Change::Delete(b"a".to_vec())] }]),
        Act::Commit(vec![put("f", 6, 700), put("a", 9, 9)]),
        Act::Commit(vec![put("g", 7, 7)]),
        Act::Compact,
        Act::Commit(vec![put("h", 8, 8)]),
    ];
    let operations = operations_of(&acts);
    assert!(operations > 40, "the history has {operations} operations");
    for k in 1..=operations {
        for fault in [Fault::Stop, Fault::Tear] {
            let (disk, told) = run_until(&acts, k, fault);
            for left in after_crashes(&disk, k) {
                recover_through_crashes(&left, &told, k);
            }
        }
    }
}

#[test]
fn after_one_failed_operation_nothing_is_acknowledged_that_a_crash_takes_back() {
    let acts: Vec<Act> = (0..8).map(|i| Act::Commit(vec![put(&format!("k{i}"), i, 200)])).collect();
    for k in 1..=operations_of(&acts) {
        for kind in [std::io::ErrorKind::Other, std::io::ErrorKind::StorageFull] {
            let (disk, told) = run_until(&acts, k, Fault::FailOnce(kind));
            for left in (0..8).flat_map(|seed| after_crashes(&disk, k + 100 * seed)) {
                let store = open(&left, None).unwrap();
                let mut told = told.clone();
                told.check(&store);
                // What was found is durable now, though a failed sync had left it in memory only.
                let left = left.crash(k, Keep::Nothing);
                told.check(&open(&left, None).unwrap());
            }
        }
    }
}

#[test]
fn a_failed_sync_ends_all_writing_and_readers_still_see_what_is_durable() {
    let disk = SimDisk::new();
    let store = open(&disk, None).unwrap();
    let mut told = Told::default();
    told.commit(&store, &[put("a", 1, 10)]);
    // A write and a sync a group.
    disk.fail_at(disk.operations() + 2, Fault::FailOnce(std::io::ErrorKind::Other));
    told.commit(&store, &[put("a", 2, 10)]);
    told.commit(&store, &[put("a", 3, 10)]);
    assert_eq!(told.acknowledged, 1);
    assert!(matches!(store.failure(), Some(StoreError::Poisoned { .. })));
    assert!(matches!(store.admit(1, Urgency::Reserved), Err(StoreError::Poisoned { .. })));
    assert_eq!(store.get(b"a").unwrap(), Some(vec![1; 10]));
    assert_eq!(store.durable(), Position(1));
    assert!(matches!(store.close(), Err(StoreError::Poisoned { .. })));
}

#[test]
fn a_segment_that_could_not_be_made_does_not_come_back() {
    let acts: Vec<Act> = (0..6).map(|i| Act::Commit(vec![put(&format!("k{i}"), i, 200)])).collect();
    for k in 1..=operations_of(&acts) {
        for later in 1..=6 {
            let disk = SimDisk::new();
            disk.fail_at(k, Fault::FailOnce(std::io::ErrorKind::StorageFull));
            disk.fail_at(k + later, Fault::Stop);
            let mut told = Told::default();
            if let Ok(store) = open(&disk, None) {
                told.run(&store, &acts);
            }
            for seed in 0..6 {
                told.clone().check(&open(&disk.crash(seed, Keep::Random), None).unwrap());
            }
        }
    }
}

/// Commits a group and stops between its write and its sync.
fn commit_without_sync(store: &super::history::Tested, told: &mut Told, batches: &[Batch]) {
    for batch in batches {
        store.admit(batch_bytes(batch), Urgency::Ordinary).unwrap();
        told.submitted.push(batch.clone());
        store.commit(batch.clone(), Box::new(|answer| assert!(answer.is_err())));
    }
    store.disk().fail_at(store.disk().operations() + 2, Fault::Stop);
    store.step();
}

#[test]
fn a_frame_that_was_cut_off_does_not_come_back_behind_a_new_one() {
    let mut cut = 0;
    for seed in 0..100 {
        let disk = SimDisk::new();
        let mut told = Told::default();
        let store = open(&disk, None).unwrap();
        told.commit(&store, &[put("a", 1, 10)]);
        commit_without_sync(&store, &mut told, &[put("b", 2, 700), put("c", 3, 700)]);
        let left = disk.crash(seed, Keep::Random);
        let store = open(&left, None).unwrap();
        told.check(&store);
        cut += u32::from(told.acknowledged == 1);
        // It ends where the second of them begins, if the first was torn.
        commit_without_sync(&store, &mut told, &[put("b", 4, 700)]);
        for dice in 0..100 {
            told.clone().check(&open(&left.crash(dice, Keep::Random), None).unwrap());
        }
    }
    assert!(cut > 50, "{cut}");
}

#[test]
fn an_index_that_was_found_is_brought_forward_unless_it_is_ahead_of_the_log() {
    use super::history::{Kept, small};
    let disk = SimDisk::new();
    let kept = Kept::default();
    let mut told = Told::default();
    let store = open(&disk, Some(kept.clone())).unwrap();
    told.commit(&store, &[put("a", 1, 10)]);
    store.apply().unwrap();
    told.commit(&store, &[put("a", 2, 10), put("b", 2, 10)]);
    drop(store);
    assert_eq!(kept.applied().unwrap(), Position(1));
    let never = || -> Result<Kept, StoreError> { panic!("the index that was found is good") };
    let store = LogStore::open(disk.clone(), Some(kept.clone()), &never, small()).unwrap();
    assert_eq!(kept.applied().unwrap(), Position(3));
    told.check(&store);
    drop(store);
    // An index gets durable frames only: one that has more than the log shows that frames are gone.
    kept.apply(&[Change::Put(b"x".to_vec(), b"y".to_vec())], Position(77)).unwrap();
    let untouched = disk.operations();
    let refused = LogStore::open(disk.clone(), Some(kept), &never, small());
    assert!(matches!(refused, Err(StoreError::Damaged { .. })));
    assert_eq!(disk.operations(), untouched + 1, "but for a look for what is left of a snapshot, nothing is changed");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn any_history_of_several_lives_loses_nothing(
        lives in prop::collection::vec((any_acts(14), any::<u64>(), 0..3u8), 1..4),
        seed in any::<u64>(),
    ) {
        let mut disk = SimDisk::new();
        let mut told = Told::default();
        for (acts, dice, fault) in &lives {
            let whole = disk.kill();
            let mut probe = told.clone();
            let store = open(&whole, None).unwrap();
            probe.check(&store);
            probe.run(&store, acts);
            let fault = match fault {
                0 => Fault::Stop,
                1 => Fault::Tear,
                _ => Fault::FailOnce(std::io::ErrorKind::Other),
            };
            let running = disk.kill();
            running.fail_at(1 + dice % whole.operations().max(1), fault);
            if let Ok(store) = open(&running, None) {
                told.check(&store);
                told.run(&store, acts);
            }
            let mut left = after_crashes(&running, seed ^ dice);
            disk = left.swap_remove((dice >> 32) as usize % left.len());
        }
        told.check(&open(&disk, None).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, ..ProptestConfig::default() })]

    #[test]
    fn a_crash_at_any_operation_of_any_history_and_its_recovery_loses_nothing(
        groups in prop::collection::vec(prop::collection::vec(any_batch(), 1..3), 1..4), seed in any::<u64>(),
    ) {
        let acts: Vec<Act> = groups.into_iter().map(Act::Commit).collect();
        for k in 1..=operations_of(&acts) {
            let (disk, told) = run_until(&acts, k, Fault::Tear);
            for left in after_crashes(&disk, seed.wrapping_add(k) >> 1) {
                recover_through_crashes(&left, &told, seed >> 1);
            }
        }
    }
}
