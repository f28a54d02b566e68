//! Carrying out what entities owe to the world.
//!
//! An effect is owed from the commit of its turn until the commit of the turn that takes its answer in. Whoever carries
//! it out may be called again for the same effect after a crash: carrying one out twice has to be harmless.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::clock::Moment;
use super::error::AskError;
use super::kind::KindState;
use crate::domain::{Entity, EntityId};
use crate::engine::{Ask, Owed, query};

/// The shortest and the longest wait before an effect that failed is tried again.
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_LAST: Duration = Duration::from_secs(60);
/// Owed effects looked at together. While this many of a kind fail, others of it wait.
const OWED_PER_READ: usize = 4_096;
/// How long the dispatcher waits at most before it looks again.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Carries out the effects of a kind. Closures that return a future do.
pub trait EffectHandler<E: Entity>: Send + Sync + 'static {
    /// Carries one out, and says with what command the world answers, if with any.
    ///
    /// # Errors
    /// A sentence for the log; the effect stays owed and is tried again, later each time.
    fn carry_out(&self, owed: Owed<E>) -> impl Future<Output = Result<Option<E::Command>, String>> + Send;
}

impl<E, F, R> EffectHandler<E> for F
where
    E: Entity,
    F: Fn(Owed<E>) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Option<E::Command>, String>> + Send,
{
    fn carry_out(&self, owed: Owed<E>) -> impl Future<Output = Result<Option<E::Command>, String>> + Send {
        self(owed)
    }
}

/// What tells one owed effect from another.
type Name = (EntityId, String, u64);

/// When an effect that failed is tried again, and how long to wait after the next failure.
struct Retry {
    at: Moment,
    pause: Duration,
}

/// Has everything owed carried out, for as long as the runtime lives.
pub(super) async fn dispatch<E: Entity>(kind: Arc<KindState<E>>, handler: Arc<impl EffectHandler<E>>) {
    let mut tasks = tokio::task::JoinSet::new();
    let mut running: HashMap<tokio::task::Id, Name> = HashMap::new();
    let mut failed: HashMap<Name, Retry> = HashMap::new();
    while !kind.shared.closing.load(Ordering::Acquire) {
        let owed = read_owed(&kind).await;
        // What was answered or replaced meanwhile is tried no more.
        failed.retain(|name, _| owed.iter().any(|owed| name_of(owed) == *name));
        for owed in owed {
            let name = name_of(&owed);
            let waits = failed.get(&name).is_some_and(|retry| !retry.at.is_over());
            let room = lane_has_room(&running, &name, kind.shared.options.effects_most);
            if room && !waits && !running.values().any(|other| *other == name) {
                let (kind, handler) = (Arc::clone(&kind), Arc::clone(&handler));
                let task = tasks.spawn(async move { carry_out(&kind, handler.as_ref(), owed).await });
                running.insert(task.id(), name);
            }
        }
        let pause = until_next_look(&failed, &running, kind.shared.options.effects_most);
        let (task, outcome) = tokio::select! {
            () = kind.owing.notified() => continue,
            () = tokio::time::sleep(pause) => continue,
            Some(done) = tasks.join_next_with_id() => match done {
                Ok((task, outcome)) => (task, outcome),
                Err(error) => (error.id(), Err(error.to_string())),
            },
        };
        let Some(name) = running.remove(&task) else { continue };
        match outcome {
            Ok(()) => drop(failed.remove(&name)),
            Err(problem) => {
                tracing::warn!(kind = E::KIND, id = %name.0, effect = name.1, problem, "an effect failed; it is tried again");
                let pause = failed.get(&name).map_or(RETRY_FIRST, |retry| (retry.pause * 2).min(RETRY_LAST));
                failed.insert(name, Retry { at: Moment::current().after(pause), pause });
            }
        }
    }
}

