//! Why a command was refused. A refusal changes nothing.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::fence::Generation;
use super::id::StageId;
use super::plan::Plan;

/// A command that was understood and refused by the rules. Each says what and why; [`Rejection::hint`] what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Rejection {
    /// What the command names does not exist.
    #[error("there is no {what} {id:?}")]
    NotFound {
        /// The kind of thing: "workshop", "step", "template", "undo point".
        what: String,
        /// The name as it was given.
        id: String,
    },
    /// What the command would make is there already.
    #[error("{what} {id:?} exists already")]
    Exists {
        /// The kind of thing.
        what: String,
        /// The name as it was given.
        id: String,
    },
    /// A value that can't be what it should be.
    #[error("{field} is not valid: {problem}")]
    Invalid {
        /// Which value.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A named limit would be passed.
    #[error("the limit of {what} is {most}")]
    Limit {
        /// What is limited, with its unit.
        what: String,
        /// The most there can be.
        most: u64,
    },
    /// The command does not fit what the entity is doing now.
    #[error("{what}: {why}")]
    Conflict {
        /// What can't be done.
        what: String,
        /// Why not now.
        why: String,
        /// What would be possible instead.
        hint: String,
    },
    /// The writer works under a generation that was ended by going back.
    #[error("{stage} is at generation {current}, this was written for generation {given}")]
    Stale {
        /// The stage that went back.
        stage: StageId,
        /// The generation that the writer named.
        given: Generation,
        /// The generation that holds now.
        current: Generation,
        /// The number under which the work was kept, if it was work and there was room for it.
        orphan: Option<u64>,
    },
    /// The writer works under the generation that holds, and yet somebody else has what it works on by now.
    #[error("{what}: {why}")]
    Superseded {
        /// The stage it works on.
        stage: StageId,
        /// What was to be done.
        what: String,
        /// Who or what came before it.
        why: String,
        /// The number under which the work was kept, if it was work and there was room for it. The engine fills it in.
        orphan: Option<u64>,
    },
    /// The asker expected another revision of the entity.
    #[error("it is at revision {actual}, this was asked for revision {expected}")]
    RevisionMoved {
        /// The revision that the asker saw.
        expected: u64,
        /// The revision that holds now.
        actual: u64,
    },
    /// The writer expected another version of the artifact.
    #[error("{what} is at version {actual}, the change was made to version {expected}")]
    VersionMoved {
        /// What has versions.
        what: String,
        /// The version that the writer saw.
        expected: u64,
        /// The version that holds now.
        actual: u64,
    },
    /// Something moved since the plan was made. Nothing was done; here is what holds now.
    #[error("something changed since this plan was made")]
    PlanMoved {
        /// The plan as it is now, with a fresh token.
        plan: Box<Plan>,
    },
    /// The command would archive work newer than what it goes back to, and needs the token of a plan that says so.
    #[error("newer work would be put aside")]
    PlanRequired {
        /// The plan that has to be confirmed.
        plan: Box<Plan>,
    },
    /// The same idempotency key came with another command.
    #[error("the idempotency key {key:?} was used for another command")]
    KeyReused {
        /// The key.
        key: String,
    },
    /// A refusal of an entity kind of an embedder's own.
    #[error("{message}")]
    Refused {
        /// A stable code for programs.
        code: String,
        /// A sentence for people.
        message: String,
        /// What to do about it.
        hint: String,
    },
}

impl Rejection {
    /// There is no such thing.
    pub fn not_found(what: impl Into<String>, id: impl std::fmt::Display) -> Self {
        Self::NotFound { what: what.into(), id: id.to_string() }
    }

    /// There is one already.
    pub fn exists(what: impl Into<String>, id: impl std::fmt::Display) -> Self {
        Self::Exists { what: what.into(), id: id.to_string() }
    }

    /// A value that can't be.
    pub fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), problem: problem.into() }
    }

    /// A limit that would be passed.
    pub fn limit(what: impl Into<String>, most: usize) -> Self {
        Self::Limit { what: what.into(), most: u64::try_from(most).unwrap_or(u64::MAX) }
    }

    /// A command that does not fit the present state.
    pub fn conflict(what: impl Into<String>, why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Conflict { what: what.into(), why: why.into(), hint: hint.into() }
    }

    /// A refusal with a code of an embedder's own.
    pub fn refused(code: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused { code: code.into(), message: message.into(), hint: hint.into() }
    }

    /// A stable word for programs, the same for every refusal of one sort.
    pub fn code(&self) -> &str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::Exists { .. } => "exists",
            Self::Invalid { .. } => "invalid",
            Self::Limit { .. } => "limit",
            Self::Conflict { .. } => "conflict",
            Self::Stale { .. } => "stale_generation",
            Self::Superseded { .. } => "superseded",
            Self::RevisionMoved { .. } => "revision_moved",
            Self::VersionMoved { .. } => "version_moved",
            Self::PlanMoved { .. } => "plan_moved",
            Self::PlanRequired { .. } => "plan_required",
            Self::KeyReused { .. } => "key_reused",
            Self::Refused { code, .. } => code,
        }
    }

    /// What to do about it, as a sentence; empty where the message says it all.
    pub fn hint(&self) -> String {
        match self {
            Self::Stale { orphan: Some(n), .. } | Self::Superseded { orphan: Some(n), .. } => {
                format!(
                    "the work is kept as orphan {n}: look at it, adopt it into the current generation, or discard it"
                )
            }
            Self::Stale { orphan: None, .. } => "read the current generation and work under it".into(),
            Self::Superseded { orphan: None, .. } => "stop working on it: somebody else has it".into(),
            Self::RevisionMoved { .. } => "read it as it is now, and ask again with its revision".into(),
            Self::VersionMoved { .. } => "read the current version, and make the change to that".into(),
            Self::PlanMoved { .. } => "look at the fresh plan and apply it with its token".into(),
            Self::PlanRequired { .. } => "look at the plan, and repeat the command with its token".into(),
            Self::KeyReused { .. } => "use a new key for a new command".into(),
            Self::Conflict { hint, .. } | Self::Refused { hint, .. } => hint.clone(),
            Self::NotFound { .. } | Self::Exists { .. } | Self::Invalid { .. } | Self::Limit { .. } => String::new(),
        }
    }
}
