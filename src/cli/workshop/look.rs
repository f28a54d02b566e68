//! Verbs that only look: lists, histories, late work.

use serde_json::{Value, json};

use super::going_back::show_orphan;
use super::{Call, current};
use crate::api::workshop::{Cause, Event, Status, WorkshopKind, WorkshopStatus};
use crate::api::{Change, StageId, Turn};
use crate::cli::args::{HistoryArgs, OrphansArgs};
use crate::cli::output::{Cell, Table, Tone};
use crate::cli::stop::Outcome;
use crate::cli::time;

/// Workshops read at a time.
const PER_PAGE: usize = 500;

pub(super) async fn list(call: &mut Call<'_>) -> Outcome {
    let mut table = Table::new(["WORKSHOP", "TITLE", "STATUS", "STEP", "DONE", "CHANGED"]);
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = call.workshops.list(after.as_ref(), PER_PAGE).await?;
        let Some(last) = page.last().cloned() else { break };
        for id in page {
            let view = call.workshops.peek(&id).await?;
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
    let after = view.revision.saturating_sub(u64::try_from(args.most).unwrap_or(u64::MAX));
    let mut turns = workshop.handle().history(after, args.most).await?;
    turns.reverse();
    let mut table = Table::new(["TURN", "WHEN", "WHO", "WHAT", "WHY"]);
    let mut all = Vec::new();
    for turn in &turns {
        let Turn { revision, entry } = turn;
        let (at, what) = (time::rfc3339(entry.at.as_millis()), what_happened(turn));
        let points: Vec<u64> = entry.changes.iter().filter_map(undo_point).collect();
        table.row([
            revision.to_string().into(),
            Cell::new(at.as_str(), Tone::Faint),
            entry.by.as_str().into(),
            what.join("; ").into(),
            entry.reason.clone().unwrap_or_default().into(),
        ]);
        all.push(json!({
            "revision": revision,
            "at": at,
            "by": entry.by,
            "reason": entry.reason,
            "what": what,
            "undo_point": points.first(),
        }));
    }
    Ok(call.output.data(&json!({ "turns": all }), |width| table.text(width))?)
}

fn undo_point(change: &Change<WorkshopKind>) -> Option<u64> {
    match change {
        Change::UndoPoint(point) => Some(point.number),
        _ => None,
    }
}

/// What a turn did, in words, what matters most first.
fn what_happened(turn: &Turn<WorkshopKind>) -> Vec<String> {
    let mut what = Vec::new();
    let mut saved: Vec<(&StageId, usize)> = Vec::new();
    let verb = turn.entry.changes.iter().any(|change| matches!(change, Change::UndoPoint(_)));
    for change in &turn.entry.changes {
        match change {
            Change::UndoPoint(point) => {
                let of = point.stage.as_ref().map(|stage| format!(" {stage}")).unwrap_or_default();
                what.insert(0, format!("{}{of} (undo point {})", point.verb, point.number));
            }
            Change::Undone(point, ..) => what.push(format!("took back undo point {point}")),
            Change::Orphaned(orphan) => what.push(format!("late work for {}: orphan {}", orphan.stage, orphan.number)),
            Change::OrphanGone(number) => what.push(format!("orphan {number} gone")),
            Change::UndoPointsGone(gone) => what.push(format!("{} undo points gone", gone.len())),
            Change::Event(Event::Created { title, .. }) => what.push(format!("created: {title}")),
            Change::Event(Event::Saved { stage, .. }) => match saved.iter_mut().find(|(of, _)| *of == stage) {
                Some((_, count)) => *count += 1,
                None => saved.push((stage, 1)),
            },
            Change::Event(Event::Step { stage, cause, .. }) if !verb || *cause == Cause::Stale => {
                what.push(format!("{stage}: {}", cause_word(*cause)));
            }
            Change::Event(Event::Paused(paused)) => what.push(if *paused { "paused" } else { "resumed" }.into()),
            Change::Event(Event::Step { .. })
            | Change::At(_)
            | Change::Touched(..)
            | Change::Raised(..)
            | Change::Timer(..) => {}
        }
    }
    what.extend(saved.iter().map(|(stage, n)| format!("{stage}: {} saved", super::count(*n, "message"))));
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
    }
}

pub(super) async fn orphans(call: &mut Call<'_>, args: OrphansArgs) -> Outcome {
    let (workshop, view) = call.workshop(&args.workshop, None).await?;
    if let Some(number) = args.number {
        let command = workshop.handle().orphan(number).await?;
        return show_orphan(call.output, number, &command);
    }
    let mut table = Table::new(["ORPHAN", "STEP", "GENERATION", "WHEN", "WHO", "BYTES"]);
    let mut all: Vec<Value> = Vec::new();
    for orphan in &view.orphans {
        let at = time::rfc3339(orphan.at.as_millis());
        all.push(json!({
            "orphan": orphan.number,
            "step": orphan.stage,
            "generation": orphan.generation,
            "at": at,
            "by": orphan.by,
            "bytes": orphan.bytes,
        }));
        table.row([
            orphan.number.to_string().into(),
            orphan.stage.as_str().into(),
            orphan.generation.to_string().into(),
            Cell::new(at, Tone::Faint),
            orphan.by.as_str().into(),
            orphan.bytes.to_string().into(),
        ]);
    }
    if all.is_empty() {
        call.output.note("there is no late work");
    }
    Ok(call.output.data(&json!({ "orphans": all }), |width| table.text(width))?)
}
