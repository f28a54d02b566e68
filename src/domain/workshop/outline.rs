//! The part of a template that a workshop's state carries: what the rules look at, without prompts and schemas.

use serde::{Deserialize, Serialize};

use super::state::ArcPhase;
use crate::domain::stage_graph::StageGraph;
use crate::domain::{Digest, StageId};

/// What the rules look at of a template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    /// The template's name.
    pub template: String,
    /// The template as a whole, stored once for all workshops.
    pub digest: Digest,
    /// The steps in order, and what each is made from.
    pub graph: StageGraph,
    /// For each step in order: what it may and must have.
    pub steps: Vec<StepOutline>,
    /// When a conversation enters which phase.
    pub arc: ArcThresholds,
}

/// What one step may and must have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepOutline {
    /// The sub-steps that share its conversation.
    pub sub_steps: Vec<StageId>,
    /// The version of its artifact's schema; a step that has one can't be completed without an artifact.
    pub artifact: Option<u32>,
}

/// The most messages that a conversation has in each phase but the last, in the order of the phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ArcThresholds(pub [u32; 5]);

impl Default for ArcThresholds {
    fn default() -> Self {
        Self([2, 8, 14, 18, 22])
    }
}

impl ArcThresholds {
    /// The phase of a conversation of so many messages.
    pub fn phase(&self, messages: u64) -> ArcPhase {
        use ArcPhase::{Gather, Orient, Refine, Synthesize, Validate};
        let phases = [Orient, Gather, Synthesize, Refine, Validate];
        let found = self.0.iter().zip(phases).find(|(most, _)| messages <= u64::from(**most));
        found.map_or(ArcPhase::Complete, |(_, phase)| phase)
    }
}

impl Outline {
    /// What a step may and must have.
    pub fn step(&self, stage: &StageId) -> Option<&StepOutline> {
        self.steps.get(self.graph.index(stage)?)
    }
}
