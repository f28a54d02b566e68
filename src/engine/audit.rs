//! The audit: who did what, when, from where and why. The entries of an entity are a chain, so that one which was
//! changed, removed or put in between shows.
//!
//! Each entry holds the hash of the one before it. The hash is the SHA-256 of the entry as a line of JSON, so an exported
//! chain can be checked without this program. The journal keeps the hash of each entry beside the turn it is about.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{Digest, EntityId, Generation, PlanLine, StageId, Timestamp};

/// Who did what, why, and what it did: written in the batch of the turn it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// When.
    pub at: Timestamp,
    /// Who asked.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// The kind of the entity.
    pub kind: String,
    /// The entity.
    pub id: EntityId,
    /// The verb.
    pub verb: String,
    /// The stage that was named.
    pub stage: Option<StageId>,
    /// The revision that the verb made.
    pub revision: u64,
    /// The undo point it left.
    pub undo_point: Option<u64>,
    /// Stages that went to a new generation: from, to.
    pub generations: BTreeMap<StageId, (Generation, Generation)>,
    /// What happened to what, and why.
    pub lines: Vec<PlanLine>,
    /// From where it was asked, if that is known: an address.
    pub from: Option<String>,
    /// The hash of the entry before it of the same entity; `None` for the first.
    pub previous: Option<Digest>,
}

/// The form that is hashed and exported. Fields keep their names and order; one that is added is left out where it is
/// none, so that older hashes hold.
#[derive(Serialize)]
struct Told<'a> {
    at: String,
    kind: &'a str,
    id: &'a EntityId,
    revision: u64,
    verb: &'a str,
    stage: Option<&'a StageId>,
    by: &'a str,
    from: Option<&'a str>,
    reason: Option<&'a str>,
    undo_point: Option<u64>,
    generations: BTreeMap<&'a StageId, Raise>,
    lines: &'a [PlanLine],
    previous: Option<String>,
}

#[derive(Serialize)]
struct Raise {
    from: Generation,
    to: Generation,
}

impl Audit {
    /// The SHA-256 of the entry's [`line`](Self::line) without its last field, `hash`.
    pub fn hash(&self) -> Digest {
        Digest::of(self.told().as_bytes())
    }

    /// The entry as one line of JSON, without a line break. Its last field is its hash.
    pub fn line(&self) -> String {
        let mut line = self.told();
        let hash = Digest::of(line.as_bytes());
        line.pop();
        line + &format!(",\"hash\":\"{hash}\"}}")
    }

    fn told(&self) -> String {
        let raises = self.generations.iter().map(|(stage, (from, to))| (stage, Raise { from: *from, to: *to }));
        let told = Told {
            at: self.at.to_string(),
            kind: &self.kind,
            id: &self.id,
            revision: self.revision,
            verb: &self.verb,
            stage: self.stage.as_ref(),
            by: &self.by,
            from: self.from.as_deref(),
            reason: self.reason.as_deref(),
            undo_point: self.undo_point,
            generations: raises.collect(),
            lines: &self.lines,
            previous: self.previous.map(|hash| hash.to_string()),
        };
        // Text, numbers and maps of text can always be written.
        serde_json::to_string(&told).unwrap_or_default()
    }
}
