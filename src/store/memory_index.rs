//! An index that is gone with the process, for tests.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock};

use super::overlay::is_empty;
use super::{Change, Entry, Index, Position, StoreError};

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// An index in memory, for tests.
#[derive(Debug, Default)]
pub struct MemoryIndex {
    held: RwLock<(Entries, Position)>,
}

impl Index for MemoryIndex {
    fn applied(&self) -> Result<Position, StoreError> {
        Ok(self.held.read().unwrap_or_else(PoisonError::into_inner).1)
    }

    fn apply(&self, changes: &[Change], up_to: Position) -> Result<(), StoreError> {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            match change {
                Change::Put(key, value) => held.0.insert(key.clone(), value.clone()),
                Change::Delete(key) => held.0.remove(key),
            };
        }
        held.1 = up_to;
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.held.read().unwrap_or_else(PoisonError::into_inner).0.get(key).cloned())
    }

    fn scan(&self, from: Bound<&[u8]>, to: Bound<&[u8]>, most: usize) -> Result<Vec<Entry>, StoreError> {
        if is_empty(from, to) {
            return Ok(Vec::new());
        }
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let range = held.0.range::<[u8], _>((from, to));
        Ok(range.take(most).map(|(k, v)| (k.clone(), v.clone())).collect())
    }

    fn settle(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
