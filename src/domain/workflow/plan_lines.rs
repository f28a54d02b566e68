//! What a reset or an adoption would do, told before it is done; and what that rests on: not on signs of life, which come
//! all the time.

use std::collections::BTreeMap;

use super::going_back::Clears;
use super::limits::PLAN_NAMES_MAX;
use super::state::{RunStatus, Standing, UnderWay, Workflow};
use super::task::{StoredResult, TaskId, TaskResult};
use super::template::GateOutline;
use super::turn::Turn;
use crate::domain::stored::encode;
use crate::domain::{Digest, Fate, PlanLine, Rejection};

pub(super) fn reset(turn: &Turn<'_>, to: u16, clears: Clears) -> Result<(Vec<PlanLine>, Digest), Rejection> {
    let state = turn.state.as_ref();
    let mut lines = Vec::new();
    for (place, (outline, _)) in (0_u16..).zip(state.gates()) {
        if place < to {
            continue;
        }
        lines.extend(of_gate(state, place, outline, clears));
        if state.tasks_of(place) > 0 {
            let what = format!("whoever works under generation {}", turn.input.generation(&outline.id));
            let why = "what they still hand in is kept as an orphan";
            lines.push(PlanLine::new(Fate::Fenced, &outline.id, what, why));
        }
    }
    lines.extend(leases(state, to));
    if let Some(run) = state.run.as_ref().filter(|run| run.status == RunStatus::Running) {
        let what = format!("run {}, begun by {}", run.number, run.by);
        lines.push(of_workflow(Fate::Cleared, what, "it is ended; run the workflow again to go on"));
    }
    if let Some(error) = &state.error {
        lines.push(of_workflow(Fate::Cleared, format!("the problem: {error}"), "what it is about starts over"));
    }
    let scope = || state.gates.iter().skip(to.into());
    if scope().any(|gate| gate.results > 0) || state.under_way.keys().any(|id| id.lane.gate >= to) {
        let what = "what workers did outside of the workflow";
        lines.push(of_workflow(Fate::Kept, what, "going back can't take that back"));
    }
    Ok((lines, rests_on(state, 0)?))
}

fn of_gate(state: &Workflow, place: u16, outline: &GateOutline, clears: Clears) -> Vec<PlanLine> {
    let mut lines = Vec::new();
    let mut line = |fate, what: String, why: &str| lines.push(PlanLine::new(fate, &outline.id, what, why));
    let (tasks, gate) = (state.tasks_of(place), state.gates.get(usize::from(place)).cloned().unwrap_or_default());
    if tasks > 0 {
        let what = format!("{}: {}", counted(tasks, "task"), by_domain(state, place));
        match clears {
            Clears { tasks: true, .. } => line(Fate::Cleared, what, "the gate starts over; undo brings them back"),
            Clears { results: true, .. } => line(Fate::Kept, what, "they are handed out again"),
            Clears { .. } => line(Fate::Kept, what, "those without a result are handed out again"),
        }
    }
    if gate.results > 0 {
        let (fate, why) = match clears.results {
            true => (Fate::Cleared, "the gate starts over; undo brings them back"),
            false => (Fate::Kept, "results were not to be cleared"),
        };
        line(fate, counted(gate.results, "result"), why);
    }
    if gate.given_up > 0 && (clears.tasks || clears.results) {
        line(Fate::Cleared, format!("that {} cancelled", was(gate.given_up)), "the gate starts over");
    }
    if let Some(approval) = &gate.approval {
        line(Fate::Cleared, format!("the approval by {}", approval.by), "the gate is to be passed again");
    }
    if gate.passed_at.is_some() {
        line(Fate::Cleared, "that the gate is passed".into(), "the workflow goes back to before it");
    }
    lines
}