/// Whether one more can begin: so many of a lane are carried out at a time, whatever other lanes do. An effect's lane is
/// what its key has before the first `/`.
fn lane_has_room(running: &HashMap<tokio::task::Id, Name>, name: &Name, most: usize) -> bool {
    let lane = |name: &Name| name.1.split('/').next().unwrap_or_default().to_owned();
    let own = lane(name);
    running.values().filter(|other| lane(other) == own).count() < most
}

/// How long there is nothing to do by itself: until a retry is due that could begin. One that is being tried, and all of
/// a lane while that has no room, wait for a task to end, which is told.
fn until_next_look(failed: &HashMap<Name, Retry>, running: &HashMap<tokio::task::Id, Name>, most: usize) -> Duration {
    let waiting = failed
        .iter()
        .filter(|(name, _)| !running.values().any(|other| other == *name) && lane_has_room(running, name, most));
    let next = waiting.map(|(_, retry)| retry.at.remaining()).min().unwrap_or(LOOK_AGAIN);
    next.clamp(Duration::from_millis(1), LOOK_AGAIN)
}

fn name_of<E: Entity>(owed: &Owed<E>) -> Name {
    (owed.id.clone(), owed.key.clone(), owed.revision)
}

async fn read_owed<E: Entity>(kind: &Arc<KindState<E>>) -> Vec<Owed<E>> {
    let store = Arc::clone(&kind.shared.store);
    match tokio::task::spawn_blocking(move || query::owed::<E>(store.as_ref(), OWED_PER_READ)).await {
        Ok(Ok(owed)) => {
            kind.counters.effects_owed.store(owed.len(), Ordering::Relaxed);
            owed
        }
        // The store was closed in between: the next to open it reads them.
        Ok(Err(_)) if kind.shared.closing.load(Ordering::Acquire) => Vec::new(),
        Ok(Err(error)) => {
            tracing::warn!(kind = E::KIND, %error, "owed effects can't be read");
            Vec::new()
        }
        Err(error) => {
            tracing::error!(kind = E::KIND, %error, "reading owed effects panicked");
            Vec::new()
        }
    }
}

/// Carries one out and hands the answer over.
async fn carry_out<E: Entity>(
    kind: &Arc<KindState<E>>,
    handler: &impl EffectHandler<E>,
    owed: Owed<E>,
) -> Result<(), String> {
    let (id, key, revision) = name_of(&owed);
    let command = handler.carry_out(owed).await?;
    match kind.ask_as_runtime(&id, Ask::Answer { key, revision, command }).await {
        Ok(()) | Err(AskError::Stopped) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(key: &str) -> Name {
        (EntityId::new("e").unwrap(), key.to_owned(), 1)
    }

    fn overdue() -> Retry {
        Retry { at: Moment::current(), pause: RETRY_FIRST }
    }

    #[tokio::test]
    async fn a_retry_that_can_t_begin_is_not_looked_for_over_and_over() {
        let mut tasks = tokio::task::JoinSet::new();
        let mut task = || tasks.spawn(async {}).id();
        let failed = HashMap::from([(name("failed"), overdue())]);
        let nobody = HashMap::new();
        assert_eq!(until_next_look(&failed, &nobody, 2), Duration::from_millis(1), "it is due and can begin");
        let itself = HashMap::from([(task(), name("failed"))]);
        assert_eq!(until_next_look(&failed, &itself, 2), LOOK_AGAIN, "it is being tried");
        let others = HashMap::from([(task(), name("failed/1")), (task(), name("failed/2"))]);
        assert_eq!(until_next_look(&failed, &others, 2), LOOK_AGAIN, "there is no room for it");
        let lanes = HashMap::from([(task(), name("one")), (task(), name("two"))]);
        assert_eq!(until_next_look(&failed, &lanes, 2), Duration::from_millis(1), "other lanes are full, not its own");
        assert_eq!(until_next_look(&HashMap::new(), &nobody, 2), LOOK_AGAIN, "nothing failed");
    }
}
