//! Who did what when, and what came too late.

use serde_json::json;

use super::{Call, about, tasks};
use crate::api::workflow::{Command, Event, RunStatus, StoredResult, WorkflowKind};
use crate::api::{Change, Turn};
use crate::cli::args::workflow::{HistoryArgs, OrphanArgs, OrphansArgs};
use crate::cli::call::count;
use crate::cli::output::{block, line};
use crate::cli::plan::Unit;
use crate::cli::stop::Outcome;
use crate::cli::{history as turns, orphans as late};

pub(super) async fn history(call: &mut Call<'_>, args: &HistoryArgs) -> Outcome {
    let (workflow, view) = call.workflow(&args.workflow, None).await?;
    turns::show(call, workflow.handle(), view.revision, args.most, what).await
}

/// What a turn did, what matters most first.
fn what(turn: &Turn<WorkflowKind>) -> Vec<String> {
    let changes = &turn.entry.changes;
    let common = changes.iter().filter_map(turns::common);
    let own = changes.iter().filter_map(|change| match change {
        Change::Event(event) => told(event),
        _ => None,
    });
    let mut what: Vec<String> = common.chain(own).collect();
    // Where tasks are handed out or ended and nothing else happens, how many there are says it.
    if what.is_empty() {
        what.extend(changes.iter().filter_map(|change| match change {
            Change::Event(Event::LaneIs(id, lane)) => {
                Some(format!("{} of {} wait for {}", lane.ahead(), count(lane.tasks(), "task"), id.domain))
            }
            _ => None,
        }));
    }
    what
}

/// What an event means to people; nothing for what goes without saying.
fn told(event: &Event) -> Option<String> {
    match event {
        Event::Started { title, .. } => Some(format!("started: {}", line(title))),
        Event::Gate(place) => Some(format!("before gate {place}")),
        Event::RunIs(run) => Some(format!("run {} {}", run.number, run_word(run.status))),
        Event::GateIs(place, gate) => {
            let approval = gate.approval.as_ref().filter(|_| gate.is_approved() && gate.passed_at.is_none());
            approval.map(|approval| format!("gate {place} approved by {}", line(&approval.by)))
        }
        Event::TaskIs(id, Some(entry)) => Some(match entry.leased() {
            Some(lease) => format!("{id}: {} has it, attempt {}", line(&lease.worker), entry.attempt),
            None => match &entry.problem {
                Some(problem) => format!("{id}: {}", line(problem)),
                None => format!("{id}: handed out again"),
            },
        }),
        Event::TaskIs(id, None) => Some(format!("{id}: over")),
        Event::Error(Some(error)) => Some(line(error)),
        Event::LaneIs(..) | Event::Error(None) => None,
    }
}

fn run_word(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "goes on",
        RunStatus::Completed => "is completed",
        RunStatus::Stopped => "is stopped",
        RunStatus::Cancelled => "is cancelled",
    }
}

pub(super) async fn orphans(call: &mut Call<'_>, args: &OrphansArgs) -> Outcome {
    let (workflow, view) = call.workflow(&args.workflow, None).await?;
    let Some(number) = args.number else { return late::list(call, &view.orphans, Unit::Gate) };
    let command = workflow.handle().orphan(number).await.map_err(|error| about(&workflow, error))?;
    let Command::Finish { task, result, .. } = &command else {
        return late::show::<_, WorkflowKind>(call, workflow.handle(), number, late_work).await;
    };
    let orphan = view.orphans.iter().find(|orphan| orphan.number == number);
    let at = orphan.map_or(view.updated_at, |orphan| orphan.at);
    let stored = StoredResult { result: (**result).clone(), attempt: None, claim: None, at };
    let answer = json!({ "orphan": number, "result": tasks::result_json(task, &stored) });
    Ok(call.output.data(&answer, |_| late_work(&command))?)
}

pub(super) async fn adopt(call: &mut Call<'_>, args: &OrphanArgs) -> Outcome {
    let (workflow, _) = call.workflow(&args.workflow, args.key.as_ref()).await?;
    late::adopt(call, workflow.handle(), args.number).await.map_err(|stop| about(&workflow, stop))
}

pub(super) async fn discard(call: &mut Call<'_>, args: &OrphanArgs) -> Outcome {
    let (workflow, _) = call.workflow(&args.workflow, args.key.as_ref()).await?;
    let done = late::discard::<_, WorkflowKind>(call, workflow.handle(), args.number, late_work).await;
    done.map_err(|stop| about(&workflow, stop))
}

/// What came too late, as text.
fn late_work(command: &Command) -> String {
    match command {
        Command::Finish { task, result, .. } => {
            let why = result.error.as_ref().map(|error| format!("{error}\n")).unwrap_or_default();
            let agent = &result.agent;
            block(&format!("a result for {task}, by {agent}, in {} ms:\n{why}{}", result.duration_ms, result.result))
        }
        other => block(&serde_json::to_string_pretty(other).unwrap_or_default()),
    }
}
