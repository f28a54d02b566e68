//! What becomes of a result: it lands, or the task is tried again, or a person is asked; and what came late is adopted.

use super::claim::{come_to_nothing, held, superseded};
use super::command::{Outcome, Reply};
use super::content::{fold_into, result_path};
use super::gates::go_on;
use super::limits::{OVER_MAX, RESULT_BYTES_MAX, SENTENCE_BYTES_MAX, WORKER_NAME_BYTES_MAX};
use super::plan_lines;
use super::state::{GateState, Standing, UnderWay};
use super::task::{Domain, ResultStatus, StoredResult, TaskId, TaskResult};
use super::template::{GateOutline, check_json};
use super::turn::{Turn, no_task};
use super::view::TaskStanding;
use crate::domain::text::{check_line, cut};
use crate::domain::{Rejection, StageId, Verb};

pub(super) fn finish(
    turn: &mut Turn<'_>,
    id: &TaskId,
    gate: &StageId,
    claim: Option<u64>,
    result: &TaskResult,
) -> Result<(), Rejection> {
    check(result)?;
    let Some(claim) = claim else { return adopt(turn, id, gate, result) };
    let outcome = match held(turn, id, gate, claim) {
        Ok((entry, _)) => hand_in(turn, id, entry, claim, result)?,
        Err(refusal) => handed_in_before(turn, id, claim, result)?.ok_or(refusal)?,
    };
    turn.decision.reply = Reply::Finished(outcome);
    Ok(())
}

fn check(result: &TaskResult) -> Result<(), Rejection> {
    check_line("agent", &result.agent, WORKER_NAME_BYTES_MAX)?;
    check_json("result", &result.result, RESULT_BYTES_MAX)?;
    if result.safety_score.is_some_and(|score| !(0.0..=1.0).contains(&score)) {
        return Err(Rejection::invalid("safety_score", "it is a number from 0 to 1"));
    }
    Ok(())
}

fn hand_in(
    turn: &mut Turn<'_>,
    id: &TaskId,
    entry: UnderWay,
    claim: u64,
    result: &TaskResult,
) -> Result<Outcome, Rejection> {
    let (gate, _) = turn.gate_of(id)?;
    // What a person hands in is the last word.
    let human = entry.human || id.lane.domain.as_str() == Domain::HUMAN;
    let is_safe = |score| human || score >= turn.state.outline.safety_least;
    if result.status == ResultStatus::Completed && result.safety_score.is_none_or(is_safe) {
        let stored = StoredResult {
            result: shortened(result),
            claim: Some(claim),
            attempt: Some(entry.attempt),
            at: turn.input.now,
        };
        land(turn, &gate, id, &stored, None)?;
        return Ok(Outcome::Landed);
    }
    let entry = UnderWay { lease: None, failed_claim: Some(claim), ..entry };
    match result.status {
        ResultStatus::Failed => {
            let problem = result.error.as_deref().unwrap_or("its worker does not say why");
            come_to_nothing(turn, id, entry, problem, result.retryable);
        }
        ResultStatus::Completed => {
            let (score, least) = (result.safety_score.unwrap_or_default(), turn.state.outline.safety_least);
            let problem = format!("safety score {score} is below {least}");
            if entry.attempt < entry.attempts_most {
                come_to_nothing(turn, id, entry, &problem, true);
            } else {
                ask_human(turn, id, entry, problem);
            }
        }
    }
    Ok(turn.state.under_way.get(id).map_or(Outcome::Landed, outcome_of))
}

/// The attempts of workers are spent: a person is asked, with attempts of their own.
fn ask_human(turn: &mut Turn<'_>, id: &TaskId, entry: UnderWay, problem: String) {
    let (standing, since) = (Standing::Queued, turn.input.now);
    turn.set_task(id, Some(UnderWay { standing, since, human: true, attempt: 0, problem: Some(problem), ..entry }));
}

fn outcome_of(entry: &UnderWay) -> Outcome {
    match entry.standing {
        Standing::Waiting(at) => Outcome::TriedAgain { at },
        Standing::Queued if entry.human => Outcome::AskedHuman,
        Standing::Queued | Standing::Leased => Outcome::TriedAgain { at: entry.since },
        Standing::Failed => Outcome::Failed,
    }
}

