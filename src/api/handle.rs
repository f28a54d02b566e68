//! One entity of any kind: asking it, going back, and looking at it.

use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "tasks")]
use super::database::Feed;
use super::error::Error;
use crate::domain::{Digest, Entity, EntityId, Plan, PlanToken, Rejection, StageId};
use crate::engine::{Answer, Ask, Audit, Page, PageRange, Request, Terms, Turn, View, query};
use crate::runtime::{KindState, Runtime};
use crate::store::StoreError;

/// One entity. Cheap to clone; the entity comes into memory with the first message to it.
///
/// Who asks, why, and how it is to be taken is said on the way:
/// `handle.by("ann").reason("wrong customer").send(command).await`.
pub struct Handle<E: Entity> {
    kind: Arc<KindState<E>>,
    /// Kept running for as long as somebody can ask.
    runtime: Arc<Runtime>,
    id: EntityId,
    terms: Terms,
    within: Duration,
}

impl<E: Entity> Clone for Handle<E> {
    fn clone(&self) -> Self {
        let (kind, runtime) = (Arc::clone(&self.kind), Arc::clone(&self.runtime));
        Self { kind, runtime, id: self.id.clone(), terms: self.terms.clone(), within: self.within }
    }
}

impl<E: Entity> std::fmt::Debug for Handle<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("kind", &E::KIND).field("id", &self.id).field("terms", &self.terms).finish()
    }
}

/// What a turn came to. It is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt<R> {
    /// What the entity replied.
    pub reply: R,
    /// The entity's revision after the turn.
    pub revision: u64,
    /// The generation of the stage that was asked about.
    pub generation: Option<crate::domain::Generation>,
    /// The undo point that the turn left.
    pub undo_point: Option<u64>,
    /// Drafts that are not durable yet; not 0 only after a draft.
    pub pending: usize,
    /// Whether this is the answer of an earlier turn with the same idempotency key.
    pub replayed: bool,
}

impl<R> Receipt<R> {
    /// The same receipt with another reply.
    pub fn map<T>(self, reply: impl FnOnce(R) -> T) -> Receipt<T> {
        Receipt {
            reply: reply(self.reply),
            revision: self.revision,
            generation: self.generation,
            undo_point: self.undo_point,
            pending: self.pending,
            replayed: self.replayed,
        }
    }
}

impl<E: Entity> Handle<E> {
    pub(super) fn new(kind: Arc<KindState<E>>, runtime: Arc<Runtime>, id: EntityId) -> Self {
        let within = runtime.options().deadline;
        Self { kind, runtime, id, terms: Terms::default(), within }
    }

    /// The time that turns are given.
    pub(super) fn now(&self) -> crate::domain::Timestamp {
        self.runtime.clock().now()
    }

    /// What is committed from now on.
    #[cfg(feature = "tasks")]
    pub(super) fn feed(&self) -> Feed {
        Feed::new(self.runtime.feed(self.runtime.store().durable()))
    }

    /// The entity's id.
    pub fn id(&self) -> &EntityId {
        &self.id
    }

    /// Who asks, if that was said.
    pub(super) fn asker(&self) -> Option<&str> {
        Some(self.terms.by.as_str()).filter(|by| !by.is_empty())
    }

    /// Says who asks.
    #[must_use]
    pub fn by(&self, name: impl Into<String>) -> Self {
        let mut handle = self.clone();
        handle.terms.by = name.into();
        handle
    }

    /// Says why.
    #[must_use]
    pub fn reason(&self, reason: impl Into<String>) -> Self {
        let mut handle = self.clone();
        handle.terms.reason = Some(reason.into());
        handle
    }

