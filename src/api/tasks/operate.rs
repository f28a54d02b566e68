//! Operations: what moves a task's files.

use std::collections::HashMap;
use std::sync::Arc;

use super::files::{blocking, commit_id};
use super::host::Host;
use crate::api::error::Error;
use crate::domain::EntityId;
use crate::domain::task::{
    Candidate, Command, ObjectId, Operation, OperationKind, Place as Placed, RolledBack, Task as State, branch_name,
    commit_message, commit_subject,
};
use crate::vcs::{
    CommitId, GoBack, MergeRequest, NewWorktree, Place, SnapshotKind, StageCommit, To, Vcs, VcsError, VcsProblem,
};

/// How often what may pass by itself is tried before it is given up; an operation only if it changed nothing yet.
const TRIES_MOST: u32 = 6;

/// What is tried, by its number within the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Trying {
    Operation(u64),
    Run(u64),
}

/// How often each was tried.
#[derive(Debug, Default)]
pub(super) struct Tries(std::sync::Mutex<HashMap<(EntityId, Trying), u32>>);

impl Tries {
    /// One more try failed. Whether it was the last.
    pub(super) fn failed(&self, id: &EntityId, trying: Trying) -> bool {
        let mut tries = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let count = tries.entry((id.clone(), trying)).or_default();
        *count += 1;
        *count >= TRIES_MOST
    }

    pub(super) fn over(&self, id: &EntityId, trying: Trying) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&(id.clone(), trying));
    }
}

impl Host {
    /// Carries an operation out, once no agent is at work, and says what the world answers.
    pub(super) async fn operate(self: &Arc<Self>, id: &EntityId, number: u64) -> Result<Option<Command>, String> {
        let text = |error: Error| error.to_string();
        let slot = self.slot(id);
        let _turn = self.turn(&slot).await;
        slot.stop(u64::MAX).await;
        let task = self.task(id).view().await.map_err(text)?.state;
        let Some(operation) = task.operation.clone().filter(|operation| operation.number == number) else {
            return Ok(None);
        };
        let place = match self.place(&task).await {
            Ok(place) => place,
            Err(error) => return Ok(Some(failed(number, &error))),
        };
        for run in task.runs.saturating_sub(1)..=task.runs {
            // The last run may have left something, and the one before it if we crashed in between.
            let worktree = place.as_ref().map(|place| place.worktree.as_path());
            if let Err(error) = self.end_leftovers(id, run, task.run.as_ref(), worktree).await {
                return Err(self.delayed(id, number, &error).await);
            }
        }
        let done = self.done(id, &task, &operation, place.clone()).await;
        let error = match done {
            Ok(command) => {
                self.tries.over(id, Trying::Operation(number));
                return Ok(Some(command));
            }
            Err(error) => error,
        };
        // Once its snapshot is there files may have been moved: then there is only forward.
        let begun = match place {
            Some(place) if operation.takes_snapshot() && error.code() != "snapshot_taken" => {
                self.may_have_snapshot(place, number).await
            }
            _ => false,
        };
        let passes = error.passes();
        if begun || (passes && !self.tries.failed(id, Trying::Operation(number))) {
            return Err(self.delayed(id, number, &error).await);
        }
        self.tries.over(id, Trying::Operation(number));
        Ok(Some(failed(number, &error)))
    }

    /// Shows that an operation takes longer, if it can be shown: that it does is not changed by that.
    async fn delayed(&self, id: &EntityId, operation: u64, error: &Error) -> String {
        let (code, what, hint) = (error.code().to_owned(), error.to_string(), error.hint());
        let _ = self.task(id).send(Command::Delayed { operation, code, what: what.clone(), hint }).await;
        what
    }

    /// Whether an operation took its snapshot. While the repository can't be asked, it may have.
    async fn may_have_snapshot(&self, place: Place, number: u64) -> bool {
        let vcs = Arc::clone(&self.vcs);
        let found = blocking(move || vcs.snapshots(&place)).await;
        found.map_or(true, |snapshots| snapshots.iter().any(|snapshot| snapshot.number == number))
    }

