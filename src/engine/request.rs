//! What can be asked of one entity, and what it answers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::codec::CodecError;
use super::record::{Orphan, Record, UndoPoint};
use crate::domain::limits::{ACTOR_NAME_BYTES_MAX, FROM_BYTES_MAX, IDEMPOTENCY_KEY_BYTES_MAX, REASON_BYTES_MAX};
use crate::domain::{Entity, EntityId, Fence, Generation, Plan, PlanToken, Rejection, StageId, Timestamp};
use crate::store::StoreError;

/// One message to an entity.
#[derive(Clone, Debug)]
pub struct Request<E: Entity> {
    /// What is asked.
    pub ask: Ask<E>,
    /// By whom, why, and how it is to be taken.
    pub terms: Terms,
}

/// What can be asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Ask<E: Entity> {
    /// A command of the kind.
    Command(E::Command),
    /// A command whose commit may wait for more of the same.
    Draft(E::Command),
    /// Commit what is held.
    Flush,
    /// Take a verb back: the one of this undo point, or the newest that was not.
    Undo(Option<u64>),
    /// Take an orphan into the current generation.
    Adopt(u64),
    /// Let an orphan go for good.
    Discard(u64),
    /// Delete for good what undo points and orphans keep.
    Purge,
    /// A timer is due.
    Timer {
        /// Its key.
        key: String,
        /// When it was due.
        due: Timestamp,
    },
    /// An effect was carried out.
    Answer {
        /// The effect's key.
        key: String,
        /// The revision that owed it.
        revision: u64,
        /// What the world answered, as a command.
        command: Option<E::Command>,
    },
}

/// By whom and why something is asked, and how it is to be taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Who asks; in the journal and the audit.
    pub by: String,
    /// Why; in the journal and the audit.
    pub reason: Option<String>,
    /// Where from: an address, and which token. For the audit.
    pub from: Option<String>,
    /// The same key has its effect once, and the same answer each time.
    pub key: Option<String>,
    /// Only at this revision, as readers see it: drafts that are held don't count.
    pub expected: Option<u64>,
    /// Only if nothing moved since the plan of this token.
    pub plan: Option<PlanToken>,
    /// Only say what would happen.
    pub preview: bool,
}

impl Terms {
    /// Refuses what is too long, or would break a line where it is shown.
    pub(crate) fn check(&self) -> Result<(), Rejection> {
        let long = |field: &str, text: &str, most: usize| {
            if text.len() > most {
                return Err(Rejection::invalid(field, format!("it has {} bytes, the most is {most}", text.len())));
            }
            if text.chars().any(|c| c.is_control() && !(field == "reason" && c == '\n')) {
                return Err(Rejection::invalid(field, "it holds control characters"));
            }
            Ok(())
        };
        long("name of who asks", &self.by, ACTOR_NAME_BYTES_MAX)?;
        long("reason", self.reason.as_deref().unwrap_or_default(), REASON_BYTES_MAX)?;
        long("word about where from", self.from.as_deref().unwrap_or_default(), FROM_BYTES_MAX)?;
        match self.key.as_deref() {
            Some("") => Err(Rejection::invalid("idempotency key", "it is empty")),
            Some(key) => long("idempotency key", key, IDEMPOTENCY_KEY_BYTES_MAX),
            None => Ok(()),
        }
    }
}

/// What a turn answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt<R> {
    /// The answer.
    pub answer: Answer<R>,
    /// The entity's revision after the turn.
    pub revision: u64,
    /// The generation of the stage that the command worked on.
    pub generation: Option<Generation>,
    /// The undo point that the turn left.
    pub undo_point: Option<u64>,
    /// Drafts that are not durable yet.
    pub pending: usize,
    /// Whether this is the answer of an earlier turn with the same idempotency key.
    pub replayed: bool,
}

/// The answer itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer<R> {
    /// What the kind replied.
    Reply(R),
    /// What would happen.
    Plan(Box<Plan>),
    /// It is done, and there is nothing to say about it.
    Done,
}

/// A turn that did not happen.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum Failure {
    /// The rules refused it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The store could not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored for the entity can't be read.
    #[error("{kind} {id} can't be read: {what}: {problem}")]
    Unreadable {
        /// The kind.
        kind: &'static str,
        /// The id.
        id: EntityId,
        /// Which record.
        what: String,
        /// What is wrong with it.
        problem: CodecError,
    },
    /// What a kind wants stored has no stored form: a defect of its types.
    #[error("{kind} {id} can't be written: {problem}")]
    Unwritable {
        /// The kind.
        kind: &'static str,
        /// The id.
        id: EntityId,
        /// What is wrong with it.
        problem: CodecError,
    },
    /// The journal does not go on where it should.
    #[error("{kind} {id}: turn {revision} is missing from the journal")]
    Gap {
        /// The kind.
        kind: &'static str,
        /// The id.
        id: EntityId,
        /// The first turn that is not there.
        revision: u64,
    },
}

/// An entity as a reader sees it: durable, drafts left out.
#[derive(Clone, Debug)]
pub struct View<E: Entity> {
    /// Turns so far; 0 if nobody has created it.
    pub revision: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its last turn was.
    pub updated_at: Timestamp,
    /// The kind's own state.
    pub state: E::State,
    /// The fences of the stages that anything was written to.
    pub fences: BTreeMap<StageId, Fence>,
    /// What can be undone, oldest first.
    pub undo_points: Vec<UndoPoint>,
    /// Work that came too late, oldest first.
    pub orphans: Vec<Orphan>,
    /// Drafts that are not durable yet, and would be lost if the machine stopped now.
    pub pending: usize,
}

impl<E: Entity> View<E> {
    pub(crate) fn of(record: &Record<E>, pending: usize) -> Self {
        Self {
            revision: record.revision,
            created_at: record.created_at,
            updated_at: record.updated_at,
            state: record.state.clone(),
            fences: record.fences.clone(),
            undo_points: record.undo_points.clone(),
            orphans: record.orphans.clone(),
            pending,
        }
    }

    /// The current generation of a stage.
    pub fn generation(&self, stage: &StageId) -> Generation {
        self.fences.get(stage).map_or(Generation::FIRST, |fence| fence.generation)
    }
}

/// How the engine treats entities.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EngineOptions {
    /// Held drafts are committed when none came for this long.
    pub draft_quiet: Duration,
    /// Held drafts are committed at the latest this long after the first.
    pub draft_most: Duration,
    /// How long a verb can be undone.
    pub undo_retention: Duration,
    /// How long the answer to an idempotency key is remembered.
    pub answer_retention: Duration,
}

impl Default for EngineOptions {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            draft_quiet: Duration::from_secs(2),
            draft_most: Duration::from_secs(10),
            undo_retention: DAY * 30,
            answer_retention: DAY * 7,
        }
    }
}
