//! Claims by long poll, and what a worker does with what it got.
//!
//! A claim whose caller goes away before it is answered gives its task back at once, for somebody else. One whose
//! answer is lost on its way to the caller ends as every lease does that nobody gives a sign of life for.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::oneshot;

use super::Workflows;
use super::bells::Turn;
use super::host::HOST;
use super::lease::{LeaseOf, LeaseToken, PURPOSE};
use super::queues::queue_id;
use crate::api::access::Access;
use crate::api::error::{Class, Error};
use crate::api::handle::{Handle, Receipt};
use crate::domain::queue;
use crate::domain::workflow::limits::{LEASE_SECONDS_MAX, WORKER_NAME_BYTES_MAX};
use crate::domain::workflow::{Command, Domain, Grant, Outcome, Reply, ResultStatus, TaskId, TaskResult, WorkflowKind};
use crate::domain::{EntityId, Rejection, Timestamp};
use crate::engine::View;
use crate::store::StoreError;

/// Longest that a claim waits for work.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(60);
/// How long a lease holds without a sign of life, where nothing is said.
pub(crate) const LEASE_DEFAULT: Duration = Duration::from_secs(60);
/// How many workflows are asked for one claim, before it waits for the queue to hear of something new.
const ASKED_MAX: usize = 64;
/// How often a task is given back that others have to do with at the same time.
const GIVE_BACK_TRIES: usize = 5;

/// A worker's wish for a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    domain: Domain,
    worker: String,
    lease: Duration,
    wait: Duration,
    by: String,
    from: Option<String>,
}

/// A task that a worker got.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Claimed {
    /// The workflow it is of.
    pub workflow: EntityId,
    /// What is to be done, and until when.
    pub grant: Grant,
    /// What the worker shows to hand in.
    pub token: LeaseToken,
    /// The workflow's revision.
    pub revision: u64,
}

/// What looking for work came to.
enum Looked {
    /// A task was granted.
    Got(Handover),
    /// There is none.
    Nothing,
    /// None was found so far.
    Enough,
}

/// A task on its way to who claimed it. Dropped on the way, it is given back.
struct Handover {
    claimed: Option<Box<Claimed>>,
    workflows: Workflows,
    runtime: tokio::runtime::Handle,
}

impl Handover {
    /// It arrived.
    fn arrived(mut self) -> Option<Claimed> {
        self.claimed.take().map(|claimed| *claimed)
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        let Some(claimed) = self.claimed.take() else { return };
        let leased = self.workflows.leased(LeaseOf::granted(&claimed.workflow, &claimed.grant)).by(HOST);
        self.runtime.spawn(async move {
            if let Err(error) = leased.release().await {
                let workflow = leased.workflow();
                tracing::info!(%workflow, %error, "a task that nobody waited for could not be given back");
            }
        });
    }
}

impl Claim {
    /// A claim of `worker` for a task of `domain`, that does not wait, for a lease of a minute.
    pub fn new(domain: Domain, worker: impl Into<String>) -> Self {
        let worker = worker.into();
        Self { domain, by: worker.clone(), worker, lease: LEASE_DEFAULT, wait: Duration::ZERO, from: None }
    }

    /// How long the lease holds without a sign of life, in whole seconds.
    #[must_use]
    pub fn lease(mut self, time: Duration) -> Self {
        self.lease = time;
        self
    }

    /// How long to wait for work; a minute at most.
    #[must_use]
    pub fn wait(mut self, time: Duration) -> Self {
        self.wait = time.min(WAIT_MAX);
        self
    }

    /// Who asks, if not the worker itself.
    #[must_use]
    pub fn by(mut self, name: impl Into<String>) -> Self {
        self.by = name.into();
        self
    }

    /// Where from.
    #[must_use]
    pub fn from(mut self, place: impl Into<String>) -> Self {
        self.from = Some(place.into());
        self
    }

    /// Refuses what every workflow would refuse.
    fn check(&self) -> Result<(), Rejection> {
        if self.worker.trim().is_empty() || self.worker.chars().any(char::is_control) {
            return Err(Rejection::invalid("worker", "it is empty, or holds control characters"));
        }
        if self.worker.len() > WORKER_NAME_BYTES_MAX {
            return Err(Rejection::limit("bytes of a worker's name", WORKER_NAME_BYTES_MAX));
        }
        let seconds = self.lease.as_secs();
        if !(1..=u64::from(LEASE_SECONDS_MAX)).contains(&seconds) {
            let problem = format!("it is {seconds} seconds long, and can be from 1 to {LEASE_SECONDS_MAX}");
            return Err(Rejection::invalid("lease", problem));
        }
        Ok(())
    }

    fn asked(&self, handle: &Handle<WorkflowKind>) -> Handle<WorkflowKind> {
        let handle = handle.by(&self.by);
        match &self.from {
            Some(place) => handle.from(place),
            None => handle,
        }
    }
}

