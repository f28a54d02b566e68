//! Reads that go to overlay and index together see what one map would say.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::super::overlay::Overlay;
use super::super::*;
use super::history::any_batch;

/// An index that stops half way, to look at the overlay while it applies.
struct Watching<'a> {
    inner: &'a MemoryIndex,
    fails: bool,
}

impl Index for Watching<'static> {
    fn applied(&self) -> Result<Position, StoreError> {
        self.inner.applied()
    }
    fn apply(&self, changes: &[Change], up_to: Position) -> Result<(), StoreError> {
        if self.fails { Err(StoreError::Closed) } else { self.inner.apply(changes, up_to) }
    }
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(key)
    }
    fn scan(&self, from: Bound<&[u8]>, to: Bound<&[u8]>, most: usize) -> Result<Vec<Entry>, StoreError> {
        self.inner.scan(from, to, most)
    }
    fn settle(&self) -> Result<(), StoreError> {
        self.inner.settle()
    }
}

/// An index that takes a number of chunks and then no more.
#[derive(Default)]
struct Stopping {
    inner: MemoryIndex,
    left: AtomicUsize,
}

impl Index for Stopping {
    fn applied(&self) -> Result<Position, StoreError> {
        self.inner.applied()
    }
    fn apply(&self, changes: &[Change], up_to: Position) -> Result<(), StoreError> {
        let left = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map_err(|_| StoreError::Closed)?;
        self.inner.apply(changes, up_to)
    }
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(key)
    }
    fn scan(&self, from: Bound<&[u8]>, to: Bound<&[u8]>, most: usize) -> Result<Vec<Entry>, StoreError> {
        self.inner.scan(from, to, most)
    }
    fn settle(&self) -> Result<(), StoreError> {
        self.inner.settle()
    }
}

#[test]
fn what_is_applied_in_part_counts_as_applied_only_with_its_last_chunk() {
    let (index, overlay) = (Stopping::default(), Overlay::new(Position(0)));
    let mut batch = Batch::default();
    (0..400u16).for_each(|key| batch.put(key.to_be_bytes(), vec![7; 1000]));
    overlay.insert(std::iter::once(batch), Position(1));
    let all = overlay.bytes();
    index.left.store(2, Ordering::Relaxed);
    assert!(overlay.apply_to(&index).is_err());
    assert!(overlay.bytes() < all, "what is in the index makes room");
    assert_eq!(index.applied().unwrap(), Position(0));
    assert!(overlay.is_behind());
    assert_eq!(overlay.scan(&index, Bound::Unbounded, Bound::Unbounded, 1000).unwrap().len(), 400);
    index.left.store(usize::MAX, Ordering::Relaxed);
    assert!(overlay.apply_to(&index).unwrap());
    assert_eq!(index.applied().unwrap(), Position(1));
    assert_eq!((overlay.bytes(), overlay.is_behind()), (0, false));
    assert_eq!(index.scan(Bound::Unbounded, Bound::Unbounded, 1000).unwrap().len(), 400);
}

fn any_bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    let key = (0u8..12).prop_map(|k| vec![b'k', k]);
    prop_oneof![Just(Bound::Unbounded), key.clone().prop_map(Bound::Included), key.prop_map(Bound::Excluded)]
}

proptest! {
    #[test]
    fn every_read_sees_what_one_map_would_say(
        steps in prop::collection::vec((any_batch(), 0..4u8), 1..20),
        from in any_bound(), to in any_bound(), most in 0usize..9,
    ) {
        let inner: &'static MemoryIndex = Box::leak(Box::default());
        let overlay = Overlay::new(Position(0));
        let mut model = BTreeMap::new();
        for (i, (batch, act)) in steps.into_iter().enumerate() {
            for change in &batch.changes {
                match change {
                    Change::Put(key, value) => model.insert(key.clone(), value.clone()),
                    Change::Delete(key) => model.remove(key),
                };
            }
            let position = Position(i as u64 + 1);
            overlay.insert(std::iter::once(batch), position);
            let index = Watching { inner, fails: act == 1 };
            if act < 2 {
                // One that fails leaves changes between the two.
                prop_assert_eq!(overlay.apply_to(&index).is_err(), act == 1);
            }
            let (low, high) = (from.as_ref().map(|k| &k[..]), to.as_ref().map(|k| &k[..]));
            let found = overlay.scan(&index, low, high, most).unwrap();
            let within = |key: &Vec<u8>| {
                (match &from { Bound::Included(a) => key >= a, Bound::Excluded(a) => key > a, Bound::Unbounded => true })
                    && (match &to { Bound::Included(b) => key <= b, Bound::Excluded(b) => key < b, Bound::Unbounded => true })
            };
            let expected: Vec<Entry> =
                model.iter().filter(|(k, _)| within(k)).take(most).map(|(k, v)| (k.clone(), v.clone())).collect();
            prop_assert_eq!(found, expected);
            for k in 0..12 {
                prop_assert_eq!(overlay.get(&index, &[b'k', k]).unwrap(), model.get(&vec![b'k', k]).cloned());
            }
        }
        let index = Watching { inner, fails: false };
        while overlay.apply_to(&index).unwrap() {}
        prop_assert_eq!(overlay.bytes(), 0);
        prop_assert!(!overlay.is_behind());
        let whole = inner.scan(Bound::Unbounded, Bound::Unbounded, usize::MAX).unwrap();
        prop_assert_eq!(whole, model.into_iter().collect::<Vec<_>>());
    }
}