    async fn done(
        &self,
        id: &EntityId,
        task: &State,
        operation: &Operation,
        place: Option<Place>,
    ) -> Result<Command, Error> {
        let number = operation.number;
        if operation.kind == OperationKind::Create {
            return self.create(id, task, number).await;
        }
        // Going back may have overtaken the making of the worktree: then it is made first.
        let (place, base, made) = match (place, &task.place) {
            (Some(place), Some(placed)) => (place, placed.base_commit.clone(), None),
            _ => {
                let (place, placed) = self.make(id, task).await?.0;
                (place, placed.base_commit.clone(), Some(placed))
            }
        };
        let vcs = Arc::clone(&self.vcs);
        match &operation.kind {
            OperationKind::Create => Err(Error::unexpected()),
            OperationKind::Commit { stage, run, expected } => {
                let message = commit_message(id, stage, *run);
                let expected = Some(expected.0.parse().map_err(|_| Error::unexpected())?);
                let commit = StageCommit { stage: stage.to_string(), run: *run, message, expected };
                Ok(match blocking(move || committed(vcs.as_ref(), &place, &commit, number)).await? {
                    Ok(commit) => Command::Committed { operation: number, commit: object_id(commit) },
                    Err(candidate) => Command::Changed { operation: number, candidate },
                })
            }
            OperationKind::Restart { to, after } => {
                let words = to.as_ref().map_or("the beginning".to_owned(), ToString::to_string);
                let message = snapshot_message(id, operation, &format!("snapshot before restart to {words}"));
                let base = commit_id(&base)?;
                let recorded = after.as_ref().map(|(_, commit)| commit_id(commit)).transpose()?;
                let subject = after.as_ref().map(|(stage, _)| commit_subject(id, stage));
                let to = To::Commit(recorded.unwrap_or(base));
                let request = GoBack { number, kind: SnapshotKind::Restart, to, message };
                let back = move || go_back_or_find(vcs.as_ref(), &place, request, subject.as_deref(), base);
                let report = RolledBack { place: made, ..blocking(back).await? };
                Ok(Command::RolledBack { operation: number, report: Box::new(report) })
            }
            OperationKind::Undo { point, snapshot, .. } => {
                let message = snapshot_message(id, operation, &format!("snapshot before undo of {point}"));
                let request = GoBack { number, kind: SnapshotKind::Undo, to: To::Snapshot(*snapshot), message };
                let report = blocking(move || Ok(report(vcs.go_back(&place, &request)?))).await?;
                Ok(Command::RolledBack { operation: number, report: Box::new(report) })
            }
            OperationKind::Merge { base, commit } => {
                let message = format!("Merge {}\n\n{}\n\nTask: {id}", place.branch, task.title);
                let request = MergeRequest { base: base.clone(), commit: commit_id(commit)?, message };
                let merged = blocking(move || vcs.merge(&place, &request)).await?;
                Ok(Command::Merged { operation: number, commit: object_id(merged.commit), notes: merged.notes })
            }
            OperationKind::CleanUp => {
                let message = snapshot_message(id, operation, "snapshot before the worktree was removed");
                let cleaned = blocking(move || vcs.clean_up(&place, number, &message)).await?;
                let snapshot = cleaned.snapshot.map(object_id);
                Ok(Command::CleanedUp { operation: number, snapshot, notes: cleaned.notes })
            }
        }
    }

    async fn create(&self, id: &EntityId, task: &State, operation: u64) -> Result<Command, Error> {
        let ((_, place), notes) = self.make(id, task).await?;
        Ok(Command::Created { operation, place, notes })
    }

