//! From creation to rest: create, start, pause, resume.

use std::collections::BTreeSet;

use super::command::{Cause, Command, Effect, Event, Reply};
use super::content::{BRIEF_PATH, TASK_STAGE};
use super::limits::{BRIEF_BYTES_MAX, DEPENDENCIES_MAX};
use super::names::check_from;
use super::operation::{OperationKind, Place};
use super::state::{Dependency, StageState, Task};
use super::turn::Turn;
use super::{interrupt, running};
use crate::domain::limits::TITLE_BYTES_MAX;
use crate::domain::text::{check_line, check_text};
use crate::domain::{Digest, Rejection, StageId};

pub(super) fn create(turn: &mut Turn<'_>, command: &Command) -> Result<(), Rejection> {
    let Command::Create { title, brief, tier, repository, from, depends_on, auto } = command else { return Ok(()) };
    if turn.state.exists() {
        return Err(Rejection::exists("task", turn.input.id));
    }
    check_line("title", title, TITLE_BYTES_MAX)?;
    if brief.len() > BRIEF_BYTES_MAX {
        return Err(Rejection::limit("bytes of a brief", BRIEF_BYTES_MAX));
    }
    if !brief.is_empty() {
        check_text("brief", brief)?;
    }
    tier.check()?;
    from.as_deref().map_or(Ok(()), check_from)?;
    if depends_on.len() > DEPENDENCIES_MAX {
        return Err(Rejection::limit("tasks that one waits for", DEPENDENCIES_MAX));
    }
    if depends_on.contains(turn.input.id) {
        return Err(Rejection::invalid("depends_on", "a task can't wait for itself"));
    }
    if depends_on.iter().collect::<BTreeSet<_>>().len() < depends_on.len() {
        return Err(Rejection::invalid("depends_on", "a task is there twice"));
    }

    let bytes = tier.to_bytes()?;
    let digest = Digest::of(&bytes);
    let dependency = |task: &_| Dependency { task: Clone::clone(task), revision: 0, done: None, begun_with: None };
    let task = Task {
        title: title.clone(),
        created_at: turn.input.now,
        repository: Some(repository.clone()),
        from: from.clone(),
        tier: tier.outline(digest),
        auto: *auto,
        stages: vec![StageState::default(); tier.stages.len()],
        depends_on: depends_on.iter().map(dependency).collect(),
        ..Task::default()
    };
    turn.decision.shared.push((digest, bytes));
    turn.write(&StageId::new(TASK_STAGE)?, BRIEF_PATH, brief.as_bytes());
    turn.happen(Event::Created(Box::new(task)));
    for on in depends_on {
        turn.owe(format!("await/{on}"), Effect::Await { on: on.clone() });
    }
    turn.log(format!("created with tier {}", tier.name));
    turn.status_changed("create");
    Ok(())
}

pub(super) fn start(turn: &mut Turn<'_>) -> Result<(), Rejection> {
    const WHAT: &str = "starting";
    turn.nothing_under_way(WHAT)?;
    if turn.state.at.is_some() {
        let why = format!("its status is {}", turn.state.status());
        return Err(Rejection::conflict(WHAT, why, "only a task in backlog is started; restart this one instead"));
    }
    let missing: Vec<&str> =
        turn.state.depends_on.iter().filter(|on| on.done.is_none()).map(|on| on.task.as_str()).collect();
    if !missing.is_empty() {
        let why = format!("it waits for {}", missing.join(", "));
        return Err(Rejection::conflict(WHAT, why, "complete those tasks first"));
    }
    for on in turn.state.depends_on.clone() {
        turn.happen(Event::Dependency(Dependency { begun_with: on.done.clone(), ..on }));
    }
    enter(turn, 0);
    turn.log("started");
    turn.status_changed("start");
    if turn.state.place.is_none() {
        let operation = turn.begin(OperationKind::Create);
        turn.decision.reply = Reply::Began { operation };
        return Ok(());
    }
    running::go_on_by_itself(turn)
}

/// Enters the stage of this place, or completes the task if there is none.
pub(super) fn enter(turn: &mut Turn<'_>, place: usize) {
    let now = turn.input.now;
    let next = turn.state.tier.stages.get(place).map(|outline| outline.id.clone());
    let at = Some(u16::try_from(place).unwrap_or(u16::MAX));
    let done_at = if next.is_none() { Some(now) } else { None };
    turn.happen(Event::Entered { at, done_at });
    if let Some(stage) = next {
        turn.set(&stage, Cause::Entered, StageState::entered(now));
    }
}

/// The worktree is made.
pub(super) fn created(turn: &mut Turn<'_>, number: u64, place: &Place, notes: &[String]) -> Result<(), Rejection> {
    let operation = turn.answered(number)?;
    if operation.kind != OperationKind::Create {
        return Err(wrong_answer(number));
    }
    turn.happen(Event::Placed(place.clone()));
    turn.end(None);
    turn.log(format!("made the worktree {} with branch {} at {}", place.worktree, place.branch, place.base_commit));
    turn.log_notes(notes);
    running::go_on_by_itself(turn)
}

/// The answer is not one to what the operation does: whoever carried it out is broken.
pub(super) fn wrong_answer(number: u64) -> Rejection {
    Rejection::invalid("operation", format!("this is no answer to what operation {number} does"))
}

pub(super) fn pause(turn: &mut Turn<'_>) -> Result<(), Rejection> {
    const WHAT: &str = "pausing";
    turn.current(WHAT)?;
    turn.nothing_under_way(WHAT)?;
    if turn.state.paused.is_some() {
        return Ok(());
    }
    if let Some(run) = turn.state.run.clone() {
        interrupt(turn, &run);
        turn.owe_end(run.number);
    }
    turn.happen(Event::Paused(Some(turn.input.now)));
    turn.log("paused");
    turn.status_changed("pause");
    Ok(())
}

pub(super) fn resume(turn: &mut Turn<'_>) -> Result<(), Rejection> {
    turn.nothing_under_way("resuming")?;
    if turn.state.paused.is_some() {
        turn.happen(Event::Paused(None));
        turn.log("resumed");
        turn.status_changed("resume");
    }
    Ok(())
}
