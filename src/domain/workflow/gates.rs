//! From gate to gate: a gate is opened, hands out its tasks, and is passed when they are done and who has to agree does.

use std::collections::BTreeMap;

use super::command::Event;
use super::content::task_path;
use super::lane::Lane;
use super::state::{GateState, RunStatus, Workflow};
use super::task::{LaneId, Task, TaskId};
use super::template::{GateOutline, NewTask, Template};
use super::turn::Turn;
use crate::domain::{Read, Rejection};

/// Goes on as far as nothing is needed, while a run does.
pub(super) fn go_on(turn: &mut Turn<'_>) -> Result<(), Rejection> {
    while turn.state.is_running() {
        let place = turn.state.gate;
        let Some((outline, _)) = turn.state.current() else { break };
        let outline = outline.clone();
        let gate = open(turn, place, &outline)?;
        if !turn.state.has_nothing_to_do(place) || (outline.approval && !gate.is_approved()) {
            break;
        }
        turn.set_gate(place, GateState { passed_at: Some(turn.input.now), ..gate });
        turn.happen(Event::Gate(place.saturating_add(1)));
        turn.settle_error();
        let until = turn.state.run.as_ref().and_then(|run| run.until.as_ref());
        if turn.state.is_completed() || until == Some(&outline.id) {
            turn.end_run(RunStatus::Completed);
        }
    }
    Ok(())
}

/// Opens the gate that the workflow stands before, if it is not open, and hands out what the template has for it.
fn open(turn: &mut Turn<'_>, place: u16, outline: &GateOutline) -> Result<GateState, Rejection> {
    let (_, gate) = turn.state.gate_at(place)?;
    let mut gate = gate.clone();
    if gate.opened_at.is_some() && gate.handed_out {
        return Ok(gate);
    }
    gate.opened_at = gate.opened_at.or(Some(turn.input.now));
    if !gate.handed_out {
        let template = Template::from_bytes(turn.input.shared(turn.state.outline.digest).unwrap_or_default())?;
        let of_gate = template.gates.iter().find(|gate| gate.id == outline.id);
        hand_out(turn, place, of_gate.map_or(&[], |gate| &gate.tasks))?;
        gate.handed_out = true;
    }
    turn.set_gate(place, gate.clone());
    Ok(gate)
}

/// Adds tasks to a gate.
pub(super) fn hand_out(turn: &mut Turn<'_>, place: u16, tasks: &[NewTask]) -> Result<Vec<TaskId>, Rejection> {
    let stage = turn.state.gate_at(place)?.0.id.clone();
    let now = turn.input.now;
    let mut lanes: BTreeMap<LaneId, Lane> = BTreeMap::new();
    let mut ids = Vec::with_capacity(tasks.len());
    for new in tasks {
        let lane = LaneId { gate: place, domain: new.domain.clone(), priority: new.priority };
        let known = || turn.state.lanes.get(&lane).cloned().unwrap_or_else(|| Lane::new(now));
        let number = lanes.entry(lane.clone()).or_insert_with(known).add(now);
        let id = TaskId { lane, number };
        let task = Task {
            title: new.title.clone(),
            input: new.input.clone(),
            attempts_most: new.attempts_most,
            timeout_seconds: new.timeout_seconds,
            created_at: now,
            by: turn.input.by.to_owned(),
        };
        turn.write(&stage, task_path(&id), task.to_bytes()?);
        ids.push(id);
    }
    for (id, lane) in lanes {
        turn.set_lane(&id, lane);
    }
    Ok(ids)
}

/// The template, where a gate may be opened.
pub(super) fn reads(state: &Workflow) -> Read {
    Read::Shared(state.outline.digest)
}

/// Whether a gate could be passed, and the next one opened, when this task is over.
pub(super) fn is_last(state: &Workflow, id: &TaskId) -> bool {
    let ahead: u64 = state.lanes_of(state.gate).map(|(_, lane)| lane.ahead()).sum();
    let others = state.under_way_of(state.gate).filter(|(other, _)| *other != id).count();
    let own = u64::from(state.lanes.get(&id.lane).is_some_and(|lane| lane.is_ahead(id.number)));
    id.lane.gate == state.gate && others == 0 && ahead <= own
}
