//! The words for everything that people see of a task.

use std::fmt;

use super::operation::OperationKind;
use super::state::{Activity, Score, StageStatus, Status};
use super::tier::{BACKLOG, DONE};

impl OperationKind {
    /// What it does, as something that could not be done: "restart to plan".
    pub fn doing(&self) -> String {
        match self {
            Self::Create => "make the worktree".into(),
            Self::Commit { stage, .. } => format!("commit {stage}"),
            Self::Restart { to: Some(stage), .. } => format!("restart to {stage}"),
            Self::Restart { to: None, .. } => "restart in full".into(),
            Self::Undo { point, .. } => format!("take undo point {point} back"),
            Self::Merge { base, .. } => format!("merge into {base}"),
            Self::CleanUp => "remove the worktree".into(),
        }
    }
}

/// What is under way: "restarting to plan".
impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create => f.write_str("making the worktree"),
            Self::Commit { stage, .. } => write!(f, "committing {stage}"),
            Self::Restart { to: Some(stage), .. } => write!(f, "restarting to {stage}"),
            Self::Restart { to: None, .. } => f.write_str("restarting in full"),
            Self::Undo { point, .. } => write!(f, "taking undo point {point} back"),
            Self::Merge { base, .. } => write!(f, "merging into {base}"),
            Self::CleanUp => f.write_str("removing the worktree"),
        }
    }
}

impl fmt::Display for StageStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotReached => "not reached",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::ToApprove => "to be approved",
            Self::Rejected => "rejected",
            Self::Committing => "being committed",
            Self::Complete => "complete",
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Backlog => BACKLOG,
            Self::Stage(status) => status,
            Self::Done => DONE,
            Self::Paused => "paused",
            Self::Blocked => "blocked",
        })
    }
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation(what) => f.write_str(what),
            Self::Stage(status) => status.fmt(f),
            Self::Nothing => Ok(()),
        }
    }
}

/// From 0 to 1: "0.930".
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}
