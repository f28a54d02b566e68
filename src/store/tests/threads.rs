//! The store with its threads, in a folder of the operating system.

use std::sync::mpsc;

use super::super::*;
use super::history::{STORE, all, fold, put, ticking};

fn open(folder: &std::path::Path, options: LogOptions) -> LogStore<OsDisk, MemoryIndex> {
    LogStore::open(OsDisk::new(folder), None, &|| Ok(MemoryIndex::default()), options).unwrap()
}

fn options() -> LogOptions {
    LogOptions {
        segment_bytes: 1 << 16,
        growth_bytes: 1 << 16,
        reserve_bytes: 1 << 17,
        snapshot_after_bytes: 1 << 17,
        overlay_bytes_max: 1 << 14,
        ..LogOptions::new(STORE, ticking())
    }
}

#[test]
fn many_writers_are_answered_in_order_and_all_is_there_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), options());
    let (writers, each) = (8u64, 200u64);
    std::thread::scope(|scope| {
        for writer in 0..writers {
            let store = &store;
            scope.spawn(move || {
                for i in 0..each {
                    let key = format!("{writer} {i}");
                    let batch = put(&key, 1, 100);
                    store.admit(batch_bytes(&batch), Urgency::Ordinary).unwrap();
                    let (sender, answer) = mpsc::channel();
                    store.commit(batch, Box::new(move |answer| sender.send(answer).unwrap()));
                    let position = answer.recv().unwrap().unwrap();
                    assert!(store.durable() >= position);
                    assert_eq!(store.get(key.as_bytes()).unwrap(), Some(vec![1; 100]), "what is durable is seen");
                }
            });
        }
    });
    store.close().unwrap();
    let stats = store.stats();
    assert_eq!((stats.frames, stats.overlay_bytes), (writers * each, 0));
    assert_eq!(store.index().applied().unwrap(), Position(writers * each));
    let state = all(&store);
    assert_eq!(state.len() as u64, writers * each);
    drop(store);
    let store = open(folder.path(), options());
    assert_eq!(all(&store), state);
    let frames = store.frames(Position(0), usize::MAX).unwrap();
    assert_eq!(fold(&frames.into_iter().map(|frame| frame.batch).collect::<Vec<_>>()), state);
}

#[test]
fn a_panic_in_an_answer_ends_the_store_and_leaves_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), options());
    store.commit(put("a", 1, 1), Box::new(|_| panic!("this one panics, on purpose")));
    let (sender, answer) = mpsc::channel();
    store.commit(put("b", 1, 1), Box::new(move |answer| sender.send(answer).unwrap_or_default()));
    // Either it was in the group of the other and never told, or it is told that all has ended.
    assert!(matches!(answer.recv(), Err(_) | Ok(Err(_))));
    assert!(store.close().is_err());
}

#[test]
fn the_store_is_dropped_by_whoever_holds_it_last() {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..20 {
        let store = open(folder.path(), options());
        store.commit(put("a", i, 1), Box::new(|_| ()));
    }
    let store = open(folder.path(), options());
    assert_eq!(store.durable(), Position(20));
}
