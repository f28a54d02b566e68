//! What does not go on by itself: since when, why, and the one command that cures it.

use super::{StageId, Timestamp};

/// Something that does not go on by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// In which way, as a stable word for programs: `unclaimed`, `lost_worker`, `orphan`.
    pub what: &'static str,
    /// The part of the entity: a step, a stage, a task, a queue, an orphan's number; `None` for all of it.
    pub part: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// Why, as a sentence.
    pub why: String,
    /// The one command that cures it. What is in capitals is to be filled in.
    pub cure: String,
}

/// Work that came late and that nobody has looked at yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateWork {
    /// Its number within the entity.
    pub number: u64,
    /// The stage it was written for.
    pub stage: StageId,
    /// When it came, last.
    pub at: Timestamp,
}

impl LateWork {
    /// It waits for somebody who adopts or discards it with this command.
    pub(super) fn stuck(&self, cure: String) -> Stuck {
        Stuck {
            what: "orphan",
            part: Some(self.number.to_string()),
            since: self.at,
            why: format!("work for {} came late: it is kept, and nobody has adopted or discarded it", self.stage),
            cure,
        }
    }
}
