//! Removing what nothing refers to any more, a little at a time, beside the turns.

use std::ops::Bound;

use super::content::each_key;
use super::keys::{EntityKeys, class, parse_garbage, parse_timed};
use crate::domain::Timestamp;
use crate::store::{Batch, Store, StoreError};

/// Keys removed in one batch: small, so that a turn beside it hardly waits.
const KEYS_PER_BATCH: usize = 256;

/// The next batch of keys to remove, if there are any: content of layers that no generation and no undo point refers
/// to, and answers to idempotency keys given before `answers_before`.
///
/// The marks of what is garbage are durable, so a sweep that is stopped goes on later where it was.
pub fn next_sweep(
    store: &dyn Store,
    kinds: &[&'static str],
    answers_before: Timestamp,
) -> Result<Option<Batch>, StoreError> {
    let mut batch = Batch::default();
    let mut mark = None;
    each_key(store, &[class::GARBAGE], None, |key, _| {
        mark = Some(key.to_vec());
        false
    })?;
    if let Some(mark) = mark {
        let layer = parse_garbage(&mark).and_then(|(kind, id, stage, generation)| {
            let kind = kinds.iter().find(|known| **known == kind)?;
            Some(EntityKeys::new(kind, id).layer(&stage, generation))
        });
        if let Some(layer) = layer {
            let end = super::keys::after_prefix(&layer);
            let to = end.as_ref().map(Vec::as_slice);
            for (key, _) in store.scan(Bound::Included(&layer), to, KEYS_PER_BATCH)? {
                batch.delete(key);
            }
        }
        if batch.changes.len() < KEYS_PER_BATCH {
            batch.delete(mark);
        }
        return Ok(Some(batch));
    }
    each_key(store, &[class::ANSWER_AGE], None, |key, _| {
        let Some((at, kind, id, answer)) = parse_timed(key) else { return true };
        if at >= answers_before {
            return false;
        }
        if let Some(kind) = kinds.iter().find(|known| **known == kind) {
            batch.delete(EntityKeys::new(kind, id).answer(answer));
        }
        batch.delete(key.to_vec());
        batch.changes.len() < KEYS_PER_BATCH
    })?;
    Ok((!batch.changes.is_empty()).then_some(batch))
}
