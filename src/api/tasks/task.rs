//! One task: asking it, going back, and waiting for it.

use std::sync::Arc;

use super::files::Preview;
use super::host::Host;
use crate::api::error::Error;
use crate::api::handle::{Handle, Receipt};
use crate::domain::task::{
    Command, Event, ObjectId, Problem, Reply, Task as State, TaskKind, Tier, commit_subject, limits,
};
use crate::domain::{EntityId, Plan, PlanToken, Rejection, StageId};
use crate::engine::{Change, View};
use crate::vcs::To;

/// Turns read at a time, when the end of an operation is looked for.
const TURNS_PER_READ: usize = 200;

/// One task. Cheap to clone. Who asks and why is said on the way, as with a [`Handle`].
///
/// What moves files is begun when its call returns, durably; [`settled`](Self::settled) waits until it is done.
#[derive(Clone, Debug)]
pub struct Task {
    pub(super) handle: Handle<TaskKind>,
    pub(super) host: Arc<Host>,
}

/// A task to be made.
#[derive(Clone, Debug)]
pub struct NewTask {
    /// What is to be done, in a line.
    pub title: String,
    /// What is to be done, in full.
    pub brief: String,
    /// Its stages.
    pub tier: Tier,
    /// The registered repository it works in.
    pub repository: EntityId,
    /// The branch or commit to begin from; `None` for the repository's default.
    pub from: Option<String>,
    /// Tasks that have to be done first.
    pub depends_on: Vec<EntityId>,
    /// Whether each stage is approved by itself and the next one run.
    pub auto: bool,
}

impl NewTask {
    /// A task with a title, in a repository.
    pub fn new(title: impl Into<String>, tier: Tier, repository: EntityId) -> Self {
        let (title, brief, from) = (title.into(), String::new(), None);
        Self { title, brief, tier, repository, from, depends_on: Vec::new(), auto: false }
    }
}

/// Builders that only pass through to the [`Handle`].
impl Task {
    pub(super) fn new(handle: Handle<TaskKind>, host: Arc<Host>) -> Self {
        Self { handle, host }
    }

    fn with(&self, handle: Handle<TaskKind>) -> Self {
        Self { handle, host: Arc::clone(&self.host) }
    }

    /// The handle below, for what this facade does not name: undo, orphans, history, audit.
    pub fn handle(&self) -> &Handle<TaskKind> {
        &self.handle
    }

    /// The task's id.
    pub fn id(&self) -> &EntityId {
        self.handle.id()
    }

    /// Says who asks.
    #[must_use]
    pub fn by(&self, name: impl Into<String>) -> Self {
        self.with(self.handle.by(name))
    }

    /// Says why.
    #[must_use]
    pub fn reason(&self, reason: impl Into<String>) -> Self {
        self.with(self.handle.reason(reason))
    }

    /// Gives what is asked an idempotency key.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.with(self.handle.key(key))
    }

    /// Says where from: an address, and which token.
    #[must_use]
    pub fn from(&self, place: impl Into<String>) -> Self {
        self.with(self.handle.from(place))
    }

    /// Has what is asked done only at this revision.
    #[must_use]
    pub fn expect(&self, revision: u64) -> Self {
        self.with(self.handle.expect(revision))
    }

    /// Has a verb done only if nothing that its plan told moved since.
    #[must_use]
    pub fn plan(&self, token: PlanToken) -> Self {
        self.with(self.handle.plan(token))
    }
}

/// What is asked of a task.
impl Task {
    /// The task as it is.
    ///
    /// # Errors
    /// [`Rejection::NotFound`], and as of [`Handle::view`].
    pub async fn view(&self) -> Result<View<TaskKind>, Error> {
        let view = self.handle.view().await?;
        if view.revision == 0 {
            return Err(Rejection::not_found("task", self.id()).into());
        }
        Ok(view)
    }

    /// Makes it.
    ///
    /// # Errors
    /// The repository or a task it depends on does not exist; a value that can't be; and as of [`Handle::send`].
    pub async fn create(&self, new: NewTask) -> Result<Receipt<()>, Error> {
        self.host.repositories.get(&new.repository).await?;
        for on in &new.depends_on {
            let on_view = self.host.kind.entity(on).view().await?;
            if on_view.revision == 0 {
                return Err(Rejection::not_found("task", on).into());
            }
            // Said here, where somebody hears it: the task itself could only refuse to know of this one.
            let dependents = &on_view.state.dependents;
            if dependents.len() >= limits::DEPENDENTS_MAX && !dependents.contains(self.id()) {
                return Err(Rejection::limit("tasks that wait for one", limits::DEPENDENTS_MAX).into());
            }
        }
        let NewTask { title, brief, tier, repository, from, depends_on, auto } = new;
        let tier = Box::new(tier);
        self.done(Command::Create { title, brief, tier, repository, from, depends_on, auto }).await
    }

