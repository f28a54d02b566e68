//! Waiting for what a verb began, and what it came to.

use super::Call;
use crate::api::task::{Cause, Event, LogSource, Problem, RolledBack, TaskKind};
use crate::api::{Change, Task, Turn, View};
use crate::cli::output::Problem as Told;
use crate::cli::stop::{Outcome, Stop};

/// Turns read at a time, when the end of an operation is looked for.
const TURNS: usize = 200;

/// How an operation ended.
#[derive(Debug, Default)]
pub(super) struct Finished {
    pub(super) rolled_back: Option<RolledBack>,
    pub(super) undo_point: Option<u64>,
    /// Whether an approval fell, for the files were not those that were approved.
    pub(super) fell: bool,
    /// What it could not do.
    problem: Option<Problem>,
}

/// Waits until nothing moves a task's files any more, and says how what was begun at `revision` ended.
///
/// # Errors
/// It could not be done: with its code, why, and what to do.
pub(super) async fn finished(call: &mut Call<'_>, task: &Task, revision: u64) -> Outcome<(View<TaskKind>, Finished)> {
    call.all.moves_files = true;
    let view = settled(call, task).await?;
    call.all.moves_files = false;
    let finished = look_for(task, revision, view.revision).await?;
    match finished.problem {
        Some(problem) => Err(stop(task, &problem)),
        None => Ok((view, finished)),
    }
}

/// Waits until nothing moves a task's files any more. Says so when that takes longer than it should.
async fn settled(call: &mut Call<'_>, task: &Task) -> Outcome<View<TaskKind>> {
    let mut feed = call.restage.feed(call.restage.durable());
    let mut told = None;
    loop {
        let view = task.view().await?;
        if view.state.operation.is_none() {
            return Ok(view);
        }
        if view.state.problem.is_some() && view.state.problem != told {
            told.clone_from(&view.state.problem);
            if let Some(problem) = &told {
                call.output.note(&format!("it takes longer: {}; Ctrl-C, and it goes on later", problem.what));
            }
        }
        while feed.next().await?.id != *task.id() {}
    }
}

/// The end of the operation that was begun by the turn of this revision.
async fn look_for(task: &Task, mut revision: u64, last: u64) -> Outcome<Finished> {
    while revision < last {
        let turns = task.handle().history(revision, TURNS).await?;
        let Some(newest) = turns.last().map(|turn| turn.revision) else { break };
        if let Some(ended) = turns.iter().find(|turn| events(turn).any(ends)) {
            return Ok(end_of(ended));
        }
        revision = newest;
    }
    Ok(Finished::default())
}

fn ends(event: &Event) -> bool {
    matches!(event, Event::Ended(_) | Event::RolledBack(_))
}

fn events(turn: &Turn<TaskKind>) -> impl Iterator<Item = &Event> {
    turn.entry.changes.iter().filter_map(|change| match change {
        Change::Event(event) => Some(event),
        _ => None,
    })
}

fn end_of(turn: &Turn<TaskKind>) -> Finished {
    let mut finished = Finished { undo_point: crate::cli::history::undo_point(turn), ..Finished::default() };
    for event in events(turn) {
        match event {
            Event::RolledBack(report) => finished.rolled_back = Some((**report).clone()),
            Event::Ended(problem) => finished.problem.clone_from(problem),
            Event::Stage { cause: Cause::Changed, .. } => finished.fell = true,
            _ => {}
        }
    }
    finished
}

/// What restage itself wrote into a task's log from this line on.
pub(super) async fn logged(task: &Task, mut line: u64) -> Outcome<Vec<String>> {
    let mut logged = Vec::new();
    loop {
        let entries = task.log(line).await?;
        let Some(last) = entries.last() else { return Ok(logged) };
        line = last.number.saturating_add(1);
        let own = entries.into_iter().filter(|entry| entry.line.source == LogSource::Restage);
        logged.extend(own.map(|entry| entry.line.text));
    }
}

/// What an operation or a run could not do, as the end of a command.
pub(super) fn stop(task: &Task, problem: &Problem) -> Stop {
    let Problem { doing, code, what, hint, .. } = problem;
    let (code, why) = (code.clone(), Some(what.clone()));
    let hint = Some(hint.clone()).filter(|hint| !hint.is_empty());
    let what = format!("{}: could not {doing}", task.id());
    Stop::Problem(Box::new(Told { code, what, why, hint, ..Told::default() }))
}
