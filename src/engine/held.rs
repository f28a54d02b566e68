//! Drafts: turns that are decided and applied in memory, and whose commit waits for more of the same.

use std::collections::{BTreeMap, HashMap};

use super::record::{Change, Entry, Record};
use super::request::EngineOptions;
use crate::domain::limits::{DRAFT_BYTES_HELD_MAX, DRAFTS_HELD_MAX};
use crate::domain::{Entity, Timestamp};

/// The drafts of one entity that are not committed yet.
#[derive(Debug)]
pub(super) struct Held<E: Entity> {
    /// The entity as it is without them.
    pub(super) committed: Record<E>,
    drafts: Vec<HeldDraft<E>>,
    by_key: HashMap<Vec<u8>, usize>,
    /// What they write, by full key.
    content: BTreeMap<Vec<u8>, Vec<u8>>,
    bytes: usize,
    first_at: Timestamp,
    last_at: Timestamp,
    saves: u64,
}

/// One draft that is held.
#[derive(Debug)]
pub(super) struct HeldDraft<E: Entity> {
    pub(super) at: Timestamp,
    pub(super) by: String,
    pub(super) changes: Vec<Change<E>>,
    /// What the changes take in the journal.
    pub(super) bytes: usize,
}

impl<E: Entity> Held<E> {
    pub(super) fn new(committed: Record<E>, now: Timestamp) -> Self {
        Self {
            committed,
            drafts: Vec::new(),
            by_key: HashMap::new(),
            content: BTreeMap::new(),
            bytes: 0,
            first_at: now,
            last_at: now,
            saves: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.drafts.len()
    }

    /// Takes in a draft, in place of an earlier one of the same key.
    pub(super) fn push(&mut self, key: Option<Vec<u8>>, mut draft: HeldDraft<E>, content: Vec<(Vec<u8>, Vec<u8>)>) {
        self.last_at = draft.at;
        self.bytes += draft.bytes;
        self.saves += 1;
        for (key, value) in content {
            self.bytes += key.len() + value.len();
            let key_bytes = key.len();
            if let Some(earlier) = self.content.insert(key, value) {
                self.bytes -= key_bytes + earlier.len();
            }
        }
        let known = key.as_ref().and_then(|key| self.by_key.get(key)).copied();
        match known.and_then(|at| self.drafts.get_mut(at)) {
            Some(earlier) => {
                // What the earlier one wrote is written still.
                let touched = earlier.changes.iter().filter(|change| matches!(change, Change::Touched(..))).cloned();
                draft.changes.extend(touched.collect::<Vec<_>>());
                self.bytes = self.bytes.saturating_sub(earlier.bytes);
                *earlier = draft;
            }
            None => {
                if let Some(key) = key {
                    self.by_key.insert(key, self.drafts.len());
                }
                self.drafts.push(draft);
            }
        }
    }

    /// Whether one more, of so many bytes, can be held beside them.
    pub(super) fn has_room_for(&self, bytes: usize) -> bool {
        self.drafts.len() < DRAFTS_HELD_MAX && self.bytes.saturating_add(bytes) <= DRAFT_BYTES_HELD_MAX
    }

    /// When they have to be committed: after some quiet, at most a while after the first.
    pub(super) fn due(&self, options: &EngineOptions) -> Timestamp {
        self.last_at.after(options.draft_quiet).min(self.first_at.after(options.draft_most))
    }

    /// What they make of a full key.
    pub(super) fn content(&self, key: &[u8]) -> Option<&[u8]> {
        self.content.get(key).map(Vec::as_slice)
    }

    /// What they write, by full key.
    pub(super) fn all_content(&self) -> impl Iterator<Item = (&Vec<u8>, &Vec<u8>)> {
        self.content.iter()
    }

    /// What tells these drafts from those of another moment, for plan tokens.
    pub(super) fn version(&self) -> (u64, Timestamp) {
        (self.saves, self.last_at)
    }

    /// All of them as one turn.
    pub(super) fn entry(&self) -> Entry<E> {
        let mut changes = Vec::new();
        for draft in &self.drafts {
            changes.push(Change::At(draft.at));
            changes.extend(draft.changes.iter().cloned());
        }
        let mut writers = self.drafts.iter().map(|draft| draft.by.as_str());
        let first = writers.next().unwrap_or_default();
        let by = if writers.all(|by| by == first) { first } else { "several" };
        Entry { at: self.last_at, by: by.to_owned(), reason: None, changes }
    }
}
