//! What the rules of a workshop need to know: statuses, times, counts and references. Content lies apart.

use serde::{Deserialize, Serialize};

use super::facilitator::{Awaits, Spent};
use super::outline::Outline;
use crate::domain::{Rejection, StageId, Timestamp};

/// The state of one workshop. The default is a workshop that nobody has created.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workshop {
    /// Its title.
    pub title: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// What its template says that the rules look at.
    pub outline: Outline,
    /// Whether a message was ever saved.
    pub begun: bool,
    /// Whether it rests.
    pub paused: bool,
    /// What its facilitator has sent and received.
    pub spent: Spent,
    /// The steps, in template order: as many as the outline has, none before creation.
    pub steps: Vec<StepState>,
}

/// Where a workshop stands. It follows from its steps, so that the two can't disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkshopStatus {
    /// Created; nothing was said yet.
    Draft,
    /// Under way.
    Active,
    /// Rests: work is saved, but no step is completed until it is resumed.
    Paused,
    /// Every step is complete.
    Completed,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not entered yet.
    #[default]
    NotStarted,
    /// Worked on.
    InProgress,
    /// Done: nothing is added to it.
    Complete,
    /// Something it was made from changed. Its content is a starting point, to be confirmed or done again.
    NeedsRegeneration,
}

/// The state of one step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepState {
    /// Where it stands.
    pub status: Status,
    /// When it was last begun or reopened.
    pub started_at: Option<Timestamp>,
    /// When it was completed, while it is complete.
    pub completed_at: Option<Timestamp>,
    /// How many messages it has: they have the ordinals from 0 to here, in the order in which they were accepted.
    pub messages: u64,
    /// Whether messages or an artifact were written since the last completion.
    pub changed: bool,
    /// The sub-step being worked on, if the step has any.
    pub sub_step: Option<StageId>,
    /// The artifact that is there.
    pub artifact: Option<ArtifactRef>,
    /// The highest version an artifact ever had. Never goes back, so that a version names one content for good.
    pub artifact_version: u64,
    /// The summary.
    pub summary: Summary,
    /// What it put out when it was last completed. Survives a reset: a redone step is compared with it.
    pub done: Option<Fingerprint>,
    /// Why it needs regeneration; set exactly while it does.
    pub stale: Option<Stale>,
    /// What the facilitator is asked for and has not done yet.
    pub awaits: Awaits,
    /// Why the facilitator could not do what it was last asked for.
    pub problem: Option<String>,
}

/// Which artifact a step has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRef {
    /// Its version, by which changes are checked and content is found.
    pub version: u64,
    /// The version of the schema that it was checked against; `None` if the step's template has no schema.
    pub schema_version: Option<u32>,
    /// Its length as JSON text.
    pub bytes: u64,
    /// What it holds.
    pub digest: Fingerprint,
    /// Whether a person confirmed this very version.
    pub confirmed: bool,
}

/// The summary of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Summary {
    /// Never completed: nothing to sum up yet.
    #[default]
    None,
    /// Completed without one, which is owed.
    Missing,
    /// There is one, made at the last completion.
    Written,
}

/// Why a step needs regeneration, and what it goes back to when the reason goes away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stale {
    /// The direct dependencies that have to put out again what this step was made from.
    pub waits_for: Vec<Wait>,
    /// The status before.
    pub was: Status,
    /// When it was completed, before.
    pub was_completed_at: Option<Timestamp>,
    /// The artifact's version that was confirmed, before.
    pub was_confirmed: Option<u64>,
}

/// One dependency that a stale step waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// The dependency.
    pub stage: StageId,
    /// What it put out when the waiting step was made from it. Completed with exactly this, it is waited for no more.
    pub output: Option<Fingerprint>,
}

/// The first sixteen bytes of the SHA-256 of some content: tells whether it is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub [u8; 16]);

/// How far a conversation has come, by the number of its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArcPhase {
    /// Finding out where we are.
    Orient,
    /// Collecting.
    Gather,
    /// Making sense of it.
    Synthesize,
    /// Sharpening.
    Refine,
    /// Checking.
    Validate,
    /// All said.
    Complete,
}

impl Workshop {
    /// Whether somebody has created it.
    pub fn exists(&self) -> bool {
        !self.steps.is_empty()
    }

