//! What a workflow is at one moment.
//!
//! A task that no worker has met is content of its gate and a number within its lane. One that was met and is not finished
//! is in [`Workflow::under_way`]. A finished one is content again: its result. So the state stays small, and going back
//! costs the same whether there are ten tasks or a hundred thousand.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lane::Lane;
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
    /// Claims there ever were: the last one's number.
    pub claims: u64,
    /// What keeps it from going on.
    pub error: Option<String>,
}

/// A gate of one workflow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateState {
    /// When a run came to it, and its tasks were handed out.
    pub opened_at: Option<Timestamp>,
    /// Whether the tasks of the template are among its tasks.
    pub handed_out: bool,
    /// When it was passed.
    pub passed_at: Option<Timestamp>,
    /// A person's word.
    pub approval: Option<Approval>,
    /// How often it went back, by a reset or by the undo of one.
    pub went_back: u64,
    /// Results that landed.
    pub results: u64,
    /// Tasks that were cancelled, and have no result.
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

/// A task that a worker has met and nobody has finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    /// What it is doing.
    pub standing: Standing,
    /// Since when.
    pub since: Timestamp,
    /// The last lease. It stays when its time is over: its worker may hand in until somebody else gets the task. It is gone
    /// when its worker handed in that the task failed, and when somebody took the task away.
    pub lease: Option<Lease>,
    /// The attempts so far, this one too.
    pub attempt: u32,
    /// How often it is tried.
    pub attempts_most: u32,
    /// How long one attempt may take, in seconds.
    pub timeout_seconds: u32,
    /// Whether a person is asked, in place of its domain.
    pub human: bool,
    /// The claim that last handed in something that did not land.
    pub failed_claim: Option<u64>,
    /// Why the last attempt came to nothing.
    pub problem: Option<String>,
}

impl UnderWay {
    /// The lease under which a worker has it now.
    pub fn leased(&self) -> Option<&Lease> {
        self.lease.as_ref().filter(|_| self.standing == Standing::Leased)
    }
}

/// What a task that was met is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// A worker has it: [`UnderWay::lease`].
    Leased,
    /// It rests until then, and is then handed out again.
    Waiting(Timestamp),
    /// It is to be handed out again.
    Queued,
    /// It failed as often as it may. Somebody has to retry or cancel it, or go back.
    Failed,
}

/// What a worker holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The number of the claim within the workflow, never used twice.
    pub claim: u64,
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

impl Lease {
    /// When it is over: without a sign of life, or because the attempt has to be done.
    pub fn end(&self) -> Timestamp {
        self.until.min(self.deadline)
    }
}
