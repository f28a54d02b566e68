//! Batches, as they are read.

use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;
use crate::api::batch::{BatchKind, Of, Status, Work};
use crate::api::{EntityId, View};

/// A batch, with how far it is.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Batch {
    /// Its id.
    id: String,
    /// What is done to each target.
    work: WorkWord,
    /// What the targets are.
    of: &'static str,
    /// The batch that is undone, if that is the work.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    undoes: Option<String>,
    /// How it is.
    status: BatchStatus,
    /// How many targets there are.
    total: u64,
    /// Those that it was done to.
    done: u64,
    /// Those that refused it.
    failed: u64,
    /// Who began it.
    by: String,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
    /// Turns so far.
    revision: u64,
    /// When it was begun.
    #[schema(format = DateTime)]
    created_at: String,
    /// When its last target was dealt with, or it was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    ended_at: Option<String>,
}

/// What is done to each target of a batch.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum WorkWord {
    /// It is reset.
    Reset,
    /// What another batch did to it is undone.
    Undo,
}

/// How a batch is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum BatchStatus {
    /// It goes on.
    Running,
    /// Every target was dealt with.
    Completed,
    /// It was ended before.
    Cancelled,
}

impl Batch {
    pub(in crate::http) fn of(id: &EntityId, view: &View<BatchKind>) -> Self {
        let state = &view.state;
        let (work, undoes) = match &state.work {
            Some(Work::Undo { batch, .. }) => (WorkWord::Undo, Some(batch.to_string())),
            _ => (WorkWord::Reset, None),
        };
        let of = match state.work.as_ref().map(Work::of) {
            Some(Of::Workshops) => "workshops",
            _ => "workflows",
        };
        Self {
            id: id.to_string(),
            work,
            of,
            undoes,
            status: match state.status {
                Status::Running => BatchStatus::Running,
                Status::Completed => BatchStatus::Completed,
                Status::Cancelled => BatchStatus::Cancelled,
            },
            total: state.total,
            done: state.done,
            failed: state.failed,
            by: state.by.clone(),
            reason: state.reason.clone(),
            revision: view.revision,
            created_at: rfc3339(view.created_at),
            ended_at: state.ended_at.map(rfc3339),
        }
    }
}
