//! Worktrees, stage commits, snapshots and going back, behind one trait.
//!
//! Everything here blocks, and everything here can be asked again after a crash: what was done already is found by its
//! private ref and not done twice. Nothing is found by the text of a message, nothing is written to the user's stash, and
//! no file is written through a link.
//!
//! What a task keeps in a repository, all of it to be seen and rescued with plain git:
//!
//! | ref | what |
//! |---|---|
//! | `refs/heads/<branch>` | the task's own branch |
//! | `refs/restage/tasks/<key>/base` | the commit it began from |
//! | `refs/restage/tasks/<key>/stages/<stage>/<run>` | the commit of a completed stage |
//! | `refs/restage/snapshots/<key>/<n>` | the whole worktree before the n-th going back; its first parent is what was checked out, its second what was staged |

mod error;
mod git;
mod step;
mod types;

pub use error::{VcsError, VcsProblem};
pub use git::{Git, Limits};
#[cfg(feature = "testkit")]
pub(crate) use step::STEPS;
pub use types::{
    Candidate, CleanedUp, CommitId, Created, DiffRange, Facts, FileChange, GoBack, Kept, Look, MergeRequest, Merged,
    NewCommit, NewWorktree, Place, Snapshot, SnapshotKind, StageCommit, Stays, To, TreeId, WentBack,
};

use std::path::Path;

/// What a version control system does for tasks.
pub trait Vcs: Send + Sync + 'static {
    /// Looks whether tasks can work in a repository, and says what is there.
    ///
    /// # Errors
    /// No repository, a bare or a foreign one, one without commits, one that uses what can't be handled right: each with
    /// what to do about it.
    fn probe(&self, repository: &Path) -> Result<Facts, VcsError>;

    /// Makes a repository where nothing is, with these commits on `main`.
    ///
    /// # Errors
    /// [`VcsProblem::PlaceTaken`] when something is there; it can't be written.
    fn new_repository(&self, root: &Path, commits: &[NewCommit]) -> Result<(), VcsError>;

    /// Makes a branch and a worktree for a task; finishes one that a crash left half made.
    ///
    /// # Errors
    /// The base does not exist, the place is taken by something else, and as of [`probe`](Self::probe).
    fn create(&self, new: &NewWorktree) -> Result<Created, VcsError>;

    /// Makes the worktree one that can be worked in, if a crash or somebody else left it otherwise, and says what had to be
    /// done; made again from the branch if it is missing. What is set aside on the way is named by `number`.
    ///
    /// # Errors
    /// The branch is gone; what is wrong can't be put right without touching what is not ours.
    fn mend(&self, place: &Place, number: u64) -> Result<Vec<String>, VcsError>;

    /// The content of the whole worktree as a tree, and what is left out of it: what an approval approves.
    ///
    /// # Errors
    /// The worktree is not what it should be; unmerged files; a rebase or merge under way.
    fn candidate(&self, place: &Place) -> Result<Candidate, VcsError>;

    /// Commits the whole worktree to the task's branch as a completed stage, also when no file changed.
    ///
    /// # Errors
    /// [`VcsProblem::ContentChanged`] when the worktree is not `expected` any more, and as of
    /// [`candidate`](Self::candidate).
    fn commit_stage(&self, place: &Place, commit: &StageCommit) -> Result<CommitId, VcsError>;

    /// What going back would move: commits rolled back, files that go into the snapshot, files that stay and why. With
    /// no target, what is there.
    ///
    /// # Errors
    /// As of [`go_back`](Self::go_back); nothing is changed.
    fn look(&self, place: &Place, to: Option<&To>) -> Result<Look, VcsError>;

    /// Keeps the whole worktree in a snapshot, and only then puts branch, index and files to the target. Nobody may be
    /// working in the worktree. Asked again with the same number after a crash, it goes on and takes no second snapshot.
    ///
    /// # Errors
    /// Before anything was changed: the target is missing or is no ancestor of the branch, the snapshot can't be made or
    /// verified. After: what can be asked again, with the snapshot there.
    fn go_back(&self, place: &Place, request: &GoBack) -> Result<WentBack, VcsError>;

    /// Finds the commit of a completed stage when its id is not known: by the exact first line of its message, on the
    /// first-parent line from the branch to the base.
    ///
    /// # Errors
    /// The repository can't be read.
    fn find_stage_commit(&self, place: &Place, subject: &str) -> Result<Option<CommitId>, VcsError>;

    /// The difference as a patch, at most `bytes_max` long.
    ///
    /// # Errors
    /// A commit is missing.
    fn diff(&self, place: &Place, range: &DiffRange, bytes_max: usize) -> Result<String, VcsError>;

    /// The snapshots of a task, oldest first.
    ///
    /// # Errors
    /// The repository can't be read.
    fn snapshots(&self, place: &Place) -> Result<Vec<Snapshot>, VcsError>;

    /// Lets all snapshots go but those of these numbers.
    ///
    /// # Errors
    /// A ref can't be removed.
    fn drop_snapshots(&self, place: &Place, keep: &[u64]) -> Result<usize, VcsError>;

    /// Merges the task's branch into its base branch, always with a merge commit.
    ///
    /// # Errors
    /// [`VcsProblem::MergeConflict`] with the files: the base is untouched. The base moved, or is checked out with
    /// changes that the merge would overwrite.
    fn merge(&self, place: &Place, request: &MergeRequest) -> Result<Merged, VcsError>;

    /// Removes the worktree, after a snapshot if anything in it is not committed. The branch stays.
    ///
    /// # Errors
    /// The snapshot can't be made.
    fn clean_up(&self, place: &Place, snapshot: u64, message: &str) -> Result<CleanedUp, VcsError>;
}
