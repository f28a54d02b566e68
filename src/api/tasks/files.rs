//! What a task has beside its state: files in its worktree, commits and snapshots in its repository, texts and a log in the
//! store.

use std::path::PathBuf;
use std::sync::Arc;

use super::task::Task;
use crate::api::error::Error;
use crate::domain::task::{
    BRIEF_PATH, FEEDBACK_PATH, HANDOFF_PATH, LOG_PREFIX, LogLine, OUTPUT_PATH, ObjectId, TASK_STAGE, TODOS_PATH,
    Task as State, Tier, Todo, limits, log_from_bytes, log_path, todos_from_bytes,
};
use crate::domain::{Plan, Rejection, StageId};
use crate::engine::PageRange;
use crate::store::StoreError;
use crate::vcs::{CommitId, DiffRange, Look, Place, Snapshot, To, VcsError};

/// Longest patch that is shown.
const DIFF_BYTES_MAX: usize = 16 << 20;
/// Chunks of the log read at a time.
const LOG_CHUNKS: usize = 200;
/// Most lines of a chunk: a report's, and what the rules say beside them in one turn.
const LINES_PER_CHUNK_MAX: u64 = (limits::LINES_PER_REPORT_MAX + 2 * limits::NOTES_MAX) as u64;

/// What a verb would do, to a task and to its files. Applying it with the plan's token is refused if the task moved since;
/// files that changed since go into the snapshot like all others.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Preview {
    /// What would happen to the task.
    pub plan: Plan,
    /// What would happen to its files; `None` if it has no worktree yet.
    pub look: Option<Look>,
}

/// What to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiffOf {
    /// All that the task did, what is not committed too.
    Task,
    /// What a completed stage did.
    Stage(StageId),
    /// What is not committed.
    Uncommitted,
}

/// A line of the log, with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogEntry {
    /// The line's number, from 0.
    pub number: u64,
    /// The line.
    pub line: LogLine,
}

/// Runs what blocks beside the threads that answer.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, VcsError> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(StoreError::Closed.into()),
    }
}

/// The id of a commit that a task remembers.
pub(super) fn commit_id(id: &ObjectId) -> Result<CommitId, Error> {
    id.0.parse().map_err(|problem| Rejection::refused("damaged", problem, "verify the store").into())
}

impl Task {
    /// Where the task's files are.
    ///
    /// # Errors
    /// [`Rejection::Conflict`] when it has none yet.
    pub(super) async fn place(&self, task: &State) -> Result<Place, Error> {
        self.host.place(task).await?.ok_or_else(|| {
            let hint = format!("start it: restage task start {}", self.id());
            Rejection::conflict(format!("looking at the files of {}", self.id()), "it was not started yet", hint).into()
        })
    }

    /// What is in the worktree, and what going back would move.
    pub(super) async fn look(&self, task: &State, to: Option<To>) -> Result<Look, Error> {
        let (vcs, place) = (Arc::clone(&self.host.vcs), self.place(task).await?);
        blocking(move || vcs.look(&place, to.as_ref())).await
    }

    /// What is in the worktree.
    ///
    /// # Errors
    /// It was not started yet; the repository can't be read.
    pub async fn files(&self) -> Result<Look, Error> {
        let view = self.view().await?;
        self.look(&view.state, None).await
    }

    /// The commits of its branch since it began, newest first, and what is in the worktree beyond them.
    ///
    /// # Errors
    /// As of [`files`](Self::files).
    pub async fn branch(&self) -> Result<Look, Error> {
        let view = self.view().await?;
        let base = view.state.place.as_ref().map(|place| commit_id(&place.base_commit)).transpose()?;
        self.look(&view.state, base.map(To::Commit)).await
    }

    /// The worktree's folder.
    ///
    /// # Errors
    /// It was not started yet.
    pub async fn worktree(&self) -> Result<PathBuf, Error> {
        let view = self.view().await?;
        Ok(self.place(&view.state).await?.worktree)
    }

    /// What changed, as a patch.
    ///
    /// # Errors
    /// It was not started yet; a stage that is not complete; the repository can't be read.
    pub async fn diff(&self, of: &DiffOf) -> Result<String, Error> {
        let task = self.view().await?.state;
        let place = self.place(&task).await?;
        let base = &task.place.as_ref().ok_or_else(Error::unexpected)?.base_commit;
        let range = match of {
            DiffOf::Task => DiffRange::Worktree(commit_id(base)?),
            DiffOf::Uncommitted => DiffRange::Worktree(commit_id(task.last_commit().unwrap_or(base))?),
            DiffOf::Stage(stage) => {
                let commit = task.stage(stage)?.commit.as_ref();
                let commit = commit.ok_or_else(|| Rejection::not_found("commit of stage", stage))?;
                DiffRange::Between(commit_id(task.commit_before(Some(stage)).unwrap_or(base))?, commit_id(commit)?)
            }
        };
        let vcs = Arc::clone(&self.host.vcs);
        blocking(move || vcs.diff(&place, &range, DIFF_BYTES_MAX)).await
    }

