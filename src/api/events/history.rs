//! What happened to one entity, as events.

use std::sync::Arc;

use super::told::{Event, tell};
use crate::api::{Error, Restage};
use crate::domain::EntityId;
use crate::engine::query;
use crate::store::StoreError;

impl Restage {
    /// The events of each turn of an entity after a revision, in order: one at least of each. Where they are among all
    /// events is not known.
    ///
    /// # Errors
    /// The store's.
    pub async fn turns(&self, kind: &str, id: &EntityId, after: u64, most: usize) -> Result<Vec<Vec<Event>>, Error> {
        let (store, kind, id) = (Arc::clone(self.runtime().store()), kind.to_owned(), id.clone());
        let read = move || query::turns(store.as_ref(), &kind, &id, after, most);
        let turns = tokio::task::spawn_blocking(read).await.unwrap_or(Err(StoreError::Closed.into()))?;
        Ok(turns.iter().map(tell).collect())
    }
}
