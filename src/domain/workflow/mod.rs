//! Workflows: gates in order, tasks handed to queues, workers that claim them, and going back to a gate.

mod command;
pub mod limits;
mod state;
mod task;
mod template;

pub use command::{Command, Effect, Event, Outcome, Reply, ResetSummary};
pub use state::{Approval, GateState, Lane, Lease, RunState, RunStatus, Standing, UnderWay, Workflow};
pub use task::{Domain, Grant, LaneId, ResultStatus, StoredResult, Task, TaskId, TaskResult};
pub use template::{Gate, GateOutline, NewTask, Outline, Template};
