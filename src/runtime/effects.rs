//! Carrying out what entities owe to the world.
//!
//! An effect is owed from the commit of its turn until the commit of the turn that takes its answer in. Whoever carries
//! it out may be called again for the same effect after a crash: carrying one out twice has to be harmless.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::error::AskError;
use super::kind::KindState;
use crate::domain::{Entity, EntityId};
use crate::engine::{Ask, Failure, Owed, query};

/// The shortest and the longest wait before an effect that failed is tried again.
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_LAST: Duration = Duration::from_secs(60);
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

/// Has everything owed carried out, for as long as the runtime lives.
pub(super) async fn dispatch<E: Entity>(kind: Arc<KindState<E>>, handler: Arc<impl EffectHandler<E>>) {
    let mut running: HashSet<Name> = HashSet::new();
    let mut tasks = tokio::task::JoinSet::new();
    while !kind.shared.closing.load(Ordering::Acquire) {
        let room = kind.shared.options.effects_most.saturating_sub(running.len());
        for owed in read_owed(&kind, running.len() + room).await {
            let name = (owed.id.clone(), owed.key.clone(), owed.revision);
            if running.len() < kind.shared.options.effects_most && running.insert(name.clone()) {
                let (kind, handler) = (Arc::clone(&kind), Arc::clone(&handler));
                tasks.spawn(async move {
                    carry_out(&kind, handler.as_ref(), owed).await;
                    name
                });
            }
        }
        tokio::select! {
            () = kind.owing.notified() => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            Some(done) = tasks.join_next() => match done {
                Ok(name) => { running.remove(&name); }
                Err(error) => {
                    // Its name is lost with it: it is owed still, and taken up again with the others.
                    tracing::error!(kind = E::KIND, %error, "carrying out an effect panicked");
                    running.clear();
                    tasks.abort_all();
                    tokio::time::sleep(RETRY_FIRST).await;
                }
            },
        }
    }
}

async fn read_owed<E: Entity>(kind: &Arc<KindState<E>>, most: usize) -> Vec<Owed<E>> {
    let store = Arc::clone(&kind.shared.store);
    match tokio::task::spawn_blocking(move || query::owed::<E>(store.as_ref(), most)).await {
        Ok(Ok(owed)) => owed,
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

async fn carry_out<E: Entity>(kind: &Arc<KindState<E>>, handler: &impl EffectHandler<E>, owed: Owed<E>) {
    let mut pause = RETRY_FIRST;
    loop {
        let failed: String = match handler.carry_out(owed.clone()).await {
            Err(problem) => problem,
            Ok(command) => {
                let ask = Ask::Answer { key: owed.key.clone(), revision: owed.revision, command };
                match kind.ask_as_runtime(&owed.id, ask).await {
                    Ok(()) | Err(AskError::Stopped) => return,
                    // The effect is settled all the same: what the world answered was refused by the rules.
                    Err(AskError::Failed(Failure::Rejected(_))) => return,
                    Err(error) => error.to_string(),
                }
            }
        };
        tracing::warn!(kind = E::KIND, id = %owed.id, effect = owed.key, problem = failed, "an effect failed; it is tried again");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RETRY_LAST);
    }
}