    /// Takes it out of the backlog, into its first stage, with a branch and a worktree of its own.
    ///
    /// # Errors
    /// It is not in backlog; what it depends on is not done; and as of [`Handle::send`].
    pub async fn start(&self) -> Result<Receipt<Reply>, Error> {
        self.handle.send(Command::Start).await
    }

    /// Has an agent work on the stage it is in.
    ///
    /// # Errors
    /// The stage is not to be run now, and as of [`Handle::send`].
    pub async fn run(&self) -> Result<Receipt<Reply>, Error> {
        self.handle.send(Command::Run).await
    }

    /// Has an agent go on with a stage whose run failed or was interrupted.
    ///
    /// # Errors
    /// The stage's run neither failed nor was interrupted, and as of [`Handle::send`].
    pub async fn retry(&self) -> Result<Receipt<Reply>, Error> {
        self.handle.send(Command::Retry).await
    }

    /// Approves what the stage's run made; `seen` are the files that the person looked at.
    ///
    /// # Errors
    /// There is nothing to approve, or it is not what was seen; and as of [`Handle::send`].
    pub async fn approve(&self, seen: Option<ObjectId>) -> Result<Receipt<Reply>, Error> {
        self.handle.send(Command::Approve { seen }).await
    }

    /// Sends the stage back to its agent, with what is to be different.
    ///
    /// # Errors
    /// There is nothing to reject, and as of [`Handle::send`].
    pub async fn reject(&self, feedback: impl Into<String>) -> Result<Receipt<()>, Error> {
        self.done(Command::Reject { feedback: feedback.into() }).await
    }

    /// Ends the agent, and lets the task rest.
    ///
    /// # Errors
    /// As of [`Handle::send`].
    pub async fn pause(&self) -> Result<Receipt<()>, Error> {
        self.done(Command::Pause).await
    }

    /// Goes on after a pause.
    ///
    /// # Errors
    /// As of [`Handle::send`].
    pub async fn resume(&self) -> Result<Receipt<()>, Error> {
        self.done(Command::Resume).await
    }

    /// Begins to go back to where a stage began, or to the beginning of all. Never refused because an agent is at work:
    /// it is fenced when this returns, and ended then.
    ///
    /// # Errors
    /// A stage that the task does not have or did not reach; [`Rejection::PlanMoved`]; and as of [`Handle::send`].
    pub async fn restart(&self, to: Option<&StageId>) -> Result<Receipt<Reply>, Error> {
        self.handle.send(Command::Restart { to: to.cloned() }).await
    }

    /// What [`restart`](Self::restart) would do, to the task and to its files.
    ///
    /// # Errors
    /// As of [`restart`](Self::restart).
    pub async fn preview_restart(&self, to: Option<&StageId>) -> Result<Preview, Error> {
        let plan = self.handle.preview(Command::Restart { to: to.cloned() }).await?;
        let view = self.view().await?;
        let base = || Some(&view.state.place.as_ref()?.base_commit);
        let target = view.state.commit_before(to).or_else(base);
        let target = target.map(super::files::commit_id).transpose()?.map(To::Commit);
        let error = match self.previewed(plan.clone(), &view, target).await {
            Err(error) if error.code() == "missing_commit" => error,
            previewed => return previewed,
        };
        let before = view.state.commit_before(to);
        let stage = view.state.stages().find(|(_, stage)| stage.commit.as_ref() == before);
        let (Some(commit), Some((outline, _)), Some(place)) = (before, stage, &view.state.place) else {
            return Err(error);
        };
        let missing = super::files::commit_id(commit)?;
        let base = super::files::commit_id(&place.base_commit)?;
        let subject = commit_subject(self.id(), &outline.id);
        let (vcs, place) = (Arc::clone(&self.host.vcs), self.place(&view.state).await?);
        let found = move || super::operate::instead_of(vcs.as_ref(), &place, missing, &subject, base);
        let (found, note) = super::files::blocking(found).await?;
        let mut preview = self.previewed(plan, &view, Some(To::Commit(found))).await?;
        preview.look.iter_mut().for_each(|look| look.notes.push(note.clone()));
        Ok(preview)
    }

