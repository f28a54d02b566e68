//! What is asked of version control, and what it answers.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Twenty bytes, in forty hexadecimal digits.
macro_rules! object_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 20]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                let wrong = || format!("{text:?} is no object id of forty hexadecimal digits");
                if text.len() != 40 || !text.is_ascii() {
                    return Err(wrong());
                }
                let mut bytes = [0; 20];
                for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
                    let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
                    *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
                }
                Ok(Self(bytes))
            }
        }
    };
}

object_id!(
    /// The id of a commit.
    CommitId
);
object_id!(
    /// The id of a tree: the same files with the same content have the same.
    TreeId
);

/// A commit of a repository that is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCommit {
    /// Its message.
    pub message: String,
    /// The files that are new or changed by it: path and text.
    pub files: Vec<(String, String)>,
}

/// A repository that tasks can work in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The main worktree, as an absolute path.
    pub root: PathBuf,
    /// The directory that all worktrees share (`.git`), as an absolute path.
    pub common: PathBuf,
    /// The branch that tasks begin from when none is named: main, master, or what is checked out.
    pub base: String,
    /// The commit it is at.
    pub tip: CommitId,
    /// What works, and is good to know: hooks that will not run, signatures that will not be made.
    pub notes: Vec<String>,
}

/// Where a task works. Chosen when its worktree is made, and never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The directory that all worktrees of the repository share (`.git`).
    pub common: PathBuf,
    /// The task's worktree.
    pub worktree: PathBuf,
    /// What tells the task's refs and its worktree's name from those of others: letters, digits, `.`, `_`, `-`.
    pub key: String,
    /// The task's branch, without `refs/heads/`.
    pub branch: String,
}

/// A worktree to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWorktree {
    /// The directory that all worktrees of the repository share (`.git`).
    pub common: PathBuf,
    /// Where the worktree goes: it must not exist, its parents may not.
    pub worktree: PathBuf,
    /// The key that is wished for; `.2`, `.3` and so on are added while it is taken.
    pub key: String,
    /// The branch that is wished for; `-2`, `-3` and so on are added while it is taken.
    pub branch: String,
    /// The branch or commit to begin from; none for the repository's default.
    pub base: Option<String>,
    /// Whose it is, in words: the reason of the worktree's lock.
    pub owner: String,
}

/// A worktree that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Where it is, with the key and branch that were free.
    pub place: Place,
    /// The base branch, without `refs/heads/`; none when it began from a commit.
    pub base: Option<String>,
    /// The commit it began from.
    pub base_commit: CommitId,
    /// What is missing in it and why: submodules not filled, for instance.
    pub notes: Vec<String>,
}

/// Everything in a worktree that would be committed, as one tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The tree.
    pub tree: TreeId,
    /// Files that differ from what is checked out.
    pub changed: u64,
    /// What is in the worktree and not in the tree.
    pub kept: Vec<Kept>,
}

/// Something in a worktree that is neither saved nor removed by going back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its path, from the top of the worktree; bytes that are no text are shown as U+FFFD.
    pub path: String,
    /// Why.
    pub why: Stays,
}

/// Why something stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stays {
    /// It is ignored.
    Ignored,
    /// It is an untracked file of more than the limit, with its size.
    TooLarge(u64),
    /// It is a repository of its own.
    NestedRepository,
    /// It is no file, link or directory: a socket, a pipe.
    Special,
    /// Its name can't be in a repository: `.git` in other spellings.
    Name,
}

/// A stage to be committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageCommit {
    /// The stage; part of a ref.
    pub stage: String,
    /// The number of the run that did it; part of a ref. The same stage and run is committed once.
    pub run: u64,
    /// The message: first line, blank line, trailers.
    pub message: String,
    /// What was approved: nothing else is committed. None for whatever is there.
    pub expected: Option<TreeId>,
}

/// Where to go back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// A commit of the task's branch: the files as it has them, nothing staged, nothing untracked.
    Commit(CommitId),
    /// What a snapshot keeps: branch, index, files and untracked files as they were.
    Snapshot(u64),
}

/// Going back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoBack {
    /// The number of this going back, never used before in this task: that of its snapshot too.
    pub number: u64,
    /// Why the snapshot is taken.
    pub kind: SnapshotKind,
    /// Where to.
    pub to: To,
    /// The first line of the snapshot's message, and its trailers.
    pub message: String,
}

/// Why a snapshot was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotKind {
    /// Before a restart.
    Restart,
    /// Before an undo.
    Undo,
    /// Before the worktree was removed.
    Cleanup,
}

/// What going back came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WentBack {
    /// The snapshot of what was there.
    pub snapshot: CommitId,
    /// Its ref, for people.
    pub snapshot_ref: String,
    /// Where the branch was.
    pub from: CommitId,
    /// Where the branch is now.
    pub to: CommitId,
    /// What stayed.
    pub kept: Vec<Kept>,
    /// What had to be mended on the way: a worktree made anew, a lock removed, a branch switched back.
    pub notes: Vec<String>,
}

/// A worktree before it goes back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// What is checked out; none if the worktree is missing.
    pub head: Option<CommitId>,
    /// Commits that leave the branch, newest first: id and first line.
    pub commits: Vec<(CommitId, String)>,
    /// Changed, staged and untracked files: what goes into the snapshot.
    pub files: Vec<FileChange>,
    /// Files there are beyond those listed.
    pub more_files: u64,
    /// What stays.
    pub kept: Vec<Kept>,
    /// What is unusual: another branch checked out, a rebase under way, the branch moved by somebody.
    pub notes: Vec<String>,
}

/// One file that is not as it is in what is checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// Its path, from the top of the worktree; bytes that are no text are shown as U+FFFD.
    pub path: String,
    /// `modified`, `deleted`, `untracked`, `renamed`, `type changed`, `added`, `conflicted`.
    pub what: &'static str,
}

/// What to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiffRange {
    /// Two commits.
    Between(CommitId, CommitId),
    /// A commit with what is in the worktree, untracked files included.
    Worktree(CommitId),
}

/// One snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its number.
    pub number: u64,
    /// Its commit.
    pub commit: CommitId,
    /// Its ref.
    pub name: String,
    /// What was checked out.
    pub head: CommitId,
    /// When, in seconds since 1970.
    pub at: i64,
    /// The first line of its message.
    pub subject: String,
}

/// A merge into the base branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeRequest {
    /// The base branch, without `refs/heads/`.
    pub base: String,
    /// The commit to be merged: the branch must be at it.
    pub commit: CommitId,
    /// The message of the merge commit.
    pub message: String,
}

/// A merge that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The merge commit; where the base branch is now.
    pub commit: CommitId,
    /// Whether it was there already, from before a crash.
    pub already: bool,
    /// What is good to know: the main worktree was brought up to it, or is behind.
    pub notes: Vec<String>,
}

/// A worktree that was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CleanedUp {
    /// The snapshot, if anything was not committed.
    pub snapshot: Option<CommitId>,
    /// What is good to know: ignored files that went with it.
    pub notes: Vec<String>,
}
