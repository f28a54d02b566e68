//! One workflow: asking it, and going back.

use super::pages::{self, Found, ResultFilter, StoredTask, TaskFilter};
use crate::api::error::Error;
use crate::api::handle::{Handle, Receipt};
use crate::domain::workflow::{Command, Event, NewTask, Reply, ResetSummary, RunState, TaskId, Template, WorkflowKind};
use crate::domain::{Digest, EntityId, Plan, PlanToken, Rejection, StageId};
use crate::engine::{Change, View};

/// Turns read at a time.
const TURNS_PER_READ: usize = 500;

/// One workflow. Cheap to clone. Who asks and why is said on the way, as with a [`Handle`].
#[derive(Clone, Debug)]
pub struct Workflow {
    pub(super) handle: Handle<WorkflowKind>,
}

/// What a reset clears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    /// The gate to go back to, by its place; `None` for the one the workflow stands before.
    pub to: Option<u16>,
    /// Whether tasks from that gate on are cleared. Otherwise they are handed out again where they have no result.
    pub clear_tasks: bool,
    /// Whether results from that gate on are cleared.
    pub clear_results: bool,
}

impl Default for Reset {
    /// The present gate; tasks and results are cleared.
    fn default() -> Self {
        Self { to: None, clear_tasks: true, clear_results: true }
    }
}

impl From<Reset> for Command {
    fn from(Reset { to, clear_tasks, clear_results }: Reset) -> Self {
        Self::Reset { to, clear_tasks, clear_results }
    }
}

/// Builders that only pass through to the [`Handle`].
impl Workflow {
    pub(super) fn new(handle: Handle<WorkflowKind>) -> Self {
        Self { handle }
    }

    /// The handle below, for what this facade does not name: undo, orphans, history, audit.
    pub fn handle(&self) -> &Handle<WorkflowKind> {
        &self.handle
    }

    /// The workflow's id.
    pub fn id(&self) -> &EntityId {
        self.handle.id()
    }

    /// Says who asks.
    #[must_use]
    pub fn by(&self, name: impl Into<String>) -> Self {
        Self::new(self.handle.by(name))
    }

    /// Says where from.
    #[must_use]
    pub fn from(&self, place: impl Into<String>) -> Self {
        Self::new(self.handle.from(place))
    }

    /// Says why.
    #[must_use]
    pub fn reason(&self, reason: impl Into<String>) -> Self {
        Self::new(self.handle.reason(reason))
    }

    /// Gives what is asked an idempotency key.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        Self::new(self.handle.key(key))
    }

    /// Has it done only at this revision.
    #[must_use]
    pub fn expect(&self, revision: u64) -> Self {
        Self::new(self.handle.expect(revision))
    }

    /// Has a verb done only if nothing that its plan told moved since.
    #[must_use]
    pub fn plan(&self, token: PlanToken) -> Self {
        Self::new(self.handle.plan(token))
    }
}

/// What is asked of a workflow.
impl Workflow {
    /// The workflow as it is; everything in it is durable.
    ///
    /// # Errors
    /// [`Rejection::NotFound`], and as of [`Handle::view`].
    pub async fn view(&self) -> Result<View<WorkflowKind>, Error> {
        let view = self.handle.view().await?;
        if view.revision == 0 {
            return Err(Rejection::not_found("workflow", self.id()).into());
        }
        Ok(view)
    }

    /// Makes it, before its first gate.
    ///
    /// # Errors
    /// [`Rejection::Exists`], a value that can't be, and as of [`Handle::send`].
    pub async fn start(
        &self,
        title: impl Into<String>,
        story: impl Into<String>,
        template: Template,
    ) -> Result<Receipt<()>, Error> {
        let (title, story, template) = (title.into(), story.into(), Box::new(template));
        self.done(Command::Start { title, story, template }).await
    }

    /// Has it go on by itself, up to and including a gate, or to the end; answers with the number of the run.
    ///
    /// # Errors
    /// It runs already, all gates are passed, and as of [`Handle::send`].
    pub async fn run(&self, until: Option<StageId>) -> Result<Receipt<u64>, Error> {
        let receipt = self.handle.send(Command::Run { until }).await?;
        let Reply::Run(number) = receipt.reply else { return Err(Error::unexpected()) };
        Ok(receipt.map(|_| number))
    }

    /// Ends the run: nothing more is granted, and no gate is passed. Workers at work may hand in.
    ///
    /// # Errors
    /// It does not run, and as of [`Handle::send`].
    pub async fn stop(&self) -> Result<Receipt<()>, Error> {
        self.done(Command::Stop).await
    }

    /// Hands out tasks at the gate it stands before; answers with their ids, in order.
    ///
    /// # Errors
    /// A value that can't be, too many of them, all gates are passed; and as of [`Handle::send`].
    pub async fn add(&self, tasks: Vec<NewTask>) -> Result<Receipt<Vec<TaskId>>, Error> {
        let receipt = self.handle.send(Command::Add { tasks }).await?;
        let Reply::Added(ids) = receipt.reply.clone() else { return Err(Error::unexpected()) };
        Ok(receipt.map(|_| ids))
    }

