//! One effect that is carried out, for as long as its step awaits it.

use std::sync::Arc;

use super::NAME;
use super::host::Host;
use super::settings::Settings;
use crate::agents::chat::{Asked, ChatError, Said};
use crate::api::error::Error;
use crate::api::events::{EventStream, Filter};
use crate::api::workshops::Workshop;
use crate::domain::webhook::Selection;
use crate::domain::workshop::{Command, Effect, Fingerprint, MAIN_SESSION, Message, Role, WorkshopKind};
use crate::domain::{EntityId, Rejection};
use crate::engine::Owed;

/// One effect that is carried out.
pub(super) struct Call<'a> {
    pub(super) host: &'a Host,
    pub(super) settings: Arc<Settings>,
    pub(super) effect: &'a Effect,
    /// What tells this effect from all others of the workshop.
    pub(super) name: String,
    /// The workshop, written to as the facilitator under the generation of the effect.
    pub(super) workshop: Workshop,
}

/// Why it came to nothing.
#[derive(Debug)]
pub(super) enum Failed {
    /// Nobody waits for it any more.
    NotAwaited,
    /// It can't be done: why, for people.
    Problem(String),
    /// It can't be done now: why, for the log.
    Later(String),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        match error.rejection() {
            Some(Rejection::Stale { .. } | Rejection::Superseded { .. } | Rejection::NotFound { .. }) => {
                Self::NotAwaited
            }
            Some(rejection) => Self::Problem(rejection.to_string()),
            None => Self::Later(error.to_string()),
        }
    }
}

impl From<Rejection> for Failed {
    fn from(rejection: Rejection) -> Self {
        Error::from(rejection).into()
    }
}

impl From<ChatError> for Failed {
    fn from(error: ChatError) -> Self {
        Self::Problem(error.to_string())
    }
}

impl<'a> Call<'a> {
    pub(super) fn new(host: &'a Host, owed: &'a Owed<WorkshopKind>) -> Self {
        let session = match &owed.effect {
            Effect::Reply { session, .. } => session.as_str(),
            _ => MAIN_SESSION,
        };
        let workshop = host.workshops.get(&owed.id).by(NAME).under(owed.effect.generation()).session(session);
        let name = format!("{}-{}", owed.key, owed.revision);
        Self { host, settings: host.settings(), effect: &owed.effect, name, workshop }
    }

    pub(super) fn id(&self) -> &EntityId {
        self.workshop.id()
    }

    /// Does what is owed, or ends at once when nobody waits for it any more.
    pub(super) async fn carry_out(&self) -> Result<(), Failed> {
        // Followed before it is looked: what changes after that is not missed.
        let selection = Selection {
            kinds: ["workshop".to_owned()].into(),
            ids: [self.id().to_string()].into(),
            ..Selection::default()
        };
        let events = &self.host.events;
        let stream = events.after(events.now(), Filter { selection, admin: false })?;
        if !self.is_awaited().await? {
            return Err(Failed::NotAwaited);
        }
        tokio::select! {
            biased;
            ended = self.until_not_awaited(stream) => Err(ended),
            done = self.in_its_place() => done,
        }
    }

    /// Waits for a place among the workshop's calls, and does what is owed.
    async fn in_its_place(&self) -> Result<(), Failed> {
        let places = self.host.places(self.id(), self.settings.limits.calls);
        let _place = places.acquire().await.map_err(|_| Failed::NotAwaited)?;
        self.work().await
    }

    /// Whether the step waits for this, under the generation that it asked under.
    async fn is_awaited(&self) -> Result<bool, Failed> {
        let view = self.workshop.view().await?;
        let stage = self.effect.stage();
        let step = view.state.step(stage)?;
        let generation = view.generation(stage);
        // What was shown of an older generation is taken away, by whoever sees first that there is a newer one.
        self.host.live.fence("workshop", self.id(), stage, generation);
        Ok(generation == self.effect.generation() && self.effect.is_awaited(&step.awaits))
    }

    /// Comes back when the step waits no more, or when that can't be seen any more.
    async fn until_not_awaited(&self, mut stream: EventStream) -> Failed {
        loop {
            match stream.next().await {
                Ok(_) => match self.is_awaited().await {
                    Ok(true) => {}
                    Ok(false) => return Failed::NotAwaited,
                    Err(failed) => return failed,
                },
                Err(error) => return Failed::Later(error.to_string()),
            }
        }
    }

    /// Asks the model, as far as the budget allows, and counts what is sent and received.
    pub(super) async fn ask(&self, asked: &Asked, said: &Said) -> Result<(), Failed> {
        let sent = asked.messages.iter().map(|message| message.content.chars().count()).sum::<usize>();
        let sent = u64::try_from(sent).unwrap_or(u64::MAX);
        self.check_budget(sent).await?;
        self.spend(sent).await?;
        let answered = self.settings.model.answer(asked, said).await;
        self.spend(u64::try_from(said.text().chars().count()).unwrap_or(u64::MAX)).await?;
        Ok(answered?)
    }

    async fn check_budget(&self, more: u64) -> Result<(), Failed> {
        let view = self.workshop.view().await?;
        let (spent, limits) = (view.state.spent, &self.settings.limits);
        let today = spent.on_day_of(self.workshop.handle().now());
        let over = |what: &str, most: u64| {
            Err(Failed::Problem(format!(
                "the workshop's budget {what} is used up: {most} characters sent and received"
            )))
        };
        if spent.in_all.saturating_add(more) > limits.characters_in_all {
            return over("in all", limits.characters_in_all);
        }
        if today.saturating_add(more) > limits.characters_per_day {
            return over("for today", limits.characters_per_day);
        }
        Ok(())
    }

    async fn spend(&self, characters: u64) -> Result<(), Failed> {
        if characters > 0 {
            self.workshop.handle().send(Command::Spend { characters }).await?;
        }
        Ok(())
    }

    /// Tells people in the conversation what went wrong, where that takes messages.
    ///
    /// # Errors
    /// A sentence for the log: it is tried again.
    pub(super) async fn tell(&self, problem: &str) -> Result<(), String> {
        if matches!(self.effect, Effect::Summarize { .. }) {
            return Ok(());
        }
        let id = format!("problem-{}", digits(&[self.name.as_bytes()]));
        let text = format!("The facilitator could not go on: {problem}.");
        match self.workshop.save(self.effect.stage(), vec![Message::new(id, Role::System, text)]).await {
            Ok(_) => Ok(()),
            // The step went back or was completed: there is nobody to tell.
            Err(error) if error.rejection().is_some() => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A short name for some pieces, the same each time.
pub(super) fn digits(pieces: &[&[u8]]) -> String {
    Fingerprint::of(pieces).0.iter().map(|byte| format!("{byte:02x}")).collect()
}
