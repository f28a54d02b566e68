//! Carries out what tasks owe: one thing at a time for each task, whatever else goes on.
//!
//! Everything here may be asked for again after a crash. What is to be done is read from the task when its turn comes:
//! an order that the task no longer stands behind is dropped.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::operate::Tries;
use super::repositories::Repositories;
use crate::agents::{AgentConfig, Mark, Started, end_leftovers};
use crate::api::error::Error;
use crate::api::handle::Handle;
use crate::api::kind::Kind;
use crate::api::live::Live;
use crate::domain::task::{Command, Effect, Finish, Run, Task as State, TaskKind};
use crate::domain::{EntityId, Rejection};
use crate::engine::Owed;
use crate::vcs::{Place, Vcs};

/// Whoever asks on behalf of the host.
const HOST: &str = "restage";
/// How long processes that nobody waits for have between being asked to end and being killed.
const GRACE: Duration = Duration::from_secs(5);

/// What carries out what the tasks of a data folder owe.
pub(crate) struct Host {
    pub(super) kind: Kind<TaskKind>,
    pub(super) repositories: Repositories,
    pub(super) vcs: Arc<dyn Vcs>,
    /// The data folder's id: part of the mark that agents are known by.
    store: String,
    pub(super) worktrees: PathBuf,
    pub(super) agents: AgentConfig,
    /// Who looks on sees what agents put out.
    pub(super) live: Live,
    slots: Mutex<HashMap<EntityId, Arc<Slot>>>,
    pub(super) tries: Tries,
    /// Set when the folder is closed: no agent is started any more, and those that run are ended.
    closing: watch::Sender<bool>,
}

/// What goes on in the world for one task.
#[derive(Default)]
pub(super) struct Slot {
    /// Held by whoever moves files or starts an agent.
    pub(super) turn: tokio::sync::Mutex<()>,
    /// The agent that runs.
    pub(super) running: Mutex<Option<Running>>,
    /// What came of a run whose end the task has not heard of yet.
    pub(super) finished: Mutex<Option<Finish>>,
}

/// An agent of this process.
pub(super) struct Running {
    pub(super) run: u64,
    /// Told to end it.
    pub(super) stop: watch::Sender<bool>,
    /// Closed when nothing of it is alive any more, and what it made was looked at.
    pub(super) over: watch::Receiver<()>,
    /// Closed when the task was told.
    pub(super) told: watch::Receiver<()>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("worktrees", &self.worktrees).finish_non_exhaustive()
    }
}

impl Host {
    pub(super) fn new(
        kind: Kind<TaskKind>,
        repositories: Repositories,
        vcs: Arc<dyn Vcs>,
        store: String,
        worktrees: PathBuf,
        agents: AgentConfig,
        live: Live,
    ) -> Self {
        let (slots, tries, closing) = (Mutex::default(), Tries::default(), watch::Sender::new(false));
        Self { kind, repositories, vcs, store, worktrees, agents, live, slots, tries, closing }
    }

    /// Carries one out.
    ///
    /// # Errors
    /// A sentence for the log: it is tried again.
    pub(super) async fn carry_out(self: &Arc<Self>, owed: Owed<TaskKind>) -> Result<Option<Command>, String> {
        let Owed { id, effect, revision, .. } = owed;
        match effect {
            Effect::Run { run } => self.run(&id, run).await,
            Effect::End { run } => self.end(&id, run).await,
            Effect::Operate { operation } => self.operate(&id, operation).await,
            Effect::Await { on } => self.tell(&on, Command::Awaited { by: id }).await,
            // The revision at which it stood like this, and not a later one at which it may stand otherwise.
            Effect::Tell { to, done } => self.tell(&to, Command::Told { task: id, revision, done }).await,
        }
    }

    /// Ends all agents, lets what moves files come to its end, and begins nothing more.
    pub(crate) async fn close(&self) {
        self.closing.send_replace(true);
        let slots: Vec<Arc<Slot>> = self.lock_slots().values().cloned().collect();
        for slot in slots {
            slot.interrupt().await;
        }
    }

    /// Ends the agent that is at work for a task, and waits until the task was told.
    pub(super) async fn interrupt(&self, id: &EntityId) {
        let slot = self.lock_slots().get(id).cloned();
        if let Some(slot) = slot {
            slot.interrupt().await;
        }
    }

