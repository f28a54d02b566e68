//! What can be asked of a task, what then happened, what is owed to the world, and what the asker is told.

use serde::{Deserialize, Serialize};

use super::content::{LogLine, Todo};
use super::operation::{Operation, Place, RolledBack};
use super::state::{Candidate, Dependency, ObjectId, Problem, Run, Score, StageState, Standing, Task};
use super::tier::Tier;
use crate::domain::{EntityId, Generation, StageId, Timestamp};

/// What can be asked of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    // By people and programs.
    /// Makes the task.
    Create {
        /// What is to be done, in a line.
        title: String,
        /// What is to be done, in full.
        brief: String,
        /// Its stages.
        tier: Box<Tier>,
        /// The repository it works in.
        repository: EntityId,
        /// The branch or commit to begin from; `None` for the repository's default.
        from: Option<String>,
        /// Tasks that have to be done first. They exist, so that no task can come to wait for itself.
        depends_on: Vec<EntityId>,
        /// Whether each stage is approved by itself and the next one run.
        auto: bool,
    },
    /// Takes it out of the backlog: into its first stage, with a branch and a worktree of its own.
    Start,
    /// Has an agent work on the stage it is in.
    Run,
    /// Has an agent go on with a stage whose run failed or was interrupted, with everything that is there.
    Retry,
    /// Approves what the stage's run made: it is committed, and the next stage entered.
    Approve {
        /// The files that the person looked at; `None` for the ones that are there.
        seen: Option<ObjectId>,
    },
    /// Sends the stage back to its agent.
    Reject {
        /// What is to be different.
        feedback: String,
    },
    /// Ends the agent, and lets the task rest.
    Pause,
    /// Goes on after a pause: the stage can be run again.
    Resume,
    /// Goes back to where a stage began; to the beginning of all with `None`.
    Restart {
        /// The stage.
        to: Option<StageId>,
    },
    /// Calls the task fresh although tasks it depends on changed since it was started.
    Accept,
    /// Merges the branch into its base.
    Merge,
    /// Removes the worktree; the branch stays.
    CleanUp,

    // By the engine, when an undo is asked for.
    /// Begins to take a restart or an undo back.
    TakeBack {
        /// The undo point.
        point: u64,
        /// The number of the operation that took the snapshot.
        snapshot: u64,
        /// Where the task stands once it is undone.
        back: Box<Standing>,
    },

    // By the host that carries out what is owed.
    /// The agent of a run was started.
    Started {
        /// The stage.
        stage: StageId,
        /// The generation it writes under.
        generation: Generation,
        /// The agent's name in the configuration.
        agent: String,
        /// The process: id, start time in ticks since boot, boot.
        process: (u32, u64, String),
    },
    /// What the agent said since it was last told.
    Report {
        /// The stage.
        stage: StageId,
        /// The generation it writes under.
        generation: Generation,
        /// What it said.
        report: Box<Report>,
    },
    /// The agent ended.
    Finish {
        /// The stage.
        stage: StageId,
        /// The generation it wrote under.
        generation: Generation,
        /// What came of it.
        finish: Box<Finish>,
    },
    /// The worktree is made.
    Created {
        /// The operation.
        operation: u64,
        /// Where it is.
        place: Place,
        /// What is good to know about it, in sentences.
        notes: Vec<String>,
    },
    /// The stage is committed.
    Committed {
        /// The operation.
        operation: u64,
        /// The commit.
        commit: ObjectId,
    },
    /// The stage is not committed, for the files are not those that were approved.
    Changed {
        /// The operation.
        operation: u64,
        /// The files as they are.
        candidate: Candidate,
    },
    /// The files are back.
    RolledBack {
        /// The operation.
        operation: u64,
        /// What it came to.
        report: Box<RolledBack>,
    },
    /// The branch is merged.
    Merged {
        /// The operation.
        operation: u64,
        /// The merge commit.
        commit: ObjectId,
        /// What is good to know about it, in sentences.
        notes: Vec<String>,
    },
    /// The worktree is removed.
    CleanedUp {
        /// The operation.
        operation: u64,
        /// The snapshot that was taken before, if anything was not committed.
        snapshot: Option<ObjectId>,
        /// What is good to know about it, in sentences.
        notes: Vec<String>,
    },
    /// An operation can't be done. Nothing was changed.
    Failed {
        /// The operation.
        operation: u64,
        /// A stable word for programs.
        code: String,
        /// Why not.
        what: String,
        /// What to do about it.
        hint: String,
    },
    /// An operation takes longer: it is tried again until it is done.
    Delayed {
        /// The operation.
        operation: u64,
        /// A stable word for programs.
        code: String,
        /// What is in the way.
        what: String,
        /// What to do about it.
        hint: String,
    },
    /// Another task waits for this one, and wants to be told.
    Awaited {
        /// The task that waits.
        by: EntityId,
    },
    /// A task that this one waits for tells how it stands.
    Told {
        /// The task that tells.
        task: EntityId,
        /// Its revision: what is older than what is known is nothing new.
        revision: u64,
        /// The files it ended with, while it is done.
        done: Option<ObjectId>,
    },
}

