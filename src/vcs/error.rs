//! What version control can't do, why, and what to do about it.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// Something that was not done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{problem}")]
pub struct VcsError {
    /// What the problem is.
    pub problem: VcsProblem,
    /// What to do about it, as a sentence; empty where the problem says it all.
    pub hint: String,
}

/// What the problem is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VcsProblem {
    /// There is no repository there.
    #[error("{} is no git repository", .0.display())]
    NotARepository(PathBuf),
    /// A repository, or a use of one, that can't be handled right.
    #[error("{} can't be used: {what}", .repository.display())]
    Unsupported {
        /// The repository.
        repository: PathBuf,
        /// What it is or uses.
        what: String,
    },
    /// The branch or commit to begin from is not there.
    #[error("there is no branch or commit {0:?} to begin from")]
    NoBase(String),
    /// A branch name that can't be.
    #[error("{0:?} can't be the name of a branch")]
    BranchName(String),
    /// The place of the worktree is taken.
    #[error("{} is there already and is not this task's worktree", .0.display())]
    PlaceTaken(PathBuf),
    /// The worktree is not what it was when it was made: another repository, another branch, moved.
    #[error("the worktree {} is not as it should be: {what}", .worktree.display())]
    Identity {
        /// The worktree.
        worktree: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A merge, rebase or the like is under way, or files are unmerged.
    #[error("{0} is under way in the worktree")]
    UnderWay(String),
    /// The worktree is not what was approved.
    #[error("the files changed since they were looked at")]
    ContentChanged {
        /// What they are now.
        now: super::TreeId,
    },
    /// The commit to go back to is not in the repository.
    #[error("the commit {0} is not in the repository")]
    MissingCommit(super::CommitId),
    /// The commit to go back to is no longer part of the branch.
    #[error("the commit {commit} is not part of {branch} any more")]
    NotAnAncestor {
        /// The commit.
        commit: super::CommitId,
        /// The branch.
        branch: String,
    },
    /// A snapshot is not there.
    #[error("there is no snapshot {0}")]
    NoSnapshot(u64),
    /// The number of a snapshot is another one's.
    #[error("the repository has another snapshot {0} already")]
    SnapshotTaken(u64),
    /// Somebody still writes: the snapshot is not what is there.
    #[error("files still change while they are saved: {0}")]
    StillWriting(String),
    /// A file can't be read, so that it can't be saved.
    #[error("{path} can't be saved: {why}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// A branch or ref is not where it was.
    #[error("{name} moved meanwhile")]
    Moved {
        /// The ref.
        name: String,
    },
    /// The merge has conflicts.
    #[error("merging into {base} has conflicts in {}", .files.join(", "))]
    MergeConflict {
        /// The base branch.
        base: String,
        /// The files.
        files: Vec<String>,
    },
    /// A worktree that has the base checked out holds work that the merge would overwrite.
    #[error("{} has changes that are not committed in {}", .worktree.display(), .files.join(", "))]
    Uncommitted {
        /// The worktree.
        worktree: PathBuf,
        /// The files.
        files: Vec<String>,
    },
    /// A lock is held by somebody.
    #[error("git is at work in {}: {what}", .place.display())]
    Locked {
        /// Where.
        place: PathBuf,
        /// Which lock.
        what: String,
    },
    /// Reading or writing failed.
    #[error("{doing} {}: {why}", .path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        why: String,
    },
    /// Anything else that git says.
    #[error("{doing}: {why}")]
    Git {
        /// What was being done.
        doing: &'static str,
        /// What git says.
        why: String,
    },
}

impl VcsError {
    /// A problem with what to do about it.
    pub fn new(problem: VcsProblem, hint: impl Into<String>) -> Self {
        Self { problem, hint: hint.into() }
    }

    /// A failed read or write.
    pub fn io(doing: &'static str, path: &Path, error: &std::io::Error) -> Self {
        let hint = if error.kind() == std::io::ErrorKind::StorageFull { "free some space" } else { "" };
        Self::new(VcsProblem::Io { doing, path: path.to_path_buf(), why: error.to_string() }, hint)
    }

    /// Whether the same may work by itself a little later.
    pub fn passes(&self) -> bool {
        matches!(self.problem, VcsProblem::Locked { .. } | VcsProblem::Io { .. } | VcsProblem::StillWriting(_))
    }

    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match &self.problem {
            VcsProblem::NotARepository(_) => "not_a_repository",
            VcsProblem::Unsupported { .. } => "unsupported_repository",
            VcsProblem::NoBase(_) => "no_base",
            VcsProblem::BranchName(_) => "branch_name",
            VcsProblem::PlaceTaken(_) => "place_taken",
            VcsProblem::Identity { .. } => "worktree_changed",
            VcsProblem::UnderWay(_) => "git_under_way",
            VcsProblem::ContentChanged { .. } => "content_changed",
            VcsProblem::MissingCommit(_) => "missing_commit",
            VcsProblem::NotAnAncestor { .. } => "not_an_ancestor",
            VcsProblem::NoSnapshot(_) => "no_snapshot",
            VcsProblem::SnapshotTaken(_) => "snapshot_taken",
            VcsProblem::StillWriting(_) => "still_writing",
            VcsProblem::Unreadable { .. } => "unreadable",
            VcsProblem::Moved { .. } => "moved",
            VcsProblem::MergeConflict { .. } => "merge_conflict",
            VcsProblem::Uncommitted { .. } => "uncommitted_changes",
            VcsProblem::Locked { .. } => "locked",
            VcsProblem::Io { .. } => "io",
            VcsProblem::Git { .. } => "git",
        }
    }
}
