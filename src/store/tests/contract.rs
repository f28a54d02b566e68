//! What every store promises, in memory or on a disk.

use std::ops::Bound;
use std::sync::{Arc, Mutex};

use super::super::*;
use super::history::{Kept, all, fold, put, small, ticking};

/// Runs a check on each kind of store; the second argument makes what was handed over durable.
fn on_each(check: impl Fn(&dyn Store, &dyn Fn())) {
    let memory = MemoryStore::new(ticking());
    check(&memory, &|| ());
    let options = || LogOptions { recent_bytes_max: 200, ..small() };
    let log = LogStore::open(SimDisk::new(), None, &|| Ok(Kept::default()), options()).unwrap();
    check(&log, &|| while log.step() {});
    // Here the index is always up to date, so reads go to it.
    let log = LogStore::open(SimDisk::new(), None, &|| Ok(Kept::default()), options()).unwrap();
    check(&log, &|| while log.step() || log.apply().unwrap() {});
}

type Answers = Arc<Mutex<Vec<Result<Position, StoreError>>>>;

fn note(answers: &Answers) -> Done {
    let answers = Arc::clone(answers);
    Box::new(move |answer| answers.lock().unwrap().push(answer))
}

fn positions(answers: &Answers) -> Vec<u64> {
    answers.lock().unwrap().drain(..).map(|answer| answer.unwrap().0).collect()
}

#[test]
fn commits_get_positions_without_gaps_in_the_order_they_were_handed_over() {
    on_each(|store, settle| {
        let answers = Answers::default();
        store.barrier(note(&answers));
        for i in 0..3 {
            store.admit(100, Urgency::Ordinary).unwrap();
            store.commit(put("k", i, 3), note(&answers));
            store.barrier(note(&answers));
        }
        store.commit(Batch::default(), note(&answers));
        settle();
        assert_eq!(positions(&answers), [0, 1, 1, 2, 2, 3, 3, 4]);
        assert_eq!(store.durable(), Position(4));
        assert_eq!(store.get(b"k").unwrap(), Some(vec![2; 3]));
    });
}

#[test]
fn a_later_change_of_a_key_in_a_batch_wins() {
    on_each(|store, settle| {
        let answers = Answers::default();
        let mut batch = Batch::default();
        batch.put("a", "1");
        batch.delete("a");
        batch.put("b", "1");
        batch.put("b", "2");
        batch.delete("c");
        batch.put("c", "");
        store.commit(batch.clone(), note(&answers));
        settle();
        assert_eq!(store.get(b"a").unwrap(), None);
        assert_eq!(store.get(b"b").unwrap(), Some(b"2".to_vec()));
        assert_eq!(store.get(b"c").unwrap(), Some(Vec::new()));
        assert_eq!(store.frames(Position(0), 1).unwrap()[0].batch, batch);
    });
}

#[test]
fn a_scan_is_sorted_and_keeps_its_bounds() {
    on_each(|store, settle| {
        let answers = Answers::default();
        for (i, key) in ["b", "a", "d", "c", "aa"].into_iter().enumerate() {
            store.commit(put(key, i as u8, 1), note(&answers));
        }
        settle();
        let keys = |from: Bound<&str>, to: Bound<&str>, most| -> Vec<String> {
            let (from, to) = (from.map(str::as_bytes), to.map(str::as_bytes));
            let entries = store.scan(from, to, most).unwrap();
            entries.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect()
        };
        use Bound::{Excluded, Included, Unbounded};
        assert_eq!(keys(Unbounded, Unbounded, 9), ["a", "aa", "b", "c", "d"]);
        assert_eq!(keys(Excluded("a"), Included("c"), 9), ["aa", "b", "c"]);
        assert_eq!(keys(Included("a"), Excluded("c"), 2), ["a", "aa"]);
        assert!(keys(Unbounded, Unbounded, 0).is_empty());
        assert!(keys(Excluded("b"), Excluded("b"), 9).is_empty());
        assert!(keys(Included("c"), Included("a"), 9).is_empty());
    });
}

#[test]
fn the_feed_gives_frames_in_order_and_at_least_one() {
    on_each(|store, settle| {
        let answers = Answers::default();
        let batches: Vec<Batch> = (0..20).map(|i| put(&format!("k{}", i % 7), i, 60)).collect();
        for batch in &batches {
            store.commit(batch.clone(), note(&answers));
            settle();
        }
        for bytes_max in [0, 1, 250, usize::MAX] {
            let mut after = Position(0);
            let mut seen = Vec::new();
            let mut at_ms = 0;
            while after < store.durable() {
                let frames = store.frames(after, bytes_max).unwrap();
                assert!(!frames.is_empty());
                assert!(bytes_max > 1 || frames.len() == 1);
                for frame in frames {
                    assert_eq!(frame.position.0, after.0 + 1);
                    assert!(frame.at_ms >= at_ms);
                    (after, at_ms) = (frame.position, frame.at_ms);
                    seen.push(frame.batch);
                }
            }
            assert_eq!(seen, batches);
        }
        assert!(store.frames(store.durable(), 100).unwrap().is_empty());
        assert!(store.frames(Position(99), 100).unwrap().is_empty());
        assert_eq!(store.scan(Bound::Unbounded, Bound::Unbounded, 99).unwrap(), fold(&batches));
    });
}

#[test]
fn a_closed_store_answers_all_it_was_given_and_takes_nothing_more() {
    on_each(|store, _| {
        let answers = Answers::default();
        store.commit(put("k", 1, 1), note(&answers));
        store.close().unwrap();
        assert_eq!(positions(&answers), [1]);
        store.commit(put("k", 2, 1), note(&answers));
        store.barrier(note(&answers));
        let late: Vec<_> = answers.lock().unwrap().drain(..).collect();
        assert!(late.len() == 2 && late.iter().all(|answer| matches!(answer, Err(StoreError::Closed))));
        assert!(matches!(store.admit(1, Urgency::Reserved), Err(StoreError::Closed)));
        assert_eq!(store.get(b"k").unwrap(), Some(vec![1]));
    });
}

#[test]
fn frames_that_are_not_kept_are_gone() {
    let store = MemoryStore::keeping(ticking(), 300);
    for i in 0..10 {
        store.commit(put("k", i, 50), Box::new(|_| ()));
    }
    let Err(StoreError::Gone { oldest }) = store.frames(Position(0), 1000) else { panic!("they are gone") };
    assert_eq!(store.frames(Position(oldest.0 - 1), 1).unwrap()[0].position, oldest);
    assert_eq!(all(&store).len(), 1);
}
