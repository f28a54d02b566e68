//! Entries of the audit: byte for byte what their hash is made of, in lists as in an export.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::api;

/// An entry, as its line of the export has it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(in crate::http) struct AuditEntry(Box<RawValue>);

impl AuditEntry {
    /// The entry. `None` if its line is no JSON, which it always is.
    pub(in crate::http) fn of(audit: &api::Audit) -> Option<Self> {
        RawValue::from_string(audit.line()).ok().map(Self)
    }
}

impl PartialSchema for AuditEntry {
    fn schema() -> RefOr<Schema> {
        Entry::schema()
    }
}

impl ToSchema for AuditEntry {
    fn name() -> std::borrow::Cow<'static, str> {
        Entry::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Entry::schemas(schemas);
    }
}

/// Who did what, when, from where and why. As one line without its last field it has the SHA-256 that this field holds.
#[derive(ToSchema)]
#[schema(as = AuditEntry)]
#[expect(dead_code, reason = "only described: the entry writes its line itself")]
struct Entry {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// The kind of the entity.
    kind: String,
    /// The entity.
    id: String,
    /// The revision that the verb made.
    revision: u64,
    /// The verb.
    verb: String,
    /// The stage that was named.
    #[schema(required)]
    stage: Option<String>,
    /// Who asked.
    by: String,
    /// From where.
    #[schema(required)]
    from: Option<String>,
    /// Why.
    #[schema(required)]
    reason: Option<String>,
    /// The undo point it left.
    #[schema(required)]
    undo_point: Option<u64>,
    /// Stages that went to a new generation.
    generations: BTreeMap<String, Raise>,
    /// What happened to what, and why.
    lines: Vec<Line>,
    /// The hash of the entry before it of the same entity.
    #[schema(required)]
    previous: Option<String>,
    /// The SHA-256 of this entry, in hexadecimal digits.
    hash: String,
}

/// A stage went to a new generation.
#[derive(ToSchema)]
#[schema(as = AuditRaise)]
#[expect(dead_code, reason = "only described")]
struct Raise {
    /// The generation before.
    from: u64,
    /// The generation after.
    to: u64,
}

/// What happened to one thing.
#[derive(ToSchema)]
#[schema(as = AuditLine)]
#[expect(dead_code, reason = "only described")]
struct Line {
    /// What happened, as plans have it.
    fate: String,
    /// The stage it belongs to.
    #[schema(required)]
    stage: Option<String>,
    /// What it happened to, in words.
    what: String,
    /// Why, in words.
    why: String,
}
