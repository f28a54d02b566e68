//! Going back to a gate, and taking that back.
//!
//! A reset starts the gate that is named, and all after it, over. What happens to tasks and to results is said apart. Where
//! tasks stay and results go, every task is handed out again; where both stay, those that have no result are, and what was
//! cancelled stays so. Leases are void in every case.
//!
//! An undo gives the gates back as they were, but that nobody is at work: who was is fenced, and the task is queued again. A
//! run that went on is stopped, since to take something back is not to begin something. Numbers of tasks, claims and runs
//! are never used again.

use super::command::{Command, Event, Reply, ResetSummary};
use super::plan_lines;
use super::state::{GateState, RunState, RunStatus, Standing, UnderWay, Workflow};
use super::task::{Domain, LaneId};
use super::template::GateOutline;
use super::turn::Turn;
use crate::domain::{Digest, Inherit, Rejection, StageId, Timestamp, Verb};

/// What a reset is to clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clears {
    pub(super) tasks: bool,
    pub(super) results: bool,
}

pub(super) fn reset(turn: &mut Turn<'_>, to: Option<u16>, clears: Clears) -> Result<(), Rejection> {
    let to = target(&turn.state, to)?;
    let (lines, rests_on) = plan_lines::reset(turn, to, clears)?;
    let summary = summary(&turn.state, to, clears)?;
    let mut affects = Vec::new();
    for place in to..count(&turn.state) {
        let (outline, gate) = turn.state.gate_at(place)?;
        let stages = [(outline.id.clone(), clears.tasks), (outline.results.clone(), clears.results)];
        for (stage, is_cleared) in stages {
            let inherit = if is_cleared { Inherit::Nothing } else { Inherit::Current };
            turn.decision.raises.push((stage.clone(), inherit));
            affects.push(stage);
        }
        let gate = started_over(gate, place == to, clears);
        turn.set_gate(place, gate);
    }
    let lanes: Vec<LaneId> = turn.state.lanes.keys().filter(|lane| lane.gate >= to).cloned().collect();
    for id in lanes {
        let Some(mut lane) = turn.state.lanes.get(&id).cloned() else { continue };
        match clears {
            Clears { tasks: true, .. } => lane.clear(),
            Clears { results: true, .. } => lane.begin_again(turn.input.now),
            // Those before the next one are in the list of what is under way, or over.
            Clears { .. } => continue,
        }
        turn.set_lane(&id, lane);
    }
    for (id, entry) in turn.before.under_way.iter().filter(|(id, _)| id.lane.gate >= to) {
        let kept = (!clears.tasks && !clears.results).then(|| met_anew(entry, turn.input.now));
        turn.set_task(id, kept);
    }
    if turn.state.gate != to {
        turn.happen(Event::Gate(to));
    }
    turn.end_run(RunStatus::Cancelled);
    turn.settle_error();
    let stage = turn.state.gate_at(to)?.0.id.clone();
    turn.decision.verb = Some(Verb { rests_on: Some(rests_on), ..Verb::new("reset", Some(stage), affects, lines) });
    turn.decision.reply = Reply::Reset(summary);
    Ok(())
}

/// The gate to go back to.
fn target(state: &Workflow, to: Option<u16>) -> Result<u16, Rejection> {
    let most = state.gate.min(count(state).saturating_sub(1));
    match to {
        None => Ok(most),
        Some(to) if to <= most => Ok(to),
        Some(to) => {
            let problem = format!("it is {to}, and the workflow can go back to a gate from 0 to {most}");
            Err(Rejection::invalid("reset_to_gate", problem))
        }
    }
}

/// The command that begins, and is all of, the undo of a verb that affected `stages`.
pub(super) fn begin_undo(saved: &Workflow, stages: &[StageId], point: u64) -> Command {
    let only_results = |outline: &GateOutline| stages.contains(&outline.results) && !stages.contains(&outline.id);
    let gate = (0_u16..).zip(saved.gates()).find(|(_, (outline, _))| only_results(outline));
    Command::TakeBack { point, results_of: gate.map(|(place, (_, gate))| (place, gate.went_back)) }
}

/// The engine puts the state back as [`restore`] has it. Results come back by themselves only as long as their tasks are
/// the same.
pub(super) fn take_back(turn: &mut Turn<'_>, point: u64, results_of: Option<(u16, u64)>) -> Result<(), Rejection> {
    if let Some((place, went_back)) = results_of {
        let (outline, gate) = turn.state.gate_at(place)?;
        if gate.went_back != went_back {
            let why = format!("{} went back since", outline.id);
            return Err(Rejection::conflict("undoing what was adopted", why, "undo that first"));
        }
    }
    let rests_on = Some(plan_lines::rests_on(&turn.state, point)?);
    turn.decision.verb = Some(Verb { rests_on, ..Verb::new("undo", None, Vec::new(), Vec::new()) });
    turn.decision.undoes = Some(point);
    Ok(())
}

fn count(state: &Workflow) -> u16 {
    u16::try_from(state.gates.len()).unwrap_or(u16::MAX)
}