    async fn make(&self, id: &EntityId, task: &State) -> Result<((Place, Placed), Vec<String>), Error> {
        let repository = task.repository.as_ref().ok_or_else(Error::unexpected)?;
        let facts = self.repositories.get(repository).await?;
        let new = NewWorktree {
            common: facts.common.into(),
            worktree: self.worktrees.join(id.as_str()),
            key: id.as_str().to_owned(),
            branch: branch_name(id, &task.title),
            base: task.from.clone(),
            owner: format!("restage task {id}"),
        };
        let vcs = Arc::clone(&self.vcs);
        let created = blocking(move || vcs.create(&new)).await?;
        let worktree = created.place.worktree.to_string_lossy().into_owned();
        let placed = Placed {
            key: created.place.key.clone(),
            branch: created.place.branch.clone(),
            worktree,
            base: created.base,
            base_commit: object_id(created.base_commit),
        };
        Ok(((created.place, placed), created.notes))
    }
}

fn failed(operation: u64, error: &Error) -> Command {
    let (code, what, hint) = (error.code().to_owned(), error.to_string(), error.hint());
    Command::Failed { operation, code, what, hint }
}

/// Commits a stage. If the files are not those that were approved, says what they are.
fn committed(
    vcs: &dyn Vcs,
    place: &Place,
    commit: &StageCommit,
    number: u64,
) -> Result<Result<CommitId, Candidate>, VcsError> {
    // A lock that the agent left behind is nobody's any more.
    for note in vcs.mend(place, number)? {
        tracing::warn!(worktree = %place.worktree.display(), note, "the worktree was mended");
    }
    match vcs.commit_stage(place, commit) {
        Ok(commit) => Ok(Ok(commit)),
        Err(VcsError { problem: VcsProblem::ContentChanged { .. }, .. }) => {
            let now = vcs.candidate(place)?;
            Ok(Err(Candidate { tree: ObjectId(now.tree.to_string()), changed: now.changed }))
        }
        Err(error) => Err(error),
    }
}

/// Goes back. If the recorded commit is not in the repository any more, to the one with just this first line of its
/// message, else to the base; and says so.
fn go_back_or_find(
    vcs: &dyn Vcs,
    place: &Place,
    mut request: GoBack,
    subject: Option<&str>,
    base: CommitId,
) -> Result<RolledBack, VcsError> {
    let error = match vcs.go_back(place, &request) {
        Ok(back) => return Ok(report(back)),
        Err(error) => error,
    };
    let (VcsProblem::MissingCommit(missing), Some(subject)) = (&error.problem, subject) else { return Err(error) };
    let (to, note) = instead_of(vcs, place, *missing, subject, base)?;
    request.to = To::Commit(to);
    let mut done = report(vcs.go_back(place, &request)?);
    done.notes.push(note);
    Ok(done)
}

/// Where to go back to instead of a commit that is not in the repository any more, and a sentence about it.
pub(super) fn instead_of(
    vcs: &dyn Vcs,
    place: &Place,
    missing: CommitId,
    subject: &str,
    base: CommitId,
) -> Result<(CommitId, String), VcsError> {
    let (to, how) = match vcs.find_stage_commit(place, subject)? {
        Some(found) => (found, "found by the first line of its message"),
        None => (base, "where the task began"),
    };
    Ok((to, format!("the commit {missing} is not in the repository any more: {to} is in its place, {how}")))
}

fn report(back: crate::vcs::WentBack) -> RolledBack {
    RolledBack {
        snapshot: object_id(back.snapshot),
        snapshot_ref: back.snapshot_ref,
        from: object_id(back.from),
        to: object_id(back.to),
        kept: u64::try_from(back.kept.len()).unwrap_or(u64::MAX),
        notes: back.notes,
        place: None,
    }
}

fn object_id(commit: CommitId) -> ObjectId {
    ObjectId(commit.to_string())
}

/// The message of a snapshot: its first line, and what tells a person where it comes from.
fn snapshot_message(id: &EntityId, operation: &Operation, subject: &str) -> String {
    let Operation { number, since, by, .. } = operation;
    let since = since.as_millis();
    let mut message =
        format!("task/{id}: {subject}\n\nTask: {id}\nOperation: {number}\nBegun: {since}\nAsked-By: {by}");
    if let Some(reason) = &operation.reason {
        // A trailer is one line.
        let line: Vec<&str> = reason.split_whitespace().collect();
        message.push_str(&format!("\nReason: {}", line.join(" ")));
    }
    message
}
