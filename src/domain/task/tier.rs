//! Tiers: which stages a task has, in which order, and what each of them puts out.

use serde::{Deserialize, Serialize};

use crate::domain::{Digest, StageId};

/// The stages of a task, in order. The last is the one in which nothing is worked on any more: `done`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// Its name: `L1`.
    pub name: String,
    /// What it is for, for people.
    pub title: String,
    /// The stages that are worked on, in order; `done` follows them.
    pub stages: Vec<TierStage>,
}

/// A stage of a tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierStage {
    /// What the rules look at.
    pub outline: StageOutline,
    /// What the agent is told.
    pub prompt: String,
}

/// What the rules look at of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageOutline {
    /// Its name: `plan`.
    pub id: StageId,
    /// The task's status while it is in this stage: `planning`.
    pub status: String,
    /// What its output is called: `output`, `notes`, `comments`, `results`.
    pub output: String,
    /// Whether its agent gives a score, as a review does.
    pub scored: bool,
    /// Whether its agent says whether what it verified holds.
    pub judged: bool,
    /// Whether a person has to approve it before it is complete.
    pub approval: bool,
    /// The counter that its rejections go to; stages that share one go back to 0 together.
    pub counter: String,
}

/// The part of a tier that a task's state carries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierOutline {
    /// The tier's name.
    pub name: String,
    /// The tier as a whole, stored once for all tasks.
    pub digest: Digest,
    /// The stages that are worked on, in order.
    pub stages: Vec<StageOutline>,
}
