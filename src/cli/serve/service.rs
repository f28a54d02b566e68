//! What systemd is told, if it runs the server.

use sd_notify::NotifyState;

use crate::api::Restage;

/// Entities that are read to see whether the store answers.
const LOOK_ITEMS: usize = 1;

/// Tells that the server is ready.
pub(super) fn ready() {
    tell(&NotifyState::Ready);
}

/// Tells that it stops.
pub(super) fn stopping() {
    tell(&NotifyState::Stopping);
}

/// Gives a sign of life for as long as the store answers, if that is waited for. Never ends.
pub(super) async fn watch(restage: &Restage) {
    let Some(most) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    let mut ticks = tokio::time::interval(most / 2);
    loop {
        ticks.tick().await;
        match tokio::time::timeout(most / 2, answers(restage)).await {
            Ok(true) => tell(&NotifyState::Watchdog),
            Ok(false) | Err(_) => tracing::error!("the store does not answer: no sign of life is given"),
        }
        // After a long pause one sign is enough.
        ticks.reset_after(most / 2);
    }
}

/// Whether the store takes writes, and answers what it is asked.
async fn answers(restage: &Restage) -> bool {
    if restage.stats().failure.is_some() {
        return false;
    }
    match restage.workshops() {
        Ok(workshops) => workshops.list(None, LOOK_ITEMS).await.is_ok(),
        Err(_) => false,
    }
}

fn tell(state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        tracing::warn!(%error, "systemd could not be told");
    }
}