/// What became of a claim's result when it was handed in before; nothing if it was not.
fn handed_in_before(
    turn: &Turn<'_>,
    id: &TaskId,
    claim: u64,
    result: &TaskResult,
) -> Result<Option<Outcome>, Rejection> {
    let (gate, _) = turn.gate_of(id)?;
    if let Some(landed) = turn.result(&gate, id)?.filter(|landed| landed.claim == Some(claim)) {
        return match landed.result == shortened(result) {
            true => Ok(Some(Outcome::AlreadyLanded)),
            false => Err(superseded(&gate.id, id, "another result of this claim has landed")),
        };
    }
    let failed = turn.state.under_way.get(id).filter(|entry| entry.failed_claim == Some(claim));
    let fails = result.status == ResultStatus::Failed
        || result.safety_score.is_some_and(|score| score < turn.state.outline.safety_least);
    Ok(failed.filter(|_| fails).map(outcome_of))
}

/// With a sentence that is not longer than it may be.
fn shortened(result: &TaskResult) -> TaskResult {
    let error = result.error.as_deref().map(|error| cut(error, SENTENCE_BYTES_MAX));
    TaskResult { error, ..result.clone() }
}

/// A result is there from now on, in place of an earlier one if there is one. An approval falls, for it was for others.
fn land(
    turn: &mut Turn<'_>,
    outline: &GateOutline,
    id: &TaskId,
    stored: &StoredResult,
    earlier: Option<&StoredResult>,
) -> Result<(), Rejection> {
    if turn.state.under_way.contains_key(id) {
        turn.set_task(id, None);
    }
    let (_, mut gate) = turn.gate_of(id)?;
    if let Some(earlier) = earlier {
        fold_into(&mut gate.fingerprint, id, &earlier.result)?;
    } else {
        gate.results = gate.results.saturating_add(1);
    }
    fold_into(&mut gate.fingerprint, id, &stored.result)?;
    gate.approval = None;
    turn.set_gate(id.lane.gate, gate);
    turn.write(&outline.results, result_path(id), stored.to_bytes()?);
    turn.settle_error();
    go_on(turn)
}

/// A person takes in what came late. It lands whatever the task is doing; where the task was cleared, it is kept as a
/// result that no gate waits for.
fn adopt(turn: &mut Turn<'_>, id: &TaskId, gate: &StageId, result: &TaskResult) -> Result<(), Rejection> {
    let (outline, state) = turn.gate_of(id)?;
    if outline.id != *gate {
        return Err(Rejection::invalid("gate", format!("task {id} is not of {gate}, but of {}", outline.id)));
    }
    if result.status != ResultStatus::Completed {
        return Err(Rejection::invalid("status", "only the result of a completed task is adopted"));
    }
    let lane = turn.state.lanes.get(&id.lane).filter(|lane| id.number < lane.end).cloned();
    let mut lane = lane.ok_or_else(|| no_task(id))?;
    let earlier = turn.result(&outline, id)?;
    let (lines, rests_on) = plan_lines::adopt(turn, &outline, id, result, earlier.as_ref())?;
    match turn.state.task(id) {
        Some(TaskStanding::Ahead) => {
            pass_over(turn, &mut lane, id)?;
        }
        Some(TaskStanding::Over) if earlier.is_none() => {
            let given_up = state.given_up.saturating_sub(1);
            turn.set_gate(id.lane.gate, GateState { given_up, ..state });
        }
        Some(TaskStanding::Over | TaskStanding::UnderWay(_)) | None => {}
    }
    let stored = StoredResult { result: shortened(result), claim: None, attempt: None, at: turn.input.now };
    land(turn, &outline, id, &stored, earlier.as_ref())?;
    turn.decision.reply = Reply::Finished(Outcome::Landed);
    let verb = Verb::new("adopt", Some(outline.id), vec![outline.results], lines);
    turn.decision.verb = Some(Verb { rests_on: Some(rests_on), ..verb });
    Ok(())
}

/// A task that no worker has met is over.
pub(super) fn pass_over(turn: &mut Turn<'_>, lane: &mut super::lane::Lane, id: &TaskId) -> Result<(), Rejection> {
    if turn.state.lanes.values().map(|lane| lane.over.len()).sum::<usize>() >= OVER_MAX {
        return Err(Rejection::limit("tasks that are over before their turn came", OVER_MAX));
    }
    lane.pass_over(id.number);
    turn.set_lane(&id.lane, lane.clone());
    Ok(())
}
