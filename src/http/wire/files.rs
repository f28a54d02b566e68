//! The files of a task: what is in its worktree, and what going back would move.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Plan, rfc3339};
use crate::api::{self, Look, Stays, Timestamp};

/// What is in a worktree and not committed; before a verb that goes back also what it would move.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TaskFiles)]
pub(in crate::http) struct Files {
    /// What is checked out; absent if the worktree is missing, and will be made again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    head: Option<String>,
    /// Commits that leave the branch, newest first. The snapshot keeps them.
    commits: Vec<Commit>,
    /// Changed, staged and untracked files. The snapshot keeps them.
    files: Vec<File>,
    /// Files beyond those listed.
    more_files: u64,
    /// What stays as it is, and is in no snapshot.
    kept: Vec<KeptFile>,
    /// What is unusual.
    notes: Vec<String>,
}

/// A commit.
#[derive(Debug, Serialize, ToSchema)]
struct Commit {
    /// Its id.
    commit: String,
    /// Its first line.
    subject: String,
}

/// A file that is not as it is in what is checked out.
#[derive(Debug, Serialize, ToSchema)]
struct File {
    /// Its path, from the top of the worktree.
    path: String,
    /// `modified`, `deleted`, `untracked`, `renamed`, `type changed`, `added`, `conflicted`.
    what: &'static str,
}

/// Something that is neither saved nor removed by going back.
#[derive(Debug, Serialize, ToSchema)]
struct KeptFile {
    /// Its path, from the top of the worktree.
    path: String,
    /// Why it stays.
    why: WhyKept,
    /// Its size, where that is why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    bytes: Option<u64>,
}

/// Why something stays.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum WhyKept {
    /// It is ignored.
    Ignored,
    /// It is an untracked file of more than the limit.
    TooLarge,
    /// It is a repository of its own.
    NestedRepository,
    /// It is no file, link or directory.
    Special,
    /// Its name can't be in a repository.
    Name,
}

impl From<Look> for Files {
    fn from(look: Look) -> Self {
        let kept = |kept: api::Kept| KeptFile {
            path: kept.path,
            bytes: if let Stays::TooLarge(bytes) = kept.why { Some(bytes) } else { None },
            why: match kept.why {
                Stays::Ignored => WhyKept::Ignored,
                Stays::TooLarge(_) => WhyKept::TooLarge,
                Stays::NestedRepository => WhyKept::NestedRepository,
                Stays::Special => WhyKept::Special,
                Stays::Name => WhyKept::Name,
            },
        };
        Self {
            head: look.head.map(|head| head.to_string()),
            commits: look.commits.into_iter().map(|(id, subject)| Commit { commit: id.to_string(), subject }).collect(),
            files: look.files.into_iter().map(|file| File { path: file.path, what: file.what }).collect(),
            more_files: look.more_files,
            kept: look.kept.into_iter().map(kept).collect(),
            notes: look.notes,
        }
    }
}

/// What a verb would do to a task, and to its files. Files that change until it is done go into the snapshot like all
/// others: the token holds as long as the task does not move.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct PlannedFiles {
    #[serde(flatten)]
    plan: Plan,
    /// What would happen to its files; absent if it has no worktree yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    files: Option<Files>,
}

impl From<api::Preview> for PlannedFiles {
    fn from(preview: api::Preview) -> Self {
        Self { plan: preview.plan.into(), files: preview.look.map(Files::from) }
    }
}

/// A snapshot of a worktree, taken before it went back.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Snapshot {
    /// Its number: that of the operation that took it.
    snapshot: u64,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Its commit.
    commit: String,
    /// What was checked out.
    head: String,
    /// Its ref in the repository.
    r#ref: String,
    /// The first line of its message.
    subject: String,
}

impl From<api::Snapshot> for Snapshot {
    fn from(snapshot: api::Snapshot) -> Self {
        Self {
            snapshot: snapshot.number,
            at: rfc3339(Timestamp::from_millis(snapshot.at.saturating_mul(1_000))),
            commit: snapshot.commit.to_string(),
            head: snapshot.head.to_string(),
            r#ref: snapshot.name,
            subject: snapshot.subject,
        }
    }
}
