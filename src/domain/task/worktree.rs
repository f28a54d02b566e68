//! What is done to branch and worktree at the end of a task, and what comes of an operation that can't be done.

use super::approval;
use super::command::{Cause, Event, Reply};
use super::lifecycle::wrong_answer;
use super::limits::SENTENCE_BYTES_MAX;
use super::operation::OperationKind;
use super::state::{ObjectId, Problem, StageState};
use super::turn::Turn;
use crate::domain::Rejection;
use crate::domain::text::cut;

pub(super) fn merge(turn: &mut Turn<'_>) -> Result<(), Rejection> {
    const WHAT: &str = "merging";
    turn.nothing_under_way(WHAT)?;
    if turn.state.merged.is_some() {
        return Err(Rejection::conflict(WHAT, "the task is merged", ""));
    }
    if !turn.state.is_done() {
        let why = format!("its status is {}", turn.state.status());
        return Err(Rejection::conflict(WHAT, why, "complete all its stages first"));
    }
    let Some(base) = turn.state.place.as_ref().and_then(|place| place.base.clone()) else {
        let why = "the task began from a commit, and not from a branch";
        return Err(Rejection::conflict(WHAT, why, "merge its branch yourself"));
    };
    let last = turn.state.stages.last().and_then(|stage| stage.commit.clone());
    let commit = last.ok_or_else(|| Rejection::not_found("commit", "of the last stage"))?;
    turn.log(format!("merging {commit} into {base}"));
    let operation = turn.begin(OperationKind::Merge { base, commit });
    turn.decision.reply = Reply::Began { operation };
    Ok(())
}

pub(super) fn merged(turn: &mut Turn<'_>, number: u64, commit: &ObjectId, notes: &[String]) -> Result<(), Rejection> {
    let OperationKind::Merge { base, .. } = turn.answered(number)?.kind else { return Err(wrong_answer(number)) };
    turn.happen(Event::Merged(commit.clone()));
    turn.end(None);
    turn.log(format!("merged into {base} with {commit}"));
    turn.log_notes(notes);
    Ok(())
}

pub(super) fn clean_up(turn: &mut Turn<'_>) -> Result<(), Rejection> {
    const WHAT: &str = "removing the worktree";
    turn.nothing_under_way(WHAT)?;
    if let Some(run) = &turn.state.run {
        let why = format!("an agent is at work on {} in it", run.stage);
        return Err(Rejection::conflict(WHAT, why, "pause the task first, or wait for its agent"));
    }
    if turn.state.place.is_none() || turn.state.cleaned_up {
        return Err(Rejection::conflict(WHAT, "the task has none", ""));
    }
    let operation = turn.begin(OperationKind::CleanUp);
    turn.decision.reply = Reply::Began { operation };
    Ok(())
}

pub(super) fn cleaned_up(
    turn: &mut Turn<'_>,
    number: u64,
    snapshot: Option<&ObjectId>,
    notes: &[String],
) -> Result<(), Rejection> {
    if turn.answered(number)?.kind != OperationKind::CleanUp {
        return Err(wrong_answer(number));
    }
    turn.happen(Event::CleanedUp(true));
    turn.end(None);
    match snapshot {
        Some(snapshot) => turn.log(format!("removed the worktree; {snapshot} keeps what was not committed")),
        None => turn.log("removed the worktree; everything in it was committed"),
    }
    turn.log_notes(notes);
    Ok(())
}

/// An operation can't be done. Nothing was changed in the repository.
pub(super) fn failed(turn: &mut Turn<'_>, number: u64, code: &str, what: &str, hint: &str) -> Result<(), Rejection> {
    let kind = turn.answered(number)?.kind;
    let doing = kind.doing();
    let [code, what, hint] = [code, what, hint].map(|text| cut(text, SENTENCE_BYTES_MAX));
    turn.log(format!("could not {doing}: {what}"));
    turn.end(Some(Problem { at: turn.input.now, doing, code, what, hint }));
    if let OperationKind::Commit { stage, .. } = kind {
        approval::fall(turn, &stage, None)?;
    }
    // Going back that failed leaves the fences raised, and a run ended: the same can be asked for again.
    if turn.state.place.is_none() {
        back_to_backlog(turn);
    }
    Ok(())
}

/// A task that has no worktree, and that none is being made for, is not begun.
fn back_to_backlog(turn: &mut Turn<'_>) {
    if let Some(id) = turn.state.current().map(|(outline, _)| outline.id.clone()) {
        turn.set(&id, Cause::Cleared, StageState::default());
        turn.happen(Event::Entered { at: None, done_at: None });
        turn.status_changed("failed");
    }
}

/// An operation takes longer than it should. Said once, however often it is tried.
pub(super) fn delayed(turn: &mut Turn<'_>, number: u64, code: &str, what: &str, hint: &str) -> Result<(), Rejection> {
    let doing = turn.answered(number)?.kind.doing();
    let [code, what, hint] = [code, what, hint].map(|text| cut(text, SENTENCE_BYTES_MAX));
    if turn.state.problem.as_ref().is_some_and(|known| (&known.code, &known.what) == (&code, &what)) {
        return Ok(());
    }
    turn.log(format!("it takes longer to {doing}: {what}"));
    turn.happen(Event::Problem(Problem { at: turn.input.now, doing, code, what, hint }));
    Ok(())
}
