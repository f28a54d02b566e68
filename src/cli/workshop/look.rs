//! Verbs that only look: lists and histories.

use serde_json::json;

use super::{Call, current};
use crate::api::workshop::{Cause, Event, Status, WorkshopKind, WorkshopStatus};
use crate::api::{Change, StageId, Turn};
use crate::cli::args::workshop::HistoryArgs;
use crate::cli::call::count;
use crate::cli::output::{Cell, Table, Tone};
use crate::cli::stop::Outcome;
use crate::cli::{history, time};

/// Workshops read at a time.
const PER_PAGE: usize = 500;

pub(super) async fn list(call: &mut Call<'_>) -> Outcome {
    let mut table = Table::new(["WORKSHOP", "TITLE", "STATUS", "STEP", "DONE", "CHANGED"]);
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = call.all.list(after.as_ref(), PER_PAGE).await?;
        let Some(last) = page.last().cloned() else { break };
        for id in page {
            let view = call.all.peek(&id).await?;
            let state = &view.state;
            let step = current(state)?;
            let done = state.steps().filter(|(_, step)| step.status == Status::Complete).count();
            let changed = time::rfc3339(view.updated_at.as_millis());
            let (word, tone) = workshop_status(state.status());
            table.row([
                id.as_str().into(),
                state.title.as_str().into(),
                Cell::new(word, tone),
                step.as_str().into(),
                format!("{done}/{}", state.steps.len()).into(),
                Cell::new(changed.as_str(), Tone::Faint),
            ]);
            all.push(json!({
                "workshop": id,
                "title": state.title,
                "status": state.status(),
                "step": step,
                "steps_done": done,
                "steps": state.steps.len(),
                "updated_at": changed,
                "revision": view.revision,
            }));
        }
        after = Some(last);
    }
    if all.is_empty() {
        call.output.note("there are no workshops yet; make one: restage workshop new garden");
    }
    Ok(call.output.data(&json!({ "workshops": all }), |width| table.text(width))?)
}

/// Where a workshop stands, in words.
pub(super) fn workshop_status(status: WorkshopStatus) -> (&'static str, Tone) {
    match status {
        WorkshopStatus::Draft => ("draft", Tone::Faint),
        WorkshopStatus::Active => ("active", Tone::Busy),
        WorkshopStatus::Paused => ("paused", Tone::Attention),
        WorkshopStatus::Completed => ("completed", Tone::Good),
    }
}

pub(super) async fn history(call: &mut Call<'_>, args: HistoryArgs) -> Outcome {
    let (workshop, view) = call.workshop(&args.workshop, None).await?;
    history::show(call, workshop.handle(), view.revision, args.most, what_happened).await
}

/// What a turn did, in words, what matters most first.
fn what_happened(turn: &Turn<WorkshopKind>) -> Vec<String> {
    let mut what = Vec::new();
    let mut saved: Vec<(&StageId, usize)> = Vec::new();
    let verb = history::undo_point(turn).is_some();
    for change in &turn.entry.changes {
        match change {
            Change::Event(Event::Created { title, .. }) => what.push(format!("created: {title}")),
            Change::Event(Event::Saved { stage, .. }) => match saved.iter_mut().find(|(of, _)| *of == stage) {
                Some((_, count)) => *count += 1,
                None => saved.push((stage, 1)),
            },
            Change::Event(Event::Step { stage, cause, .. }) if !verb || *cause == Cause::Stale => {
                what.push(format!("{stage}: {}", cause_word(*cause)));
            }
            Change::Event(Event::Paused(paused)) => what.push(if *paused { "paused" } else { "resumed" }.into()),
            Change::UndoPoint(_) => what.splice(0..0, history::common(change)).for_each(drop),
            other => what.extend(history::common(other)),
        }
    }
    what.extend(saved.iter().map(|(stage, n)| format!("{stage}: {} saved", count(*n, "message"))));
    what
}

fn cause_word(cause: Cause) -> &'static str {
    match cause {
        Cause::Began => "began",
        Cause::SubStep => "sub-step chosen",
        Cause::Artifact => "artifact written",
        Cause::Confirmed => "artifact confirmed",
        Cause::Summary => "summary written",
        Cause::Completed => "completed",
        Cause::Reset => "reset",
        Cause::Revised => "reopened",
        Cause::Stale => "stale",
        Cause::Waits => "stale, waits for less",
        Cause::Fresh => "as before",
        Cause::Accepted => "accepted",
        Cause::Asked => "facilitator asked",
        Cause::Settled => "facilitator done",
    }
}
