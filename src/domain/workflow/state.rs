//! What a workflow is at one moment.
//!
//! A task that no worker has met is content of its gate and a number within its lane. One that was met and is not finished
//! is in [`Workflow::under_way`]. A finished one is content again: its result. So the state stays small, and going back
//! costs the same whether there are ten tasks or a hundred thousand.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::task::{LaneId, TaskId};
use super::template::Outline;
use crate::domain::{Digest, StageId, Timestamp};

/// A workflow. The default is one that nobody has started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// What it is about, in a line.
    pub title: String,
    /// The story it belongs to.
    pub story: String,
    /// What the rules look at of its template.
    pub outline: Outline,
    /// The gate it stands before, by its place; the number of gates when all are passed.
    pub gate: u16,
    /// The gates, in the order of the outline.
    pub gates: Vec<GateState>,
    /// The last run.
    pub run: Option<RunState>,
    /// Tasks, by where they lie.
    pub lanes: BTreeMap<LaneId, Lane>,
    /// Tasks that a worker has met and nobody has finished.
    pub under_way: BTreeMap<TaskId, UnderWay>,
    /// What keeps it from going on.
    pub error: Option<String>,
}

/// A gate of one workflow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateState {
    /// When a run came to it, and its tasks were handed out.
    pub opened_at: Option<Timestamp>,
    /// When it was passed.
    pub passed_at: Option<Timestamp>,
    /// A person's word.
    pub approval: Option<Approval>,
    /// Results that landed.
    pub results: u64,
    /// Tasks that were cancelled, or failed for good.
    pub given_up: u64,
    /// Stands for all results that landed, whatever their order.
    pub fingerprint: Digest,
}

/// A person's word for a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The results it is given for. It falls when they change.
    pub of: Digest,
}

/// How a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It goes on by itself.
    Running,
    /// It came to where it should.
    Completed,
    /// It was stopped.
    Stopped,
    /// It was ended by going back.
    Cancelled,
}

/// A run: the workflow goes on by itself from gate to gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunState {
    /// Its number within the workflow, from 1.
    pub number: u64,
    /// How it is.
    pub status: RunStatus,
    /// The gate to come to; `None` for all.
    pub until: Option<StageId>,
    /// The gate it began before.
    pub from: u16,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Who began it.
    pub by: String,
}

/// Tasks of one lane, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// The first that is there: those before were cleared.
    pub first: u64,
    /// The next that a worker gets.
    pub next: u64,
    /// One past the last.
    pub end: u64,
    /// Since when some wait and no worker took one.
    pub waiting_since: Timestamp,
}

/// A task that a worker has met and nobody has finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    /// What it is doing.
    pub standing: Standing,
    /// Since when.
    pub since: Timestamp,
    /// The attempts so far, this one too.
    pub attempt: u32,
    /// How often it is tried.
    pub attempts_most: u32,
    /// How long one attempt may take, in seconds.
    pub timeout_seconds: u32,
    /// Whether a person is asked, in place of its domain.
    pub human: bool,
    /// Why the last attempt came to nothing.
    pub problem: Option<String>,
}

/// What a task that was met is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// A worker has it.
    Leased(Lease),
    /// It is handed out again from then on.
    Waiting(Timestamp),
    /// It failed as often as it may. Somebody has to retry or cancel it, or go back.
    Failed,
}

/// What a worker holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Who.
    pub worker: String,
    /// How long it holds without a sign of life, in seconds.
    pub seconds: u32,
    /// Until when.
    pub until: Timestamp,
    /// When the attempt has to be done.
    pub deadline: Timestamp,
    /// The last sign of life.
    pub seen_at: Timestamp,
    /// How far it is, as the worker says.
    pub progress: Option<String>,
}
