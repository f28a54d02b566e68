//! One kind of entity.

use std::sync::Arc;

use super::error::Error;
use super::handle::Handle;
use crate::domain::{Entity, EntityId, Timestamp};
use crate::engine::{Failure, Orphan, UndoPoint, View, query};
use crate::runtime::{EffectHandler, KindState, Runtime};
use crate::store::{Store, StoreError};

/// The entities of one kind. Cheap to clone.
pub struct Kind<E: Entity> {
    state: Arc<KindState<E>>,
    runtime: Arc<Runtime>,
}

impl<E: Entity> Clone for Kind<E> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), runtime: Arc::clone(&self.runtime) }
    }
}

impl<E: Entity> std::fmt::Debug for Kind<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kind").field("name", &E::KIND).finish_non_exhaustive()
    }
}

impl<E: Entity> Kind<E> {
    pub(super) fn new(runtime: Arc<Runtime>) -> Result<Self, Error> {
        let state = runtime.kind::<E>()?;
        Ok(Self { state, runtime })
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        self.state.store()
    }

    /// The time that turns are given.
    pub(super) fn now(&self) -> Timestamp {
        self.runtime.clock().now()
    }

    /// One entity; it need not exist.
    pub fn entity(&self, id: &EntityId) -> Handle<E> {
        Handle::new(Arc::clone(&self.state), Arc::clone(&self.runtime), id.clone())
    }

    /// Ids of existing entities, ascending, after one of them.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(&self, after: Option<&EntityId>, most: usize) -> Result<Vec<EntityId>, Error> {
        let after = after.cloned();
        self.read(move |store| query::list::<E>(store, after.as_ref(), most)).await
    }

    /// An entity as it is on disk, without bringing it into memory: for lists. At revision 0 if nobody has created it.
    ///
    /// # Errors
    /// The store's.
    pub async fn peek(&self, id: &EntityId) -> Result<View<E>, Error> {
        let of = id.clone();
        self.read(move |store| query::view(store, &of)).await
    }

    /// Existing entities as they are on disk, by id, after one of them: for lists.
    ///
    /// # Errors
    /// The store's.
    pub async fn views(&self, after: Option<&EntityId>, most: usize) -> Result<Vec<(EntityId, View<E>)>, Error> {
        let after = after.cloned();
        self.read(move |store| {
            let ids = query::list::<E>(store, after.as_ref(), most)?;
            ids.into_iter().map(|id| query::view(store, &id).map(|view| (id, view))).collect()
        })
        .await
    }

    /// Orphans of all entities, by id and number, after one of them.
    ///
    /// # Errors
    /// The store's.
    pub async fn orphans(&self, after: Option<(EntityId, u64)>, most: usize) -> Result<Vec<(EntityId, Orphan)>, Error> {
        self.read(move |store| query::orphans::<E>(store, after.as_ref().map(|(id, n)| (id, *n)), most)).await
    }

    /// Undo points of all entities, by id and number, after one of them.
    ///
    /// # Errors
    /// The store's.
    pub async fn undo_points(
        &self,
        after: Option<(EntityId, u64)>,
        most: usize,
    ) -> Result<Vec<(EntityId, UndoPoint)>, Error> {
        self.read(move |store| query::undo_points::<E>(store, after.as_ref().map(|(id, n)| (id, *n)), most)).await
    }

    /// Reads from the store beside the actors.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Store) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Error> {
        let store = self.state.store();
        let done = tokio::task::spawn_blocking(move || read(store.as_ref())).await;
        Ok(done.unwrap_or(Err(StoreError::Closed.into()))?)
    }

    /// Has the effects of this kind carried out by `handler`, those that are owed from earlier too. False if somebody
    /// does already.
    ///
    /// They run on the caller's tokio runtime, where there is one. A handler that holds a [`Restage`](crate::Restage), a
    /// kind or a handle keeps the folder open until [`shutdown`](crate::Restage::shutdown).
    pub fn serve_effects(&self, handler: impl EffectHandler<E>) -> bool {
        self.runtime.serve(&self.state, handler)
    }
}
