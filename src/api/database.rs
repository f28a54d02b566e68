//! A data folder that is open, with the actors over it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::sync::OnceCell;

use super::access::Access;
use super::batches::Batches;
use super::error::Error;
#[cfg(feature = "http")]
use super::events::Events;
#[cfg(feature = "tasks")]
use super::examples::{Examples, Loading};
#[cfg(feature = "http")]
use super::facilitator::{Facilitator, Host};
use super::kind::Kind;
use super::live::Live;
#[cfg(feature = "tasks")]
use super::tasks::{TaskOptions, Tasks};
#[cfg(feature = "http")]
use super::webhooks::{WebhookHosts, Webhooks};
use super::workflows::Workflows;
use super::workshops::Workshops;
#[cfg(feature = "tasks")]
use crate::domain::Rejection;
use crate::domain::{Digest, Entity, EntityId};
use crate::engine::{Audit, Committed, EngineOptions, query};
use crate::runtime::{self, Clock, KindStats, Runtime, RuntimeOptions, SystemClock, random_id};
use crate::store::{
    BackupInfo, FolderOptions, FolderStore, LogOptions, LogStats, MemoryStore, Position, SledOptions, Store,
    StoreError, StoreId, open_folder,
};
#[cfg(feature = "tasks")]
use crate::vcs::{Git, Limits};

/// Bytes that tell a new id from all others.
const NEW_ID_BYTES: usize = 10;

/// How to open. The defaults suit a program of some thousand active entities.
#[derive(Clone, Debug)]
pub struct Options {
    runtime: RuntimeOptions,
    engine: EngineOptions,
    clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self { runtime: RuntimeOptions::default(), engine: EngineOptions::default(), clock: Arc::new(SystemClock) }
    }
}

impl Options {
    /// Drafts are committed when none came for `quiet`, and at the latest `most` after the first. 2 s and 10 s.
    #[must_use]
    pub fn drafts(mut self, quiet: Duration, most: Duration) -> Self {
        self.engine.draft_quiet = quiet;
        self.engine.draft_most = most;
        self
    }

    /// How long a verb can be undone. 30 days.
    #[must_use]
    pub fn undo_retention(mut self, time: Duration) -> Self {
        self.engine.undo_retention = time;
        self
    }

    /// How long the answer to an idempotency key is remembered. 7 days.
    #[must_use]
    pub fn answer_retention(mut self, time: Duration) -> Self {
        self.engine.answer_retention = time;
        self
    }

    /// Entities unused for this long leave memory. 60 s.
    #[must_use]
    pub fn idle(mut self, time: Duration) -> Self {
        self.runtime.idle = time;
        self
    }

    /// The most entities of a kind in memory; beyond, the least recently used leave. 10,000.
    #[must_use]
    pub fn active_most(mut self, most: usize) -> Self {
        self.runtime.active_most = most;
        self
    }

    /// The most messages that wait for one entity. 256.
    #[must_use]
    pub fn mailbox_most(mut self, most: usize) -> Self {
        self.runtime.mailbox_most = most.max(1);
        self
    }

    /// How long a caller waits for an answer. 30 s.
    #[must_use]
    pub fn deadline(mut self, time: Duration) -> Self {
        self.runtime.deadline = time;
        self
    }

    /// How long `shutdown` waits for entities to leave memory. 30 s.
    #[must_use]
    pub fn shutdown_most(mut self, time: Duration) -> Self {
        self.runtime.shutdown_most = time;
        self
    }

    /// How many effects of one kind and lane are carried out at a time. 16.
    #[must_use]
    pub fn effects_most(mut self, most: usize) -> Self {
        self.runtime.effects_most = most.max(1);
        self
    }

    /// Threads that actors run on; 0 for one per core.
    #[must_use]
    pub fn arbiters(mut self, count: usize) -> Self {
        self.runtime.arbiters = count;
        self
    }

    /// Where time comes from. The operating system.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

/// Committed turns of all entities, in order. Reads when asked, so a slow reader holds nothing up.
#[derive(Debug)]
pub struct Feed(runtime::Feed);

impl Feed {
    #[cfg(feature = "tasks")]
    pub(super) fn new(feed: runtime::Feed) -> Self {
        Self(feed)
    }

