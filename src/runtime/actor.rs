//! The actor that owns one entity. The only file with a handler.
//!
//! A turn is decided here and handed to the store at once; the actor goes on with its next message while that is being
//! synced. The store answers the caller, not the actor, so an acknowledgement takes no way back through the mailbox.
//!
//! Loading an entity and reading pages of content go to threads of their own. The few single keys that a decision looks at
//! are read in place: they are mostly in memory, and a hop to another thread and back would cost more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::clock::Moment;
use super::error::AskError;
use super::kind::KindState;
use crate::domain::{Entity, EntityId, Rejection, StageId};
use crate::engine::{Commit, Failure, Handled, Instance, Page, PageRange, Receipt, Request, View, query};
use crate::store::StoreError;

/// How long drafts that could not be stored wait before they are tried again.
const DRAFT_RETRY: Duration = Duration::from_secs(1);
/// How long an actor that has left the registry answers those who still have its address.
const LINGER: Duration = Duration::from_millis(200);

/// What is asked of an actor, with where the answer goes.
#[derive(Debug)]
pub(super) enum Letter<E: Entity> {
    Ask(Request<E>, Moment, Reply<E, Receipt<E::Reply>>),
    Look(Option<(StageId, PageRange)>, Reply<E, (View<E>, Page)>),
}

/// Asks an actor to leave memory.
#[derive(Debug)]
pub(super) struct Leave;

impl Message for Leave {
    type Result = ();
}

/// What comes back for a letter: the answer, or the letter itself if this actor no longer owns the entity.
#[derive(Debug)]
pub(super) enum Returned<E: Entity, T> {
    Answer(Result<T, AskError>),
    Moved(Letter<E>),
}

pub(super) type Reply<E, T> = oneshot::Sender<Returned<E, T>>;

/// A letter in a mailbox. One that is dropped unread goes back to its sender: an actor may end before it has read all.
#[derive(Debug)]
pub(super) struct Delivery<E: Entity> {
    letter: Option<Letter<E>>,
    /// The letter's place among those that the entity may have.
    permit: Option<OwnedSemaphorePermit>,
}

impl<E: Entity> Message for Delivery<E> {
    type Result = ();
}

impl<E: Entity> Delivery<E> {
    pub(super) fn new(letter: Letter<E>, permit: OwnedSemaphorePermit) -> Self {
        Self { letter: Some(letter), permit: Some(permit) }
    }
}

impl<E: Entity> Drop for Delivery<E> {
    fn drop(&mut self) {
        self.permit = None;
        if let Some(letter) = self.letter.take() {
            give_back(letter);
        }
    }
}

/// Returns a letter to its sender unread. One whose sender has gone needs no answer.
fn give_back<E: Entity>(letter: Letter<E>) {
    match letter {
        Letter::Ask(request, deadline, reply) => {
            let (unused, _) = oneshot::channel();
            let _ = reply.send(Returned::Moved(Letter::Ask(request, deadline, unused)));
        }
        Letter::Look(range, reply) => {
            let (unused, _) = oneshot::channel();
            let _ = reply.send(Returned::Moved(Letter::Look(range, unused)));
        }
    }
}

fn answer<E: Entity, T>(reply: Reply<E, T>, result: Result<T, AskError>) {
    // The caller may have given up; the turn stands all the same.
    let _ = reply.send(Returned::Answer(result));
}

/// Owns one entity while it is active.
pub(super) struct EntityActor<E: Entity> {
    kind: Arc<KindState<E>>,
    id: EntityId,
    serial: u64,
    /// `None` before it is loaded, and once it has left.
    instance: Option<Instance<E>>,
    /// Why it could not be loaded.
    failed: Option<AskError>,
    draft_timer: bool,
    /// Held drafts that the kind's figures count.
    counted: usize,
}

impl<E: Entity> Unpin for EntityActor<E> {}

impl<E: Entity> Actor for EntityActor<E> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // What may wait here is counted by permits.
        ctx.set_mailbox_capacity(0);
        let (kind, id) = (Arc::clone(&self.kind), self.id.clone());
        // Messages wait in the mailbox meanwhile.
        let load = tokio::task::spawn_blocking(move || {
            Instance::<E>::load(kind.shared.store.as_ref(), id, Arc::clone(&kind.shared.options.engine))
        });
        ctx.wait(load.into_actor(self).map(|loaded, actor, ctx| match loaded {
            Ok(Ok(instance)) => actor.instance = Some(instance),
            Ok(Err(failure)) => actor.fail(failure.into(), ctx),
            Err(panic) => actor.fail(AskError::Panicked(panic.to_string()), ctx),
        }));
    }
}

impl<E: Entity> Handler<Delivery<E>> for EntityActor<E> {
    type Result = ();

