//! Workflows, typed; and what brings their tasks and the workers together: queues, claims, leases.
//!
//! A workflow alone grants its tasks. A queue only knows which workflows have some: a claim asks the queue whom to ask,
//! and drops what turns out to be nothing. So a task that was reset is never granted, whatever a queue remembers.

mod bells;
mod claims;
mod host;
mod late;
mod lease;
mod pages;
mod queues;
mod workers;
mod workflow;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

pub use claims::{Claim, Claimed, Leased};
pub use late::{InPlace, LateResult};
pub use lease::LeaseToken;
pub use pages::{Found, ResultFilter, StoredTask, TaskFilter, TaskStatus};
pub use queues::{Depth, Queue};
pub use workers::{Held, Worker};
pub use workflow::{Reset, Workflow};

#[cfg(feature = "http")]
pub(crate) use claims::{LEASE_DEFAULT, WAIT_MAX};

use bells::Bells;
use workers::Workers;

use super::access::Access;
use super::error::Error;
use super::kind::Kind;
use crate::domain::EntityId;
use crate::domain::access::AccessKind;
use crate::domain::queue::QueueKind;
use crate::domain::workflow::WorkflowKind;
use crate::engine::{View, query};
use crate::store::StoreError;

/// How long until it is looked again what is owed.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// The workflows of a data folder, with their queues and workers. Cheap to clone.
#[derive(Clone)]
pub struct Workflows(Arc<Inner>);

/// What all clones share.
struct Inner {
    kind: Kind<WorkflowKind>,
    queues: Kind<QueueKind>,
    access_kind: Kind<AccessKind>,
    /// Has the key that leases are signed with.
    access: Arc<OnceCell<Access>>,
    bells: Bells,
    workers: Workers,
}

impl std::fmt::Debug for Workflows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workflows").finish_non_exhaustive()
    }
}

impl Workflows {
    pub(super) fn new(
        kind: Kind<WorkflowKind>,
        queues: Kind<QueueKind>,
        access_kind: Kind<AccessKind>,
        access: Arc<OnceCell<Access>>,
    ) -> Self {
        let (bells, workers) = (Bells::default(), Workers::default());
        Self(Arc::new(Inner { kind, queues, access_kind, access, bells, workers }))
    }

    /// The kind below, for what this facade does not name.
    pub fn kind(&self) -> &Kind<WorkflowKind> {
        &self.0.kind
    }

    /// One workflow; it need not exist.
    pub fn get(&self, id: &EntityId) -> Workflow {
        Workflow::new(self.0.kind.entity(id))
    }

    /// Ids of existing workflows, ascending, after one of them.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(&self, after: Option<&EntityId>, most: usize) -> Result<Vec<EntityId>, Error> {
        self.0.kind.list(after, most).await
    }

    /// A workflow as it is on disk, without bringing it into memory: for lists.
    ///
    /// # Errors
    /// The store's.
    pub async fn peek(&self, id: &EntityId) -> Result<View<WorkflowKind>, Error> {
        let of = id.clone();
        self.0.kind.entity(id).read(move |store| query::view(store, &of)).await
    }

    /// Begins to carry out what workflows owe, what an earlier process left undone too: queues are told of work, and
    /// whoever waits for it. Runs on the caller's tokio runtime until [`shutdown`](crate::Restage::shutdown). False if
    /// that is done already.
    pub fn serve(&self) -> bool {
        let workflows = self.clone();
        self.0.kind.serve_effects(move |owed| {
            let workflows = workflows.clone();
            async move { workflows.carry_out(owed).await }
        })
    }

    /// Waits until queues were told of all the work there is. Waits for ever if nobody [serves](Self::serve).
    ///
    /// # Errors
    /// The store's.
    pub async fn told(&self) -> Result<(), Error> {
        loop {
            let store = self.0.kind.store();
            let owed = tokio::task::spawn_blocking(move || query::owed::<WorkflowKind>(store.as_ref(), 1)).await;
            if owed.unwrap_or(Err(StoreError::Closed.into()))?.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Has nobody wait for work any more: the folder is being closed.
    pub(super) fn close(&self) {
        self.0.bells.close();
    }
}