impl Workflows {
    /// Grants a task to a worker; waits for one if there is none. Answers with nothing if there was none until then.
    ///
    /// Dropped before it is answered, what was granted is given back; where even that fails, its lease ends by itself.
    ///
    /// # Errors
    /// A value that can't be; the store's; workflows that are too busy; the folder is closed meanwhile.
    pub async fn claim(&self, claim: Claim) -> Result<Option<Claimed>, Error> {
        claim.check()?;
        let _polling = self.0.workers.polls(&claim.worker, &claim.domain, self.now());
        let bell = self.0.bells.of(&claim.domain);
        let mut over = pin!(tokio::time::sleep(claim.wait));
        loop {
            let mut rung = pin!(bell.notified());
            // From here on, so that work which comes while we look is heard of.
            rung.as_mut().enable();
            if self.0.bells.are_closed() {
                return Err(StoreError::Closed.into());
            }
            let turn = Turn::new(&bell);
            match self.looked_for(&claim).await? {
                Looked::Got(handover) => return Ok(handover.arrived()),
                Looked::Nothing => turn.nothing(),
                Looked::Enough => drop(turn),
            }
            tokio::select! {
                () = &mut over => return Ok(None),
                () = rung => {}
            }
        }
    }

    /// Looks for work in a task of its own, so that what was granted to somebody who went away is given back.
    async fn looked_for(&self, claim: &Claim) -> Result<Looked, Error> {
        let (answer, asked) = oneshot::channel();
        let (workflows, claim) = (self.clone(), claim.clone());
        tokio::spawn(async move {
            // Where nobody takes it any more, it is dropped, here or on its way.
            let _ = answer.send(workflows.look_for(&claim).await);
        });
        asked.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// Asks the workflows that the queue knows of, one after the other.
    async fn look_for(&self, claim: &Claim) -> Result<Looked, Error> {
        let key = self.key().await?;
        let queue = self.0.queues.entity(&queue_id(&claim.domain)?);
        let mut asked = Vec::new();
        let mut failed = None;
        while asked.len() < ASKED_MAX {
            let picked = queue.send(queue::Command::Pick { not: asked.clone() }).await?.reply;
            let queue::Reply::Picked(Some(id)) = picked else { return failed.map_or(Ok(Looked::Nothing), Err) };
            match self.ask(&id, claim).await {
                Ok((revision, Some(grant))) => {
                    self.0.workers.got(&claim.worker, &id, &grant, self.now());
                    let token = LeaseOf::granted(&id, &grant).seal(&key);
                    let claimed = Some(Box::new(Claimed { workflow: id, grant, token, revision }));
                    let (workflows, runtime) = (self.clone(), tokio::runtime::Handle::current());
                    return Ok(Looked::Got(Handover { claimed, workflows, runtime }));
                }
                Ok((_, None)) => {}
                Err(error) => match error.class() {
                    Class::Invalid => return Err(error),
                    // Told to the worker if nobody else has work: it comes again.
                    Class::Unavailable | Class::Uncertain => failed = Some(error),
                    // One that is damaged keeps nobody from the others.
                    _ => tracing::warn!(workflow = %id, %error, "a workflow can't be asked for a task"),
                },
            }
            asked.push(id);
        }
        Ok(Looked::Enough)
    }

    /// Asks one workflow for a task, and tells the queue if it has no more.
    async fn ask(&self, id: &EntityId, claim: &Claim) -> Result<(u64, Option<Grant>), Error> {
        let seconds = u32::try_from(claim.lease.as_secs()).unwrap_or(LEASE_SECONDS_MAX);
        let (domain, worker) = (claim.domain.clone(), claim.worker.clone());
        let command = Command::Claim { domain, worker, lease_seconds: seconds };
        let receipt = claim.asked(&self.0.kind.entity(id)).send(command).await?;
        let Reply::Claimed { grant, more } = receipt.reply else { return Err(Error::unexpected()) };
        if !more {
            let (workflows, domain, id, revision) = (self.clone(), claim.domain.clone(), id.clone(), receipt.revision);
            let withdrawn = async move { workflows.withdraw(&domain, id, revision).await };
            // Who got a task need not wait for that; who did not would get the same answer again.
            match &grant {
                Some(_) => drop(tokio::spawn(withdrawn)),
                None => withdrawn.await,
            }
        }
        Ok((receipt.revision, grant.map(|grant| *grant)))
    }

    /// Whoever holds this lease, if the token is one of this folder's.
    ///
    /// # Errors
    /// Code `lease_invalid`, and the store's.
    pub async fn lease(&self, token: &LeaseToken) -> Result<Leased, Error> {
        Ok(self.leased(LeaseOf::open(token, &self.key().await?)?))
    }

    fn leased(&self, lease: LeaseOf) -> Leased {
        let handle = self.0.kind.entity(&lease.workflow);
        Leased { workflows: self.clone(), handle, lease }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.kind.now()
    }

    /// What leases are signed with.
    async fn key(&self) -> Result<[u8; 32], Error> {
        let access = self.0.access.get_or_try_init(|| Access::open(self.0.access_kind.clone())).await?;
        Ok(access.key(PURPOSE))
    }
}

/// A task that somebody holds, as their token says. Who asks is said on the way, as with a [`Handle`].
#[derive(Clone, Debug)]
pub struct Leased {
    workflows: Workflows,
    handle: Handle<WorkflowKind>,
    lease: LeaseOf,
}

impl Leased {
    /// The workflow.
    pub fn workflow(&self) -> &EntityId {
        &self.lease.workflow
    }

