//! Everything committed, in order, from any position on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;

use super::error::AskError;
use super::shared::Shared;
use crate::engine::{Committed, query};
use crate::store::{Position, StoreError};

/// Log bytes read at a time.
const READ_BYTES: usize = 256 << 10;

/// Committed turns of all entities, in order. Reads when asked, so a slow reader holds nothing up.
pub struct Feed {
    shared: Arc<Shared>,
    durable: watch::Receiver<Position>,
    after: Position,
    read: VecDeque<Committed>,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("after", &self.after).field("read", &self.read.len()).finish_non_exhaustive()
    }
}

impl Feed {
    pub(super) fn new(shared: Arc<Shared>, after: Position) -> Self {
        let durable = shared.feed.subscribe();
        Self { shared, durable, after, read: VecDeque::new() }
    }

    /// The next committed turn; waits for one. To go on later, remember its position and ask for a feed after that.
    /// Several turns can share a position: they were committed together.
    ///
    /// # Errors
    /// [`StoreError::Gone`] when the position is no longer in the log: read the present state and follow from there.
    /// [`AskError::Stopped`] when the runtime shuts down.
    pub async fn next(&mut self) -> Result<Committed, AskError> {
        loop {
            if let Some(turn) = self.read.pop_front() {
                return Ok(turn);
            }
            self.wait().await?;
        }
    }

    /// All turns that can be had at once, and the position up to which these are all; waits until there is a
    /// new position. Some have no turn.
    ///
    /// # Errors
    /// As of [`next`](Self::next).
    #[cfg(feature = "http")]
    pub async fn batch(&mut self) -> Result<(Vec<Committed>, Position), AskError> {
        if self.read.is_empty() {
            self.wait().await?;
        }
        Ok((std::mem::take(&mut self.read).into(), self.after))
    }

    /// Reads what comes after the last position, once there is something.
    async fn wait(&mut self) -> Result<(), AskError> {
        loop {
            self.durable.mark_unchanged();
            let ended = self.shared.ended.load(Ordering::Acquire);
            if self.read_on().await? {
                return Ok(());
            }
            // Only now: what was committed last is read before it ends.
            if ended || self.durable.changed().await.is_err() {
                return Err(AskError::Stopped);
            }
        }
    }

    /// Reads what is there after the last position. Whether there was anything.
    async fn read_on(&mut self) -> Result<bool, AskError> {
        let (store, after) = (Arc::clone(&self.shared.store), self.after);
        let frames = tokio::task::spawn_blocking(move || store.frames(after, READ_BYTES)).await;
        let frames = frames.unwrap_or(Err(StoreError::Closed))?;
        let Some(last) = frames.last() else { return Ok(false) };
        self.after = last.position;
        self.read.extend(frames.iter().flat_map(query::committed));
        Ok(true)
    }
}
