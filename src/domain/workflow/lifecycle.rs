//! A workflow's way: started, run, given more tasks, approved or rejected by a person, stopped.

use super::command::{Event, Reply};
use super::gates::{go_on, hand_out};
use super::limits::{DOMAINS_MAX, LANES_MAX, STORY_BYTES_MAX, TASKS_MAX};
use super::state::{Approval, GateState, RunState, RunStatus};
use super::template::{NewTask, Template, check_tasks};
use super::turn::Turn;
use crate::domain::limits::TITLE_BYTES_MAX;
use crate::domain::text::check_line;
use crate::domain::{Digest, Rejection, StageId};

pub(super) fn start(turn: &mut Turn<'_>, title: &str, story: &str, template: &Template) -> Result<(), Rejection> {
    if turn.state.exists() {
        return Err(Rejection::exists("workflow", turn.input.id));
    }
    check_line("title", title, TITLE_BYTES_MAX)?;
    check_line("story", story, STORY_BYTES_MAX)?;
    template.check()?;
    let bytes = template.to_bytes()?;
    let digest = Digest::of(&bytes);
    turn.decision.shared.push((digest, bytes));
    let outline = Box::new(template.outline(digest)?);
    turn.happen(Event::Started { title: title.to_owned(), story: story.to_owned(), outline });
    Ok(())
}

pub(super) fn run(turn: &mut Turn<'_>, until: Option<&StageId>) -> Result<(), Rejection> {
    let what = "running the workflow";
    not_completed(turn, what)?;
    if let Some(run) = turn.state.run.as_ref().filter(|_| turn.state.is_running()) {
        let why = format!("run {} goes on, begun by {}", run.number, run.by);
        return Err(Rejection::conflict(what, why, "stop it first, or let it go on"));
    }
    let from = turn.state.gate;
    if let Some(until) = until
        && turn.state.place_of(until)? < from
    {
        let why = format!("{until} is passed already");
        return Err(Rejection::conflict(what, why, "run it until a later gate, or go back first"));
    }
    let number = turn.state.run.as_ref().map_or(0, |run| run.number).saturating_add(1);
    let run = RunState {
        number,
        status: RunStatus::Running,
        until: until.cloned(),
        from,
        started_at: turn.input.now,
        ended_at: None,
        by: turn.input.by.to_owned(),
    };
    turn.happen(Event::RunIs(Box::new(run)));
    turn.settle_error();
    turn.decision.reply = Reply::Run(number);
    go_on(turn)
}

pub(super) fn stop(turn: &mut Turn<'_>) -> Result<(), Rejection> {
    if !turn.state.is_running() {
        let why = format!("no run goes on: it is {}", turn.state.status());
        return Err(Rejection::conflict("stopping the workflow", why, "there is nothing to stop"));
    }
    turn.end_run(RunStatus::Stopped);
    Ok(())
}

pub(super) fn add(turn: &mut Turn<'_>, tasks: &[NewTask]) -> Result<(), Rejection> {
    if tasks.is_empty() {
        return Err(Rejection::invalid("tasks", "there are none"));
    }
    check_tasks(tasks)?;
    not_completed(turn, "adding tasks")?;
    let ids = hand_out(turn, turn.state.gate, tasks)?;
    let lanes = &turn.state.lanes;
    let mut domains: Vec<&str> = lanes.keys().map(|lane| lane.domain.as_str()).collect();
    domains.sort_unstable();
    domains.dedup();
    if domains.len() > DOMAINS_MAX {
        return Err(Rejection::limit("domains of a workflow", DOMAINS_MAX));
    }
    if lanes.len() > LANES_MAX {
        return Err(Rejection::limit("gates, domains and priorities of the tasks of a workflow", LANES_MAX));
    }
    if lanes.values().map(|lane| lane.end.saturating_sub(1)).sum::<u64>() > TASKS_MAX {
        return Err(Rejection::Limit { what: "tasks of a workflow, cleared ones too".into(), most: TASKS_MAX });
    }
    turn.decision.reply = Reply::Added(ids);
    Ok(())
}

pub(super) fn approve(turn: &mut Turn<'_>, id: &StageId, seen: Option<Digest>) -> Result<(), Rejection> {
    let what = format!("approving {id}");
    let (place, gate) = asked(turn, id, &what)?;
    if seen.is_some_and(|seen| seen != gate.fingerprint) {
        let why = "its results changed since they were looked at";
        return Err(Rejection::conflict(what, why, "look at the results again, and approve those"));
    }
    let approval = Approval { by: turn.input.by.to_owned(), at: turn.input.now, of: gate.fingerprint };
    turn.set_gate(place, GateState { approval: Some(approval), ..gate });
    turn.settle_error();
    go_on(turn)
}

pub(super) fn reject(turn: &mut Turn<'_>, id: &StageId) -> Result<(), Rejection> {
    let (place, gate) = asked(turn, id, &format!("rejecting {id}"))?;
    turn.set_gate(place, GateState { approval: None, ..gate });
    let why = turn.input.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    turn.set_error(&format!("{id} was rejected by {}{why}", turn.input.by));
    Ok(())
}

/// The gate that a person is asked about.
fn asked(turn: &Turn<'_>, id: &StageId, what: &str) -> Result<(u16, GateState), Rejection> {
    let place = turn.state.place_of(id)?;
    let (outline, gate) = turn.state.gate_at(place)?;
    if place != turn.state.gate {
        let current = turn.state.current().map(|(outline, _)| &outline.id);
        let why = match current {
            Some(current) => format!("the workflow stands before {current}"),
            None => "all gates are passed".into(),
        };
        return Err(Rejection::conflict(what, why, "a person's word is for the gate that it stands before"));
    }
    if !outline.approval {
        return Err(Rejection::conflict(
            what,
            "nobody has to agree to this gate",
            "it is passed when its tasks are done",
        ));
    }
    Ok((place, gate.clone()))
}

fn not_completed(turn: &Turn<'_>, what: &str) -> Result<(), Rejection> {
    match turn.state.is_completed() {
        true => Err(Rejection::conflict(what, "all gates are passed", "reset it to a gate to go on from there")),
        false => Ok(()),
    }
}
