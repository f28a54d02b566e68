//! Webhooks: events sent to other programs, in order and at least once.

mod address;
mod delivery;
mod sender;
mod target;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::Error;
use super::events::Events;
use super::handle::Handle;
use super::kind::Kind;
use crate::domain::webhook::{Command, Hook, Secret, Selection, WEBHOOKS_MAX, WebhookKind};
use crate::domain::{EntityId, Rejection};
use crate::engine::View;
use crate::runtime::{Runtime, random_id};
use crate::store::StoreError;
use sender::{Delivery, Sender};

pub use target::WebhookHosts;

/// The webhooks of a data folder. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    kind: Kind<WebhookKind>,
    events: Events,
    hosts: Arc<Mutex<WebhookHosts>>,
    sender: Sender,
    runtime: Arc<Runtime>,
    serving: Arc<AtomicBool>,
    /// One at a time is made, so that there are never too many.
    making: Arc<tokio::sync::Mutex<()>>,
}

impl std::fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhooks").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// What came of a delivery on trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// What the receiver answered, if it took the delivery.
    pub status: Option<u16>,
    /// Why it did not.
    pub problem: Option<String>,
}

/// What of a webhook is to be changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookChange {
    /// Where events are sent to.
    pub url: Option<String>,
    /// Which events it wants.
    pub selection: Option<Selection>,
    /// Whether events are sent. Enabled again, it goes on where it was.
    pub enabled: Option<bool>,
}

impl Webhooks {
    pub(super) fn new(kind: Kind<WebhookKind>, events: Events, runtime: Arc<Runtime>) -> Self {
        Self {
            kind,
            events,
            hosts: Arc::default(),
            sender: Sender::default(),
            runtime,
            serving: Arc::default(),
            making: Arc::default(),
        }
    }

    /// Begins to deliver; once.
    pub fn serve(&self) {
        if !self.serving.swap(true, Ordering::AcqRel) {
            self.runtime.spawn_beside(delivery::supervise(self.clone()));
        }
    }

    /// From now on webhooks may be sent to these hosts.
    pub fn allow(&self, hosts: WebhookHosts) {
        *self.hosts.lock().unwrap_or_else(PoisonError::into_inner) = hosts;
    }

    /// A URL that may be sent to now.
    fn check(&self, url: &str) -> Result<target::Target, Rejection> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).check(url)
    }

    /// The entity of a webhook, to say who asks and why.
    pub fn entity(&self, id: &EntityId) -> Handle<WebhookKind> {
        self.kind.entity(id)
    }

    /// Makes a webhook for what comes from now on. The secret that its deliveries are signed with is told this once.
    ///
    /// # Errors
    /// A URL that may not be sent to; an id that was used; too many webhooks; the store's.
    pub async fn create(
        &self,
        webhook: &Handle<WebhookKind>,
        url: &str,
        selection: Selection,
    ) -> Result<(Secret, u64), Error> {
        self.check(url)?;
        let _one = self.making.lock().await;
        if self.list().await?.len() >= WEBHOOKS_MAX {
            return Err(Rejection::limit("webhooks", WEBHOOKS_MAX).into());
        }
        let secret = new_secret()?;
        let after = self.events.now().into();
        let command = Command::Create { url: url.to_owned(), secret: secret.clone(), selection, after };
        let receipt = webhook.send(command).await?;
        Ok((secret, receipt.revision))
    }

    /// Changes a webhook.
    ///
    /// # Errors
    /// A URL that may not be sent to; an unknown webhook; the store's.
    pub async fn change(&self, webhook: &Handle<WebhookKind>, change: WebhookChange) -> Result<u64, Error> {
        if let Some(url) = &change.url {
            self.check(url)?;
        }
        let WebhookChange { url, selection, enabled } = change;
        Ok(webhook.send(Command::Change { url, selection, enabled }).await?.revision)
    }

    /// Gives a webhook another secret, and tells it this once.
    ///
    /// # Errors
    /// An unknown webhook; the store's.
    pub async fn rotate(&self, webhook: &Handle<WebhookKind>) -> Result<(Secret, u64), Error> {
        let secret = new_secret()?;
        let receipt = webhook.send(Command::Rotate { secret: secret.clone() }).await?;
        Ok((secret, receipt.revision))
    }

    /// Removes a webhook. Its id is not given again.
    ///
    /// # Errors
    /// An unknown webhook; the store's.
    pub async fn remove(&self, webhook: &Handle<WebhookKind>) -> Result<u64, Error> {
        Ok(webhook.send(Command::Remove).await?.revision)
    }

    /// A webhook, and its revision.
    ///
    /// # Errors
    /// An unknown webhook; the store's.
    pub async fn look(&self, id: &EntityId) -> Result<(Hook, u64), Error> {
        let View { revision, state, .. } = self.kind.entity(id).view().await?;
        let hook = state.hook.ok_or_else(|| Rejection::not_found("webhook", id))?;
        Ok((hook, revision))
    }

    /// All webhooks, by id.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(&self) -> Result<Vec<(EntityId, Hook)>, Error> {
        const PER_READ: usize = 100;
        let mut found = Vec::new();
        let mut after: Option<EntityId> = None;
        loop {
            let ids = self.kind.list(after.as_ref(), PER_READ).await?;
            let last = ids.last().cloned().filter(|_| ids.len() == PER_READ);
            for id in ids {
                if let Some(hook) = self.kind.entity(&id).view().await?.state.hook {
                    found.push((id, hook));
                }
            }
            if last.is_none() {
                return Ok(found);
            }
            after = last;
        }
    }

    /// Sends a delivery without events, signed like any other, and waits for what comes of it.
    ///
    /// # Errors
    /// An unknown webhook; a URL that may no longer be sent to; the store's.
    pub async fn test(&self, id: &EntityId) -> Result<Trial, Error> {
        let (hook, _) = self.look(id).await?;
        let target = self.check(&hook.url)?;
        let name = format!("{id}:test");
        let body = delivery::body(id, &name, &[]);
        let at = self.runtime.clock().now();
        let delivery = Delivery { id: &name, body: &body, secret: &hook.secret, at };
        Ok(match self.sender.send(&target, &delivery).await {
            Ok(status) => Trial { status: Some(status), problem: None },
            Err(undelivered) => Trial { status: None, problem: Some(undelivered.problem) },
        })
    }
}

fn new_secret() -> Result<Secret, Error> {
    let mut secret = String::from("whsec_");
    for _ in 0..2 {
        let bytes = random_id().map_err(|error| StoreError::io("getting random bytes for", "a secret", error))?;
        secret.extend(bytes.iter().map(|byte| format!("{byte:02x}")));
    }
    Ok(Secret(secret))
}