    /// Where it stands.
    pub fn status(&self) -> WorkshopStatus {
        if self.exists() && self.steps.iter().all(|step| step.status == Status::Complete) {
            WorkshopStatus::Completed
        } else if self.paused {
            WorkshopStatus::Paused
        } else if self.begun {
            WorkshopStatus::Active
        } else {
            WorkshopStatus::Draft
        }
    }

    /// When the last step was completed, if all are.
    pub fn completed_at(&self) -> Option<Timestamp> {
        let all = self.status() == WorkshopStatus::Completed;
        all.then(|| self.steps.iter().filter_map(|step| step.completed_at).max()).flatten()
    }

    /// The steps with their ids, in template order.
    pub fn steps(&self) -> impl Iterator<Item = (&StageId, &StepState)> {
        self.outline.graph.stages().zip(&self.steps)
    }

    /// A step.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] if the workshop or the step does not exist.
    pub fn step(&self, stage: &StageId) -> Result<&StepState, Rejection> {
        self.get(stage).ok_or_else(|| Rejection::not_found("step", stage))
    }

    /// How far the conversation of a step has come.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] if the workshop or the step does not exist.
    pub fn arc_phase(&self, stage: &StageId) -> Result<ArcPhase, Rejection> {
        Ok(self.outline.arc.phase(self.step(stage)?.messages))
    }

    pub(super) fn get(&self, stage: &StageId) -> Option<&StepState> {
        self.steps.get(self.outline.graph.index(stage)?)
    }

    pub(super) fn is_complete(&self, stage: &StageId) -> bool {
        self.get(stage).is_some_and(|step| step.status == Status::Complete)
    }

    /// Whether no step is open.
    pub(super) fn is_idle(&self) -> bool {
        !self.steps.iter().any(StepState::is_open)
    }

    /// The first step in template order that can be begun, as it is then.
    pub(super) fn next_begun(&self, now: Timestamp) -> Option<(StageId, StepState)> {
        let ready = |stage: &StageId| self.outline.graph.dependencies(stage).all(|on| self.is_complete(on));
        let (stage, step) = self.steps().find(|(stage, step)| !step.is_begun() && ready(stage))?;
        let begun = StepState {
            status: Status::InProgress,
            started_at: Some(now),
            sub_step: self.first_sub_step(stage),
            ..step.clone()
        };
        Some((stage.clone(), begun))
    }

    /// The sub-step that a step begins with.
    pub(super) fn first_sub_step(&self, stage: &StageId) -> Option<StageId> {
        self.outline.step(stage)?.sub_steps.first().cloned()
    }

    /// Checks that a step has this sub-step.
    pub(super) fn check_sub_step(&self, stage: &StageId, sub_step: &StageId) -> Result<(), Rejection> {
        let known = self.outline.step(stage).is_some_and(|step| step.sub_steps.contains(sub_step));
        if known { Ok(()) } else { Err(Rejection::not_found(format!("sub-step of {stage}"), sub_step)) }
    }

    pub(super) fn get_mut(&mut self, stage: &StageId) -> Option<&mut StepState> {
        self.steps.get_mut(self.outline.graph.index(stage)?)
    }
}

impl StepState {
    /// Whether it was ever entered.
    pub fn is_begun(&self) -> bool {
        self.status != Status::NotStarted
    }

    /// Whether it takes work: it is worked on, or has to be done again.
    pub fn is_open(&self) -> bool {
        matches!(self.status, Status::InProgress | Status::NeedsRegeneration)
    }

    /// The same but for what the facilitator is asked for: that belongs to no content.
    pub(super) fn unasked(&self) -> Self {
        Self { awaits: Awaits::default(), problem: None, ..self.clone() }
    }

    /// Whether there is anything in it, or ever was since it was begun.
    pub(super) fn is_untouched(&self) -> bool {
        self.messages == 0 && self.artifact.is_none() && self.done.is_none() && !self.changed
    }

    /// What those that depend on it are made from, while it is complete.
    pub(super) fn output(&self) -> Option<Fingerprint> {
        if self.status == Status::Complete { self.done } else { None }
    }
}

impl Fingerprint {
    /// Of several pieces, which can't run into each other.
    pub fn of(pieces: &[&[u8]]) -> Self {
        use sha2::{Digest as _, Sha256};
        let mut hash = Sha256::new();
        for piece in pieces {
            hash.update(u64::try_from(piece.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(piece);
        }
        let mut first = [0; 16];
        first.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
        Self(first)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotStarted => "not started",
            Self::InProgress => "in progress",
            Self::Complete => "complete",
            Self::NeedsRegeneration => "in need of regeneration",
        })
    }
}