    /// Gives what is asked a key: asked again with the same key, it has its effect once, and the same answer.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        let mut handle = self.clone();
        handle.terms.key = Some(key.into());
        handle
    }

    /// Says where from: an address, and which token.
    #[must_use]
    pub fn from(&self, place: impl Into<String>) -> Self {
        let mut handle = self.clone();
        handle.terms.from = Some(place.into());
        handle
    }

    /// Has it done only at this revision, as [`view`](Self::view) gives it; 0 for an entity that nobody has created.
    /// Drafts that are held make no revision yet.
    #[must_use]
    pub fn expect(&self, revision: u64) -> Self {
        let mut handle = self.clone();
        handle.terms.expected = Some(revision);
        handle
    }

    /// Has the verb done only if nothing moved since the plan of this token.
    #[must_use]
    pub fn plan(&self, token: PlanToken) -> Self {
        let mut handle = self.clone();
        handle.terms.plan = Some(token);
        handle
    }

    /// How long to wait for an answer.
    #[must_use]
    pub fn within(&self, time: Duration) -> Self {
        let mut handle = self.clone();
        handle.within = time;
        handle
    }

    /// Asks for a turn. It is durable when this returns.
    ///
    /// # Errors
    /// The refusal of the rules; the store's errors; a full mailbox; no answer in time.
    pub async fn send(&self, command: E::Command) -> Result<Receipt<E::Reply>, Error> {
        self.replied(Ask::Command(command)).await
    }

    /// Asks for a turn whose commit may wait for more of the same: it holds at once for every later turn of the entity,
    /// and is not durable when this returns.
    ///
    /// # Errors
    /// As of [`send`](Self::send).
    pub async fn draft(&self, command: E::Command) -> Result<Receipt<E::Reply>, Error> {
        self.replied(Ask::Draft(command)).await
    }

    /// Commits held drafts.
    ///
    /// # Errors
    /// The store's; a full mailbox; no answer in time.
    pub async fn flush(&self) -> Result<Receipt<()>, Error> {
        self.done(Ask::Flush).await
    }

    /// Says what a verb would do, without doing it.
    ///
    /// # Errors
    /// As of [`send`](Self::send), and [`Rejection::Invalid`] for a command that is no verb.
    pub async fn preview(&self, command: E::Command) -> Result<Plan, Error> {
        self.planned(Ask::Command(command)).await
    }

    /// Takes a verb back: the one of this undo point, or the newest that was not taken back.
    ///
    /// # Errors
    /// [`Rejection::PlanRequired`] when newer work would be put aside, [`Rejection::PlanMoved`] when something moved
    /// since the plan, and as of [`send`](Self::send).
    pub async fn undo(&self, point: Option<u64>) -> Result<Receipt<()>, Error> {
        self.done(Ask::Undo(point)).await
    }

    /// Says what an undo would do, without doing it.
    ///
    /// # Errors
    /// As of [`send`](Self::send).
    pub async fn preview_undo(&self, point: Option<u64>) -> Result<Plan, Error> {
        self.planned(Ask::Undo(point)).await
    }

    /// Takes late work into the current generation.
    ///
    /// # Errors
    /// The refusal of the rules, and then the orphan stays; as of [`send`](Self::send).
    pub async fn adopt(&self, orphan: u64) -> Result<Receipt<E::Reply>, Error> {
        self.replied(Ask::Adopt(orphan)).await
    }

    /// Says what adopting would do, without doing it.
    ///
    /// # Errors
    /// As of [`adopt`](Self::adopt).
    pub async fn preview_adopt(&self, orphan: u64) -> Result<Plan, Error> {
        self.planned(Ask::Adopt(orphan)).await
    }

    /// Says what discarding would do, without doing it.
    ///
    /// # Errors
    /// As of [`discard`](Self::discard).
    pub async fn preview_discard(&self, orphan: u64) -> Result<Plan, Error> {
        self.planned(Ask::Discard(orphan)).await
    }

    /// Lets late work go for good.
    ///
    /// # Errors
    /// As of [`send`](Self::send).
    pub async fn discard(&self, orphan: u64) -> Result<Receipt<()>, Error> {
        self.done(Ask::Discard(orphan)).await
    }

    /// Deletes for good what undo points and orphans keep. Their bytes leave the files with the next compaction.
    ///
    /// # Errors
    /// As of [`send`](Self::send).
    pub async fn purge(&self) -> Result<Receipt<()>, Error> {
        self.done(Ask::Purge).await
    }

    /// Says what a purge would delete, without doing it.
    ///
    /// # Errors
    /// As of [`send`](Self::send).
    pub async fn preview_purge(&self) -> Result<Plan, Error> {
        self.planned(Ask::Purge).await
    }

    /// The entity as it is; at revision 0 if nobody has created it. Everything in it is durable.
    ///
    /// # Errors
    /// The store's; a full mailbox; no answer in time.
    pub async fn view(&self) -> Result<View<E>, Error> {
        Ok(self.kind.look(&self.id, None, self.within).await?.0)
    }

    /// The entity, and a page of a stage's content, both of one moment.
    ///
    /// # Errors
    /// As of [`view`](Self::view).
    pub async fn page(&self, stage: &StageId, range: PageRange) -> Result<(View<E>, Page), Error> {
        Ok(self.kind.look(&self.id, Some((stage.clone(), range)), self.within).await?)
    }

    /// Turns after a revision, in order.
    ///
    /// # Errors
    /// The store's.
    pub async fn history(&self, after: u64, most: usize) -> Result<Vec<Turn<E>>, Error> {
        let id = self.id.clone();
        self.read(move |store| query::history::<E>(store, &id, after, most)).await
    }

    /// Audit entries after a revision, in order.
    ///
    /// # Errors
    /// The store's.
    pub async fn audit(&self, after: u64, most: usize) -> Result<Vec<Audit>, Error> {
        let id = self.id.clone();
        self.read(move |store| query::audit::<E>(store, &id, after, most)).await
    }

    /// The command that an orphan holds.
    ///
    /// # Errors
    /// [`Rejection::NotFound`], and the store's.
    pub async fn orphan(&self, number: u64) -> Result<E::Command, Error> {
        let id = self.id.clone();
        let found = self.read(move |store| query::orphan::<E>(store, &id, number)).await?;
        found.ok_or_else(|| Rejection::not_found("orphan", number).into())
    }

    /// Something that all entities share, by its digest.
    ///
    /// # Errors
    /// The store's.
    pub async fn shared(&self, digest: Digest) -> Result<Option<Vec<u8>>, Error> {
        self.read(move |store| query::shared(store, digest)).await
    }

    /// Reads from the store beside the actor.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn crate::store::Store) -> Result<T, crate::engine::Failure> + Send + 'static,
    ) -> Result<T, Error> {
        let store = self.kind.store();
        let done = tokio::task::spawn_blocking(move || read(store.as_ref())).await;
        done.unwrap_or(Err(StoreError::Closed.into())).map_err(Error::from)
    }

    async fn replied(&self, ask: Ask<E>) -> Result<Receipt<E::Reply>, Error> {
        let receipt = self.ask(ask, false).await?;
        let Answer::Reply(reply) = receipt.reply.clone() else { return Err(Error::unexpected()) };
        Ok(receipt.map(|_| reply))
    }

    async fn done(&self, ask: Ask<E>) -> Result<Receipt<()>, Error> {
        Ok(self.ask(ask, false).await?.map(|_| ()))
    }

    async fn planned(&self, ask: Ask<E>) -> Result<Plan, Error> {
        match self.ask(ask, true).await?.reply {
            Answer::Plan(plan) => Ok(*plan),
            Answer::Reply(_) | Answer::Done => Err(Error::unexpected()),
        }
    }

    async fn ask(&self, ask: Ask<E>, preview: bool) -> Result<Receipt<Answer<E::Reply>>, Error> {
        let terms = Terms { preview, ..self.terms.clone() };
        let receipt = self.kind.ask(&self.id, Request { ask, terms }, self.within).await?;
        Ok(Receipt {
            reply: receipt.answer,
            revision: receipt.revision,
            generation: receipt.generation,
            undo_point: receipt.undo_point,
            pending: receipt.pending,
            replayed: receipt.replayed,
        })
    }
}
