//! What can be asked of a batch, what then happened, and what is owed to the world.

use serde::{Deserialize, Serialize};

use crate::domain::{EntityId, StageId, Timestamp};

/// What is done to each target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// Each is a workflow, and is reset.
    ResetWorkflows {
        /// The gate, by its place; `None` for the one each stands before.
        to: Option<u16>,
        /// Whether tasks from that gate on are cleared.
        clear_tasks: bool,
        /// Whether results from that gate on are cleared.
        clear_results: bool,
    },
    /// Each is a workshop, and this step of it is reset.
    ResetSteps {
        /// The step.
        step: StageId,
    },
    /// What another batch did is undone, the last first.
    Undo {
        /// The other batch.
        batch: EntityId,
        /// What its targets are.
        of: Of,
    },
}

impl Work {
    /// What the targets are.
    pub fn of(&self) -> Of {
        match self {
            Self::ResetWorkflows { .. } => Of::Workflows,
            Self::ResetSteps { .. } => Of::Workshops,
            Self::Undo { of, .. } => *of,
        }
    }
}

/// What the targets of a batch are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// Workflows.
    Workflows,
    /// Workshops.
    Workshops,
}

/// One entity of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Which.
    pub id: EntityId,
    /// What is taken back, where that is the work.
    pub undo_point: Option<u64>,
}

/// What became of a target, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The target.
    pub target: EntityId,
    /// When.
    pub at: Timestamp,
    /// What became of it.
    pub result: StepResult,
}

/// What became of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepResult {
    /// It was done.
    Done {
        /// The revision that the target was at then.
        revision: u64,
        /// What undoing this takes back.
        undo_point: Option<u64>,
    },
    /// It was refused, and nothing happened to the target.
    Failed {
        /// A stable word for programs.
        code: String,
        /// A sentence for people.
        problem: String,
    },
}

/// What can be asked of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Begins. The list is frozen by this.
    Start {
        /// What is done.
        work: Work,
        /// To what, in order.
        targets: Vec<Target>,
    },
    /// What became of the target at this place: the host says it.
    Step {
        /// The place.
        place: u64,
        /// The target there.
        target: EntityId,
        /// What became of it.
        result: StepResult,
    },
    /// Ends it: the target that is under way is the last.
    Cancel,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// It was begun.
    Started {
        /// What is done.
        work: Work,
        /// How many targets there are.
        total: u64,
        /// Who began it.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// The target at a place was dealt with.
    Stepped {
        /// The place.
        place: u64,
        /// Whether it was done.
        done: bool,
    },
    /// It was cancelled.
    Cancelled,
}

/// What is owed to the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// The target at this place is to be dealt with.
    Step {
        /// The place.
        place: u64,
    },
}
