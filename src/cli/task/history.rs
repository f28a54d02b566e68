//! Who did what when; and work that came too late.

use super::{Call, about};
use crate::api::task::{Cause, Command, Event, LogSource, Outcome as Ended, TaskKind};
use crate::api::{Change, Turn};
use crate::cli::args::task::{HistoryArgs, OrphanArgs, OrphansArgs};
use crate::cli::files::short;
use crate::cli::history;
use crate::cli::orphans;
use crate::cli::output::block;
use crate::cli::plan::Unit;
use crate::cli::stop::Outcome;

pub(super) async fn history(call: &mut Call<'_>, args: HistoryArgs) -> Outcome {
    let (task, view) = call.task(&args.task, None).await?;
    history::show(call, task.handle(), view.revision, args.most, what_happened).await
}

/// What a turn did, in words, what matters most first. Nothing for what an agent said: the log has that.
fn what_happened(turn: &Turn<TaskKind>) -> Vec<String> {
    let mut what = Vec::new();
    for change in &turn.entry.changes {
        match change {
            Change::Event(event) => what.extend(words(event)),
            Change::UndoPoint(_) => what.splice(0..0, history::common(change)).for_each(drop),
            other => what.extend(history::common(other)),
        }
    }
    what
}

fn words(event: &Event) -> Option<String> {
    Some(match event {
        Event::Created(task) => format!("created: {}", task.title),
        Event::Stage { stage, cause, .. } => format!("{stage}: {}", cause_word(*cause)?),
        Event::Entered { at: None, .. } => "back in backlog".to_owned(),
        Event::Entered { done_at: Some(_), .. } => "done".to_owned(),
        Event::Began(operation) => operation.kind.to_string(),
        Event::Ended(Some(problem)) => format!("could not {}: {}", problem.doing, problem.what),
        Event::RolledBack(report) => format!("files back at {}, {} made", short(&report.to), report.snapshot_ref),
        Event::Problem(problem) => format!("{}: {}", problem.doing, problem.what),
        Event::Placed(place) => format!("worktree made, branch {}", place.branch),
        Event::CleanedUp(true) => "worktree removed".to_owned(),
        Event::CleanedUp(false) => "worktree wanted again".to_owned(),
        Event::Merged(commit) => format!("merged: {}", short(commit)),
        Event::Paused(Some(_)) => "paused".to_owned(),
        Event::Paused(None) => "resumed".to_owned(),
        Event::Blocked(Some(why)) => format!("blocked: {why}"),
        Event::Blocked(None) => "not blocked any more".to_owned(),
        Event::Dependency(on) => format!("{} is {}", on.task, if on.done.is_some() { "done" } else { "not done" }),
        Event::Awaited(by) => format!("{by} waits for it"),
        Event::Entered { .. }
        | Event::StatusChanged { .. }
        | Event::Ended(None)
        | Event::Run(_)
        | Event::Agent { .. }
        | Event::Rejections(..)
        | Event::Logged(_) => return None,
    })
}

fn cause_word(cause: Cause) -> Option<&'static str> {
    match cause {
        Cause::Entered => Some("entered"),
        Cause::Run => Some("run"),
        Cause::Finished => Some("its run ended"),
        Cause::Interrupted => Some("its run was ended"),
        Cause::Approved => Some("approved"),
        Cause::Changed => Some("its approval fell"),
        Cause::Rejected => Some("rejected"),
        Cause::Completed => Some("complete"),
        Cause::Cleared => Some("cleared"),
        Cause::Adopted => Some("late work taken in"),
        Cause::Said => None,
    }
}

pub(super) async fn orphans(call: &mut Call<'_>, args: OrphansArgs) -> Outcome {
    let (task, view) = call.task(&args.task, None).await?;
    match args.number {
        Some(number) => {
            let shown = orphans::show::<_, TaskKind>(call, task.handle(), number, late_work).await;
            shown.map_err(|error| about(&task, error))
        }
        None => orphans::list(call, &view.orphans, Unit::Stage),
    }
}

pub(super) async fn adopt(call: &mut Call<'_>, args: OrphanArgs) -> Outcome {
    let (task, _) = call.task(&args.task, args.key.as_ref()).await?;
    orphans::adopt(call, task.handle(), args.number).await.map_err(|error| about(&task, error))
}

pub(super) async fn discard(call: &mut Call<'_>, args: OrphanArgs) -> Outcome {
    let (task, _) = call.task(&args.task, args.key.as_ref()).await?;
    let done = orphans::discard::<_, TaskKind>(call, task.handle(), args.number, late_work).await;
    done.map_err(|error| about(&task, error))
}

/// What an agent still said after it was fenced, as text.
fn late_work(command: &Command) -> String {
    let Command::Finish { stage, finish, .. } = command else {
        return block(&serde_json::to_string_pretty(command).unwrap_or_default());
    };
    let report = &finish.report;
    let mut text = format!("run {} of {stage}, {}\n", finish.run, ended(&finish.outcome));
    let texts =
        [("output", &report.output), ("hand-off", &report.handoff), ("for whoever goes on", &report.carry_over)];
    for (name, said) in texts {
        if let Some(said) = said {
            text.push_str(&format!("{name}:\n{}\n", block(said)));
        }
    }
    if let Some(score) = report.score {
        text.push_str(&format!("score: {score}\n"));
    }
    if let Some(passed) = report.passed {
        text.push_str(if passed { "what it verified holds\n" } else { "what it verified does not hold\n" });
    }
    for todo in report.todos.iter().flatten() {
        text.push_str(&format!("[{}] {}\n", if todo.done { "x" } else { " " }, block(&todo.text)));
    }
    for line in &report.lines {
        let mark = if matches!(line.source, LogSource::Err(..)) { "!" } else { "" };
        text.push_str(&format!("{stage}{mark}  {}\n", block(&line.text)));
    }
    text
}

fn ended(outcome: &Ended) -> String {
    match outcome {
        Ended::Done => "done".to_owned(),
        Ended::Failed { what, .. } => format!("failed: {}", block(what)),
        Ended::Interrupted => "ended before it was done".to_owned(),
    }
}