    fn handle(&mut self, mut delivery: Delivery<E>, ctx: &mut Self::Context) {
        let (Some(letter), permit) = (delivery.letter.take(), delivery.permit.take()) else { return };
        if self.instance.is_none() {
            match (&self.failed, letter) {
                (Some(error), Letter::Ask(_, _, reply)) => answer(reply, Err(error.clone())),
                (Some(error), Letter::Look(_, reply)) => answer(reply, Err(error.clone())),
                (_, letter) => give_back(letter),
            }
            return;
        }
        match letter {
            Letter::Ask(request, deadline, reply) => self.ask(request, deadline, (reply, permit), ctx),
            Letter::Look(range, reply) => self.look(range, reply, ctx),
        }
    }
}

impl<E: Entity> Handler<Leave> for EntityActor<E> {
    type Result = ();

    fn handle(&mut self, _: Leave, ctx: &mut Self::Context) {
        self.passivate(ctx);
    }
}

impl<E: Entity> EntityActor<E> {
    pub(super) fn new(kind: Arc<KindState<E>>, id: EntityId, serial: u64) -> Self {
        Self { kind, id, serial, instance: None, failed: None, draft_timer: false, counted: 0 }
    }

    fn ask(
        &mut self,
        request: Request<E>,
        deadline: Moment,
        (reply, permit): (Reply<E, Receipt<E::Reply>>, Option<OwnedSemaphorePermit>),
        ctx: &mut Context<Self>,
    ) {
        let Some(instance) = &mut self.instance else { return };
        if deadline.is_over() {
            return answer(reply, Err(AskError::Expired));
        }
        let (store, now) = (self.kind.shared.store.as_ref(), self.kind.shared.clock.now());
        let handled = catch_unwind(AssertUnwindSafe(|| instance.handle(request, store, now)));
        let Handled { commit, outcome } = match handled {
            Ok(handled) => handled,
            Err(panic) => {
                let error = AskError::Panicked(panic_text(panic.as_ref()));
                tracing::error!(kind = E::KIND, id = %self.id, %error, "a turn panicked; its entity is loaded again");
                // Drafts are made a turn of from the state before them, so what the panic left behind is not in it.
                if let Err(error) = self.commit_drafts(false) {
                    tracing::error!(kind = E::KIND, id = %self.id, %error, "drafts are lost with it");
                }
                self.leave_when_durable(ctx);
                return answer(reply, Err(error));
            }
        };
        let durable = instance.is_durable();
        if matches!(&outcome, Err(Failure::Rejected(Rejection::Stale { .. } | Rejection::Superseded { .. }))) {
            self.kind.counters.fences_hit.fetch_add(1, Ordering::Relaxed);
        }
        // Before anybody is answered, so that figures have what they were told.
        self.count_drafts();
        match commit {
            Some(commit) => self.send(commit, move |stored| {
                drop(permit);
                let result = stored.map_err(AskError::from).and_then(|()| outcome.map_err(AskError::from));
                answer(reply, result);
            }),
            None if durable => answer(reply, outcome.map_err(AskError::from)),
            // What was decided rests on turns that are on their way to disk: nobody hears of it before they are there.
            None => self.kind.shared.store.barrier(Box::new(move |stored| {
                drop(permit);
                let result = stored.map_err(AskError::from).and_then(|_| outcome.map_err(AskError::from));
                answer(reply, result);
            })),
        }
        self.watch_drafts(ctx);
    }

    /// Has the kind's figures count the drafts that are held.
    fn count_drafts(&mut self) {
        let pending = self.instance.as_ref().map_or(0, Instance::pending);
        let all = &self.kind.counters.drafts_pending;
        all.fetch_add(pending, Ordering::Relaxed);
        all.fetch_sub(std::mem::replace(&mut self.counted, pending), Ordering::Relaxed);
    }

    /// Hands a commit to the store; its own bookkeeping comes before the answer.
    fn send(&self, commit: Commit<E>, then: impl FnOnce(Result<(), StoreError>) + Send + 'static) {
        let Commit { batch, ticket, effects, timer, garbage, verb } = commit;
        let kind = Arc::clone(&self.kind);
        self.kind.shared.store.commit(
            batch,
            Box::new(move |stored| {
                if let Ok(position) = &stored {
                    ticket.durable();
                    if let Some(verb) = verb {
                        kind.counters.did(verb);
                    }
                    if !effects.is_empty() {
                        kind.owing.notify_one();
                    }
                    if timer.is_some() {
                        kind.shared.timers.notify_one();
                    }
                    if garbage {
                        kind.shared.garbage.notify_one();
                    }
                    kind.shared.durable(*position);
                }
                then(stored.map(|_| ()));
            }),
        );
    }

