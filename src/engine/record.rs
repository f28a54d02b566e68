//! What the journal of an entity folds to, and the fold itself. Live turns and recovery go through the same [`Record::fold`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{Digest, Entity, Fence, Generation, StageId, Timestamp};

/// The whole durable state of an entity, but for its content.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Record<E: Entity> {
    /// Turns so far; the number of the last one. 0 if nobody has created the entity.
    pub revision: u64,
    /// When the first turn was.
    pub created_at: Timestamp,
    /// When the last turn was.
    pub updated_at: Timestamp,
    /// The fences of the stages that anything was written to.
    pub fences: BTreeMap<StageId, Fence>,
    /// What going-back verbs left behind, oldest first.
    pub undo_points: Vec<UndoPoint>,
    /// Work that a fence turned away, oldest first.
    pub orphans: Vec<Orphan>,
    /// Timers that are set.
    pub timers: BTreeMap<String, Timestamp>,
    /// How many undo points and orphans there ever were: the next one's number less one.
    pub numbered: u64,
    /// The kind's own state.
    pub state: E::State,
    /// The hash of the last audit entry.
    pub audited: Option<Digest>,
}

impl<E: Entity> Default for Record<E> {
    fn default() -> Self {
        Self {
            revision: 0,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            fences: BTreeMap::new(),
            undo_points: Vec::new(),
            orphans: Vec::new(),
            timers: BTreeMap::new(),
            numbered: 0,
            state: E::State::default(),
            audited: None,
        }
    }
}

/// What a verb left behind, so that it can be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoPoint {
    /// Its number within the entity.
    pub number: u64,
    /// The verb that left it.
    pub verb: String,
    /// The stage that the verb named.
    pub stage: Option<StageId>,
    /// When the verb was done.
    pub at: Timestamp,
    /// Who asked for it.
    pub by: String,
    /// Until when it can be undone.
    pub until: Timestamp,
    /// The revision that the verb made.
    pub revision: u64,
    /// The stages it changed, with their fences before it.
    pub fences: BTreeMap<StageId, Fence>,
    /// The undo point of the undo that took it back, if one did.
    pub undone_by: Option<u64>,
}

/// Work that came too late. The command itself lies apart, under the number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orphan {
    /// Its number within the entity.
    pub number: u64,
    /// The stage it was written for.
    pub stage: StageId,
    /// The generation it was written under.
    pub generation: Generation,
    /// When it came, last.
    pub at: Timestamp,
    /// Who sent it.
    pub by: String,
    /// Bytes of the command.
    pub bytes: u64,
    /// What of the stage it is a version of: the kind's draft key, else the digest of the command.
    pub of: Vec<u8>,
}

/// One turn, as the journal keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Entry<E: Entity> {
    /// When.
    pub at: Timestamp,
    /// Who asked for it.
    pub by: String,
    /// Why, if they said.
    pub reason: Option<String>,
    /// What happened, in order.
    pub changes: Vec<Change<E>>,
}

/// One thing that happened in a turn. Stored by position: append only.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Change<E: Entity> {
    /// Something of the kind's own.
    Event(E::Event),
    /// What follows happened at this time: a draft that was held.
    At(Timestamp),
    /// A stage changed; whether content was written to its newest layer.
    Touched(StageId, bool),
    /// A stage went to a new generation.
    Raised(StageId, Fence),
    /// A verb left an undo point.
    UndoPoint(Box<UndoPoint>),
    /// A verb was taken back: the undo point, the state it remembers, and the undo point of this undo.
    Undone(u64, Box<E::State>, Vec<StageId>, u64),
    /// Undo points are gone, and with them what only they referred to.
    UndoPointsGone(Vec<u64>),
    /// Work came too late and is kept. One of the same number is replaced.
    Orphaned(Orphan),
    /// An orphan was adopted or discarded.
    OrphanGone(u64),
    /// A timer was set or stopped.
    Timer(String, Option<Timestamp>),
    /// The turn has an audit entry, of this hash.
    Audited(Digest),
}

impl<E: Entity> Record<E> {
    /// Takes in one turn. Total: whatever is in the journal can be folded.
    pub fn fold(&mut self, entry: &Entry<E>) {
        self.revision = self.revision.saturating_add(1);
        if self.revision == 1 {
            self.created_at = entry.at;
        }
        self.updated_at = entry.at;
        let mut at = entry.at;
        for change in &entry.changes {
            if let Change::At(time) = change {
                at = *time;
            }
            self.take_in(change, at);
        }
    }

    /// Takes in one change of the turn that is the next or, within [`fold`](Self::fold), the current revision.
    pub(crate) fn take_in(&mut self, change: &Change<E>, at: Timestamp) {
        match change {
            Change::Event(event) => E::apply(&mut self.state, event, at),
            Change::At(_) => {}
            Change::Touched(stage, written) => {
                let revision = self.revision;
                let fence = self.fences.entry(stage.clone()).or_default();
                fence.touched = revision;
                fence.written |= written;
            }
            Change::Raised(stage, fence) => {
                self.fences.insert(stage.clone(), fence.clone());
            }
            Change::UndoPoint(point) => {
                self.numbered = self.numbered.max(point.number);
                self.undo_points.push((**point).clone());
            }
            Change::Undone(number, saved, stages, by) => {
                E::restore(&mut self.state, saved, stages, at);
                if let Some(point) = self.undo_points.iter_mut().find(|p| p.number == *number) {
                    point.undone_by = Some(*by);
                }
            }
            Change::UndoPointsGone(gone) => self.undo_points.retain(|p| !gone.contains(&p.number)),
            Change::Orphaned(orphan) => {
                self.numbered = self.numbered.max(orphan.number);
                match self.orphans.iter_mut().find(|o| o.number == orphan.number) {
                    Some(known) => *known = orphan.clone(),
                    None => self.orphans.push(orphan.clone()),
                }
            }
            Change::OrphanGone(number) => self.orphans.retain(|o| o.number != *number),
            Change::Timer(key, due) => {
                match due {
                    Some(due) => self.timers.insert(key.clone(), *due),
                    None => self.timers.remove(key),
                };
            }
            Change::Audited(hash) => self.audited = Some(*hash),
        }
    }

    /// The fence of a stage; the first one if nothing was written to it yet.
    pub fn fence(&self, stage: &StageId) -> Fence {
        self.fences.get(stage).cloned().unwrap_or_default()
    }

    /// The layers that anything still refers to: current ones and those that undo points remember.
    pub(crate) fn live_layers(&self) -> std::collections::BTreeSet<(StageId, Generation)> {
        let remembered = self.undo_points.iter().flat_map(|point| &point.fences);
        self.fences
            .iter()
            .chain(remembered)
            .flat_map(|(stage, fence)| fence.layers.iter().map(|generation| (stage.clone(), *generation)))
            .collect()
    }
}
