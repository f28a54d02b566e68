//! What everything in one runtime shares.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::{Notify, watch};

use super::arbiters::Arbiters;
use super::clock::Clock;
use super::options::RuntimeOptions;
use crate::store::{Position, Store};

/// What everything in one runtime shares.
pub(crate) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: RuntimeOptions,
    pub(super) arbiters: Arbiters,
    /// Set when no message is taken any more.
    pub(super) closing: AtomicBool,
    /// Set when the store was closed.
    pub(super) ended: AtomicBool,
    /// Told when a timer was set.
    pub(super) timers: Notify,
    /// Told when there is something to sweep.
    pub(super) garbage: Notify,
    /// The last position that the feed can show.
    pub(super) feed: watch::Sender<Position>,
}

impl Shared {
    /// A turn became durable.
    pub(super) fn durable(&self, position: Position) {
        self.feed.send_if_modified(|last| {
            let newer = position > *last;
            *last = (*last).max(position);
            newer
        });
    }
}
