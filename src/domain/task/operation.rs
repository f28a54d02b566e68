//! What moves files: begun, owed to the world, and finished by its answer. One at a time.

use serde::{Deserialize, Serialize};

use super::state::{ObjectId, Standing};
use crate::domain::{StageId, Timestamp};

/// Something that moves files, and is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its number within the task, never used twice: that of its snapshot too.
    pub number: u64,
    /// What it is.
    pub kind: OperationKind,
    /// Since when.
    pub since: Timestamp,
    /// Who asked for it.
    pub by: String,
    /// Why, if they said.
    pub reason: Option<String>,
}

impl Operation {
    /// Whether it saves what is there before it moves anything.
    pub fn takes_snapshot(&self) -> bool {
        matches!(self.kind, OperationKind::Restart { .. } | OperationKind::Undo { .. } | OperationKind::CleanUp)
    }
}

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperationKind {
    /// Makes branch and worktree.
    Create,
    /// Commits a stage that was approved.
    Commit {
        /// The stage.
        stage: StageId,
        /// The run that did it.
        run: u64,
        /// The tree that was approved.
        expected: ObjectId,
    },
    /// Puts the files back to where a stage began.
    Restart {
        /// The stage; `None` for a full restart.
        to: Option<StageId>,
        /// The stage whose commit that is, and the commit; `None` for the base.
        after: Option<(StageId, ObjectId)>,
    },
    /// Puts the files back to what a snapshot keeps.
    Undo {
        /// The undo point that this takes back.
        point: u64,
        /// The number of the operation that took the snapshot.
        snapshot: u64,
        /// Where the task stands once it is undone.
        back: Box<Standing>,
    },
    /// Merges the branch into its base.
    Merge {
        /// The base branch.
        base: String,
        /// The commit to be merged.
        commit: ObjectId,
    },
    /// Removes the worktree.
    CleanUp,
}

/// Where a task works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// What tells its refs and its worktree from those of others.
    pub key: String,
    /// Its branch, without `refs/heads/`.
    pub branch: String,
    /// Its worktree, as an absolute path.
    pub worktree: String,
    /// The branch it is merged into, without `refs/heads/`; none if it began from a commit.
    pub base: Option<String>,
    /// The commit it began from.
    pub base_commit: ObjectId,
}

/// What going back came to in the repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolledBack {
    /// The snapshot of what was there.
    pub snapshot: ObjectId,
    /// Its ref, for people.
    pub snapshot_ref: String,
    /// Where the branch was.
    pub from: ObjectId,
    /// Where it is now.
    pub to: ObjectId,
    /// Things that stayed in the worktree and are in no snapshot.
    pub kept: u64,
    /// What had to be mended on the way, in sentences.
    pub notes: Vec<String>,
    /// Where it works, if it had no place before.
    pub place: Option<Place>,
}
