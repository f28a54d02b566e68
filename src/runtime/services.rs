//! What the runtime does by itself: timers, sweeping, and having unused entities leave memory.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::Inner;
use crate::domain::Timestamp;
use crate::engine::{DueTimer, next_sweep, query};
use crate::store::{StoreError, Urgency, batch_bytes};

/// Timers read at a time.
const TIMERS_PER_READ: usize = 1_024;
/// How long the services wait at most before they look again.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// How long they wait after something failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Fires timers when they are due, for as long as the runtime lives.
pub(super) async fn timers(inner: Weak<Inner>) {
    while let Some(alive) = running(&inner) {
        let wait = fire_due(&alive).await;
        let shared = Arc::clone(&alive.shared);
        drop(alive);
        // Over, or told of a new timer: either way it looks again.
        let _ = tokio::time::timeout(wait, shared.timers.notified()).await;
    }
}

/// Fires what is due, and says how long there is nothing more to do.
async fn fire_due(inner: &Arc<Inner>) -> Duration {
    let mut after: Option<DueTimer> = None;
    let mut failed = false;
    loop {
        let store = Arc::clone(&inner.shared.store);
        let read = move || query::timers(store.as_ref(), after.as_ref(), TIMERS_PER_READ);
        let timers = match tokio::task::spawn_blocking(read).await {
            Ok(Ok(timers)) => timers,
            Ok(Err(error)) => {
                tracing::warn!(%error, "timers can't be read");
                return AFTER_FAILURE;
            }
            Err(error) => {
                tracing::error!(%error, "reading timers panicked");
                return AFTER_FAILURE;
            }
        };
        let now = inner.shared.clock.now();
        for timer in &timers {
            if timer.due > now {
                let wait = timer.due.since(now).min(LOOK_AGAIN) + Duration::from_millis(1);
                return if failed { wait.min(AFTER_FAILURE) } else { wait };
            }
            // A kind that this program does not know keeps its timers until one that does is started.
            let Some(kind) = inner.kind_named(&timer.kind) else { continue };
            if let Err(error) = kind.fire(timer.id.clone(), timer.key.clone(), timer.due).await {
                let (kind, id, key) = (&timer.kind, &timer.id, &timer.key);
                tracing::warn!(kind, %id, key, %error, "a timer could not be handed over; it is tried again");
                failed = true;
            }
        }
        if timers.len() < TIMERS_PER_READ {
            return if failed { AFTER_FAILURE } else { LOOK_AGAIN };
        }
        after = timers.into_iter().next_back();
    }
}

/// Sweeps what nothing refers to, for as long as the runtime lives.
pub(super) async fn sweeper(inner: Weak<Inner>) {
    while let Some(alive) = running(&inner) {
        let wait = match sweep_once(&alive).await {
            Ok(true) => continue,
            Ok(false) => LOOK_AGAIN,
            Err(error) => {
                tracing::warn!(%error, "sweeping failed");
                LOOK_AGAIN
            }
        };
        let shared = Arc::clone(&alive.shared);
        drop(alive);
        let _ = tokio::time::timeout(wait, shared.garbage.notified()).await;
    }
}

/// Removes one batch of keys, and waits until that is durable: turns go before sweeping.
pub(super) async fn sweep_once(inner: &Arc<Inner>) -> Result<bool, StoreError> {
    // Two at a time could take an answer for one that they have read before it was given.
    let _one_at_a_time = inner.sweeping.lock().await;
    let store = Arc::clone(&inner.shared.store);
    let before =
        Timestamp::from_millis(inner.shared.clock.now().as_millis().saturating_sub(
            i64::try_from(inner.shared.options.engine.answer_retention.as_millis()).unwrap_or(i64::MAX),
        ));
    let next = tokio::task::spawn_blocking(move || next_sweep(store.as_ref(), before)).await;
    let Some(batch) = next.unwrap_or(Ok(None))? else { return Ok(false) };
    let store = &inner.shared.store;
    store.admit(batch_bytes(&batch), Urgency::Reserved)?;
    let (stored, done) = tokio::sync::oneshot::channel();
    store.commit(
        batch,
        Box::new(move |result| {
            let _ = stored.send(result);
        }),
    );
    done.await.unwrap_or(Err(StoreError::Closed)).map(|_| true)
}

/// Has unused entities leave memory, for as long as the runtime lives.
pub(super) async fn janitor(inner: Weak<Inner>) {
    while let Some(alive) = running(&inner) {
        let options = &alive.shared.options;
        let pause = (options.idle / 4).clamp(Duration::from_millis(20), Duration::from_secs(1));
        for kind in alive.kinds() {
            kind.passivate(options.idle, options.active_most);
        }
        drop(alive);
        tokio::time::sleep(pause).await;
    }
}

fn running(inner: &Weak<Inner>) -> Option<Arc<Inner>> {
    inner.upgrade().filter(|inner| !inner.shared.closing.load(Ordering::Acquire))
}
