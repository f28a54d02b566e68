//! A task as the rules know it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::operation::{Operation, Place};
use super::tier::{StageOutline, TierOutline};
use crate::domain::{Digest, EntityId, Generation, Rejection, StageId, Timestamp};

/// The id of a commit or tree in a repository: forty lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectId(pub String);

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A score, in thousandths: 0 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Score(pub u16);

/// A task. The default is one that nobody has created.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// What is to be done, in a line. What is to be done in full lies at [`BRIEF_PATH`](super::BRIEF_PATH).
    pub title: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// The repository it works in; `None` only for one that nobody has created.
    pub repository: Option<EntityId>,
    /// The branch or commit to begin from; `None` for the repository's default.
    pub from: Option<String>,
    /// Its stages.
    pub tier: TierOutline,
    /// Whether each stage is approved by itself and the next one run.
    pub auto: bool,
    /// The stage it is in, by its place in the tier; the number of stages when it is done. `None` in backlog.
    pub at: Option<u16>,
    /// Each stage, in order.
    pub stages: Vec<StageState>,
    /// When the last stage was completed.
    pub done_at: Option<Timestamp>,
    /// How often stages were rejected, by counter.
    pub rejections: BTreeMap<String, u32>,
    /// Since when it is paused.
    pub paused: Option<Timestamp>,
    /// Why it is blocked.
    pub blocked: Option<String>,
    /// Where it works; `None` until it was started.
    pub place: Option<Place>,
    /// Whether the worktree was removed; it is made again when it is needed.
    pub cleaned_up: bool,
    /// The merge commit.
    pub merged: Option<ObjectId>,
    /// The agent that is at work.
    pub run: Option<Run>,
    /// What moves files now.
    pub operation: Option<Operation>,
    /// What the last operation or run could not do; gone when something succeeds.
    pub problem: Option<Problem>,
    /// The agent's session, to go on with.
    pub session: Option<String>,
    /// What the last run left for whoever goes on with its stage.
    pub carry_over: Option<String>,
    /// The agent that worked last.
    pub agent: Option<String>,
    /// Tasks that have to be done before this one.
    pub depends_on: Vec<Dependency>,
    /// Tasks that wait for this one.
    pub dependents: Vec<EntityId>,
    /// Operations there ever were: the last one's number.
    pub operations: u64,
    /// Runs there ever were: the last one's number.
    pub runs: u64,
    /// Lines of its log: the next one's number.
    pub log: u64,
}

/// A stage of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageState {
    /// Where it stands.
    pub status: StageStatus,
    /// When it was entered.
    pub started_at: Option<Timestamp>,
    /// When it was completed.
    pub completed_at: Option<Timestamp>,
    /// Runs since it was entered, those after a rejection too.
    pub runs: u32,
    /// The number of its last run; 0 without one.
    pub last_run: u64,
    /// The last of its runs whose end is known; 0 without one.
    pub last_ended: u64,
    /// What its last run made, to be approved.
    pub candidate: Option<Candidate>,
    /// Who approved what.
    pub approval: Option<Approval>,
    /// Its commit.
    pub commit: Option<ObjectId>,
    /// Its output, by digest; the text lies at [`OUTPUT_PATH`](super::OUTPUT_PATH).
    pub output: Option<Digest>,
    /// Whether it left a hand-off, at [`HANDOFF_PATH`](super::HANDOFF_PATH).
    pub handoff: bool,
    /// Whether it was rejected with words, at [`FEEDBACK_PATH`](super::FEEDBACK_PATH).
    pub feedback: bool,
    /// Things to do: done, of all. The list lies at [`TODOS_PATH`](super::TODOS_PATH).
    pub todos: (u32, u32),
    /// The score it gave.
    pub score: Option<Score>,
    /// Whether what it verified holds.
    pub passed: Option<bool>,
}

/// Where a stage stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageStatus {
    /// Not reached yet.
    #[default]
    NotReached,
    /// Entered, and to be run.
    Ready,
    /// An agent is at work.
    Running,
    /// Its run was ended before it was done; what it did is in the worktree.
    Interrupted,
    /// Its run failed; what it did is in the worktree.
    Failed,
    /// To be approved or rejected.
    ToApprove,
    /// Rejected, and to be run again.
    Rejected,
    /// Approved, and being committed.
    Committing,
    /// Committed.
    Complete,
}

/// What a run made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The files, as a tree.
    pub tree: ObjectId,
    /// How many differ from the commit before.
    pub changed: u64,
}

/// An approval names what it approved, and falls when that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The files.
    pub tree: ObjectId,
    /// The output.
    pub output: Option<Digest>,
}

/// An agent at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its number within the task, never used twice.
    pub number: u64,
    /// The stage.
    pub stage: StageId,
    /// The stage's generation that it writes under.
    pub generation: Generation,
    /// Since when.
    pub since: Timestamp,
    /// The process, once it was started: id, start time in ticks since boot, boot.
    pub process: Option<(u32, u64, String)>,
}

/// What could not be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// When.
    pub at: Timestamp,
    /// What was being done: "restart to plan".
    pub doing: String,
    /// A stable word for programs.
    pub code: String,
    /// Why it could not be done.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}

/// A task that has to be done before this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// The task.
    pub task: EntityId,
    /// Its revision when it last told.
    pub revision: u64,
    /// The files it ended with, while it is done.
    pub done: Option<ObjectId>,
    /// The files it had ended with when this task was started, or was last called fresh.
    pub begun_with: Option<ObjectId>,
}