    /// The task.
    pub fn task(&self) -> &TaskId {
        &self.lease.task
    }

    /// Says who asks.
    #[must_use]
    pub fn by(&self, name: impl Into<String>) -> Self {
        Self { handle: self.handle.by(name), ..self.clone() }
    }

    /// Says where from.
    #[must_use]
    pub fn from(&self, place: impl Into<String>) -> Self {
        Self { handle: self.handle.from(place), ..self.clone() }
    }

    /// Gives what is asked an idempotency key.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        Self { handle: self.handle.key(key), ..self.clone() }
    }

    /// Gives a sign of life; answers until when the lease holds now.
    ///
    /// # Errors
    /// [`Rejection::Stale`] or [`Rejection::Superseded`]: somebody else has the task, or it was taken away, so that
    /// it is of no use to go on; and as of [`Handle::send`].
    pub async fn heartbeat(&self, progress: Option<String>) -> Result<Receipt<Timestamp>, Error> {
        let LeaseOf { task, gate, generation, claim, .. } = self.lease.clone();
        let receipt = self.handle.send(Command::Heartbeat { task, gate, generation, claim, progress }).await?;
        let Reply::Beat { lease_until } = receipt.reply else { return Err(Error::unexpected()) };
        self.workflows.0.workers.beat(&self.lease, lease_until, self.workflows.now());
        Ok(receipt.map(|_| lease_until))
    }

    /// Hands in a result; answers what became of it.
    ///
    /// # Errors
    /// [`Rejection::Stale`] or [`Rejection::Superseded`] with the number of the orphan that it is kept as, if it came
    /// too late; a value that can't be; and as of [`Handle::send`].
    pub async fn finish(&self, result: TaskResult) -> Result<Receipt<Outcome>, Error> {
        let done = result.status == ResultStatus::Completed;
        let LeaseOf { task, gate, generation, claim, .. } = self.lease.clone();
        let (generation, claim, result) = (Some(generation), Some(claim), Box::new(result));
        let receipt = self.handle.send(Command::Finish { task, gate, generation, claim, result }).await;
        let is_late =
            |error: &Error| matches!(error.rejection(), Some(Rejection::Stale { .. } | Rejection::Superseded { .. }));
        match &receipt {
            Ok(_) => self.workflows.0.workers.over(&self.lease, Some(done), self.workflows.now()),
            Err(error) if is_late(error) => self.workflows.0.workers.over(&self.lease, None, self.workflows.now()),
            Err(_) => {}
        }
        let receipt = receipt?;
        let Reply::Finished(outcome) = receipt.reply.clone() else { return Err(Error::unexpected()) };
        Ok(receipt.map(|_| outcome))
    }

    /// Whether the task is still with whoever holds this lease.
    #[cfg(feature = "tasks")]
    pub(in crate::api) async fn holds(&self) -> Result<bool, Error> {
        Ok(self.holds_in(&self.handle.view().await?))
    }

    fn holds_in(&self, view: &View<WorkflowKind>) -> bool {
        let entry = view.state.under_way.get(&self.lease.task);
        let holds = entry.and_then(|entry| entry.leased()).is_some_and(|lease| lease.claim == self.lease.claim);
        holds && view.generation(&self.lease.gate) == self.lease.generation
    }

    /// Gives the task back, for somebody else to get at once. One that is not held any more stays as it is.
    ///
    /// # Errors
    /// Others have to do with the workflow all the time, and as of [`Handle::send`].
    pub async fn release(&self) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            let view = self.handle.view().await?;
            if !self.holds_in(&view) {
                break;
            }
            // At this revision only: a moment later somebody else may hold it.
            let handle = self.handle.expect(view.revision);
            match handle.send(Command::Release { task: self.lease.task.clone() }).await {
                Ok(_) => break,
                Err(error) if error.code() == "revision_moved" && tries < GIVE_BACK_TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
        self.workflows.0.workers.over(&self.lease, None, self.workflows.now());
        Ok(())
    }
}
