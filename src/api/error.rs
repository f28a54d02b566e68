//! The one error that embedders, the command line and the server see: a code for programs, a sentence for people, and
//! what to do.

use thiserror::Error as ThisError;

#[cfg(feature = "tasks")]
use crate::agents::AgentError;
use crate::domain::Rejection;
use crate::engine::Failure;
use crate::runtime::AskError;
use crate::store::StoreError;
#[cfg(feature = "tasks")]
use crate::vcs::{VcsError, VcsProblem};

/// Something that was not done. What changed is said by [`Error::class`]: nothing, unless that is
/// [`Class::Uncertain`].
#[derive(Clone, Debug, ThisError)]
#[error(transparent)]
pub struct Error(Source);

/// Where it comes from.
#[derive(Clone, Debug, ThisError)]
enum Source {
    #[error(transparent)]
    Ask(AskError),
    #[cfg(feature = "tasks")]
    #[error(transparent)]
    Vcs(VcsError),
    #[cfg(feature = "tasks")]
    #[error(transparent)]
    Agent(AgentError),
}

/// What sort of error it is: what a program does about it, an exit code and a status follow from this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// What was named does not exist.
    NotFound,
    /// What was asked does not fit what is there: it changed, it is in the way, or it was done already.
    Conflict,
    /// What was asked can't be.
    Invalid,
    /// It can't be done now; later it may.
    Unavailable,
    /// It may have been done or not. Ask again with the same idempotency key.
    Uncertain,
    /// The data or the disk is at fault.
    Storage,
    /// The program is at fault.
    Internal,
}

impl Error {
    /// The answer is of another sort than what was asked for: the engine and the rules never give one.
    pub(super) fn unexpected() -> Self {
        let hint = "this is a defect: please report it";
        Rejection::refused("unexpected", "the answer does not fit the question", hint).into()
    }

    /// Whether the same may work by itself a little later.
    #[cfg(feature = "tasks")]
    pub(super) fn passes(&self) -> bool {
        match &self.0 {
            Source::Ask(AskError::Failed(Failure::Rejected(_))) => false,
            Source::Ask(_) => true,
            Source::Vcs(error) => error.passes(),
            Source::Agent(error) => matches!(error, AgentError::Io { .. } | AgentError::Alive(_)),
        }
    }

    /// The refusal of the rules, if it is one.
    pub fn rejection(&self) -> Option<&Rejection> {
        match &self.0 {
            Source::Ask(AskError::Failed(Failure::Rejected(rejection))) => Some(rejection),
            _ => None,
        }
    }

    /// The store's error, if it is one.
    pub fn store(&self) -> Option<&StoreError> {
        match &self.0 {
            Source::Ask(AskError::Failed(Failure::Store(error))) => Some(error),
            _ => None,
        }
    }

    /// What sort of error it is.
    pub fn class(&self) -> Class {
        match &self.0 {
            Source::Ask(error) => class_of(error),
            #[cfg(feature = "tasks")]
            Source::Vcs(error) => match &error.problem {
                VcsProblem::NotARepository(_) | VcsProblem::Unsupported { .. } | VcsProblem::BranchName(_) => {
                    Class::Invalid
                }
                VcsProblem::NoBase(_) | VcsProblem::NoSnapshot(_) | VcsProblem::MissingCommit(_) => Class::NotFound,
                VcsProblem::Locked { .. } => Class::Unavailable,
                VcsProblem::Io { .. } | VcsProblem::Git { .. } => Class::Storage,
                _ => Class::Conflict,
            },
            #[cfg(feature = "tasks")]
            Source::Agent(AgentError::NoProgram(_)) => Class::NotFound,
            #[cfg(feature = "tasks")]
            Source::Agent(AgentError::Config { .. }) => Class::Invalid,
            #[cfg(feature = "tasks")]
            Source::Agent(_) => Class::Unavailable,
        }
    }

    /// A stable word for programs.
    pub fn code(&self) -> &str {
        match &self.0 {
            Source::Ask(error) => code_of(error),
            #[cfg(feature = "tasks")]
            Source::Vcs(error) => error.code(),
            #[cfg(feature = "tasks")]
            Source::Agent(error) => error.code(),
        }
    }

