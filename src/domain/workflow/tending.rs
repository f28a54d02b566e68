//! What people do about one task: take it from its worker, hand it out again, or do without it.

use super::command::Event;
use super::finish::pass_over;
use super::gates::go_on;
use super::limits::SENTENCE_BYTES_MAX;
use super::state::{GateState, Standing, UnderWay};
use super::task::TaskId;
use super::turn::{Turn, no_task};
use super::view::TaskStanding;
use crate::domain::Rejection;
use crate::domain::text::cut;

pub(super) fn release(turn: &mut Turn<'_>, id: &TaskId) -> Result<(), Rejection> {
    let what = format!("releasing task {id}");
    let entry = match turn.standing(id)? {
        TaskStanding::UnderWay(entry) => entry.clone(),
        other => return Err(Rejection::conflict(what, is(&other), "only what a worker has is released")),
    };
    if entry.leased().is_none() {
        let why = is(&TaskStanding::UnderWay(&entry));
        return Err(Rejection::conflict(what, why, "only what a worker has is released"));
    }
    let why = turn.input.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    let problem = cut(&format!("it was released by {}{why}", turn.input.by), SENTENCE_BYTES_MAX);
    let (standing, since) = (Standing::Queued, turn.input.now);
    // An attempt that was called off says nothing about the task: it does not count.
    let attempt = entry.attempt.saturating_sub(1);
    turn.set_task(id, Some(UnderWay { standing, since, attempt, lease: None, problem: Some(problem), ..entry }));
    Ok(())
}

/// Hands a task out again at once, to its own domain, with all its attempts.
pub(super) fn retry(turn: &mut Turn<'_>, id: &TaskId) -> Result<(), Rejection> {
    let what = format!("retrying task {id}");
    let (outline, gate) = turn.gate_of(id)?;
    let standing = turn.standing(id)?;
    let is = is(&standing);
    let queued = match standing {
        TaskStanding::UnderWay(entry) if entry.leased().is_some() => {
            return Err(Rejection::conflict(what, is, "release it first: its worker may still finish it"));
        }
        TaskStanding::UnderWay(entry) => entry.clone(),
        TaskStanding::Ahead => {
            return Err(Rejection::conflict(what, is, "it is handed out when its turn comes"));
        }
        TaskStanding::Over if turn.result(&outline, id)?.is_some() => {
            return Err(Rejection::conflict(what, "it has a result", "reset the gate to have it done again"));
        }
        TaskStanding::Over if id.lane.gate < turn.state.gate => {
            let hint = "reset the workflow to that gate first";
            return Err(Rejection::conflict(what, "it was cancelled, and its gate is passed", hint));
        }
        TaskStanding::Over => return take_back(turn, id, gate),
    };
    let (standing, since) = (Standing::Queued, turn.input.now);
    let queued = UnderWay { standing, since, lease: None, attempt: 0, human: false, failed_claim: None, ..queued };
    turn.set_task(id, Some(queued));
    turn.settle_error();
    Ok(())
}

/// A task that was cancelled is to be done after all.
fn take_back(turn: &mut Turn<'_>, id: &TaskId, gate: GateState) -> Result<(), Rejection> {
    let (outline, _) = turn.gate_of(id)?;
    let task = turn.task(&outline, id)?;
    let mut lane = turn.state.lanes.get(&id.lane).cloned().ok_or_else(|| no_task(id))?;
    let given_up = gate.given_up.saturating_sub(1);
    turn.set_gate(id.lane.gate, GateState { given_up, ..gate });
    if lane.bring_back(id.number) {
        turn.happen(Event::LaneIs(id.lane.clone(), Box::new(lane)));
        return Ok(());
    }
    let entry = UnderWay {
        standing: Standing::Queued,
        since: turn.input.now,
        lease: None,
        attempt: 0,
        attempts_most: task.attempts_most,
        timeout_seconds: task.timeout_seconds,
        human: false,
        failed_claim: None,
        problem: None,
    };
    turn.set_task(id, Some(entry));
    Ok(())
}

pub(super) fn cancel(turn: &mut Turn<'_>, id: &TaskId) -> Result<(), Rejection> {
    let (_, gate) = turn.gate_of(id)?;
    match turn.standing(id)? {
        TaskStanding::UnderWay(_) => turn.set_task(id, None),
        TaskStanding::Ahead => {
            let mut lane = turn.state.lanes.get(&id.lane).cloned().ok_or_else(|| no_task(id))?;
            pass_over(turn, &mut lane, id)?;
        }
        TaskStanding::Over => {
            let hint = "to do without its result, reset its gate";
            return Err(Rejection::conflict(format!("cancelling task {id}"), is(&TaskStanding::Over), hint));
        }
    }
    let given_up = gate.given_up.saturating_add(1);
    turn.set_gate(id.lane.gate, GateState { given_up, ..gate });
    turn.settle_error();
    go_on(turn)
}

/// What a task is doing, in words.
fn is(standing: &TaskStanding<'_>) -> String {
    match standing {
        TaskStanding::Ahead => "no worker has it: it waits for its turn".into(),
        TaskStanding::Over => "it is over: it has a result, or was cancelled".into(),
        TaskStanding::UnderWay(entry) => match (entry.standing, &entry.lease) {
            (Standing::Leased, Some(lease)) => format!("worker {} has it", lease.worker),
            (Standing::Leased | Standing::Queued, _) => "no worker has it: it is to be handed out again".into(),
            (Standing::Waiting(_), _) => "no worker has it: it rests, and is then handed out again".into(),
            (Standing::Failed, _) => "no worker has it: it failed as often as it may".into(),
        },
    }
}