pub(super) fn adopt(
    turn: &Turn<'_>,
    outline: &GateOutline,
    id: &TaskId,
    result: &TaskResult,
    earlier: Option<&StoredResult>,
) -> Result<(Vec<PlanLine>, Digest), Rejection> {
    let state = turn.state.as_ref();
    let why = match state.task(id) {
        Some(_) => "it is taken in as if it came now",
        None => "its task was cleared: it is kept as a result that no gate waits for",
    };
    let what = format!("the result of task {id}, by {}", result.agent);
    let mut lines = vec![PlanLine::new(Fate::Restored, &outline.results, what, why)];
    if let Some(earlier) = earlier {
        let what = format!("the result of task {id} that is there, by {}", earlier.result.agent);
        lines.push(PlanLine::new(
            Fate::Cleared,
            &outline.results,
            what,
            "the other takes its place; undo brings it back",
        ));
    }
    let entry = state.under_way.get(id);
    if let Some(lease) = entry.and_then(UnderWay::leased) {
        let what = format!("worker {}, who has the task", lease.worker);
        lines.push(PlanLine::new(Fate::Fenced, &outline.id, what, "what it still hands in is kept as an orphan"));
    }
    let (_, gate) = state.gate_at(id.lane.gate)?;
    if let Some(approval) = &gate.approval {
        let what = format!("the approval by {}", approval.by);
        lines.push(PlanLine::new(Fate::Cleared, &outline.id, what, "it was given for other results"));
    }
    let standing = entry.map(standing);
    let rests_on = (state.lanes.get(&id.lane).map(|lane| lane.next), standing, earlier, gate.approval.is_some());
    Ok((lines, Digest::of(&encode("plan", &rests_on)?)))
}

/// The leases that are void, by worker.
fn leases(state: &Workflow, to: u16) -> Vec<PlanLine> {
    let held = || {
        state
            .under_way
            .iter()
            .filter(|(id, _)| id.lane.gate >= to)
            .filter_map(|(id, entry)| Some((id, entry.leased()?)))
    };
    let why = "its lease is void; it learns of it with its next sign of life";
    let line = |(id, lease): (&TaskId, &super::state::Lease)| {
        let gate = state.gate_at(id.lane.gate).ok().map(|(outline, _)| outline.id.clone());
        PlanLine {
            fate: Fate::Fenced,
            stage: gate,
            what: format!("worker {}, on task {id}", lease.worker),
            why: why.into(),
        }
    };
    let mut lines: Vec<PlanLine> = held().take(PLAN_NAMES_MAX).map(line).collect();
    let more = held().count().saturating_sub(PLAN_NAMES_MAX);
    if more > 0 {
        lines.push(of_workflow(Fate::Fenced, format!("{more} more workers"), why));
    }
    lines
}

fn by_domain(state: &Workflow, place: u16) -> String {
    let mut domains: BTreeMap<&str, u64> = BTreeMap::new();
    for (id, lane) in state.lanes_of(place).filter(|(_, lane)| lane.tasks() > 0) {
        *domains.entry(id.domain.as_str()).or_default() += lane.tasks();
    }
    domains.iter().map(|(domain, tasks)| format!("{tasks} for {domain}")).collect::<Vec<_>>().join(", ")
}

fn of_workflow(fate: Fate, what: impl Into<String>, why: impl Into<String>) -> PlanLine {
    PlanLine { fate, stage: None, what: what.into(), why: why.into() }
}

fn counted(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn was(number: u64) -> String {
    if number == 1 { "1 task was".into() } else { format!("{number} tasks were") }
}

/// What going back looks at: everything but signs of life.
pub(super) fn rests_on(state: &Workflow, point: u64) -> Result<Digest, Rejection> {
    let run = state.run.as_ref().map(|run| (run.number, run.status));
    let under_way: Vec<_> = state.under_way.iter().map(|(id, entry)| (id, standing(entry))).collect();
    let seen = (point, state.gate, run, &state.gates, &state.lanes, under_way, &state.error);
    Ok(Digest::of(&encode("plan", &seen)?))
}

/// What a task is doing, but for signs of life.
fn standing(entry: &UnderWay) -> (Standing, u32, bool, Option<u64>) {
    (entry.standing, entry.attempt, entry.human, entry.lease.as_ref().map(|lease| lease.claim))
}