    /// The next committed turn; waits for one. To go on later, remember the position of the last turn that
    /// [is the last](crate::Committed::is_last) of it, and ask for a feed after that.
    ///
    /// # Errors
    /// `gone` when the position is no longer in the log: read the present state, and follow from there. `stopped` when
    /// everything was read and the folder was closed.
    pub async fn next(&mut self) -> Result<Committed, Error> {
        Ok(self.0.next().await?)
    }
}

/// Figures of an open data folder. Groups, frames and the time it takes to sync them are in [`log`](Self::log).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Figures of each kind that is in use, by name.
    pub kinds: Vec<KindStats>,
    /// The last durable position.
    pub durable: Position,
    /// What the log has done since it was opened; `None` for a store in memory.
    pub log: Option<LogStats>,
    /// The failed write that ended all writing, if there was one.
    pub failure: Option<StoreError>,
}

/// A data folder that is open, with the actors over it. Cheap to clone; the last clone closes it, but only
/// [`shutdown`](Self::shutdown) commits held drafts.
#[derive(Clone)]
pub struct Restage {
    runtime: Arc<Runtime>,
    folder: Option<Arc<FolderStore>>,
    access: Arc<OnceCell<Access>>,
    workflows: Arc<OnceLock<Workflows>>,
    live: Live,
    #[cfg(feature = "http")]
    facilitator: Arc<OnceLock<Arc<Host>>>,
    #[cfg(feature = "tasks")]
    tasks: Arc<OnceLock<Tasks>>,
    #[cfg(feature = "tasks")]
    loading: Loading,
    #[cfg(feature = "http")]
    events: Arc<OnceLock<Events>>,
    #[cfg(feature = "http")]
    webhooks: Arc<OnceLock<Webhooks>>,
    path: Option<PathBuf>,
}

impl std::fmt::Debug for Restage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let durable = self.runtime.store().durable();
        f.debug_struct("Restage").field("path", &self.path).field("durable", &durable).finish_non_exhaustive()
    }
}

impl Restage {
    /// Opens a data folder with default options, and makes it if there is none.
    ///
    /// # Errors
    /// The store's: in use, of a newer format, damaged, read-only, on a full disk.
    pub async fn open(folder: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(folder, Options::default()).await
    }