/// Where a task stands, as boards and the tasks that wait for it see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The stage it is in.
    pub stage: Option<StageId>,
    /// Its status, as a word.
    pub status: String,
    /// The files it ended with, while it is done.
    pub done: Option<ObjectId>,
}

/// The status of a task, as boards show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not started.
    Backlog,
    /// In a stage: its word, `planning`.
    Stage(String),
    /// All stages are complete.
    Done,
    /// A person paused it.
    Paused,
    /// It was rejected too often.
    Blocked,
}

/// What goes on in a task beneath its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Files are moved: in words, like "restarting to plan".
    Operation(String),
    /// How the stage it is in stands.
    Stage(StageStatus),
    /// Nothing: it is in backlog or done.
    Nothing,
}

/// Why a task is stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleDependency {
    /// The task that it depends on.
    pub task: EntityId,
    /// What changed there, as a sentence.
    pub why: String,
}

impl Task {
    /// Whether somebody has created it.
    pub fn exists(&self) -> bool {
        self.repository.is_some()
    }

    /// The status that boards show.
    pub fn status(&self) -> Status {
        match self.at {
            None => Status::Backlog,
            Some(_) if self.is_done() => Status::Done,
            Some(_) if self.paused.is_some() => Status::Paused,
            Some(_) if self.blocked.is_some() => Status::Blocked,
            Some(_) => self.current().map_or(Status::Done, |(outline, _)| Status::Stage(outline.status.clone())),
        }
    }

    /// What goes on beneath that.
    pub fn activity(&self) -> Activity {
        match (&self.operation, self.current()) {
            (Some(operation), _) => Activity::Operation(operation.kind.to_string()),
            (None, Some((_, stage))) => Activity::Stage(stage.status),
            (None, None) => Activity::Nothing,
        }
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        Standing {
            stage: self.current().map(|(outline, _)| outline.id.clone()),
            status: self.status().to_string(),
            done: self.done().cloned(),
        }
    }

    /// Whether all its stages are complete.
    pub fn is_done(&self) -> bool {
        self.exists() && self.at.is_some_and(|at| usize::from(at) >= self.stages.len())
    }

    /// The files it ended with, while it is done.
    pub fn done(&self) -> Option<&ObjectId> {
        let last = self.stages.last().filter(|_| self.is_done())?;
        last.approval.as_ref().map(|approval| &approval.tree)
    }

    /// Its stages, in order.
    pub fn stages(&self) -> impl DoubleEndedIterator<Item = (&StageOutline, &StageState)> + ExactSizeIterator {
        self.tier.stages.iter().zip(&self.stages)
    }

    /// The stage it is in; none in backlog and when it is done.
    pub fn current(&self) -> Option<(&StageOutline, &StageState)> {
        self.stages().nth(usize::from(self.at?))
    }

    /// A stage.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] if the task's tier has none of this name.
    pub fn stage(&self, stage: &StageId) -> Result<&StageState, Rejection> {
        self.stages.get(self.place_of(stage)?).ok_or_else(|| self.no_stage(stage))
    }

    /// The commit of the nearest complete stage before `stage`; none before the beginning.
    pub fn commit_before(&self, stage: Option<&StageId>) -> Option<&ObjectId> {
        let place = stage.and_then(|stage| self.tier.index(stage)).unwrap_or_default();
        let before = self.stages().take(place).rev();
        before.filter(|(_, stage)| stage.status == StageStatus::Complete).find_map(|(_, stage)| stage.commit.as_ref())
    }

    /// The commit of the last complete stage.
    pub fn last_commit(&self) -> Option<&ObjectId> {
        let complete = self.stages().rev().filter(|(_, stage)| stage.status == StageStatus::Complete);
        complete.into_iter().find_map(|(_, stage)| stage.commit.as_ref())
    }

    /// What a restart is offered for: the beginning of all (`None`) and each stage that was reached. Nothing in backlog
    /// and when the task is done.
    pub fn restart_targets(&self) -> Vec<Option<&StageId>> {
        if self.current().is_none() {
            return Vec::new();
        }
        let reached = self.stages().filter(|(_, stage)| stage.status != StageStatus::NotReached);
        std::iter::once(None).chain(reached.map(|(outline, _)| Some(&outline.id))).collect()
    }

    /// The tasks it depends on that are no longer what it was started with. Nothing in backlog.
    pub fn stale(&self) -> Vec<StaleDependency> {
        let changed = self.depends_on.iter().filter(|on| self.at.is_some() && on.done != on.begun_with);
        let told = changed.map(|on| {
            let why = match on.done {
                None => format!("{} was taken back, and is not done again", on.task),
                Some(_) => format!("{} was done again, with other files", on.task),
            };
            StaleDependency { task: on.task.clone(), why }
        });
        told.collect()
    }

    pub(super) fn place_of(&self, stage: &StageId) -> Result<usize, Rejection> {
        self.tier.index(stage).ok_or_else(|| self.no_stage(stage))
    }

    pub(super) fn get_mut(&mut self, stage: &StageId) -> Option<&mut StageState> {
        let place = self.tier.index(stage)?;
        self.stages.get_mut(place)
    }

    fn no_stage(&self, stage: &StageId) -> Rejection {
        Rejection::not_found(format!("stage of tier {}", self.tier.name), stage)
    }
}

impl StageState {
    /// A stage that is entered.
    pub(super) fn entered(at: Timestamp) -> Self {
        Self { status: StageStatus::Ready, started_at: Some(at), ..Self::default() }
    }
}
