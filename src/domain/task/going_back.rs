//! Going back: a restart to a stage, and the undo of it. Both are begun, carried out in the repository, and finished by its
//! answer; nothing is cleared before that.

use super::approval;
use super::command::{Cause, Command, Event, Reply};
use super::lifecycle::wrong_answer;
use super::operation::{Operation, OperationKind, RolledBack};
use super::plan_lines;
use super::running::interrupt;
use super::state::{Dependency, ObjectId, StageState, StageStatus, Standing, Task};
use super::tier::DONE;
use super::turn::Turn;
use crate::domain::{Inherit, Part, Rejection, StageId, Verb};

pub(super) fn restart(turn: &mut Turn<'_>, to: Option<&StageId>) -> Result<(), Rejection> {
    let what = to.map_or_else(|| "restarting in full".to_owned(), |to| format!("restarting to {to}"));
    if let Some(done) = to.filter(|to| to.as_str() == DONE) {
        return Err(Rejection::invalid(
            "stage",
            format!("{done} is no stage to restart to: nothing is worked on in it"),
        ));
    }
    let place = to.map(|to| turn.state.place_of(to)).transpose()?;
    if turn.state.at.is_none() {
        return Err(Rejection::conflict(what, "the task is in backlog", "start it"));
    }
    if let Some(to) = to
        && turn.state.stage(to)?.status == StageStatus::NotReached
    {
        return Err(Rejection::conflict(what, "the stage was not reached yet", "restart to one that was"));
    }
    may_go_back(turn, &what)?;
    let after = turn.state.stages().take(place.unwrap_or_default()).rev().find_map(|(outline, stage)| {
        let commit = stage.commit.clone().filter(|_| stage.status == StageStatus::Complete)?;
        Some((outline.id.clone(), commit))
    });
    let (lines, rests_on) = plan_lines::restart(turn, to, after.as_ref())?;
    begin(turn, OperationKind::Restart { to: to.cloned(), after })?;
    let stage = to.cloned();
    let part = Part::Begun;
    turn.decision.verb =
        Some(Verb { part, rests_on: Some(rests_on), ..Verb::new("restart", stage, Vec::new(), lines) });
    Ok(())
}

/// The command that begins the undo of a verb that moved files; accepting a stale task is none.
pub(super) fn begin_undo(saved: &Task, stages: &[StageId], point: u64) -> Option<Command> {
    let operation = saved.operation.as_ref().filter(|operation| goes_back(&operation.kind) && !stages.is_empty())?;
    Some(Command::TakeBack { point, snapshot: operation.number, back: Box::new(saved.standing()) })
}

pub(super) fn take_back(turn: &mut Turn<'_>, point: u64, snapshot: u64, back: &Standing) -> Result<(), Rejection> {
    may_go_back(turn, "undoing")?;
    let (lines, rests_on) = plan_lines::take_back(turn, point, snapshot)?;
    begin(turn, OperationKind::Undo { point, snapshot, back: Box::new(back.clone()) })?;
    turn.decision.verb =
        Some(Verb { part: Part::Begun, rests_on: Some(rests_on), ..Verb::new("undo", None, Vec::new(), lines) });
    Ok(())
}

/// Whether this operation puts files back.
fn goes_back(kind: &OperationKind) -> bool {
    matches!(kind, OperationKind::Restart { .. } | OperationKind::Undo { .. })
}

/// Refuses what can't be taken back, and while files are moved in a way that can't be superseded. An agent at work is no
/// reason.
fn may_go_back(turn: &Turn<'_>, what: &str) -> Result<(), Rejection> {
    let superseded =
        |operation: &Operation| matches!(operation.kind, OperationKind::Create | OperationKind::Commit { .. });
    if !turn.state.operation.as_ref().is_some_and(superseded) {
        turn.nothing_under_way(what)?;
    }
    match &turn.state.merged {
        None => Ok(()),
        Some(commit) => {
            let hint = "revert that commit in the base, and make a new task";
            Err(Rejection::conflict(what, format!("the task is merged, with {commit}"), hint))
        }
    }
}

/// Fences whoever writes, ends the agent, and has the files put back. What is cleared is cleared when they are.
fn begin(turn: &mut Turn<'_>, kind: OperationKind) -> Result<(), Rejection> {
    if let Some(run) = turn.state.run.clone() {
        interrupt(turn, &run);
    }
    if let Some(Operation { kind: OperationKind::Commit { stage, .. }, .. }) = turn.state.operation.clone() {
        approval::fall(turn, &stage, None)?;
    }
    let begun = turn.state.stages().filter(|(_, stage)| stage.status != StageStatus::NotReached);
    for stage in begun.map(|(outline, _)| outline.id.clone()).collect::<Vec<_>>() {
        turn.raise(&stage, Inherit::Current);
    }
    let why = turn.input.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    turn.log(format!("{kind}, asked for by {}{why}", turn.input.by));
    let operation = turn.begin(kind);
    turn.decision.reply = Reply::Began { operation };
    Ok(())
}

/// The files are back: now the state goes back too.
pub(super) fn rolled_back(turn: &mut Turn<'_>, number: u64, report: &RolledBack) -> Result<(), Rejection> {
    let operation = turn.answered(number)?;
    match operation.kind {
        OperationKind::Restart { to, .. } => restarted(turn, to.as_ref(), operation.by, report),
        OperationKind::Undo { point, back, .. } => {
            undone(turn, point, &back, operation.by, report);
            Ok(())
        }
        _ => Err(wrong_answer(number)),
    }
}

