//! Git, through libgit2 alone: no git program is run, so no hook, filter, pager or credential helper of anybody's is.
//!
//! What must hold in every file here:
//!
//! - A repository is opened by its exact path ([`open`]); none is looked for in parents.
//! - Refs are read and written through a handle on the common directory, by compare-and-swap ([`refs`]): a handle on a
//!   linked worktree does not notice that a shared ref is there.
//! - What an answer relies on is on the disk before the answer ([`sync`]): libgit2 syncs nothing by itself.
//! - A worktree is checked against its [`Place`](crate::vcs::Place) before it is touched: whoever works in it can write
//!   its `.git` file and its administrative directory.
//! - Files are only ever created, after what was in their way is unlinked: libgit2 writes through links.

mod base;
mod catch_up;
mod clean_up;
mod content;
mod create;
mod diff;
mod features;
mod go_back;
mod history;
mod include;
mod look;
mod mend;
mod merge;
mod new_repository;
mod open;
mod patterns;
mod plan;
mod probe;
mod refs;
mod snapshot;
mod special;
mod stage;
mod sync;
#[cfg(test)]
mod tests;
mod unlink;
mod worktree;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use git2::{Oid, Repository, Signature, Time};

use super::Vcs;
use super::error::{VcsError, VcsProblem};
use super::types::{
    Candidate, CleanedUp, CommitId, Created, DiffRange, Facts, GoBack, Look, MergeRequest, Merged, NewCommit,
    NewWorktree, Place, Snapshot, StageCommit, To, TreeId, WentBack,
};

/// The name of the program in commits that it makes where nobody's name is configured.
const FALLBACK_NAME: &str = "restage";
/// The address in those commits.
const FALLBACK_EMAIL: &str = "restage@localhost";

/// How far things go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How often a lock that somebody else holds is tried.
    pub lock_tries: u32,
    /// The wait before the second try; it doubles with each.
    pub lock_wait: Duration,
    /// How often a worktree is looked at until nothing changes in it any more.
    pub still_tries: u32,
    /// The wait between two looks.
    pub still_wait: Duration,
    /// The largest untracked file that is saved or committed, in bytes.
    pub file_bytes_max: u64,
    /// How many changed files a [`Look`](crate::vcs::Look) lists.
    pub listed_max: usize,
    /// How many commits a walk along a branch looks at.
    pub walk_max: usize,
    /// How many files `.worktreeinclude` may bring into a new worktree.
    pub include_files_max: usize,
    /// How many bytes `.worktreeinclude` may bring into a new worktree.
    pub include_bytes_max: u64,
    /// How many files and directories are looked at to find what `.worktreeinclude` names.
    pub include_looks_max: usize,
    /// How many suffixes are tried for a key or a branch that is taken.
    pub suffix_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lock_tries: 8,
            lock_wait: Duration::from_millis(15),
            still_tries: 5,
            still_wait: Duration::from_millis(200),
            file_bytes_max: 32 << 20,
            listed_max: 200,
            walk_max: 10_000,
            include_files_max: 1_000,
            include_bytes_max: 64 << 20,
            include_looks_max: 50_000,
            suffix_max: 1_000,
        }
    }
}

/// Git repositories as places of tasks.
#[derive(Clone)]
pub struct Git {
    limits: Limits,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// One lock for each repository, by its common directory: worktrees come and go one at a time.
    registries: Arc<Mutex<HashMap<PathBuf, Arc<Mutex<()>>>>>,
}

impl Git {
    /// `clock` tells the seconds since 1970 that commits are dated with.
    pub fn new(limits: Limits, clock: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self { limits, clock: Arc::new(clock), registries: Arc::default() }
    }

