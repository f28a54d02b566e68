//! Tasks, typed; and the host that carries out what they owe: worktrees, commits, going back, agents.

mod files;
mod host;
mod live_output;
mod operate;
mod repositories;
mod run;
mod task;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use files::{DiffOf, LogEntry, Preview};
pub use repositories::Repositories;
pub use task::{NewTask, Task};

use host::Host;

use super::error::Error;
use super::kind::Kind;
use super::live::Live;
use crate::agents::AgentConfig;
use crate::domain::EntityId;
use crate::domain::repository::RepositoryKind;
use crate::domain::task::{Effect, TaskKind};
use crate::engine::{View, query};
use crate::store::StoreError;
use crate::vcs::Vcs;

/// What is owed is looked at this often, so much at a time.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
const OWED_PER_READ: usize = 4_096;

/// How tasks are worked on.
#[derive(Clone, Debug)]
pub struct TaskOptions {
    pub(super) worktrees: Option<PathBuf>,
    pub(super) agents: AgentConfig,
}

impl Default for TaskOptions {
    fn default() -> Self {
        Self { worktrees: None, agents: AgentConfig::built_in() }
    }
}

impl TaskOptions {
    /// Where worktrees are made: a folder of ours alone, outside of every repository. `worktrees` in the data folder.
    #[must_use]
    pub fn worktrees(mut self, folder: impl Into<PathBuf>) -> Self {
        self.worktrees = Some(folder.into());
        self
    }

    /// Which program works on which stage. The built-in script.
    #[must_use]
    pub fn agents(mut self, agents: AgentConfig) -> Self {
        self.agents = agents;
        self
    }
}

/// The tasks of a data folder. Cheap to clone.
#[derive(Clone)]
pub struct Tasks {
    kind: Kind<TaskKind>,
    repositories: Repositories,
    host: Arc<Host>,
}

impl std::fmt::Debug for Tasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tasks").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Tasks {
    pub(super) fn new(
        kind: Kind<TaskKind>,
        repositories: Kind<RepositoryKind>,
        vcs: Arc<dyn Vcs>,
        store: String,
        worktrees: &Path,
        agents: AgentConfig,
        live: Live,
    ) -> Self {
        // As version control gives it, with which it is compared.
        let worktrees = repositories::real(worktrees);
        let repositories = Repositories::new(repositories, Arc::clone(&vcs), worktrees.clone());
        let host = Host::new(kind.clone(), repositories.clone(), vcs, store, worktrees, agents, live);
        Self { kind, repositories, host: Arc::new(host) }
    }

    pub(super) fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// The kind below, for what this facade does not name.
    pub fn kind(&self) -> &Kind<TaskKind> {
        &self.kind
    }

    /// The repositories that tasks work in.
    pub fn repositories(&self) -> &Repositories {
        &self.repositories
    }

    /// Whether a stage is done by the agent that comes with the program.
    pub(in crate::api) fn needs_nothing(&self, stage: &str) -> bool {
        self.host.agents.needs_nothing(stage)
    }

    /// One task; it need not exist.
    pub fn get(&self, id: &EntityId) -> Task {
        Task::new(self.kind.entity(id), Arc::clone(&self.host))
    }

    /// Ids of existing tasks, ascending, after one of them.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(&self, after: Option<&EntityId>, most: usize) -> Result<Vec<EntityId>, Error> {
        self.kind.list(after, most).await
    }

    /// A task as it is on disk, without bringing it into memory: for lists.
    ///
    /// # Errors
    /// The store's.
    pub async fn peek(&self, id: &EntityId) -> Result<View<TaskKind>, Error> {
        self.kind.peek(id).await
    }

    /// Begins to carry out what tasks owe, what an earlier process left undone too: agents are run and ended, files are
    /// moved. Runs on the caller's tokio runtime until [`shutdown`](crate::Restage::shutdown), which ends the agents.
    /// False if that is done already.
    pub fn serve(&self) -> bool {
        let host = Arc::clone(&self.host);
        self.kind.serve_effects(move |owed| {
            let host = Arc::clone(&host);
            async move { host.carry_out(owed).await }
        })
    }

    /// Waits until tasks told each other what they have to, and agents that were to be ended are: all that is owed but
    /// runs and what moves files. Waits for ever if nobody [serves](Self::serve) the tasks.
    ///
    /// # Errors
    /// The store's.
    pub async fn told(&self) -> Result<(), Error> {
        loop {
            let store = self.kind.store();
            let owed =
                tokio::task::spawn_blocking(move || query::owed::<TaskKind>(store.as_ref(), OWED_PER_READ)).await;
            let owed = owed.unwrap_or(Err(StoreError::Closed.into()))?;
            if owed.iter().all(|owed| matches!(owed.effect, Effect::Run { .. } | Effect::Operate { .. })) {
                return Ok(());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}
