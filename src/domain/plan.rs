//! What a going-back verb would do, said before it is done.

use serde::{Deserialize, Serialize};

use super::id::StageId;
use super::time::Timestamp;

/// What happens to one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Gone from every reading view, kept in the archive for undo.
    Cleared,
    /// Stays as it is.
    Kept,
    /// Stays readable, and has to be confirmed or done again.
    Stale,
    /// Comes back as it was.
    Restored,
    /// Newer than what comes back; put aside, and brought back by undoing this.
    Archived,
    /// Whoever still writes to it is turned away, and the work kept as an orphan.
    Fenced,
    /// Deleted for good.
    Deleted,
}

/// One line of a plan: what happens to what, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanLine {
    /// What happens.
    pub fate: Fate,
    /// The stage it belongs to.
    pub stage: Option<StageId>,
    /// What it happens to, in words: "12 messages", "artifact, version 3".
    pub what: String,
    /// Why, in words.
    pub why: String,
}

impl PlanLine {
    /// A line about something of `stage`.
    pub fn new(fate: Fate, stage: &StageId, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { fate, stage: Some(stage.clone()), what: what.into(), why: why.into() }
    }
}

/// What a going-back verb would do now. Applying it with the token is refused if anything moved since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The verb: "reset", "revise", "undo", "purge".
    pub verb: String,
    /// The stage that was named.
    pub stage: Option<StageId>,
    /// What happens to what, and why.
    pub lines: Vec<PlanLine>,
    /// Until when it can be undone; `None` if it can't.
    pub undo_until: Option<Timestamp>,
    /// The entity's revision that the plan was made for.
    pub revision: u64,
    /// Drafts that are written down, under the generation they were made for, before anything else happens.
    pub drafts: usize,
    /// Stands for the plan when it is applied.
    pub token: PlanToken,
}

/// Stands for one plan at one moment of one entity. Sixteen hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanToken(pub String);

impl std::fmt::Display for PlanToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
