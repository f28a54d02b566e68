//! Tiers: which stages a task has, in which order, and what each of them puts out.

use serde::{Deserialize, Serialize};

use super::content::TASK_STAGE;
use super::limits::{STAGE_PROMPT_BYTES_MAX, TIER_STAGES_MAX};
use crate::domain::limits::TITLE_BYTES_MAX;
use crate::domain::stored::{decode, encode};
use crate::domain::text::{check_line, check_text};
use crate::domain::{Digest, Rejection, StageId};

/// The stage that follows those of every tier, in which nothing is worked on.
pub(super) const DONE: &str = "done";
/// The status before the first stage.
pub(super) const BACKLOG: &str = "backlog";
/// Names that mean something else.
const RESERVED_STAGES: [&str; 3] = [DONE, TASK_STAGE, BACKLOG];
/// Statuses that mean something else.
const RESERVED_STATUSES: [&str; 4] = [DONE, BACKLOG, "paused", "blocked"];

/// The tiers that come with the program. The second is the default.
const BUILT_IN: &[(&str, &str)] = &[
    ("L1", include_str!("tiers/L1.toml")),
    ("L2", include_str!("tiers/L2.toml")),
    ("L3", include_str!("tiers/L3.toml")),
];

/// The stages of a task, in order. `done` follows them.
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

impl Tier {
    /// Reads a tier file.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] or [`Rejection::Limit`], naming what is wrong and where.
    pub fn from_toml(text: &str) -> Result<Self, Rejection> {
        super::tier_file::read(text)
    }

    /// A tier that comes with the program.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] when none has this name.
    pub fn built_in(name: &str) -> Result<Self, Rejection> {
        Self::from_toml(Self::built_in_text(name)?)
    }

    /// The file of a tier that comes with the program: what a tier of one's own can begin from.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] when none has this name.
    pub fn built_in_text(name: &str) -> Result<&'static str, Rejection> {
        let found = BUILT_IN.iter().find(|(known, _)| *known == name);
        found.map(|(_, text)| *text).ok_or_else(|| Rejection::not_found("tier", name))
    }

    /// The names of the tiers that come with the program.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// One of its stages.
    pub fn stage(&self, stage: &StageId) -> Option<&TierStage> {
        self.stages.iter().find(|known| known.outline.id == *stage)
    }

    /// Checks that everything in it can be.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] or [`Rejection::Limit`], naming what is wrong.
    pub fn check(&self) -> Result<(), Rejection> {
        check_line("name of the tier", &self.name, TITLE_BYTES_MAX)?;
        check_line("title of the tier", &self.title, TITLE_BYTES_MAX)?;
        if self.stages.is_empty() {
            return Err(Rejection::invalid("tier", "it has no stages"));
        }
        if self.stages.len() > TIER_STAGES_MAX {
            return Err(Rejection::limit("stages of a tier", TIER_STAGES_MAX));
        }
        for (place, stage) in self.stages.iter().enumerate() {
            stage.check()?;
            let StageOutline { id, status, .. } = &stage.outline;
            for other in self.stages.iter().take(place).map(|other| &other.outline) {
                if other.id == *id {
                    return Err(Rejection::invalid("stages", format!("{id} is there twice")));
                }
                if other.status == *status {
                    let problem = format!("{status:?} is the status of {} already", other.id);
                    return Err(Rejection::invalid(format!("status of {id}"), problem));
                }
            }
        }
        Ok(())
    }

    /// The one form it is stored in.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] when it can't be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Rejection> {
        encode("tier", self)
    }

    /// Reads back what [`to_bytes`](Self::to_bytes) gave, and checks it again.
    ///
    /// # Errors
    /// [`Rejection::Refused`] with the code `damaged` when it is not a tier.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Rejection> {
        let tier: Self = decode("tier", bytes)?;
        tier.check()?;
        Ok(tier)
    }

    /// What the rules look at.
    pub(super) fn outline(&self, digest: Digest) -> TierOutline {
        let stages = self.stages.iter().map(|stage| stage.outline.clone()).collect();
        TierOutline { name: self.name.clone(), digest, stages }
    }
}

impl TierStage {
    fn check(&self) -> Result<(), Rejection> {
        let StageOutline { id, status, output, counter, .. } = &self.outline;
        if RESERVED_STAGES.contains(&id.as_str()) {
            let problem = format!("no stage can be named {id}: restage uses the name itself");
            return Err(Rejection::invalid("stages", problem));
        }
        check_line(&format!("status of {id}"), status, TITLE_BYTES_MAX)?;
        if RESERVED_STATUSES.contains(&status.as_str()) {
            let problem = format!("it can't be {status:?}: restage uses the word itself");
            return Err(Rejection::invalid(format!("status of {id}"), problem));
        }
        check_line(&format!("output of {id}"), output, TITLE_BYTES_MAX)?;
        check_line(&format!("counter of {id}"), counter, TITLE_BYTES_MAX)?;
        if self.prompt.len() > STAGE_PROMPT_BYTES_MAX {
            return Err(Rejection::limit(format!("bytes of the prompt of {id}"), STAGE_PROMPT_BYTES_MAX));
        }
        check_text(&format!("prompt of {id}"), &self.prompt)
    }
}

impl TierOutline {
    /// The place of a stage.
    pub(super) fn index(&self, stage: &StageId) -> Option<usize> {
        self.stages.iter().position(|known| known.id == *stage)
    }
}