    /// The snapshots that going back took, oldest first.
    ///
    /// # Errors
    /// It was not started yet; the repository can't be read.
    pub async fn snapshots(&self) -> Result<Vec<Snapshot>, Error> {
        let view = self.view().await?;
        let (vcs, place) = (Arc::clone(&self.host.vcs), self.place(&view.state).await?);
        blocking(move || vcs.snapshots(&place)).await
    }

    /// Deletes for good what undo points and orphans keep, and the snapshots that no undo point needs any more.
    ///
    /// # Errors
    /// As of [`Handle::purge`](crate::Handle::purge); a snapshot can't be let go.
    pub async fn purge(&self) -> Result<usize, Error> {
        let slot = self.host.slot(self.id());
        // While this is held no snapshot is taken.
        let _turn = slot.turn.lock().await;
        let before = self.view().await?.state;
        self.handle.purge().await?;
        let Some(place) = self.host.place(&before).await? else { return Ok(0) };
        // What began since, or is under way, may have left an undo point that the purge did not see.
        let first = before.operation.map_or(before.operations.saturating_add(1), |operation| operation.number);
        let vcs = Arc::clone(&self.host.vcs);
        blocking(move || {
            let keep = vcs.snapshots(&place)?.into_iter().map(|snapshot| snapshot.number);
            let keep: Vec<u64> = keep.filter(|number| *number >= first).collect();
            vcs.drop_snapshots(&place, &keep)
        })
        .await
    }

    /// Its stages, with what their agents are told.
    ///
    /// # Errors
    /// As of [`view`](Self::view); the tier is not in the store.
    pub async fn tier(&self) -> Result<Tier, Error> {
        let digest = self.view().await?.state.tier.digest;
        let bytes = self.handle.shared(digest).await?;
        let bytes = bytes.ok_or_else(|| Rejection::not_found("tier of task", self.id()))?;
        Ok(Tier::from_bytes(&bytes)?)
    }

    /// What is to be done, in full.
    ///
    /// # Errors
    /// As of [`Handle::page`](crate::Handle::page).
    pub async fn brief(&self) -> Result<String, Error> {
        Ok(self.text(&StageId::new(TASK_STAGE)?, BRIEF_PATH).await?.unwrap_or_default())
    }

    /// The output of a stage.
    ///
    /// # Errors
    /// As of [`Handle::page`](crate::Handle::page).
    pub async fn output(&self, stage: &StageId) -> Result<Option<String>, Error> {
        self.text(stage, OUTPUT_PATH).await
    }

    /// What a stage left for the next one.
    ///
    /// # Errors
    /// As of [`Handle::page`](crate::Handle::page).
    pub async fn handoff(&self, stage: &StageId) -> Result<Option<String>, Error> {
        self.text(stage, HANDOFF_PATH).await
    }

    /// What the last rejection of a stage said.
    ///
    /// # Errors
    /// As of [`Handle::page`](crate::Handle::page).
    pub async fn feedback(&self, stage: &StageId) -> Result<Option<String>, Error> {
        self.text(stage, FEEDBACK_PATH).await
    }

    /// The things to do of a stage.
    ///
    /// # Errors
    /// As of [`Handle::page`](crate::Handle::page).
    pub async fn todos(&self, stage: &StageId) -> Result<Vec<Todo>, Error> {
        let bytes = self.bytes(stage, TODOS_PATH).await?;
        Ok(bytes.map(|bytes| todos_from_bytes(&bytes)).transpose()?.unwrap_or_default())
    }

    /// Lines of the log after the first `skip`, in order; not all of them at once: ask again after the last.
    ///
    /// # Errors
    /// As of [`Handle::page`](crate::Handle::page).
    pub async fn log(&self, skip: u64) -> Result<Vec<LogEntry>, Error> {
        // A chunk lies under the number of its first line, so what holds line `skip` may lie before it.
        let stage = StageId::new(TASK_STAGE)?;
        let mut after = skip.checked_sub(LINES_PER_CHUNK_MAX).map(log_path);
        loop {
            let range = PageRange { prefix: LOG_PREFIX.to_vec(), after: after.clone(), most: LOG_CHUNKS };
            let (_, page) = self.handle.page(&stage, range).await?;
            let Some((last, _)) = page.last().cloned() else { return Ok(Vec::new()) };
            let mut found = Vec::new();
            for (path, bytes) in page {
                let number = path.get(LOG_PREFIX.len()..).and_then(|rest| rest.try_into().ok());
                let first = number.map_or(0, u64::from_be_bytes);
                let lines = (first..).zip(log_from_bytes(&bytes)?);
                found.extend(lines.filter(|(n, _)| *n >= skip).map(|(number, line)| LogEntry { number, line }));
            }
            if !found.is_empty() {
                return Ok(found);
            }
            after = Some(last);
        }
    }

    async fn text(&self, stage: &StageId, path: &[u8]) -> Result<Option<String>, Error> {
        let bytes = self.bytes(stage, path).await?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    async fn bytes(&self, stage: &StageId, path: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let range = PageRange { prefix: path.to_vec(), after: None, most: 1 };
        let (_, page) = self.handle.page(stage, range).await?;
        Ok(page.into_iter().find(|(found, _)| found == path).map(|(_, bytes)| bytes))
    }
}
