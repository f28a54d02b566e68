//! Carries out what workflows owe: queues are told of work, and whoever waits for it.

use super::Workflows;
use super::queues::queue_id;
use crate::domain::EntityId;
use crate::domain::queue;
use crate::domain::workflow::{Command, Domain, Effect, WorkflowKind};
use crate::engine::Owed;

/// Whoever tells queues.
pub(super) const HOST: &str = "restage";

impl Workflows {
    /// Carries one out. Told twice, a queue knows no more than told once.
    ///
    /// # Errors
    /// A sentence for the log: it is tried again.
    pub(super) async fn carry_out(&self, owed: Owed<WorkflowKind>) -> Result<Option<Command>, String> {
        let Owed { id: workflow, effect, revision, .. } = owed;
        let Effect::Offer { domain, priority, since } = effect;
        let id = queue_id(&domain).map_err(|error| error.to_string())?;
        let offer = queue::Command::Offer { workflow, priority, revision, since };
        let told = self.0.queues.entity(&id).by(HOST).send(offer).await;
        told.map_err(|error| error.to_string())?;
        self.0.bells.ring(&domain);
        Ok(None)
    }

    /// Tells a queue that a workflow had nothing for it at that revision. Where that fails the next who asks finds out.
    pub(super) async fn withdraw(&self, domain: &Domain, workflow: EntityId, revision: u64) {
        let Ok(id) = queue_id(domain) else { return };
        let withdraw = queue::Command::Withdraw { workflow, revision };
        if let Err(error) = self.0.queues.entity(&id).by(HOST).send(withdraw).await {
            tracing::info!(%domain, %error, "a queue could not be told that there is nothing");
        }
    }
}