    /// Whose name commits carry: that of the repository's configuration, else the program's own.
    fn signature(&self, repository: &Repository) -> Result<Signature<'static>, VcsError> {
        let configured = repository.signature().ok();
        let name = configured.as_ref().and_then(|s| s.name().ok()).unwrap_or(FALLBACK_NAME);
        let email = configured.as_ref().and_then(|s| s.email().ok()).unwrap_or(FALLBACK_EMAIL);
        Signature::new(name, email, &Time::new((self.clock)(), 0)).map_err(|e| git("naming the author of a commit", &e))
    }

    /// Waits until nobody else in this process changes the worktrees of the repository, and keeps others out.
    fn alone<T>(&self, common: &Path, work: impl FnOnce() -> Result<T, VcsError>) -> Result<T, VcsError> {
        let lock = Arc::clone(held(&self.registries).entry(common.to_path_buf()).or_default());
        let _alone = held(&lock);
        work()
    }

    /// Tries again while a lock of git's is held by somebody else: libgit2 itself never waits for one.
    fn retried<T>(&self, mut work: impl FnMut() -> Result<T, VcsError>) -> Result<T, VcsError> {
        let mut wait = self.limits.lock_wait;
        for _ in 1..self.limits.lock_tries {
            match work() {
                Err(VcsError { problem: VcsProblem::Locked { .. }, .. }) => std::thread::sleep(wait),
                done => return done,
            }
            wait *= 2;
        }
        work()
    }
}

impl Vcs for Git {
    fn probe(&self, repository: &Path) -> Result<Facts, VcsError> {
        self.look_over(repository)
    }

    fn new_repository(&self, root: &Path, commits: &[NewCommit]) -> Result<(), VcsError> {
        self.begin_repository(root, commits)
    }

    fn create(&self, new: &NewWorktree) -> Result<Created, VcsError> {
        self.make(new)
    }

    fn mend(&self, place: &Place, number: u64) -> Result<Vec<String>, VcsError> {
        self.put_right(place, number)
    }

    fn candidate(&self, place: &Place) -> Result<Candidate, VcsError> {
        self.candidate_of(place)
    }

    fn commit_stage(&self, place: &Place, commit: &StageCommit) -> Result<CommitId, VcsError> {
        self.commit_of(place, commit)
    }

    fn look(&self, place: &Place, to: Option<&To>) -> Result<Look, VcsError> {
        self.look_at(place, to)
    }

    fn go_back(&self, place: &Place, request: &GoBack) -> Result<WentBack, VcsError> {
        self.go_back_to(place, request)
    }

    fn find_stage_commit(&self, place: &Place, subject: &str) -> Result<Option<CommitId>, VcsError> {
        self.find_by_subject(place, subject)
    }

    fn diff(&self, place: &Place, range: &DiffRange, bytes_max: usize) -> Result<String, VcsError> {
        self.patch(place, range, bytes_max)
    }

    fn snapshots(&self, place: &Place) -> Result<Vec<Snapshot>, VcsError> {
        self.list_snapshots(place)
    }

    fn drop_snapshots(&self, place: &Place, keep: &[u64]) -> Result<usize, VcsError> {
        self.let_snapshots_go(place, keep)
    }

    fn merge(&self, place: &Place, request: &MergeRequest) -> Result<Merged, VcsError> {
        self.merge_into(place, request)
    }

    fn clean_up(&self, place: &Place, snapshot: u64, message: &str) -> Result<CleanedUp, VcsError> {
        self.take_away(place, snapshot, message)
    }
}

impl fmt::Debug for Git {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Git").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// The lock, also after a panic of another holder: what it guards is on the disk and is looked at anew.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What git says, as a problem without a remedy of ours.
fn git(doing: &'static str, error: &git2::Error) -> VcsError {
    VcsError::new(VcsProblem::Git { doing, why: error.message().to_owned() }, "")
}

/// What git says about something in `place`: a lock is told apart, because waiting helps.
fn git_in(place: &Path, doing: &'static str, error: &git2::Error) -> VcsError {
    if error.code() != git2::ErrorCode::Locked {
        return git(doing, error);
    }
    let problem = VcsProblem::Locked { place: place.to_path_buf(), what: error.message().to_owned() };
    VcsError::new(problem, "wait for the git command that runs there; if none does, remove the lock file")
}

impl From<Oid> for CommitId {
    fn from(oid: Oid) -> Self {
        Self(bytes(oid))
    }
}

impl From<Oid> for TreeId {
    fn from(oid: Oid) -> Self {
        Self(bytes(oid))
    }
}

/// The bytes of an object id. Repositories with longer ones are refused when they are opened.
fn bytes(oid: Oid) -> [u8; 20] {
    oid.as_bytes().try_into().unwrap_or_default()
}

/// The object id of a commit.
fn oid(commit: CommitId) -> Oid {
    Oid::from_bytes(&commit.0).unwrap_or(Oid::ZERO_SHA1)
}
