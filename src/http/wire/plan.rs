//! What a going-back verb would do.

use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;
use crate::api;

/// What a going-back verb would do now. Applying it with its token is refused if anything moved since.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Plan {
    /// The verb: `reset`, `revise`, `undo`, `purge`.
    verb: String,
    /// The stage that was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stage: Option<String>,
    /// What happens to what, and why.
    lines: Vec<PlanLine>,
    /// Until when it can be undone; absent if it can't be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    undo_until: Option<String>,
    /// The revision that the plan was made for.
    revision: u64,
    /// Drafts that are written down before anything else happens.
    drafts: usize,
    /// Stands for the plan when it is applied.
    token: String,
}

/// One line of a plan.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct PlanLine {
    /// What happens.
    fate: Fate,
    /// The stage it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stage: Option<String>,
    /// What it happens to, in words.
    what: String,
    /// Why, in words.
    why: String,
}

/// What happens to one thing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Fate {
    Cleared,
    Kept,
    Stale,
    Restored,
    Archived,
    Fenced,
    Deleted,
}

impl From<api::Plan> for Plan {
    fn from(plan: api::Plan) -> Self {
        Self {
            verb: plan.verb,
            stage: plan.stage.map(|stage| stage.to_string()),
            lines: plan.lines.into_iter().map(PlanLine::from).collect(),
            undo_until: plan.undo_until.map(rfc3339),
            revision: plan.revision,
            drafts: plan.drafts,
            token: plan.token.0,
        }
    }
}

impl From<api::PlanLine> for PlanLine {
    fn from(line: api::PlanLine) -> Self {
        let fate = match line.fate {
            api::Fate::Cleared => Fate::Cleared,
            api::Fate::Kept => Fate::Kept,
            api::Fate::Stale => Fate::Stale,
            api::Fate::Restored => Fate::Restored,
            api::Fate::Archived => Fate::Archived,
            api::Fate::Fenced => Fate::Fenced,
            api::Fate::Deleted => Fate::Deleted,
        };
        Self { fate, stage: line.stage.map(|stage| stage.to_string()), what: line.what, why: line.why }
    }
}