    /// Reads state and a page of content at one moment between two turns.
    fn look(&mut self, range: Option<(StageId, PageRange)>, reply: Reply<E, (View<E>, Page)>, ctx: &mut Context<Self>) {
        let Some(instance) = &self.instance else { return };
        let view = instance.view();
        let Some((stage, range)) = range else {
            if instance.is_durable() {
                return answer(reply, Ok((view, Page::new())));
            }
            return self.kind.shared.store.barrier(Box::new(move |stored| {
                answer(reply, stored.map(|_| (view, Page::new())).map_err(AskError::from));
            }));
        };
        let layers = instance.fence(&stage).layers;
        let (kind, id) = (Arc::clone(&self.kind), self.id.clone());
        let (on_disk, durable) = oneshot::channel();
        if instance.is_durable() {
            let _ = on_disk.send(Ok(()));
        } else {
            self.kind.shared.store.barrier(Box::new(move |stored| {
                // The receiver below waits for exactly this.
                let _ = on_disk.send(stored.map(|_| ()));
            }));
        }
        let read = async move {
            durable.await.unwrap_or(Err(StoreError::Closed))?;
            let page = tokio::task::spawn_blocking(move || {
                query::content::<E>(kind.shared.store.as_ref(), &id, &stage, &layers, &range)
            });
            match page.await {
                Ok(page) => Ok(page.map(|page| (view, page))?),
                Err(panic) => Err(AskError::Panicked(panic.to_string())),
            }
        };
        // No turn runs while the page is read, so it is the content of one moment.
        ctx.wait(read.into_actor(self).map(|result, _, _| answer(reply, result)));
    }

    /// Has held drafts committed when they are due.
    fn watch_drafts(&mut self, ctx: &mut Context<Self>) {
        let Some(due) = self.instance.as_ref().and_then(Instance::due) else { return };
        if !self.draft_timer {
            self.draft_timer = true;
            // A clock that was set back must not hold them longer than that.
            let most = self.kind.shared.options.engine.draft_most;
            self.wake_for_drafts(due.since(self.kind.shared.clock.now()).min(most), ctx);
        }
    }

    fn wake_for_drafts(&self, after: Duration, ctx: &mut Context<Self>) {
        // A little later than asked, so that the clock has surely passed the time.
        ctx.run_later(after + Duration::from_millis(1), |actor, ctx| {
            actor.draft_timer = false;
            if let Err(failure) = actor.commit_drafts(true) {
                tracing::warn!(kind = E::KIND, id = %actor.id, %failure, "drafts could not be saved; they are tried again");
                actor.kind.counters.draft_retries.fetch_add(1, Ordering::Relaxed);
                actor.draft_timer = true;
                return actor.wake_for_drafts(DRAFT_RETRY, ctx);
            }
            actor.watch_drafts(ctx);
        });
    }

    fn commit_drafts(&mut self, only_due: bool) -> Result<(), AskError> {
        let Some(instance) = &mut self.instance else { return Ok(()) };
        let now = only_due.then(|| self.kind.shared.clock.now());
        let store = self.kind.shared.store.as_ref();
        let commit = catch_unwind(AssertUnwindSafe(|| instance.commit_held(store, now)))
            .map_err(|panic| AskError::Panicked(panic_text(panic.as_ref())))?;
        if let Some(commit) = commit? {
            let id = self.id.clone();
            self.send(commit, move |stored| {
                if let Err(error) = stored {
                    tracing::error!(kind = E::KIND, %id, %error, "drafts could not be saved");
                }
            });
        }
        self.count_drafts();
        Ok(())
    }

    /// Leaves memory if nothing is under way; else tries again once it is durable.
    fn passivate(&mut self, ctx: &mut Context<Self>) {
        match self.commit_drafts(false) {
            Ok(()) => {}
            Err(error @ AskError::Panicked(_)) => {
                tracing::error!(kind = E::KIND, id = %self.id, %error, "drafts are lost");
                return self.leave_when_durable(ctx);
            }
            Err(error) => {
                tracing::warn!(kind = E::KIND, id = %self.id, %error, "drafts could not be saved before leaving memory");
                return;
            }
        }
        match &self.instance {
            Some(instance) if !instance.is_settled() => self.leave_when_durable(ctx),
            _ => self.leave(ctx),
        }
    }

    /// Leaves memory once every turn handed over is durable, or never will be: whoever loads the entity next has to
    /// find them on disk. No turn runs meanwhile.
    fn leave_when_durable(&mut self, ctx: &mut Context<Self>) {
        let (on_disk, durable) = oneshot::channel();
        self.kind.shared.store.barrier(Box::new(move |_| {
            // The receiver below waits for exactly this.
            let _ = on_disk.send(());
        }));
        ctx.wait(durable.into_actor(self).map(|_, actor, ctx| actor.leave(ctx)));
    }

    fn fail(&mut self, error: AskError, ctx: &mut Context<Self>) {
        tracing::error!(kind = E::KIND, id = %self.id, %error, "an entity could not be loaded");
        self.failed = Some(error);
        self.leave(ctx);
    }

    /// Gives the entity up: the next message to it activates it anew. Letters that still come here go back.
    fn leave(&mut self, ctx: &mut Context<Self>) {
        self.instance = None;
        self.count_drafts();
        self.kind.registry.forget(&self.id, self.serial);
        ctx.run_later(LINGER, |_, ctx| actix::ActorContext::stop(ctx));
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without words").to_owned()
}
