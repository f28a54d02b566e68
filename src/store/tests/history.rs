//! What a store goes through in a test, and the check that nothing acknowledged is missing afterwards.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::super::*;

pub(super) const STORE: StoreId = StoreId(*b"a store in tests");

/// The index of a store that is not left when the store ends.
#[derive(Clone, Default)]
pub(super) struct Kept(pub(super) Arc<MemoryIndex>);

impl Index for Kept {
    fn applied(&self) -> Result<Position, StoreError> {
        self.0.applied()
    }
    fn apply(&self, changes: &[Change], up_to: Position) -> Result<(), StoreError> {
        let keys: Vec<_> = changes.iter().map(key).collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "the index gets its changes sorted and one a key");
        assert!(up_to >= self.0.applied()?, "the index only goes forward");
        self.0.apply(changes, up_to)
    }
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(key)
    }
    fn scan(&self, from: Bound<&[u8]>, to: Bound<&[u8]>, most: usize) -> Result<Vec<Entry>, StoreError> {
        self.0.scan(from, to, most)
    }
    fn settle(&self) -> Result<(), StoreError> {
        self.0.settle()
    }
}

fn key(change: &Change) -> &[u8] {
    match change {
        Change::Put(key, _) | Change::Delete(key) => key,
    }
}

pub(super) type Tested = LogStore<SimDisk, Kept>;

/// A clock that goes on by one at each look.
pub(super) fn ticking() -> Arc<dyn Fn() -> i64 + Send + Sync> {
    let clock = AtomicI64::new(1_000);
    Arc::new(move || clock.fetch_add(1, Ordering::Relaxed))
}

/// Settings so small that short histories come upon every boundary.
pub(super) fn small() -> LogOptions {
    LogOptions {
        threads: false,
        segment_bytes: 600,
        reserve_bytes: 512,
        growth_bytes: 256,
        free_bytes_min: 1024,
        feed_retention_bytes: 700,
        recent_bytes_max: 300,
        ..LogOptions::new(STORE, ticking())
    }
}

pub(super) fn open(disk: &SimDisk, found: Option<Kept>) -> Result<Tested, StoreError> {
    LogStore::open(disk.clone(), found, &|| Ok(Kept::default()), small())
}

/// What is done to a store.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// These are committed in one group.
    Commit(Vec<Batch>),
    Idle,
    Apply,
    Compact,
}

/// What was asked for and what was answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) submitted: Vec<Batch>,
    pub(super) acknowledged: usize,
}

impl Told {
    /// Does it all, until something fails.
    pub(super) fn run(&mut self, store: &Tested, acts: &[Act]) {
        for act in acts {
            match act {
                Act::Commit(batches) => self.commit(store, batches),
                Act::Idle => while store.idle() {},
                Act::Apply => drop(store.apply()),
                Act::Compact => drop(store.compact()),
            }
            if store.failure().is_some() {
                return;
            }
        }
    }

    pub(super) fn commit(&mut self, store: &Tested, batches: &[Batch]) {
        let answers = Arc::new(Mutex::new(Vec::new()));
        for batch in batches {
            if store.admit(batch_bytes(batch), Urgency::Ordinary).is_err() {
                continue;
            }
            self.submitted.push(batch.clone());
            let answers = Arc::clone(&answers);
            store.commit(batch.clone(), Box::new(move |answer| answers.lock().unwrap().push(answer)));
        }
        while store.step() {}
        for answer in answers.lock().unwrap().drain(..).flatten() {
            assert_eq!(answer.0 as usize, self.acknowledged + 1, "positions have no gaps");
            assert!(store.durable() >= answer);
            self.acknowledged += 1;
        }
    }

    /// Everything acknowledged is there, what else is there was submitted next, and all views agree.
    pub(super) fn check(&mut self, store: &Tested) {
        let last = store.durable().0 as usize;
        assert!(last >= self.acknowledged, "{last} frames of {} acknowledged ones are left", self.acknowledged);
        assert!(last <= self.submitted.len());
        let there = &self.submitted[..last];
        assert_eq!(all(store), fold(there), "the state is that of the frames");
        let mut after = match store.frames(Position(0), 1) {
            Err(StoreError::Gone { oldest }) => Position(oldest.0 - 1),
            _ => Position(0),
        };
        while (after.0 as usize) < last {
            for frame in store.frames(after, 200).unwrap() {
                assert_eq!(frame.position.0, after.0 + 1);
                assert_eq!(frame.batch, there[after.0 as usize]);
                after = frame.position;
            }
        }
        // From here on, what a crash has left counts as acknowledged: others may have read it.
        self.submitted.truncate(last);
        self.acknowledged = last;
    }
}

pub(super) fn all(store: &impl Store) -> Vec<Entry> {
    store.scan(Bound::Unbounded, Bound::Unbounded, usize::MAX).unwrap()
}

pub(super) fn fold(batches: &[Batch]) -> Vec<Entry> {
    let mut state = BTreeMap::new();
    for change in batches.iter().flat_map(|batch| &batch.changes) {
        match change {
            Change::Put(key, value) => state.insert(key.clone(), value.clone()),
            Change::Delete(key) => state.remove(key),
        };
    }
    state.into_iter().collect()
}

/// A batch that puts a value of `len` bytes.
pub(super) fn put(key: &str, fill: u8, len: usize) -> Batch {
    let mut batch = Batch::default();
    batch.put(key, vec![fill; len]);
    batch
}

pub(super) fn any_batch() -> impl Strategy<Value = Batch> {
    let key = (0u8..12).prop_map(|k| vec![b'k', k]);
    let len = prop_oneof![3 => 0usize..40, 1 => 400usize..900];
    let put = (key.clone(), any::<u8>(), len).prop_map(|(k, fill, len)| Change::Put(k, vec![fill; len]));
    let change = prop_oneof![3 => put, 1 => key.prop_map(Change::Delete)];
    prop::collection::vec(change, 0..4).prop_map(|changes| Batch { changes })
}

pub(super) fn any_acts(most: usize) -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => prop::collection::vec(any_batch(), 1..4).prop_map(Act::Commit),
        1 => Just(Act::Idle),
        1 => Just(Act::Apply),
        1 => Just(Act::Compact),
    ];
    prop::collection::vec(act, 1..most)
}
