//! The rules. Pure: no async, no files, no clock, no randomness, and no knowledge of how anything is stored.

pub mod access;
pub mod batch;
mod entity;
mod fence;
mod id;
pub mod limits;
mod plan;
pub mod queue;
mod rejection;
pub mod repository;
pub mod stage_graph;
mod stored;
mod stuck;
pub mod task;
mod text;
mod time;
pub mod webhook;
pub mod workflow;
pub mod workshop;

pub use entity::{Decision, Digest, Entity, Input, Owes, Part, Read, Target, Verb};
pub use fence::{Fence, Generation, Inherit};
pub use id::{EntityId, StageId};
pub use plan::{Fate, Plan, PlanLine, PlanToken};
pub use rejection::Rejection;
pub use stuck::{LateWork, Stuck};
pub use time::Timestamp;