    /// What to do about it, as a sentence; empty where the message says it all.
    pub fn hint(&self) -> String {
        match &self.0 {
            Source::Ask(error) => hint_of(error),
            #[cfg(feature = "tasks")]
            Source::Vcs(error) => error.hint.clone(),
            #[cfg(feature = "tasks")]
            Source::Agent(error) => error.hint().to_owned(),
        }
    }
}

fn class_of(error: &AskError) -> Class {
    match error {
        AskError::Failed(Failure::Rejected(rejection)) => match rejection {
            Rejection::NotFound { .. } => Class::NotFound,
            Rejection::Invalid { .. } | Rejection::Limit { .. } => Class::Invalid,
            _ => Class::Conflict,
        },
        AskError::Failed(Failure::Store(error)) => match error {
            StoreError::InUse { .. } => Class::Conflict,
            StoreError::TooLarge { .. } => Class::Invalid,
            StoreError::Gone { .. } | StoreError::NotInBackup { .. } => Class::NotFound,
            StoreError::DiskFull { .. } | StoreError::Closed => Class::Unavailable,
            StoreError::Poisoned { .. } => Class::Uncertain,
            _ => Class::Storage,
        },
        AskError::Failed(Failure::Unwritable { .. }) => Class::Internal,
        AskError::Failed(_) => Class::Storage,
        AskError::Busy { .. } | AskError::Stopped | AskError::Expired => Class::Unavailable,
        AskError::Deadline(_) => Class::Uncertain,
        AskError::Panicked(_) | AskError::KindTaken(_) | AskError::KindName(_) => Class::Internal,
    }
}

fn code_of(error: &AskError) -> &str {
    match error {
        AskError::Failed(Failure::Rejected(rejection)) => rejection.code(),
        AskError::Failed(Failure::Store(error)) => match error {
            StoreError::InUse { .. } => "in_use",
            StoreError::NewerFormat { .. } => "newer_format",
            StoreError::NotADataFolder { .. } => "not_a_data_folder",
            StoreError::Damaged { .. } => "damaged",
            StoreError::ReadOnly { .. } => "read_only",
            StoreError::DiskFull { .. } => "disk_full",
            StoreError::TooLarge { .. } => "too_large",
            StoreError::Poisoned { .. } => "poisoned",
            StoreError::Gone { .. } => "gone",
            StoreError::NotInBackup { .. } => "not_in_backup",
            StoreError::Closed => "closed",
            _ => "io",
        },
        AskError::Failed(Failure::Unwritable { .. }) => "unwritable",
        AskError::Failed(_) => "damaged",
        AskError::Expired => "expired",
        AskError::Busy { .. } => "busy",
        AskError::Deadline(_) => "deadline",
        AskError::Panicked(_) => "panicked",
        AskError::Stopped => "stopped",
        AskError::KindTaken(_) => "kind_taken",
        AskError::KindName(_) => "kind_name",
    }
}

fn hint_of(error: &AskError) -> String {
    match error {
        AskError::Failed(Failure::Rejected(rejection)) => rejection.hint(),
        AskError::Failed(Failure::Store(error)) => error.hint().to_owned(),
        AskError::Failed(Failure::Unwritable { .. }) => "mend the types of this kind: see the Entity contract".into(),
        AskError::Failed(_) => "verify the data folder, and restore the latest backup into a new one".into(),
        AskError::Expired | AskError::Busy { .. } => "wait a moment and ask again".into(),
        AskError::Deadline(_) => "ask again with the same idempotency key, or look at the present state".into(),
        AskError::Panicked(_) => "this is a defect: please report what was asked".into(),
        AskError::Stopped => "open it again".into(),
        AskError::KindTaken(_) => "give one of the kinds another name".into(),
        AskError::KindName(_) => "give the kind another name".into(),
    }
}

impl From<AskError> for Error {
    fn from(error: AskError) -> Self {
        Self(Source::Ask(error))
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        Self(Source::Ask(AskError::Failed(Failure::Rejected(rejection))))
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self(Source::Ask(AskError::Failed(Failure::Store(error))))
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self(Source::Ask(AskError::Failed(failure)))
    }
}

#[cfg(feature = "tasks")]
impl From<VcsError> for Error {
    fn from(error: VcsError) -> Self {
        Self(Source::Vcs(error))
    }
}

#[cfg(feature = "tasks")]
impl From<AgentError> for Error {
    fn from(error: AgentError) -> Self {
        Self(Source::Agent(error))
    }
}
