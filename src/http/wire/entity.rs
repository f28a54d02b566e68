//! What entities of every kind have: undo points and late work.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::rfc3339;
use crate::api;

/// What a going-back verb left behind, so that it can be taken back.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct UndoPoint {
    /// Its number within the entity.
    undo_point: u64,
    /// The verb that left it.
    verb: String,
    /// The stage that the verb named.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stage: Option<String>,
    /// When the verb was done.
    #[schema(format = DateTime)]
    at: String,
    /// Who asked for it.
    by: String,
    /// Until when it can be undone.
    #[schema(format = DateTime)]
    until: String,
    /// The revision that the verb made.
    revision: u64,
    /// The undo point of the undo that took it back, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    undone_by: Option<u64>,
}

impl From<&api::UndoPoint> for UndoPoint {
    fn from(point: &api::UndoPoint) -> Self {
        Self {
            undo_point: point.number,
            verb: point.verb.clone(),
            stage: point.stage.as_ref().map(ToString::to_string),
            at: rfc3339(point.at),
            by: point.by.clone(),
            until: rfc3339(point.until),
            revision: point.revision,
            undone_by: point.undone_by,
        }
    }
}

/// Work that came too late, and is kept.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Orphan {
    /// Its number within the entity.
    orphan: u64,
    /// The stage it was written for.
    stage: String,
    /// The generation it was written under.
    generation: u64,
    /// When it came, last.
    #[schema(format = DateTime)]
    at: String,
    /// Who sent it.
    by: String,
    /// Bytes of it, as stored.
    bytes: u64,
}

impl From<&api::Orphan> for Orphan {
    fn from(orphan: &api::Orphan) -> Self {
        Self {
            orphan: orphan.number,
            stage: orphan.stage.to_string(),
            generation: orphan.generation.0,
            at: rfc3339(orphan.at),
            by: orphan.by.clone(),
            bytes: orphan.bytes,
        }
    }
}

/// Work that came too late, with what it says.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct LateWork {
    #[serde(flatten)]
    pub(in crate::http) orphan: Orphan,
    /// What was asked: a `verb`, and what came with it.
    #[schema(value_type = Object)]
    pub(in crate::http) command: Value,
}

/// Something of one entity, in a list over many.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Of<T> {
    /// The kind of the entity.
    pub(in crate::http) kind: &'static str,
    /// The entity.
    pub(in crate::http) id: String,
    #[serde(flatten)]
    pub(in crate::http) what: T,
}