    /// Opens a data folder, and makes it if there is none.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    pub async fn open_with(folder: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        let path = folder.as_ref().to_path_buf();
        let (folder, clock) = (path.clone(), Arc::clone(&options.clock));
        let opened = tokio::task::spawn_blocking(move || open_store(&folder, clock)).await;
        let store = Arc::new(opened.unwrap_or(Err(StoreError::Closed))?);
        Self::over(Arc::clone(&store) as Arc<dyn Store>, Some((store, path)), options)
    }

    /// A store in memory, that is gone with the process.
    ///
    /// # Errors
    /// Threads can't be started.
    pub fn in_memory(options: Options) -> Result<Self, Error> {
        let clock = Arc::clone(&options.clock);
        let store = MemoryStore::new(Arc::new(move || clock.now().as_millis()));
        Self::over(Arc::new(store), None, options)
    }

    fn over(
        store: Arc<dyn Store>,
        folder: Option<(Arc<FolderStore>, PathBuf)>,
        options: Options,
    ) -> Result<Self, Error> {
        let runtime = RuntimeOptions { engine: Arc::new(options.engine), ..options.runtime };
        let runtime = Arc::new(Runtime::start(store, options.clock, runtime)?);
        let (folder, path) = folder.unzip();
        Ok(Self {
            runtime,
            folder,
            path,
            access: Arc::default(),
            workflows: Arc::default(),
            live: Live::default(),
            #[cfg(feature = "http")]
            facilitator: Arc::default(),
            #[cfg(feature = "tasks")]
            tasks: Arc::default(),
            #[cfg(feature = "tasks")]
            loading: Loading::default(),
            #[cfg(feature = "http")]
            events: Arc::default(),
            #[cfg(feature = "http")]
            webhooks: Arc::default(),
        })
    }

    /// Where time comes from.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        self.runtime.clock()
    }

    /// The entities of a kind.
    ///
    /// # Errors
    /// Another kind of the same name is in use.
    pub fn kind<E: Entity>(&self) -> Result<Kind<E>, Error> {
        Kind::new(Arc::clone(&self.runtime))
    }

    /// The workshops.
    ///
    /// # Errors
    /// Another kind is in use under the name of workshops.
    pub fn workshops(&self) -> Result<Workshops, Error> {
        Ok(Workshops::new(self.kind()?))
    }

    /// The workflows, with their queues and workers.
    ///
    /// # Errors
    /// Another kind is in use under the name of workflows, queues or access.
    pub fn workflows(&self) -> Result<Workflows, Error> {
        if let Some(workflows) = self.workflows.get() {
            return Ok(workflows.clone());
        }
        let workflows = Workflows::new(self.kind()?, self.kind()?, self.kind()?, Arc::clone(&self.access));
        Ok(self.workflows.get_or_init(|| workflows).clone())
    }

    /// The batches: the same verb on many entities.
    ///
    /// # Errors
    /// Another kind is in use under the name of batches, and as of [`workflows`](Self::workflows).
    pub fn batches(&self) -> Result<Batches, Error> {
        Ok(Batches::new(self.kind()?, self.workflows()?, self.workshops()?))
    }

    /// Who may call a server of this folder.
    ///
    /// # Errors
    /// Another kind is in use under the name of access; the store's.
    pub async fn access(&self) -> Result<Access, Error> {
        self.access.get_or_try_init(|| async { Access::open(self.kind()?).await }).await.cloned()
    }

    /// The tasks. Options are taken when this is first called; later calls give the same tasks.
    ///
    /// # Errors
    /// Another kind is in use under the name of tasks or repositories; the place for worktrees is not given for a store
    /// in memory, or is no absolute path.
    #[cfg(feature = "tasks")]
    pub fn tasks(&self, options: TaskOptions) -> Result<Tasks, Error> {
        if let Some(tasks) = self.tasks.get() {
            return Ok(tasks.clone());
        }
        let TaskOptions { worktrees, agents } = options;
        let folder = worktrees.or_else(|| Some(self.path.as_ref()?.join("worktrees")));
        let folder =
            folder.ok_or_else(|| Rejection::invalid("worktrees", "a store in memory has no place for them"))?;
        let folder = std::path::absolute(&folder).map_err(|error| StoreError::io("finding", &folder, error))?;
        let id = match &self.folder {
            Some(folder) => folder.id(),
            None => StoreId(random_id().map_err(|error| StoreError::io("getting random bytes for", &folder, error))?),
        };
        let clock = Arc::clone(self.runtime.clock());
        let vcs = Arc::new(Git::new(Limits::default(), move || clock.now().as_millis().div_euclid(1_000)));
        let live = self.live.clone();
        let tasks = Tasks::new(self.kind()?, self.kind()?, vcs, id.to_string(), &folder, agents, live);
        Ok(self.tasks.get_or_init(|| tasks).clone())
    }

    /// Examples to look at and to play with.
    #[cfg(feature = "tasks")]
    pub fn examples(&self) -> Examples {
        Examples::new(self.clone())
    }

    /// Who makes an example.
    #[cfg(feature = "tasks")]
    pub(super) fn loading(&self) -> &Loading {
        &self.loading
    }

    /// The data folder; `None` for a store in memory.
    #[cfg(feature = "tasks")]
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Audit entries of all entities, by kind, id and revision, after one of them.
    ///
    /// # Errors
    /// The store's.
    pub async fn audits(&self, after: Option<(String, EntityId, u64)>, most: usize) -> Result<Vec<Audit>, Error> {
        let store = Arc::clone(self.runtime.store());
        let done = tokio::task::spawn_blocking(move || query::audits(store.as_ref(), after.as_ref(), most)).await;
        Ok(done.unwrap_or(Err(StoreError::Closed.into()))?)
    }

    /// Audit entries of all entities, from the newest on, after one of them.
    ///
    /// # Errors
    /// The store's.
    pub async fn latest_audits(&self, after: Option<&Audit>, most: usize) -> Result<Vec<Audit>, Error> {
        let store = Arc::clone(self.runtime.store());
        let after = after.map(|last| (last.at, (last.kind.clone(), last.id.clone(), last.revision)));
        let done = tokio::task::spawn_blocking(move || query::latest_audits(store.as_ref(), after, most)).await;
        Ok(done.unwrap_or(Err(StoreError::Closed.into()))?)
    }

    /// An id for something that is to be made. With a seed, such as an idempotency key and the name of who gave it, always
    /// the same, so that asking again makes no second one.
    ///
    /// # Errors
    /// The system has no random bytes to give.
    pub fn new_id(&self, kind: &str, seed: Option<&str>) -> Result<EntityId, Error> {
        let bytes = match seed {
            Some(seed) => Digest::of(format!("{kind}\0{seed}").as_bytes()).0,
            None => Digest::of(&self.random()?).0,
        };
        let digits: String = bytes.iter().take(NEW_ID_BYTES).map(|byte| format!("{byte:02x}")).collect();
        Ok(EntityId::new(format!("{kind}-{digits}"))?)
    }

    /// Bytes that nobody can guess.
    ///
    /// # Errors
    /// The system has none to give.
    pub(crate) fn random(&self) -> Result<[u8; 16], Error> {
        let folder = self.path.clone().unwrap_or_default();
        Ok(random_id().map_err(|error| StoreError::io("getting random bytes for", &folder, error))?)
    }

    /// Everything committed after a position, in order, and then what comes.
    pub fn feed(&self, after: Position) -> Feed {
        Feed(self.runtime.feed(after))
    }

    /// Has a facilitator answer in workshops, from now on and what is owed from earlier too. Asked again, it takes other
    /// settings over, for what begins from then on.
    ///
    /// # Errors
    /// [`Rejection::Invalid`](crate::Rejection::Invalid) for settings that can't be.
    #[cfg(feature = "http")]
    pub fn serve_facilitator(&self, facilitator: Facilitator) -> Result<(), Error> {
        if let Some(host) = self.facilitator.get() {
            return host.change(facilitator);
        }
        let (workshops, events, live) = (self.workshops()?, self.events().clone(), self.live.clone());
        let host = Arc::new(Host::new(workshops.clone(), events, live, self.path.clone(), facilitator)?);
        if self.facilitator.set(Arc::clone(&host)).is_ok() {
            workshops.kind().serve_effects(move |owed| {
                let host = Arc::clone(&host);
                async move { host.carry_out(owed).await }
            });
        }
        Ok(())
    }

    /// What is being said at this moment, before it is durable.
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// What happens to all entities, as events of a stable vocabulary, from any offset on. Read once for all who follow.
    #[cfg(feature = "http")]
    pub fn events(&self) -> &Events {
        self.events.get_or_init(|| Events::start(Arc::clone(&self.runtime)))
    }

    /// What carries everything.
    pub(in crate::api) fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    /// Events sent to other programs, at these hosts from now on. [`Webhooks::serve`] begins to.
    ///
    /// # Errors
    /// Another kind is in use under the name of webhooks.
    #[cfg(feature = "http")]
    pub fn webhooks(&self, hosts: WebhookHosts) -> Result<Webhooks, Error> {
        let webhooks = match self.webhooks.get() {
            Some(webhooks) => webhooks,
            None => {
                let webhooks = Webhooks::new(self.kind()?, self.events().clone(), Arc::clone(&self.runtime));
                self.webhooks.get_or_init(|| webhooks)
            }
        };
        webhooks.allow(hosts);
        Ok(webhooks.clone())
    }

    /// The last durable position: where a feed of what comes from now on begins.
    pub fn durable(&self) -> Position {
        self.runtime.store().durable()
    }

    /// Figures of this moment.
    pub fn stats(&self) -> Stats {
        Stats {
            kinds: self.runtime.stats(),
            durable: self.runtime.store().durable(),
            log: self.folder.as_ref().map(|folder| folder.stats()),
            failure: self.folder.as_ref().and_then(|folder| folder.failure()),
        }
    }

    /// Removes at once what nothing refers to any more, after a purge for instance; it is removed by and by anyway.
    ///
    /// # Errors
    /// The store's.
    pub async fn sweep(&self) -> Result<(), Error> {
        Ok(self.runtime.sweep().await?)
    }

    /// Writes everything that is durable now to one new file, while turns go on.
    ///
    /// # Errors
    /// The store's; a store in memory has no backup.
    pub async fn backup(
        &self,
        file: impl Into<PathBuf>,
        mut progress: impl FnMut(u64, u64) + Send + 'static,
    ) -> Result<BackupInfo, Error> {
        let (folder, file) = (self.folder.clone(), file.into());
        let folder = folder.ok_or(StoreError::Closed)?;
        let done = tokio::task::spawn_blocking(move || folder.backup(&file, &mut progress)).await;
        Ok(done.unwrap_or(Err(StoreError::Closed))?)
    }

    /// Ends agents at work, takes no more messages, commits held drafts, has every entity leave memory, and closes the folder.
    ///
    /// # Errors
    /// The store's; entities did not leave in time.
    pub async fn shutdown(self) -> Result<(), Error> {
        #[cfg(feature = "tasks")]
        if let Some(tasks) = self.tasks.get() {
            tasks.host().close().await;
        }
        if let Some(workflows) = self.workflows.get() {
            workflows.close();
        }
        Ok(self.runtime.shutdown().await?)
    }
}

fn open_store(folder: &Path, clock: Arc<dyn Clock>) -> Result<FolderStore, StoreError> {
    let id = random_id().map_err(|error| StoreError::io("getting random bytes for", folder, error))?;
    let log = LogOptions::new(StoreId(id), Arc::new(move || clock.now().as_millis()));
    open_folder(folder, FolderOptions { log, index: SledOptions::default() })
}
