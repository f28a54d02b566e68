//! What can be asked of a workflow, what then happened, what is owed to the world, and what the asker is told.

use serde::{Deserialize, Serialize};

use super::lane::Lane;
use super::state::{GateState, RunState, UnderWay};
use super::task::{Domain, Grant, LaneId, TaskId, TaskResult};
use super::template::{NewTask, Outline, Template};
use crate::domain::{Digest, Generation, StageId, Timestamp};

/// What can be asked of a workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    // By people and programs.
    /// Makes the workflow, before its first gate.
    Start {
        /// What it is about, in a line.
        title: String,
        /// The story it belongs to.
        story: String,
        /// Its gates.
        template: Box<Template>,
    },
    /// Has it go on by itself from gate to gate, until one needs somebody.
    Run {
        /// Up to and including this gate; `None` for all.
        until: Option<StageId>,
    },
    /// Ends the run: nothing more is granted and no gate is passed. Workers at work may hand in.
    Stop,
    /// Hands out tasks at the gate it stands before.
    Add {
        /// The tasks, in order.
        tasks: Vec<NewTask>,
    },
    /// Gives a person's word for the gate it stands before.
    Approve {
        /// The gate.
        gate: StageId,
        /// The results that the person looked at; `None` for the ones that are there.
        seen: Option<Digest>,
    },
    /// Takes back the word for the gate it stands before, and says why.
    Reject {
        /// The gate.
        gate: StageId,
    },
    /// Takes a task from its worker; it is handed out again at once.
    Release {
        /// The task.
        task: TaskId,
    },
    /// Hands out again a task that has no attempts left, or was blocked.
    Retry {
        /// The task.
        task: TaskId,
    },
    /// Ends a task without a result: its gate does not wait for it.
    Cancel {
        /// The task.
        task: TaskId,
    },
    /// Goes back: the gate that is named and all after it start over.
    Reset {
        /// The gate, by its place; `None` for the one it stands before.
        to: Option<u16>,
        /// Whether tasks from that gate on are cleared. Otherwise they are handed out again where they have no result.
        clear_tasks: bool,
        /// Whether results from that gate on are cleared.
        clear_results: bool,
    },
    // By workers, whose leases were checked to be genuine.
    /// Grants the best task of a domain.
    Claim {
        /// The queue.
        domain: Domain,
        /// Who.
        worker: String,
        /// How long without a sign of life.
        lease_seconds: u32,
    },
    /// A sign of life: the lease is extended.
    Heartbeat {
        /// The task.
        task: TaskId,
        /// The id of its gate.
        gate: StageId,
        /// The generation that the lease names.
        generation: Generation,
        /// The claim that the lease names.
        claim: u64,
        /// How far it is.
        progress: Option<String>,
    },
    /// Hands in a result.
    Finish {
        /// The task.
        task: TaskId,
        /// The id of its gate.
        gate: StageId,
        /// The generation that the lease names.
        generation: Option<Generation>,
        /// The claim that the lease names; `None` when a person takes it in from the orphans.
        claim: Option<u64>,
        /// The result.
        result: Box<TaskResult>,
    },
    // By the engine, when an undo is asked for.
    /// Takes a reset, an adoption or an undo back.
    TakeBack {
        /// The undo point.
        point: u64,
        /// The gate, by its place, of which only results come back; and how often it had gone back then.
        results_of: Option<(u16, u64)>,
    },
    // By itself.
    /// Time has come: leases end, what waited is handed out.
    Tick,
}

/// What happened. An event sets what it names, and setting it twice gives the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// It was made.
    Started {
        /// What it is about.
        title: String,
        /// The story.
        story: String,
        /// What the rules look at of its template.
        outline: Box<Outline>,
    },
    /// It stands before this gate.
    Gate(u16),
    /// A gate is like this now.
    GateIs(u16, Box<GateState>),
    /// A run is like this now.
    RunIs(Box<RunState>),
    /// A lane is like this now.
    LaneIs(LaneId, Box<Lane>),
    /// A task that was met is like this now; with `None` it is finished, or not met any more.
    TaskIs(TaskId, Option<Box<UnderWay>>),
    /// What keeps it from going on, in a sentence.
    Error(Option<String>),
}

/// What is owed to the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// The queue of this domain is to be told that there is work. Key `offer/` and the domain.
    Offer {
        /// The queue.
        domain: Domain,
        /// The highest priority of what there is.
        priority: u8,
        /// Since when it waits.
        since: Timestamp,
    },
}

/// What became of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It landed.
    Landed,
    /// It is the same that had landed before.
    AlreadyLanded,
    /// It failed, and is tried again from then on.
    TriedAgain {
        /// When.
        at: Timestamp,
    },
    /// It failed, and there are no attempts left.
    Failed,
    /// It was not safe enough, there are no attempts left, and a person is asked.
    AskedHuman,
}

/// What a reset cleared, and where the workflow stands now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetSummary {
    /// Tasks that are gone from every view.
    pub tasks: u64,
    /// Results that are gone from every view.
    pub results: u64,
    /// Leases that are void.
    pub leases: u64,
    /// The queues that tasks vanished from, each once.
    pub queues: Vec<Domain>,
    /// The gate it stands before.
    pub gate: u16,
    /// The phase of that gate.
    pub phase: String,
}

/// What the asker is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// There is nothing to tell.
    Done,
    /// The number of the run.
    Run(u64),
    /// The ids of the tasks, in order.
    Added(Vec<TaskId>),
    /// What was granted, if there was something, and whether there is more to claim now.
    Claimed {
        /// The grant.
        grant: Option<Box<Grant>>,
        /// Whether there is more.
        more: bool,
    },
    /// The lease is extended.
    Beat {
        /// Until then.
        lease_until: Timestamp,
    },
    /// What became of a result.
    Finished(Outcome),
    /// What a reset did.
    Reset(ResetSummary),
}