/// A gate after a reset; `is_target` where the workflow stands before it then.
fn started_over(gate: &GateState, is_target: bool, clears: Clears) -> GateState {
    let kept = |number: u64, is_cleared: bool| if is_cleared { 0 } else { number };
    GateState {
        opened_at: gate.opened_at.filter(|_| is_target && !clears.tasks),
        handed_out: gate.handed_out && !clears.tasks,
        passed_at: None,
        approval: None,
        went_back: gate.went_back.saturating_add(1),
        results: kept(gate.results, clears.results),
        given_up: kept(gate.given_up, clears.tasks || clears.results),
        fingerprint: if clears.results { Digest::default() } else { gate.fingerprint },
    }
}

/// A task whose attempts don't count any more.
fn met_anew(entry: &UnderWay, now: Timestamp) -> UnderWay {
    UnderWay {
        standing: Standing::Queued,
        since: now,
        lease: None,
        attempt: 0,
        human: false,
        failed_claim: None,
        problem: None,
        ..entry.clone()
    }
}

fn summary(state: &Workflow, to: u16, clears: Clears) -> Result<ResetSummary, Rejection> {
    let lanes = || state.lanes.iter().filter(|(id, _)| id.gate >= to);
    let under_way = || state.under_way.iter().filter(|(id, _)| id.lane.gate >= to);
    let mut queues: Vec<Domain> =
        lanes().filter(|(_, lane)| lane.ahead() > 0).map(|(id, _)| id.domain.clone()).collect();
    queues.extend(under_way().map(|(id, entry)| entry.domain(id)));
    queues.sort_unstable();
    queues.dedup();
    Ok(ResetSummary {
        tasks: if clears.tasks { lanes().map(|(_, lane)| lane.tasks()).sum() } else { 0 },
        results: match clears.results {
            true => state.gates.iter().skip(to.into()).map(|gate| gate.results).sum(),
            false => 0,
        },
        leases: u64::try_from(under_way().filter(|(_, entry)| entry.leased().is_some()).count()).unwrap_or(u64::MAX),
        queues: if clears.tasks { queues } else { Vec::new() },
        gate: to,
        phase: state.gate_at(to)?.0.phase.clone(),
    })
}

/// Puts back the gates of `stages`, as `saved` had them; the others stay as they are.
///
/// A reset affects the stage of each gate with that of its results, and such a gate comes back whole. To adopt affects that
/// of the results alone: the tasks come back to where they were, and those that were added since are there still.
pub(super) fn restore(state: &mut Workflow, saved: &Workflow, stages: &[StageId], at: Timestamp) {
    for place in 0..count(state) {
        let Some(outline) = state.outline.gates.get(usize::from(place)) else { continue };
        let whole = stages.contains(&outline.id);
        if !whole && !stages.contains(&outline.results) {
            continue;
        }
        if let (Some(gate), Some(was)) = (state.gates.get_mut(usize::from(place)), saved.gates.get(usize::from(place)))
        {
            let now = std::mem::replace(gate, was.clone());
            gate.went_back = now.went_back;
            if whole {
                gate.went_back = now.went_back.saturating_add(1);
            } else {
                gate.handed_out |= now.handed_out;
                gate.opened_at = gate.opened_at.or(now.opened_at);
            }
        }
        restore_tasks(state, saved, place, whole, at);
    }
    let passed = state.gates.iter().take_while(|gate| gate.passed_at.is_some()).count();
    state.gate = u16::try_from(passed).unwrap_or(u16::MAX);
    // What follows a gate that is not passed is not either.
    state.gates.iter_mut().skip(passed).for_each(|gate| gate.passed_at = None);
    state.run = restored_run(state.run.take(), saved.run.as_ref(), at);
    state.error.clone_from(&saved.error);
}

fn restore_tasks(state: &mut Workflow, saved: &Workflow, place: u16, whole: bool, at: Timestamp) {
    for (id, lane) in state.lanes.iter_mut().filter(|(id, _)| id.gate == place) {
        let was = saved.lanes.get(id);
        *lane = if whole { lane.restored(was) } else { lane.handed_out_as(was) };
    }
    state.under_way.retain(|id, _| id.lane.gate != place);
    for (id, entry) in saved.under_way_of(place) {
        if state.lanes.get(&id.lane).is_some_and(|lane| id.number < lane.next && lane.has(id.number)) {
            state.under_way.insert(id.clone(), at_rest(entry, at));
        }
    }
}

/// A task that was under way, without its worker.
fn at_rest(entry: &UnderWay, at: Timestamp) -> UnderWay {
    match entry.standing {
        Standing::Leased | Standing::Waiting(_) => {
            UnderWay { standing: Standing::Queued, since: at, lease: None, ..entry.clone() }
        }
        Standing::Queued | Standing::Failed => UnderWay { lease: None, ..entry.clone() },
    }
}

/// The last run there was, which does not go on.
fn restored_run(now: Option<RunState>, was: Option<&RunState>, at: Timestamp) -> Option<RunState> {
    let mut run = now?;
    match was.filter(|was| was.number == run.number) {
        Some(was) => {
            run = was.clone();
            if run.status == RunStatus::Running {
                (run.status, run.ended_at) = (RunStatus::Stopped, Some(at));
            }
        }
        None if run.status == RunStatus::Running => {
            (run.status, run.ended_at) = (RunStatus::Cancelled, Some(at));
        }
        None => {}
    }
    Some(run)
}
