//! The typed facade that embedders and the command line use. The one place where errors become codes for people.

pub mod access;
mod batches;
mod database;
mod error;
#[cfg(feature = "http")]
pub mod events;
#[cfg(feature = "tasks")]
mod examples;
#[cfg(feature = "http")]
mod facilitator;
mod handle;
mod import;
mod kind;
mod live;
mod maintenance;
mod stuck;
#[cfg(feature = "tasks")]
mod tasks;
#[cfg(feature = "http")]
mod time;
pub mod transcript;
#[cfg(feature = "http")]
mod webhooks;
pub mod workflows;
mod workshops;

pub use access::Access;
pub use batches::{Batch, Batches};
pub use database::{Feed, Options, Restage, Stats};
pub use error::{Class, Error};
#[cfg(feature = "tasks")]
pub use examples::{Example, Examples, LoadedExample};
#[cfg(feature = "http")]
pub use facilitator::{Facilitator, FacilitatorModel};
pub use handle::{Handle, Receipt};
pub use import::Imported;
pub use kind::Kind;
pub use live::{Live, LiveStream, LiveText};
pub use maintenance::Unsound;
pub use stuck::{StuckAfter, StuckAt, StuckPage, StuckQuery};
#[cfg(feature = "tasks")]
pub use tasks::{DiffOf, LogEntry, NewTask, Preview, Repositories, Task, TaskOptions, Tasks};
#[cfg(feature = "http")]
pub use webhooks::{Trial, WebhookChange, WebhookHosts, Webhooks};
pub use workflows::{Workflow, Workflows};
pub use workshops::{Progress, WentBack, Workshop, Workshops};

/// What the facade's signatures name, for the command line and the server: they may name nothing below.
#[cfg(any(feature = "cli", feature = "http"))]
#[cfg_attr(not(all(feature = "cli", feature = "http")), allow(unused_imports, reason = "each names its own part"))]
mod named {
    pub(crate) use crate::agents::{AgentConfig, AgentSpec};
    pub(crate) use crate::domain::repository::RepositoryFacts;
    pub(crate) use crate::domain::{
        Digest, Entity, EntityId, Fate, Generation, Plan, PlanLine, PlanToken, Rejection, StageId, Timestamp, batch,
        limits, task, webhook, workflow, workshop,
    };
    pub(crate) use crate::engine::{Audit, Change, Orphan, Turn, UndoPoint, View};
    #[cfg(feature = "http")]
    pub(crate) use crate::runtime::Stopwatch;
    pub(crate) use crate::runtime::{Clock, SystemClock};
    pub(crate) use crate::store::{BackupInfo, IndexState, Position, StoreError, UpTo, VerifyReport};
    #[cfg(test)]
    pub(crate) use crate::vcs::{CommitId, FileChange};
    pub(crate) use crate::vcs::{Kept, Look, Snapshot, Stays};
}

#[cfg(any(feature = "cli", feature = "http"))]
#[cfg_attr(not(all(feature = "cli", feature = "http")), allow(unused_imports, reason = "each names its own part"))]
pub(crate) use named::*;
