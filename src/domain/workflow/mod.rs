//! Workflows: gates in order, tasks handed to queues, workers that claim them, and going back to a gate.
//!
//! The workflow decides everything; queues hold hints only. A task is content of its gate and a number within its lane
//! until a worker meets it ([`Workflow::lanes`]), an entry of [`Workflow::under_way`] until it is finished, and content
//! again as its result. So the state stays small, and going back costs the same at any number of tasks.
//!
//! Two numbers keep late workers out. A lease names the generation of its gate, which every reset raises; and it names its
//! claim, a number that is never used twice. Work of an older generation, or of a claim that somebody else's has followed,
//! is turned away and kept, to be adopted or discarded. A lease whose time is merely over is not followed by anybody yet:
//! what its worker hands in lands.
//!
//! Tasks are granted at the gate that the workflow stands before, while a run goes on; or before there was any run, so that
//! a workflow can be used as a queue of tasks that are added by hand.

mod apply;
mod claim;
mod command;
mod content;
mod finish;
mod gates;
mod going_back;
mod lane;
mod lifecycle;
pub mod limits;
mod plan_lines;
mod state;
mod stuck;
mod task;
mod template;
mod template_file;
mod tending;
#[cfg(test)]
mod tests;
mod turn;
mod view;

pub use command::{Command, Effect, Event, Outcome, Reply, ResetSummary};
pub use content::{RESULTS_PREFIX, TASKS_PREFIX, result_path, task_at, task_path};
pub use lane::Lane;
pub use state::{Approval, GateState, Lease, RunState, RunStatus, Standing, UnderWay, Workflow};
pub use stuck::stuck;
pub use task::{Domain, Grant, LaneId, ResultStatus, StoredResult, Task, TaskId, TaskResult};
pub use template::{Gate, GateOutline, NewTask, Outline, Template};
pub use view::{Offered, Status, TaskStanding};

use going_back::Clears;
use turn::{LEASES, Turn};

use super::{Decision, Entity, Generation, Input, Owes, Read, Rejection, StageId, Target, Timestamp};

/// The kind of entity that a workflow is.
#[derive(Clone, Debug)]
pub enum WorkflowKind {}

impl Entity for WorkflowKind {
    const KIND: &'static str = "workflow";

    type State = Workflow;
    type Command = Command;
    type Event = Event;
    type Reply = Reply;
    type Effect = Effect;

    fn target(command: &Command) -> Option<Target> {
        match command {
            Command::Heartbeat { gate, generation, .. } => {
                Some(Target { stage: gate.clone(), generation: Some(*generation), work: false })
            }
            // One that failed is no work that could be lost.
            Command::Finish { gate, generation, result, .. } => {
                let work = result.status == ResultStatus::Completed;
                Some(Target { stage: gate.clone(), generation: *generation, work })
            }
            _ => None,
        }
    }

    fn retarget(command: &mut Command, to: Generation) {
        if let Command::Finish { generation, claim, .. } = command {
            (*generation, *claim) = (Some(to), None);
        }
    }

    fn reads(state: &Workflow, command: &Command) -> Vec<Read> {
        reads(state, command)
    }

    fn decide(state: &Workflow, command: &Command, input: &Input<'_>) -> Result<Decision<Self>, Rejection> {
        if !state.exists() && !matches!(command, Command::Start { .. }) {
            return Err(Rejection::not_found("workflow", input.id));
        }
        let mut turn = Turn::new(state, input);
        decide(&mut turn, command)?;
        Ok(turn.finish())
    }

    fn apply(state: &mut Workflow, event: &Event, _: Timestamp) {
        apply::apply(state, event);
    }

    fn restore(state: &mut Workflow, saved: &Workflow, stages: &[StageId], at: Timestamp) {
        going_back::restore(state, saved, stages, at);
    }

    fn draft_key(command: &Command) -> Option<Vec<u8>> {
        match command {
            Command::Finish { task, claim, .. } => Some(format!("{task}/{}", claim.unwrap_or_default()).into_bytes()),
            _ => None,
        }
    }

    fn on_timer(key: &str) -> Option<Command> {
        (key == LEASES).then_some(Command::Tick)
    }

    fn begin_undo(saved: &Workflow, stages: &[StageId], point: u64) -> Option<Command> {
        Some(going_back::begin_undo(saved, stages, point))
    }

    fn after_undo(state: &Workflow, _: Timestamp) -> Owes<Self> {
        let effects =
            state.domains_waiting().into_iter().map(|(domain, offered)| turn::offer(domain, offered)).collect();
        Owes { effects, timers: vec![(LEASES.into(), state.next_due())] }
    }
}

fn reads(state: &Workflow, command: &Command) -> Vec<Read> {
    let of = |task: &TaskId, path: Vec<u8>, result: bool| {
        let gate = state.gate_at(task.lane.gate).ok();
        gate.map(|(outline, _)| Read::Content(if result { &outline.results } else { &outline.id }.clone(), path))
    };
    let last = |task: &TaskId| gates::is_last(state, task).then(|| gates::reads(state));
    match command {
        Command::Claim { domain, .. } => claim::reads(state, domain),
        Command::Run { .. } | Command::Approve { .. } => vec![gates::reads(state)],
        Command::Cancel { task } => last(task).into_iter().collect(),
        Command::Finish { task, .. } => of(task, result_path(task), true).into_iter().chain(last(task)).collect(),
        Command::Retry { task } => {
            of(task, result_path(task), true).into_iter().chain(of(task, task_path(task), false)).collect()
        }
        _ => Vec::new(),
    }
}

fn decide(turn: &mut Turn<'_>, command: &Command) -> Result<(), Rejection> {
    match command {
        Command::Start { title, story, template } => lifecycle::start(turn, title, story, template),
        Command::Run { until } => lifecycle::run(turn, until.as_ref()),
        Command::Stop => lifecycle::stop(turn),
        Command::Add { tasks } => lifecycle::add(turn, tasks),
        Command::Approve { gate, seen } => lifecycle::approve(turn, gate, *seen),
        Command::Reject { gate } => lifecycle::reject(turn, gate),
        Command::Release { task } => tending::release(turn, task),
        Command::Retry { task } => tending::retry(turn, task),
        Command::Cancel { task } => tending::cancel(turn, task),
        Command::Reset { to, clear_tasks, clear_results } => {
            going_back::reset(turn, *to, Clears { tasks: *clear_tasks, results: *clear_results })
        }
        Command::Claim { domain, worker, lease_seconds } => claim::claim(turn, domain, worker, *lease_seconds),
        Command::Heartbeat { task, gate, claim, progress, .. } => {
            claim::heartbeat(turn, task, gate, *claim, progress.as_deref())
        }
        Command::Finish { task, gate, claim, result, .. } => finish::finish(turn, task, gate, *claim, result),
        Command::TakeBack { point, results_of } => going_back::take_back(turn, *point, *results_of),
        Command::Tick => {
            claim::tick(turn);
            Ok(())
        }
    }
}
