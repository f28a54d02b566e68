#![doc = include_str!("../README.md")]

#[cfg(feature = "tasks")]
mod agents;
mod api;
mod domain;
mod engine;
#[cfg(feature = "http")]
mod http;
mod runtime;
mod store;
#[cfg(feature = "tasks")]
mod vcs;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;

#[cfg(feature = "tasks")]
pub use agents::{AgentConfig, AgentError};
#[cfg(feature = "http")]
pub use api::events;
pub use api::{
    Access, Class, Error, Feed, Handle, Imported, Kind, Live, LiveStream, LiveText, Options, Progress, Receipt,
    Restage, Stats, Unsound, WentBack, Workshop, Workshops,
};
pub use api::{Batch, Batches, StuckAfter, StuckAt, StuckPage, StuckQuery, Workflow, Workflows};
#[cfg(feature = "tasks")]
pub use api::{
    DiffOf, Example, Examples, LoadedExample, LogEntry, NewTask, Preview, Repositories, Task, TaskOptions, Tasks,
};
#[cfg(feature = "http")]
pub use api::{Facilitator, FacilitatorModel};
#[cfg(feature = "http")]
pub use api::{Trial, WebhookChange, WebhookHosts, Webhooks};
pub use api::{access, transcript, workflows};
pub use domain::{
    Decision, Digest, Entity, EntityId, Fate, Fence, Generation, Inherit, Input, Owes, Part, Plan, PlanLine, PlanToken,
    Read, Rejection, StageId, Stuck, Target, Timestamp, Verb, batch, limits, queue, repository, task, webhook,
    workflow, workshop,
};
pub use engine::{
    Asked, Audit, Change, CodecError, Committed, Entry, Failure, Orphan, Owed, Page, PageRange, Record, Turn,
    UndoPoint, View,
};
#[cfg(feature = "http")]
pub use http::{Adjustable, Limits, RunningServer, Server, ServerError, ServerOptions, StopError, TlsError, TlsFiles};
pub use runtime::{Clock, EffectHandler, KindStats, SystemClock};
pub use store::{BackupInfo, Finding, IndexState, LogStats, Position, StoreError, UpTo, VerifyReport};
#[cfg(feature = "tasks")]
pub use vcs::{CommitId, FileChange, Kept, Look, Snapshot, Stays, VcsError, VcsProblem};

pub mod guide;
#[cfg(feature = "testkit")]
pub mod testkit;
