//! What was handed to the store and is not durable yet. The store shows only what is; the entity's own next turn has to
//! see all of it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::keys::class;
use crate::store::{Batch, Change};

/// The turns of one entity that are on their way to disk.
#[derive(Debug)]
pub(super) struct Inflight {
    durable: Arc<AtomicU64>,
    turns: VecDeque<(u64, Vec<Vec<u8>>)>,
    values: HashMap<Vec<u8>, (u64, Option<Vec<u8>>)>,
}

/// Marks a turn as durable when its commit is.
#[derive(Clone, Debug)]
pub struct Ticket {
    revision: u64,
    durable: Arc<AtomicU64>,
}

impl Ticket {
    /// The turn, and all before it, are durable.
    pub fn durable(&self) {
        self.durable.fetch_max(self.revision, Ordering::Release);
    }
}

impl Inflight {
    pub(super) fn new(revision: u64) -> Self {
        Self { durable: Arc::new(AtomicU64::new(revision)), turns: VecDeque::new(), values: HashMap::new() }
    }

    /// The last turn that is durable.
    pub(super) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// Remembers what the turn up to `revision` writes, as far as a turn may look at it.
    pub(super) fn sent(&mut self, revision: u64, batch: &Batch) -> Ticket {
        self.forget_durable();
        let mut keys = Vec::new();
        for change in &batch.changes {
            let (key, value) = match change {
                Change::Put(key, value) => (key, Some(value)),
                Change::Delete(key) => (key, None),
            };
            if !class::is_read_by_turns(key) {
                continue;
            }
            let value = value.cloned();
            keys.push(key.clone());
            self.values.insert(key.clone(), (revision, value));
        }
        self.turns.push_back((revision, keys));
        Ticket { revision, durable: Arc::clone(&self.durable) }
    }

    /// What a turn on its way has made of a key: `None` if none touches it.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        debug_assert!(class::is_read_by_turns(key), "a turn looks at what is not remembered for it");
        self.values.get(key).map(|(_, value)| value.as_deref())
    }

    fn forget_durable(&mut self) {
        let durable = self.durable();
        while self.turns.front().is_some_and(|(revision, _)| *revision <= durable) {
            for key in self.turns.pop_front().into_iter().flat_map(|(_, keys)| keys) {
                if self.values.get(&key).is_some_and(|(revision, _)| *revision <= durable) {
                    self.values.remove(&key);
                }
            }
        }
    }
}