    /// Begins to take a restart, or an undo, back: the one of this undo point, or the newest that was not.
    ///
    /// # Errors
    /// [`Rejection::PlanRequired`] when newer work would be put aside, and as of [`Handle::undo`].
    pub async fn undo(&self, point: Option<u64>) -> Result<Receipt<()>, Error> {
        self.handle.undo(point).await
    }

    /// What [`undo`](Self::undo) would do, to the task and to its files.
    ///
    /// # Errors
    /// As of [`undo`](Self::undo).
    pub async fn preview_undo(&self, point: Option<u64>) -> Result<Preview, Error> {
        let plan = self.handle.preview_undo(point).await?;
        let view = self.view().await?;
        self.previewed(plan, &view, None).await
    }

    async fn previewed(&self, plan: Plan, view: &View<TaskKind>, to: Option<To>) -> Result<Preview, Error> {
        let look = match &view.state.place {
            Some(_) => Some(self.look(&view.state, to).await?),
            None => None,
        };
        Ok(Preview { plan, look })
    }

    /// Calls the task fresh although tasks it depends on changed since it was started.
    ///
    /// # Errors
    /// It is not stale, and as of [`Handle::send`].
    pub async fn accept(&self) -> Result<Receipt<()>, Error> {
        self.done(Command::Accept).await
    }

    /// Begins to merge the branch into its base.
    ///
    /// # Errors
    /// It is not done, or merged already; and as of [`Handle::send`].
    pub async fn merge(&self) -> Result<Receipt<Reply>, Error> {
        self.handle.send(Command::Merge).await
    }

    /// Begins to remove the worktree; the branch stays.
    ///
    /// # Errors
    /// An agent is at work in it, and as of [`Handle::send`].
    pub async fn clean_up(&self) -> Result<Receipt<Reply>, Error> {
        self.handle.send(Command::CleanUp).await
    }

    /// Ends the agent that is at work in this process, as closing the folder does: the stage is interrupted, what was
    /// made stays, and [`retry`](Self::retry) goes on with it. Returns when the task was told.
    pub async fn interrupt(&self) {
        self.host.interrupt(self.handle.id()).await;
    }

    /// Waits until nothing moves files any more.
    ///
    /// # Errors
    /// As of [`view`](Self::view); the folder is closed meanwhile.
    pub async fn settled(&self) -> Result<View<TaskKind>, Error> {
        self.until(|task| task.operation.is_none()).await
    }

    /// Waits until no agent is at work and nothing moves files any more.
    ///
    /// # Errors
    /// As of [`settled`](Self::settled).
    pub async fn at_rest(&self) -> Result<View<TaskKind>, Error> {
        self.until(|task| task.operation.is_none() && task.run.is_none()).await
    }

    /// Waits until the task is so. Waits for ever if nobody [serves](super::Tasks::serve) the tasks.
    ///
    /// # Errors
    /// As of [`view`](Self::view); the folder is closed meanwhile.
    pub async fn until(&self, holds: impl Fn(&State) -> bool) -> Result<View<TaskKind>, Error> {
        let mut feed = self.handle.feed();
        loop {
            let view = self.view().await?;
            if holds(&view.state) {
                return Ok(view);
            }
            loop {
                let committed = feed.next().await?;
                if committed.kind == "task" && committed.id == *self.id() {
                    break;
                }
            }
        }
    }

    /// What could not be done by the operation that began with the turn of this revision; `None` if it did what it was to, or
    /// has not ended yet.
    ///
    /// # Errors
    /// As of [`Handle::history`].
    pub async fn failure(&self, revision: u64) -> Result<Option<Problem>, Error> {
        let mut after = revision;
        loop {
            let turns = self.handle.history(after, TURNS_PER_READ).await?;
            let Some(last) = turns.last() else { return Ok(None) };
            after = last.revision;
            for change in turns.iter().flat_map(|turn| &turn.entry.changes) {
                match change {
                    Change::Event(Event::Ended(problem)) => return Ok(problem.clone()),
                    Change::Event(Event::RolledBack(_)) => return Ok(None),
                    _ => {}
                }
            }
        }
    }

    async fn done(&self, command: Command) -> Result<Receipt<()>, Error> {
        Ok(self.handle.send(command).await?.map(|_| ()))
    }
}
