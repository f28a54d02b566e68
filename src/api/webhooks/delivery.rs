//! Delivering: a task for each webhook that reads its events from the log and sends them on.
//!
//! Nothing is kept but the offset that the receiver has: what was sent and not yet noted is sent again after a crash.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};

use super::Webhooks;
use super::sender::{Delivery, Undelivered};
use crate::api::Error;
use crate::api::events::{EventStream, Filter, Offset, Told};
use crate::domain::webhook::{Command, Hook, Selection, WebhookKind};
use crate::domain::{Entity, EntityId, Rejection};

/// Most events of one delivery.
const EVENTS_MOST: usize = 100;
/// Most bytes of one delivery; one event alone may be longer.
const BYTES_MOST: usize = 1 << 20;
/// The shortest and the longest wait before a delivery that failed is tried again.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LAST: Duration = Duration::from_secs(10 * 60);
/// How often it is noted how far a webhook has read that wants nothing of what happens.
const NOTE_EVERY: Duration = Duration::from_secs(60);
/// Positions after which that is worth a turn. Less, and the log would be kept longer by nobody.
const NOTE_AFTER: u64 = 1_000;
/// How long everything waits after the store failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Has every webhook that is enabled delivered, for as long as events are told.
pub(super) async fn supervise(webhooks: Webhooks) {
    let selection = Selection { kinds: [WebhookKind::KIND.to_owned()].into(), ..Selection::default() };
    let mut running = JoinSet::new();
    let mut by_id: HashMap<EntityId, AbortHandle> = HashMap::new();
    loop {
        // First where to follow from, then what there is: a change in between is seen twice and not missed.
        let filter = Filter { selection: selection.clone(), admin: true };
        let stream = webhooks.events.after(webhooks.events.now(), filter);
        let (mut stream, hooks) = match (stream, webhooks.list().await) {
            (Ok(stream), Ok(hooks)) => (stream, hooks),
            (_, Err(error)) | (Err(error), _) => {
                if error.code() == "stopped" || error.code() == "closed" {
                    return;
                }
                tracing::error!(%error, "webhooks can't be read; it is tried again");
                tokio::time::sleep(AFTER_FAILURE).await;
                continue;
            }
        };
        for (id, hook) in hooks {
            run(&webhooks, &mut running, &mut by_id, id, Some(hook));
        }
        loop {
            // What ended by itself is let go.
            while running.try_join_next().is_some() {}
            let told = match stream.next().await {
                Ok(told) => told,
                Err(error) if error.code() == "gone" => break,
                Err(_) => return,
            };
            let changed = told.iter().filter(|told| !told.name.ends_with(".failing"));
            for id in changed.map(|told| told.id.clone()).collect::<std::collections::BTreeSet<_>>() {
                let hook = webhooks.look(&id).await.ok().map(|(hook, _)| hook);
                run(&webhooks, &mut running, &mut by_id, id, hook);
            }
        }
    }
}

/// Has a webhook delivered as it is now, and no longer as it was.
fn run(
    webhooks: &Webhooks,
    running: &mut JoinSet<()>,
    by_id: &mut HashMap<EntityId, AbortHandle>,
    id: EntityId,
    hook: Option<Hook>,
) {
    if let Some(before) = by_id.remove(&id) {
        before.abort();
    }
    if let Some(hook) = hook.filter(|hook| hook.enabled) {
        let task = running.spawn(Courier { webhooks: webhooks.clone(), id: id.clone(), hook }.deliver());
        by_id.insert(id, task);
    }
}

/// Who delivers to one webhook.
struct Courier {
    webhooks: Webhooks,
    id: EntityId,
    hook: Hook,
}

impl Courier {
    /// Delivers until it is disabled, or the program stops.
    async fn deliver(self) {
        let mut reached = Offset::from(self.hook.reached);
        let mut waiting: VecDeque<Arc<Told>> = VecDeque::new();
        let Some(mut stream) = self.follow(&mut reached) else { return };
        loop {
            if waiting.is_empty() {
                match tokio::time::timeout(NOTE_EVERY, stream.next()).await {
                    Ok(Ok(told)) => waiting.extend(told),
                    Ok(Err(error)) if error.code() == "gone" => {
                        tracing::warn!(webhook = %self.id, from = %reached, "events were removed before they were delivered");
                        reached = self.webhooks.events.now();
                        let Some(anew) = self.follow(&mut reached) else { return };
                        stream = anew;
                        if !self.hand_over(&mut waiting, reached).await {
                            return;
                        }
                    }
                    Ok(Err(_)) => return,
                    Err(_) => {
                        let read = stream.offset();
                        if read.position().0 > reached.position().0 + NOTE_AFTER {
                            reached = read;
                            if !self.note(Command::Delivered { upto: read.into() }).await {
                                return;
                            }
                        }
                    }
                }
                continue;
            }
            let Some(upto) = batch_end(&waiting) else { continue };
            if !self.hand_over(&mut waiting, upto).await {
                return;
            }
            reached = upto;
        }
    }

    /// The events after an offset; one that is of another data folder stands for now.
    fn follow(&self, reached: &mut Offset) -> Option<EventStream> {
        let filter = || Filter { selection: self.hook.selection.clone(), admin: false };
        let events = &self.webhooks.events;
        match events.after(*reached, filter()) {
            Ok(stream) => Some(stream),
            Err(_) => {
                *reached = events.now();
                events.after(*reached, filter()).ok()
            }
        }
    }

