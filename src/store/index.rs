//! What reads go to: every live key with its value. Derived from snapshot and log, so it may be lost at any time.

use std::ops::Bound;

use super::{Change, Entry, Position, StoreError};

/// A sorted map that remembers up to which frame it is. It may come back from a crash older than it was, but as it was
/// between two calls. It may hold a part of later frames: the frames after the one it remembers are all applied again.
pub trait Index: Send + Sync + 'static {
    /// The last frame that was applied.
    fn applied(&self) -> Result<Position, StoreError>;

    /// Applies changes, sorted by key and one a key, and the position up to which this brings the index: all or nothing.
    fn apply(&self, changes: &[Change], up_to: Position) -> Result<(), StoreError>;

    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Up to `most` keys between the bounds with their values, ascending; none when the bounds hold nothing.
    fn scan(&self, from: Bound<&[u8]>, to: Bound<&[u8]>, most: usize) -> Result<Vec<Entry>, StoreError>;

    /// Makes everything applied durable, as far as the index can; called before a clean end.
    fn settle(&self) -> Result<(), StoreError>;
}
