//! What becomes of a run's work: approved and committed, or rejected.

use super::command::{Cause, Event, Reply};
use super::content::FEEDBACK_PATH;
use super::lifecycle::{enter, wrong_answer};
use super::limits::{FEEDBACK_BYTES_MAX, REJECTIONS_MAX};
use super::operation::OperationKind;
use super::running;
use super::state::{Approval, Candidate, ObjectId, StageState, StageStatus};
use super::turn::Turn;
use crate::domain::text::check_text;
use crate::domain::{Rejection, StageId};

/// Who approves where no person has to.
const BY_ITSELF: &str = "restage";

pub(super) fn approve(turn: &mut Turn<'_>, seen: Option<&ObjectId>) -> Result<(), Rejection> {
    let (outline, stage) = turn.current("approving")?;
    let what = format!("approving {}", outline.id);
    turn.nothing_under_way(&what)?;
    turn.goes_on(&what)?;
    let candidate = match &stage.candidate {
        Some(candidate) if stage.status == StageStatus::ToApprove => candidate,
        _ => {
            let why = format!("the stage is {}", stage.status);
            return Err(Rejection::conflict(what, why, "only what a run has done is approved"));
        }
    };
    if let Some(seen) = seen
        && *seen != candidate.tree
    {
        let why = format!("the files are {}, and those looked at were {seen}", candidate.tree);
        return Err(Rejection::conflict(what, why, "look at the files again, and approve those"));
    }
    let by = turn.input.by.to_owned();
    commit(turn, &outline.id, by)
}

/// Approves a stage that no person has to.
pub(super) fn approve_by_itself(turn: &mut Turn<'_>, stage: &StageId) -> Result<(), Rejection> {
    commit(turn, stage, BY_ITSELF.into())
}

/// Begins to commit what a stage's last run made.
fn commit(turn: &mut Turn<'_>, id: &StageId, by: String) -> Result<(), Rejection> {
    let stage = turn.state.stage(id)?.clone();
    let Some(candidate) = stage.candidate.clone() else { return Err(Rejection::not_found("candidate", id)) };
    turn.log(format!("{id}: {by} approved tree {}", candidate.tree));
    let approval = Approval { by, at: turn.input.now, tree: candidate.tree.clone(), output: stage.output };
    let run = stage.last_run;
    let committing = StageState { status: StageStatus::Committing, approval: Some(approval), ..stage };
    turn.set(id, Cause::Approved, committing);
    let operation = turn.begin(OperationKind::Commit { stage: id.clone(), run, expected: candidate.tree });
    turn.decision.reply = Reply::Began { operation };
    Ok(())
}

/// The stage is committed: it is complete, and the next one is entered.
pub(super) fn committed(turn: &mut Turn<'_>, number: u64, commit: &ObjectId) -> Result<(), Rejection> {
    let OperationKind::Commit { stage: id, .. } = turn.answered(number)?.kind else {
        return Err(wrong_answer(number));
    };
    let stage = turn.state.stage(&id)?.clone();
    let completed_at = Some(turn.input.now);
    let complete = StageState { status: StageStatus::Complete, completed_at, commit: Some(commit.clone()), ..stage };
    turn.set(&id, Cause::Completed, complete);
    turn.end(None);
    turn.log(format!("{id}: complete, commit {commit}"));
    // Sessions and what is left for whoever goes on belong to the stage.
    let name = turn.state.agent.clone();
    turn.happen(Event::Agent { name, session: None, carry_over: None });
    let place = turn.state.place_of(&id)?;
    enter(turn, place.saturating_add(1));
    if turn.state.is_done() {
        turn.log("done");
    }
    turn.status_changed("approve");
    running::go_on_by_itself(turn)
}

/// The files are not those that were approved: whoever approved them has to look again.
pub(super) fn changed(turn: &mut Turn<'_>, number: u64, candidate: &Candidate) -> Result<(), Rejection> {
    let OperationKind::Commit { stage, expected, .. } = turn.answered(number)?.kind else {
        return Err(wrong_answer(number));
    };
    turn.end(None);
    fall(turn, &stage, Some(candidate))?;
    let now = &candidate.tree;
    turn.log(format!("{stage}: the approval fell, for the files are {now} and not {expected}; look at them again"));
    Ok(())
}

/// An approval falls: the stage has to be approved again, with `candidate` in place of what there was.
pub(super) fn fall(turn: &mut Turn<'_>, id: &StageId, candidate: Option<&Candidate>) -> Result<(), Rejection> {
    let stage = turn.state.stage(id)?.clone();
    let candidate = candidate.cloned().or_else(|| stage.candidate.clone());
    turn.set(id, Cause::Changed, StageState { status: StageStatus::ToApprove, approval: None, candidate, ..stage });
    Ok(())
}

pub(super) fn reject(turn: &mut Turn<'_>, feedback: &str) -> Result<(), Rejection> {
    let (outline, stage) = turn.current("rejecting")?;
    let (id, counter) = (&outline.id, &outline.counter);
    let what = format!("rejecting {id}");
    turn.nothing_under_way(&what)?;
    turn.goes_on(&what)?;
    if !matches!(stage.status, StageStatus::ToApprove | StageStatus::Failed) {
        let why = format!("the stage is {}", stage.status);
        return Err(Rejection::conflict(what, why, "only what a run has done or failed at is rejected"));
    }
    if feedback.len() > FEEDBACK_BYTES_MAX {
        return Err(Rejection::limit("bytes of feedback", FEEDBACK_BYTES_MAX));
    }
    check_text("feedback", feedback)?;

    turn.write(id, FEEDBACK_PATH, feedback.as_bytes());
    let status = StageStatus::Rejected;
    turn.set(id, Cause::Rejected, StageState { status, candidate: None, approval: None, feedback: true, ..stage });
    let count = turn.state.rejections.get(counter).copied().unwrap_or_default().saturating_add(1);
    turn.happen(Event::Rejections(counter.clone(), count));
    turn.log(format!("{id}: {} rejected it, {count} of {REJECTIONS_MAX} of {counter}", turn.input.by));
    if count >= REJECTIONS_MAX {
        let why = format!("{counter} was rejected {count} times");
        turn.log(format!("blocked: {why}"));
        turn.happen(Event::Blocked(Some(why)));
        turn.status_changed("reject");
    }
    Ok(())
}