    /// Sends what waits up to an offset, again and again until the receiver has it; with nothing, tells that events are
    /// missing. False when there is no more to be done here.
    async fn hand_over(&self, waiting: &mut VecDeque<Arc<Told>>, upto: Offset) -> bool {
        let count = waiting.iter().take_while(|told| told.offset <= upto).count();
        let told: Vec<_> = waiting.drain(..count).collect();
        let name = match told.first() {
            Some(first) => format!("{}:{}-{upto}", self.id, first.offset),
            None => format!("{}:reset-{upto}", self.id),
        };
        let body = body(&self.id, &name, &told);
        let mut pause = RETRY_FIRST;
        loop {
            let undelivered = match self.try_once(&name, &body).await {
                Ok(_) => return self.note(Command::Delivered { upto: upto.into() }).await,
                Err(undelivered) => undelivered,
            };
            tracing::debug!(webhook = %self.id, problem = undelivered.problem, "a delivery failed; it is tried again");
            let Undelivered { problem, for_good } = undelivered;
            if !self.note(Command::Failed { problem, for_good }).await || !self.is_enabled().await {
                return false;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_LAST);
        }
    }

    async fn try_once(&self, name: &str, body: &str) -> Result<u16, Undelivered> {
        // The list of hosts may be another one than when the webhook was made.
        let target = self.webhooks.check(&self.hook.url);
        let target = target.map_err(|refused| Undelivered { problem: refused.to_string(), for_good: true })?;
        let at = self.webhooks.runtime.clock().now();
        let delivery = Delivery { id: name, body, secret: &self.hook.secret, at };
        self.webhooks.sender.send(&target, &delivery).await
    }

    /// Has the webhook remember something. False if it can't any more: it is removed, or the program stops.
    async fn note(&self, command: Command) -> bool {
        loop {
            let sent = self.webhooks.kind.entity(&self.id).by("restage").send(command.clone()).await;
            match sent {
                Ok(_) => return true,
                Err(error) if is_over(&error) => return false,
                Err(error) => {
                    tracing::warn!(webhook = %self.id, %error, "how far a webhook is can't be noted; it is tried again");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    async fn is_enabled(&self) -> bool {
        self.webhooks.look(&self.id).await.is_ok_and(|(hook, _)| hook.enabled)
    }
}

fn is_over(error: &Error) -> bool {
    matches!(error.rejection(), Some(Rejection::NotFound { .. }))
        || ["stopped", "closed", "poisoned"].contains(&error.code())
}

/// The last event that goes into the next delivery.
fn batch_end(waiting: &VecDeque<Arc<Told>>) -> Option<Offset> {
    let mut bytes = 0;
    let fits = |told: &&Arc<Told>| {
        let first = bytes == 0;
        bytes += told.json.len();
        first || bytes <= BYTES_MOST
    };
    waiting.iter().take(EVENTS_MOST).take_while(fits).last().map(|told| told.offset)
}

/// The body of a delivery: the events as the stream has them. Without any it is a trial, or tells that some are missing.
pub(super) fn body(id: &EntityId, name: &str, told: &[Arc<Told>]) -> String {
    let reset = name.contains(":reset-");
    let events: Vec<&str> = told.iter().map(|told| told.json.as_ref()).collect();
    // Ids and offsets have no characters that JSON escapes.
    format!(r#"{{"webhook":"{id}","delivery":"{name}","reset":{reset},"events":[{}]}}"#, events.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(number: u64, bytes: usize) -> Arc<Told> {
        let json = format!("{{\"n\":\"{}\"}}", "x".repeat(bytes));
        let id = EntityId::new("a").unwrap();
        Arc::new(Told {
            offset: Offset::from((number, 1)),
            kind: "k".into(),
            id,
            name: "k.n".into(),
            json: json.into(),
        })
    }

    #[test]
    fn a_delivery_ends_at_a_hundred_events_or_a_mebibyte_and_is_never_empty() {
        let small: VecDeque<_> = (1..=250).map(|n| told(n, 10)).collect();
        assert_eq!(batch_end(&small), Some(Offset::from((100, 1))));
        let large: VecDeque<_> = (1..=10).map(|n| told(n, 300 << 10)).collect();
        assert_eq!(batch_end(&large), Some(Offset::from((3, 1))));
        let huge: VecDeque<_> = (1..=2).map(|n| told(n, 2 << 20)).collect();
        assert_eq!(batch_end(&huge), Some(Offset::from((1, 1))));
        assert_eq!(batch_end(&VecDeque::new()), None);
    }

    #[test]
    fn a_body_is_json() {
        let id = EntityId::new("chat").unwrap();
        for (name, events) in [("chat:1.1-2.1", vec![told(1, 3), told(2, 3)]), ("chat:reset-9", Vec::new())] {
            let body: serde_json::Value = serde_json::from_str(&body(&id, name, &events)).unwrap();
            assert_eq!(body["delivery"], name);
            assert_eq!(body["events"].as_array().map(Vec::len), Some(events.len()));
            assert_eq!(body["reset"], events.is_empty());
        }
    }
}
