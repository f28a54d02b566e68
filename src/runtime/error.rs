//! A message that was not answered by a turn.

use std::time::Duration;

use thiserror::Error;

use crate::engine::Failure;
use crate::store::StoreError;

/// What can come back instead of a receipt.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum AskError {
    /// The turn was refused, or the store could not take it. Nothing changed.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The entity has as many messages waiting as it can hold. Nothing changed.
    #[error("the entity is busy: {waiting} messages are waiting")]
    Busy {
        /// How many.
        waiting: usize,
    },
    /// No answer came in time. The turn may still happen, unless it had not begun: ask again with the same idempotency key.
    #[error("no answer came within {0:?}")]
    Deadline(Duration),
    /// Its time was over before the entity came to it. Nothing changed.
    #[error("its time was over before the entity came to it")]
    Expired,
    /// The turn panicked. Nothing of it is durable; the entity was loaded again from the store.
    #[error("the turn failed inside the program: {0}")]
    Panicked(String),
    /// The runtime is shutting down.
    #[error("the runtime is shutting down")]
    Stopped,
    /// The name of a kind holds something other than lower case letters, digits and `-`.
    #[error("{0:?} can't be the name of a kind: use lower case letters, digits and '-'")]
    KindName(&'static str),
    /// Two kinds have the same name.
    #[error("there are two kinds of entity with the name {0:?}")]
    KindTaken(&'static str),
}

impl From<StoreError> for AskError {
    fn from(error: StoreError) -> Self {
        Self::Failed(Failure::Store(error))
    }
}