fn restarted(turn: &mut Turn<'_>, to: Option<&StageId>, by: String, report: &RolledBack) -> Result<(), Rejection> {
    let first = to.map(|to| turn.state.place_of(to)).transpose()?;
    turn.end_rolled_back(report);
    turn.end(None);
    let outlines = turn.state.tier.stages.clone();
    for (place, outline) in outlines.iter().enumerate().skip(first.unwrap_or_default()) {
        turn.raise(&outline.id, Inherit::Nothing);
        let cleared = match to {
            Some(to) if *to == outline.id => StageState::entered(turn.input.now),
            _ => StageState::default(),
        };
        if turn.state.stages.get(place) != Some(&cleared) {
            turn.set(&outline.id, Cause::Cleared, cleared);
        }
        if turn.state.rejections.contains_key(&outline.counter) {
            turn.happen(Event::Rejections(outline.counter.clone(), 0));
        }
    }
    let at = first.map(|place| u16::try_from(place).unwrap_or(u16::MAX));
    turn.happen(Event::Entered { at, done_at: None });
    turn.happen(Event::Agent { name: None, session: None, carry_over: None });
    if turn.state.paused.is_some() {
        turn.happen(Event::Paused(None));
    }
    if turn.state.blocked.is_some() {
        turn.happen(Event::Blocked(None));
    }
    let what = to.map_or_else(|| "restarted in full".to_owned(), |to| format!("restarted to {to}"));
    log_report(turn, &what, report);
    turn.status_changed("restart");
    if turn.state.place.is_none() && to.is_some() {
        turn.begin(OperationKind::Create);
    }
    let affects = outlines.into_iter().map(|outline| outline.id).collect();
    let verb = Verb::new("restart", to.cloned(), affects, Vec::new());
    turn.decision.verb = Some(Verb { part: Part::Finished { by }, ..verb });
    Ok(())
}

/// The engine puts the state back before what happens here happens.
fn undone(turn: &mut Turn<'_>, point: u64, back: &Standing, by: String, report: &RolledBack) {
    turn.end_rolled_back(report);
    log_report(turn, &format!("undo point {point} is taken back"), report);
    let Standing { stage, status, done } = back.clone();
    turn.happen(Event::StatusChanged { stage, status, action: "undo".into() });
    if turn.before.done() != done.as_ref() {
        turn.tell_all(done.as_ref());
    }
    let verb = Verb::new("undo", None, Vec::new(), Vec::new());
    turn.decision.verb = Some(Verb { part: Part::Finished { by }, ..verb });
    turn.decision.undoes = Some(point);
}

/// What going back came to, for whoever looks for their files.
fn log_report(turn: &mut Turn<'_>, what: &str, report: &RolledBack) {
    let RolledBack { snapshot_ref, from, to, kept, notes, .. } = report;
    let tier = turn.state.tier.name.clone();
    turn.log(format!("{what} (tier {tier}): the branch went from {from} to {to}; {snapshot_ref} keeps what was there"));
    if *kept > 0 {
        turn.log(format!("{kept} files and folders stayed in the worktree, and are in no snapshot"));
    }
    turn.log_notes(notes);
}

/// Puts back what a verb changed, as `saved` had it.
///
/// A restart and its undo are told by the stages they affect. They give the whole task back, but for what only grows, what
/// other tasks told, and what a restart can't touch; there is no agent and no operation then. Otherwise the verb was to
/// accept a stale task.
pub(super) fn restore(task: &mut Task, saved: &Task, stages: &[StageId]) {
    let begun_with = |task: &Task, saved: &Task| -> Vec<Dependency> {
        let was = |on: &Dependency| saved.depends_on.iter().find(|was| was.task == on.task);
        let back =
            |on: &Dependency| Dependency { begun_with: was(on).and_then(|was| was.begun_with.clone()), ..on.clone() };
        task.depends_on.iter().map(back).collect()
    };
    let depends_on = begun_with(task, saved);
    if stages.is_empty() {
        task.depends_on = depends_on;
        return;
    }
    let now = std::mem::replace(task, saved.clone());
    task.depends_on = depends_on;
    task.dependents = now.dependents;
    task.operations = now.operations.max(saved.operations);
    task.runs = now.runs.max(saved.runs);
    task.log = now.log.max(saved.log);
    task.place = now.place.or_else(|| saved.place.clone());
    task.cleaned_up = false;
    task.run = None;
    task.operation = None;
    for stage in &mut task.stages {
        match stage.status {
            StageStatus::Running => stage.status = StageStatus::Interrupted,
            StageStatus::Committing => (stage.status, stage.approval) = (StageStatus::ToApprove, None),
            _ => {}
        }
    }
}

/// The commit a restart to `after` ends at, for people.
pub(super) fn end_of(task: &Task, after: Option<&(StageId, ObjectId)>) -> String {
    match (after, &task.place) {
        (Some((stage, commit)), _) => format!("{commit}, where {stage} was complete"),
        (None, Some(place)) => format!("{}, where the task began", place.base_commit),
        (None, None) => "where the task begins".into(),
    }
}
