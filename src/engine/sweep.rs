//! Removing what nothing refers to any more, a little at a time, beside the turns.

use std::ops::Bound;

use super::content::each_key;
use super::keys::{after_prefix, class, parse_timed};
use crate::domain::Timestamp;
use crate::store::{Batch, Store, StoreError};

/// Keys removed in one batch: few, so that a turn beside it hardly waits, and since large values are read with them.
const KEYS_PER_BATCH: usize = 32;

/// The next batch of keys to remove, if there are any: content of layers that no generation and no undo point refers
/// to, and answers to idempotency keys given before `answers_before`.
///
/// The marks of what is garbage are durable, so a sweep that is stopped goes on later where it was.
pub fn next_sweep(store: &dyn Store, answers_before: Timestamp) -> Result<Option<Batch>, StoreError> {
    let mut batch = Batch::default();
    let mut mark = None;
    each_key(store, &[class::GARBAGE], None, |key, _| {
        mark = Some(key.to_vec());
        false
    })?;
    if let Some(mark) = mark {
        // A mark is the key of the layer it is about, with another class.
        let layer = with_class(class::CONTENT, &mark[1..]);
        let end = after_prefix(&layer);
        let to = end.as_ref().map(Vec::as_slice);
        for (key, _) in store.scan(Bound::Included(&layer), to, KEYS_PER_BATCH)? {
            batch.delete(key);
        }
        if batch.changes.len() < KEYS_PER_BATCH {
            batch.delete(mark);
        }
        return Ok(Some(batch));
    }
    each_key(store, &[class::ANSWER_AGE], None, |key, _| {
        if parse_timed(key).is_none_or(|(at, ..)| at >= answers_before) {
            return false;
        }
        batch.delete(with_class(class::ANSWER, &key[1 + size_of::<i64>()..]));
        batch.delete(key);
        batch.changes.len() < KEYS_PER_BATCH
    })?;
    Ok((!batch.changes.is_empty()).then_some(batch))
}

fn with_class(class: u8, rest: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + rest.len());
    key.push(class);
    key.extend_from_slice(rest);
    key
}
