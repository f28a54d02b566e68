//! What every handler has at hand.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use actix_web::web::Bytes;
use tokio::sync::watch;

use super::auth::Gate;
use super::metrics::Metrics;
use super::openapi;
use super::options::{Adjustable, ServerOptions};
use super::streams::Streams;
use crate::api::{
    Access, Batches, Error, Restage, TaskOptions, Tasks, Timestamp, WebhookHosts, Webhooks, Workflows, Workshops,
};

/// What every handler has at hand. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::http) struct App {
    pub(in crate::http) restage: Restage,
    pub(in crate::http) workshops: Workshops,
    pub(in crate::http) tasks: Tasks,
    pub(in crate::http) workflows: Workflows,
    pub(in crate::http) batches: Batches,
    pub(in crate::http) access: Access,
    pub(in crate::http) webhooks: Webhooks,
    pub(in crate::http) streams: Arc<Streams>,
    pub(in crate::http) gate: Arc<Gate>,
    pub(in crate::http) options: Arc<ServerOptions>,
    pub(in crate::http) life: Life,
    /// The methods of every route, as `Allow` has them.
    pub(in crate::http) allowed: Arc<HashMap<String, String>>,
    /// The OpenAPI document.
    pub(in crate::http) document: Bytes,
    pub(in crate::http) metrics: Metrics,
    pub(in crate::http) requests: Arc<Requests>,
    adjustable: watch::Sender<Arc<Adjustable>>,
}

impl App {
    /// What the handlers of a server have that listens on this address.
    pub(in crate::http) async fn new(
        restage: Restage,
        options: ServerOptions,
        document: Bytes,
        address: SocketAddr,
    ) -> Result<Self, Error> {
        Ok(Self {
            access: restage.access().await?,
            gate: Arc::new(Gate::new(&options, address)),
            webhooks: restage.webhooks(hosts(&options.adjustable))?,
            streams: Streams::new(&options.limits),
            workshops: restage.workshops()?,
            workflows: restage.workflows()?,
            batches: restage.batches()?,
            tasks: restage.tasks(TaskOptions::default())?,
            restage,
            life: Life::default(),
            allowed: Arc::new(openapi::allowed(&document)),
            document,
            metrics: Metrics::new(),
            requests: Arc::default(),
            adjustable: watch::Sender::new(Arc::new(options.adjustable.clone())),
            options: Arc::new(options),
        })
    }

    /// Whether connections are encrypted by this server itself.
    pub(in crate::http) fn is_encrypted(&self) -> bool {
        self.options.tls.is_some()
    }

    /// What time it is.
    pub(in crate::http) fn now(&self) -> Timestamp {
        self.restage.clock().now()
    }

    /// What can change while the server runs, as it is now.
    pub(in crate::http) fn adjustable(&self) -> Arc<Adjustable> {
        Arc::clone(&self.adjustable.borrow())
    }

    pub(in crate::http) fn adjust(&self, adjustable: Adjustable) {
        self.webhooks.allow(hosts(&adjustable));
        self.adjustable.send_replace(Arc::new(adjustable));
    }
}

/// Requests, counted.
#[derive(Debug, Default)]
pub(in crate::http) struct Requests {
    /// Those that are being handled.
    pub(in crate::http) under_way: AtomicUsize,
}

/// Where webhooks may be sent to.
fn hosts(adjustable: &Adjustable) -> WebhookHosts {
    let Adjustable { webhook_hosts, webhook_private_hosts, .. } = adjustable;
    WebhookHosts { public: webhook_hosts.clone(), private: webhook_private_hosts.clone() }
}

/// Where in its life the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::http) enum Phase {
    /// It takes no requests yet, but for how it is.
    Starting,
    /// It serves.
    Ready,
    /// It takes no more, and ends what would go on for long.
    Stopping,
}

/// Where in its life the server is, for everybody to see and to wait for.
#[derive(Clone, Debug)]
pub(in crate::http) struct Life(watch::Sender<Phase>);

impl Default for Life {
    fn default() -> Self {
        Self(watch::Sender::new(Phase::Starting))
    }
}

impl Life {
    pub(in crate::http) fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Goes on to a phase; never back to an earlier one.
    pub(in crate::http) fn enter(&self, phase: Phase) {
        self.0.send_if_modified(|now| {
            let later = phase > *now;
            *now = phase.max(*now);
            later
        });
    }

    /// Waits until the server stops: event streams end then, and who polls long is answered at once.
    pub(in crate::http) async fn stopping(&self) {
        // The sender is ours, so this ends for no other reason.
        let _ = self.0.subscribe().wait_for(|phase| *phase == Phase::Stopping).await;
    }
}