    /// Gives a person's word for the gate it stands before; `seen` are the results that the person looked at.
    ///
    /// # Errors
    /// Another gate, or one that asks for nobody; other results than were seen; and as of [`Handle::send`].
    pub async fn approve(&self, gate: &StageId, seen: Option<Digest>) -> Result<Receipt<()>, Error> {
        self.done(Command::Approve { gate: gate.clone(), seen }).await
    }

    /// Takes back the word for the gate it stands before.
    ///
    /// # Errors
    /// As of [`approve`](Self::approve).
    pub async fn reject(&self, gate: &StageId) -> Result<Receipt<()>, Error> {
        self.done(Command::Reject { gate: gate.clone() }).await
    }

    /// Takes a task from its worker: it is handed out again at once.
    ///
    /// # Errors
    /// Nobody has it, and as of [`Handle::send`].
    pub async fn release(&self, task: &TaskId) -> Result<Receipt<()>, Error> {
        self.done(Command::Release { task: task.clone() }).await
    }

    /// Hands out again a task that has no attempts left, or was blocked.
    ///
    /// # Errors
    /// It is neither, and as of [`Handle::send`].
    pub async fn retry(&self, task: &TaskId) -> Result<Receipt<()>, Error> {
        self.done(Command::Retry { task: task.clone() }).await
    }

    /// Ends a task without a result: its gate does not wait for it.
    ///
    /// # Errors
    /// It is finished, and as of [`Handle::send`].
    pub async fn cancel(&self, task: &TaskId) -> Result<Receipt<()>, Error> {
        self.done(Command::Cancel { task: task.clone() }).await
    }

    /// Goes back to a gate: it and all after it start over. Never refused because somebody is at work: their leases are
    /// void when this returns, and what they hand in is kept as an orphan.
    ///
    /// # Errors
    /// A gate beyond the one it stands before, [`Rejection::PlanMoved`], and as of [`Handle::send`].
    pub async fn reset(&self, reset: Reset) -> Result<Receipt<ResetSummary>, Error> {
        let receipt = self.handle.send(reset.into()).await?;
        let Reply::Reset(summary) = receipt.reply.clone() else { return Err(Error::unexpected()) };
        Ok(receipt.map(|_| summary))
    }

    /// What [`reset`](Self::reset) would do.
    ///
    /// # Errors
    /// As of [`reset`](Self::reset).
    pub async fn preview_reset(&self, reset: Reset) -> Result<Plan, Error> {
        self.handle.preview(reset.into()).await
    }

    /// A run, by its number: how it is, or how it ended.
    ///
    /// # Errors
    /// [`Rejection::NotFound`], and as of [`view`](Self::view).
    pub async fn run_state(&self, number: u64) -> Result<RunState, Error> {
        let not_found = || Rejection::not_found("run", format!("{}.{number}", self.id()));
        let last = self.view().await?.state.run.ok_or_else(not_found)?;
        if number >= last.number {
            return if number == last.number { Ok(last) } else { Err(not_found().into()) };
        }
        // Those before the last are told by what happened alone.
        let (mut after, mut found) = (0, None);
        loop {
            let turns = self.handle.history(after, TURNS_PER_READ).await?;
            let Some(turn) = turns.last() else { break };
            after = turn.revision;
            let changes = turns.into_iter().flat_map(|turn| turn.entry.changes);
            for change in changes {
                match change {
                    Change::Event(Event::RunIs(run)) if run.number == number => found = Some(*run),
                    Change::Event(Event::RunIs(run)) if run.number > number => {
                        return found.ok_or_else(|| not_found().into());
                    }
                    _ => {}
                }
            }
        }
        found.ok_or_else(|| not_found().into())
    }

    /// The template that it was made from.
    ///
    /// # Errors
    /// [`Rejection::NotFound`], and the store's.
    pub async fn template(&self) -> Result<Template, Error> {
        let digest = self.view().await?.state.outline.digest;
        let bytes = self.handle.shared(digest).await?;
        let bytes = bytes.ok_or_else(|| Rejection::not_found("template of workflow", self.id()))?;
        Ok(Template::from_bytes(&bytes)?)
    }

    /// Tasks that are there, by gate, queue, priority and number, after one of them. Looks at some thousand at most:
    /// where a filter leaves few over, there may be less than `most` and still more to come.
    ///
    /// # Errors
    /// As of [`view`](Self::view).
    pub async fn tasks(
        &self,
        filter: &TaskFilter,
        after: Option<&TaskId>,
        most: usize,
    ) -> Result<Found<StoredTask>, Error> {
        pages::tasks(self, filter, after, most).await
    }

    /// One task, with its result whole.
    ///
    /// # Errors
    /// [`Rejection::NotFound`], and as of [`view`](Self::view).
    pub async fn task(&self, id: &TaskId) -> Result<StoredTask, Error> {
        pages::task(self, id).await
    }

    /// Results that landed and were not cleared, in the order of [`tasks`](Self::tasks), after one of them.
    ///
    /// # Errors
    /// As of [`view`](Self::view).
    pub async fn results(
        &self,
        filter: &ResultFilter,
        after: Option<&TaskId>,
        most: usize,
    ) -> Result<Found<(TaskId, crate::domain::workflow::StoredResult)>, Error> {
        pages::results(self, filter, after, most).await
    }

    async fn done(&self, command: Command) -> Result<Receipt<()>, Error> {
        Ok(self.handle.send(command).await?.map(|_| ()))
    }
}