    /// Told when the folder is closed.
    pub(super) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// Waits until nobody else moves the files of a task or starts its agent. For ever if the folder is being closed: what
    /// is owed is carried out by the next to open it.
    pub(super) async fn turn<'a>(&self, slot: &'a Slot) -> tokio::sync::MutexGuard<'a, ()> {
        let turn = slot.turn.lock().await;
        if !*self.closing.borrow() {
            return turn;
        }
        drop(turn);
        std::future::pending().await
    }

    pub(super) fn task(&self, id: &EntityId) -> Handle<TaskKind> {
        self.kind.entity(id).by(HOST)
    }

    pub(super) fn slot(&self, id: &EntityId) -> Arc<Slot> {
        Arc::clone(self.lock_slots().entry(id.clone()).or_default())
    }

    fn lock_slots(&self) -> std::sync::MutexGuard<'_, HashMap<EntityId, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a run's processes are known by.
    pub(super) fn mark(&self, id: &EntityId, run: u64) -> Mark {
        Mark { store: self.store.clone(), task: id.as_str().to_owned(), run }
    }

    /// Where a run's agent has its prompt, and can write what is removed at its end.
    pub(super) fn scratch(&self, id: &EntityId, run: u64) -> PathBuf {
        self.worktrees.join(".runs").join(format!("{id}-{run}"))
    }

    /// Where a task that was started works.
    ///
    /// # Errors
    /// Its worktree is not one of this data folder: that was copied or moved, and the worktree may be another's by now.
    pub(super) async fn place(&self, task: &State) -> Result<Option<Place>, Error> {
        let (Some(place), Some(repository)) = (&task.place, &task.repository) else { return Ok(None) };
        let common = PathBuf::from(self.repositories.get(repository).await?.common);
        let (worktree, key, branch) = (PathBuf::from(&place.worktree), place.key.clone(), place.branch.clone());
        if !worktree.starts_with(&self.worktrees) {
            let ours = self.worktrees.display();
            let message = format!("the worktree {} is not among those of this data folder, in {ours}", place.worktree);
            let hint = "use the data folder where it was; of a copy, tasks can be looked at and not worked on";
            return Err(Rejection::refused("worktree_elsewhere", message, hint).into());
        }
        Ok(Some(Place { common, worktree, key, branch }))
    }

    /// Ends the agents of all runs up to this one.
    async fn end(&self, id: &EntityId, run: u64) -> Result<Option<Command>, String> {
        let task = self.task(id).view().await.map_err(|error| error.to_string())?.state;
        let slot = self.slot(id);
        let _turn = self.turn(&slot).await;
        slot.stop(run).await;
        if task.run.is_none_or(|active| active.number > run) {
            let worktree = self.worktree_of(id, task.place.as_ref());
            self.end_leftovers(id, run, None, worktree.as_deref()).await.map_err(|error| error.to_string())?;
        }
        Ok(None)
    }

    fn worktree_of(&self, id: &EntityId, place: Option<&crate::domain::task::Place>) -> Option<PathBuf> {
        Some(place.map_or_else(|| self.worktrees.join(id.as_str()), |place| PathBuf::from(&place.worktree)))
    }

    /// Ends what an earlier life of this program, or an agent that would not end, left behind.
    pub(super) async fn end_leftovers(
        &self,
        id: &EntityId,
        run: u64,
        active: Option<&Run>,
        worktree: Option<&Path>,
    ) -> Result<(), Error> {
        let started = active.and_then(|active| active.process.clone());
        let started = started.map(|(pid, start_time, boot)| Started { pid, start_time, boot });
        let mark = self.mark(id, run);
        let worktree = worktree.unwrap_or(&self.worktrees);
        let ended = end_leftovers(&mark, started.as_ref(), worktree, GRACE).await?;
        if !ended.is_empty() {
            tracing::warn!(task = %id, run, ?ended, "processes of an agent were left, and were ended");
        }
        // Of a life of this program that ended before it could.
        let _ = std::fs::remove_dir_all(self.scratch(id, run));
        Ok(())
    }

    /// Tells a task something that another one has to say. What it refuses it would refuse again.
    async fn tell(&self, to: &EntityId, command: Command) -> Result<Option<Command>, String> {
        match self.task(to).send(command).await {
            Ok(_) => Ok(None),
            Err(error) if error.rejection().is_some() => {
                tracing::warn!(task = %to, %error, "a task does not take what another one tells it");
                Ok(None)
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Slot {
    /// Has the agent of a run up to this one end, and waits until it is over.
    pub(super) async fn stop(&self, run: u64) {
        let mut over = {
            let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(running) = running.as_ref().filter(|running| running.run <= run) else { return };
            running.stop.send_replace(true);
            running.over.clone()
        };
        // It is closed, and nothing is ever sent.
        while over.changed().await.is_ok() {}
    }

    /// Has the agent end that is at work, and waits until the task was told.
    async fn interrupt(&self) {
        let _turn = self.turn.lock().await;
        self.stop(u64::MAX).await;
        self.told().await;
    }

    /// Waits until the task was told how its agent ended, if one is at work.
    async fn told(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|r| r.told.clone());
        let Some(mut told) = running else { return };
        while told.changed().await.is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{NewTask, Options, Restage, TaskOptions};
    use crate::domain::repository::{self, RepositoryFacts};
    use crate::domain::task::{ObjectId, Tier};

    fn owed(id: &str, revision: u64, effect: Effect) -> Owed<TaskKind> {
        Owed { id: EntityId::new(id).unwrap(), key: "tell/second".into(), revision, effect }
    }

    /// Two tasks of which the second waits for the first. Nobody serves them.
    async fn two(restage: &Restage, folder: &Path) -> crate::api::Tasks {
        let tasks = restage.tasks(TaskOptions::default().worktrees(folder)).unwrap();
        let facts =
            RepositoryFacts { root: "/r".into(), common: "/r/.git".into(), base: "main".into(), notes: Vec::new() };
        let app = EntityId::new("app").unwrap();
        let repositories = tasks.repositories().kind();
        repositories.entity(&app).by("ann").send(repository::Command::Register(facts)).await.unwrap();
        for (name, on) in [("first", None), ("second", Some("first"))] {
            let mut new = NewTask::new("A task", Tier::built_in("L1").unwrap(), app.clone());
            new.depends_on = on.map(|on| EntityId::new(on).unwrap()).into_iter().collect();
            tasks.get(&EntityId::new(name).unwrap()).by("ann").create(new).await.unwrap();
        }
        tasks
    }

    #[tokio::test]
    async fn the_last_word_of_a_task_holds_although_the_one_before_was_told_late() {
        let folder = tempfile::tempdir().unwrap();
        let restage = Restage::in_memory(Options::default()).unwrap();
        let tasks = two(&restage, folder.path()).await;
        let second = EntityId::new("second").unwrap();
        let done = Some(ObjectId("a".repeat(40)));
        // That the task is done was owed, then that it is not; both are carried out when both are past.
        for (revision, done) in [(10, done), (11, None)] {
            let effect = Effect::Tell { to: second.clone(), done };
            tasks.host().carry_out(owed("first", revision, effect)).await.unwrap();
        }
        assert_eq!(tasks.get(&second).view().await.unwrap().state.depends_on[0].done, None);
        restage.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn a_task_that_takes_no_more_dependents_is_not_asked_over_and_over() {
        let folder = tempfile::tempdir().unwrap();
        let restage = Restage::in_memory(Options::default()).unwrap();
        let tasks = two(&restage, folder.path()).await;
        let first = EntityId::new("first").unwrap();
        for n in 0..crate::domain::task::limits::DEPENDENTS_MAX {
            let by = EntityId::new(format!("other-{n}")).unwrap();
            tasks.kind().entity(&first).by("ann").send(Command::Awaited { by }).await.unwrap();
        }
        let effect = Effect::Await { on: first.clone() };
        assert_eq!(tasks.host().carry_out(owed("second", 1, effect)).await, Ok(None));
        let mut new = NewTask::new("One more", Tier::built_in("L1").unwrap(), EntityId::new("app").unwrap());
        new.depends_on = vec![first];
        let refused = tasks.get(&EntityId::new("third").unwrap()).by("ann").create(new).await.unwrap_err();
        assert_eq!(refused.code(), Rejection::limit("", 0).code());
        restage.shutdown().await.unwrap();
    }
}
