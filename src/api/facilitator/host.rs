//! Carries out what steps owe: takes an effect on, and says how it ended.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use tokio::sync::Semaphore;

use super::call::{Call, Failed};
use super::settings::{Facilitator, Settings};
use crate::api::error::Error;
use crate::api::events::Events;
use crate::api::live::Live;
use crate::api::workshops::Workshops;
use crate::domain::EntityId;
use crate::domain::workshop::{Command, WorkshopKind};
use crate::engine::Owed;

/// How often one effect is taken on, in one life of the process, before it is given up: whatever goes wrong.
const ATTEMPTS_MAX: u32 = 3;
/// Effects whose attempts are remembered.
const REMEMBERED_MAX: usize = 10_000;

type Name = (EntityId, String, u64);

/// Who carries out what steps owe.
#[derive(Debug)]
pub(in crate::api) struct Host {
    pub(super) workshops: Workshops,
    pub(super) events: Events,
    pub(super) live: Live,
    data: Option<PathBuf>,
    settings: RwLock<Arc<Settings>>,
    attempts: Mutex<HashMap<Name, u32>>,
    /// Who has calls under way, and how many more they may have.
    busy: Mutex<HashMap<EntityId, Weak<Semaphore>>>,
}

impl Host {
    pub(in crate::api) fn new(
        workshops: Workshops,
        events: Events,
        live: Live,
        data: Option<PathBuf>,
        facilitator: Facilitator,
    ) -> Result<Self, Error> {
        let settings = RwLock::new(Arc::new(facilitator.settle(data.as_deref())?));
        let (attempts, busy) = (Mutex::default(), Mutex::default());
        Ok(Self { workshops, events, live, data, settings, attempts, busy })
    }

    /// Takes other settings over, for the calls that begin from now on.
    pub(in crate::api) fn change(&self, facilitator: Facilitator) -> Result<(), Error> {
        let settings = Arc::new(facilitator.settle(self.data.as_deref())?);
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
        Ok(())
    }

    pub(super) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The places for calls of one workshop.
    pub(super) fn places(&self, id: &EntityId, most: usize) -> Arc<Semaphore> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.retain(|_, places| places.strong_count() > 0);
        let known = busy.get(id).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let places = Arc::new(Semaphore::new(most));
            busy.insert(id.clone(), Arc::downgrade(&places));
            places
        })
    }

    /// Carries one out.
    ///
    /// # Errors
    /// A sentence for the log: it is tried again.
    pub(in crate::api) async fn carry_out(&self, owed: Owed<WorkshopKind>) -> Result<Option<Command>, String> {
        let name = (owed.id.clone(), owed.key.clone(), owed.revision);
        let attempt = self.begin_attempt(&name);
        let call = Call::new(self, &owed);
        let problem = if attempt > ATTEMPTS_MAX {
            Some("it was tried several times and never came to an end".to_owned())
        } else {
            match Box::pin(call.carry_out()).await {
                Ok(()) | Err(Failed::NotAwaited) => None,
                Err(Failed::Problem(problem)) => Some(problem),
                Err(Failed::Later(why)) => return Err(why),
            }
        };
        if let Some(problem) = &problem {
            let model = call.settings.model.name();
            tracing::warn!(workshop = %owed.id, step = %owed.effect.stage(), model, problem, "the facilitator could not go on");
            call.tell(problem).await?;
        }
        self.end_attempts(&name);
        Ok(Some(Command::Settle {
            stage: owed.effect.stage().clone(),
            generation: Some(owed.effect.generation()),
            duty: owed.effect.duty(),
            problem,
        }))
    }

    fn begin_attempt(&self, name: &Name) -> u32 {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        if attempts.len() >= REMEMBERED_MAX {
            attempts.clear();
        }
        let attempt = attempts.entry(name.clone()).or_default();
        *attempt += 1;
        *attempt
    }

    fn end_attempts(&self, name: &Name) {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}