/// What an agent said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Lines for the log.
    pub lines: Vec<LogLine>,
    /// All things to do, in place of those before.
    pub todos: Option<Vec<Todo>>,
    /// Its session.
    pub session: Option<String>,
    /// What whoever goes on has to know.
    pub carry_over: Option<String>,
    /// The stage's output, in place of the one before.
    pub output: Option<String>,
    /// What the next stage has to know, in place of what was said before.
    pub handoff: Option<String>,
    /// The score it gives.
    pub score: Option<Score>,
    /// Whether what it verified holds.
    pub passed: Option<bool>,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finish {
    /// The run.
    pub run: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// What it said at last; for a run that was fenced all that it said since.
    pub report: Report,
    /// The files it left, if they could be read.
    pub candidate: Option<Candidate>,
}

impl Finish {
    /// Whether it brings anything that could be lost.
    pub fn has_work(&self) -> bool {
        self.candidate.is_some() || self.report != Report::default()
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Its agent says that it is done.
    Done,
    /// Its agent failed, or could not be started: a code and a sentence.
    Failed {
        /// A stable word for programs.
        code: String,
        /// What happened.
        what: String,
    },
    /// It was ended before it was done: by a crash of ours, or because the program stops.
    Interrupted,
}

/// What happened to a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// It was created.
    Created(Box<Task>),
    /// A stage is like this from now on.
    Stage {
        /// The stage.
        stage: StageId,
        /// Why.
        cause: Cause,
        /// How it is.
        state: Box<StageState>,
    },
    /// It is in this stage, by its place; done at the number of stages; in backlog without.
    Entered {
        /// The place.
        at: Option<u16>,
        /// When it was done, if it is.
        done_at: Option<Timestamp>,
    },
    /// What boards show changed. For those who follow: the state has it already.
    StatusChanged {
        /// The stage it is in.
        stage: Option<StageId>,
        /// Its status, as a word.
        status: String,
        /// What did it: `start`, `approve`, `restart`, `undo`.
        action: String,
    },
    /// An operation is under way.
    Began(Box<Operation>),
    /// It ended; with a problem, nothing was changed.
    Ended(Option<Problem>),
    /// The files were put back, and with that the operation ended.
    RolledBack(Box<RolledBack>),
    /// A run came to nothing.
    Problem(Problem),
    /// An agent is at work, or none any more.
    Run(Option<Run>),
    /// The agent's name, its session, and what it left for whoever goes on.
    Agent {
        /// The agent that worked last.
        name: Option<String>,
        /// Its session.
        session: Option<String>,
        /// What it left.
        carry_over: Option<String>,
    },
    /// It has a worktree.
    Placed(Place),
    /// Its worktree was removed, or is there again.
    CleanedUp(bool),
    /// It is merged.
    Merged(ObjectId),
    /// Rejections of a counter.
    Rejections(String, u32),
    /// It is paused since then, or not any more.
    Paused(Option<Timestamp>),
    /// It is blocked for this reason, or not any more.
    Blocked(Option<String>),
    /// A task that it waits for is like this.
    Dependency(Dependency),
    /// Another task waits for it.
    Awaited(EntityId),
    /// Its log goes on from this line.
    Logged(u64),
}

/// Why a stage changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// It was entered.
    Entered,
    /// It is run.
    Run,
    /// Its agent said something that it keeps.
    Said,
    /// Its run ended.
    Finished,
    /// Its run was ended.
    Interrupted,
    /// It was approved.
    Approved,
    /// Its approval fell, for the files changed.
    Changed,
    /// It was rejected.
    Rejected,
    /// It was committed.
    Completed,
    /// It was cleared by a restart.
    Cleared,
    /// Late work was taken in.
    Adopted,
}

/// What is owed to the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Have an agent work on the run's stage, and tell how it ended with [`Command::Finish`], sent as a command of its own
    /// and not as the answer: the answer of an effect that is owed no longer is dropped, a late command is kept. Key `run`.
    Run {
        /// The run's number.
        run: u64,
    },
    /// End the agents of all runs up to this one. Key `end`.
    End {
        /// The last run to be ended.
        run: u64,
    },
    /// Carry the operation out, after all agents of runs so far are ended, and tell what came of it. Key `operate`.
    Operate {
        /// The operation's number.
        operation: u64,
    },
    /// Ask a task that this one waits for to tell how it stands. Key `await/` and its id.
    Await {
        /// The task to ask.
        on: EntityId,
    },
    /// Tell a task that waits for this one how this one stands. Key `tell/` and its id.
    Tell {
        /// The task to tell.
        to: EntityId,
        /// The files this one ended with, while it is done.
        done: Option<ObjectId>,
    },
}

/// What the asker is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// It is done.
    Done,
    /// It is under way.
    Began {
        /// The operation's number.
        operation: u64,
    },
    /// The stage is being worked on.
    Running {
        /// The run's number.
        run: u64,
        /// The stage.
        stage: StageId,
        /// The generation it writes under.
        generation: Generation,
    },
}
