//! Tasks: a pipeline of stages, each worked on in the task's own git worktree by an agent, approved by a person, committed,
//! and taken back to any stage.
//!
//! The state holds statuses, counts and references. What agents say and make lies beside it, by stage and path
//! (`content.rs`), under the stage's generation. Every run of a stage raises its generation, so that number is the fence
//! for a run's agent: what an aborted run still says is turned away.
//!
//! Whatever moves files is an [`Operation`]: begun by a command, owed to the world as an effect, and finished by the
//! command that the world answers with. There is one at a time. A restart is such an operation, and so is its undo:
//! until the answer is in, the task is what it was, and says what is under way; the turn that takes the answer in clears
//! everything at once and leaves the undo point. So files and state go back together or not at all.
//!
//! A restart puts the whole task back, not one stage: its undo point remembers every stage, as its snapshot in the
//! repository remembers every file.

mod apply;
mod approval;
mod command;
mod content;
mod dependencies;
mod going_back;
mod lifecycle;
pub mod limits;
mod names;
mod operation;
mod plan_lines;
mod prompt;
mod running;
mod state;
mod stuck;
#[cfg(test)]
mod tests;
mod tier;
mod tier_file;
mod turn;
mod words;
mod worktree;

pub use command::{Cause, Command, Effect, Event, Finish, Outcome, Reply, Report};
pub use content::{
    BRIEF_PATH, FEEDBACK_PATH, HANDOFF_PATH, LOG_PREFIX, LogLine, LogSource, OUTPUT_PATH, TASK_STAGE, TODOS_PATH, Todo,
    log_from_bytes, log_path, todos_from_bytes,
};
pub use names::{branch_name, commit_message, commit_subject};
pub use operation::{Operation, OperationKind, Place, RolledBack};
pub use prompt::{Earlier, PromptParts, prompt};
pub use state::{
    Activity, Approval, Candidate, Dependency, ObjectId, Problem, Run, Score, StageState, StageStatus, StaleDependency,
    Standing, Status, Task,
};
pub use stuck::stuck;
pub use tier::{StageOutline, Tier, TierOutline, TierStage};

use running::interrupt;
use turn::Turn;

use super::{Decision, Entity, Generation, Input, Rejection, StageId, Target, Timestamp};

/// The kind of entity that a task is.
#[derive(Clone, Debug)]
pub enum TaskKind {}

impl Entity for TaskKind {
    const KIND: &'static str = "task";

    type State = Task;
    type Command = Command;
    type Event = Event;
    type Reply = Reply;
    type Effect = Effect;

    fn target(command: &Command) -> Option<Target> {
        let (stage, generation, work) = match command {
            Command::Started { stage, generation, .. } | Command::Report { stage, generation, .. } => {
                (stage, generation, false)
            }
            // One that says nothing is no work that could be lost.
            Command::Finish { stage, generation, finish } => (stage, generation, finish.has_work()),
            _ => return None,
        };
        Some(Target { stage: stage.clone(), generation: Some(*generation), work })
    }

    fn retarget(command: &mut Command, to: Generation) {
        if let Command::Started { generation, .. }
        | Command::Report { generation, .. }
        | Command::Finish { generation, .. } = command
        {
            *generation = to;
        }
    }

    fn decide(state: &Task, command: &Command, input: &Input<'_>) -> Result<Decision<Self>, Rejection> {
        let mut turn = Turn::new(state, input);
        if !state.exists() && !matches!(command, Command::Create { .. }) {
            return Err(Rejection::not_found("task", input.id));
        }
        decide(&mut turn, command)?;
        turn.finish()
    }

    fn apply(state: &mut Task, event: &Event, _: Timestamp) {
        apply::apply(state, event);
    }

    fn restore(state: &mut Task, saved: &Task, stages: &[StageId], _: Timestamp) {
        going_back::restore(state, saved, stages);
    }

    fn draft_key(command: &Command) -> Option<Vec<u8>> {
        match command {
            Command::Finish { finish, .. } => Some(finish.run.to_be_bytes().to_vec()),
            _ => None,
        }
    }

    fn supersedes(new: &Command, old: &Command) -> bool {
        // After a crash of ours a run is told to be interrupted, whatever it said before.
        let tells = |command: &Command| match command {
            Command::Finish { finish, .. } => finish.outcome != Outcome::Interrupted,
            _ => true,
        };
        tells(new) || !tells(old)
    }

    fn begin_undo(saved: &Task, stages: &[StageId], point: u64) -> Option<Command> {
        going_back::begin_undo(saved, stages, point)
    }

    fn undoing(state: &Task) -> Option<u64> {
        match state.operation.as_ref().map(|operation| &operation.kind) {
            Some(OperationKind::Undo { point, .. }) => Some(*point),
            _ => None,
        }
    }
}

fn decide(turn: &mut Turn<'_>, command: &Command) -> Result<(), Rejection> {
    match command {
        Command::Create { .. } => lifecycle::create(turn, command),
        Command::Start => lifecycle::start(turn),
        Command::Run => running::run(turn),
        Command::Retry => running::retry(turn),
        Command::Approve { seen } => approval::approve(turn, seen.as_ref()),
        Command::Reject { feedback } => approval::reject(turn, feedback),
        Command::Pause => lifecycle::pause(turn),
        Command::Resume => lifecycle::resume(turn),
        Command::Restart { to } => going_back::restart(turn, to.as_ref()),
        Command::Accept => dependencies::accept(turn),
        Command::Merge => worktree::merge(turn),
        Command::CleanUp => worktree::clean_up(turn),
        Command::TakeBack { point, snapshot, back } => going_back::take_back(turn, *point, *snapshot, back),
        Command::Started { stage, generation, agent, process } => {
            running::started(turn, stage, *generation, agent, process)
        }
        Command::Report { stage, generation, report } => running::report(turn, stage, *generation, report),
        Command::Finish { stage, finish, .. } => running::finish(turn, stage, finish),
        Command::Created { operation, place, notes } => lifecycle::created(turn, *operation, place, notes),
        Command::Committed { operation, commit } => approval::committed(turn, *operation, commit),
        Command::Changed { operation, candidate } => approval::changed(turn, *operation, candidate),
        Command::RolledBack { operation, report } => going_back::rolled_back(turn, *operation, report),
        Command::Merged { operation, commit, notes } => worktree::merged(turn, *operation, commit, notes),
        Command::CleanedUp { operation, snapshot, notes } => {
            worktree::cleaned_up(turn, *operation, snapshot.as_ref(), notes)
        }
        Command::Failed { operation, code, what, hint } => worktree::failed(turn, *operation, code, what, hint),
        Command::Delayed { operation, code, what, hint } => worktree::delayed(turn, *operation, code, what, hint),
        Command::Awaited { by } => dependencies::awaited(turn, by),
        Command::Told { task, revision, done } => dependencies::told(turn, task, *revision, done.as_ref()),
    }
}
