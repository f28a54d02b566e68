//! Who did what when, and why.

use serde_json::json;

use super::call::Call;
use super::output::{Cell, Table, Tone};
use super::stop::Outcome;
use super::time;
use crate::api::{Change, Entity, Handle, Turn};

/// Turns read at a time.
const TURNS: u64 = 200;

/// Shows the newest turns that have something to say, newest first. `what` says what a turn did, what matters most first.
pub(super) async fn show<T, E: Entity>(
    call: &mut Call<'_, T>,
    handle: &Handle<E>,
    revision: u64,
    most: usize,
    what: fn(&Turn<E>) -> Vec<String>,
) -> Outcome {
    let mut table = Table::new(["TURN", "WHEN", "WHO", "WHAT", "WHY"]);
    let mut all = Vec::new();
    for (turn, what) in newest(handle, revision, most, what).await? {
        let Turn { revision, entry } = &turn;
        let at = time::rfc3339(entry.at.as_millis());
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
            "undo_point": undo_point(&turn),
        }));
    }
    Ok(call.output.data(&json!({ "turns": all }), |width| table.text(width))?)
}

/// The newest turns that have something to say, newest first.
async fn newest<E: Entity>(
    handle: &Handle<E>,
    revision: u64,
    most: usize,
    what: fn(&Turn<E>) -> Vec<String>,
) -> Outcome<Vec<(Turn<E>, Vec<String>)>> {
    let mut found = Vec::new();
    let mut before = revision;
    while before > 0 && found.len() < most {
        let after = before.saturating_sub(TURNS);
        let turns = handle.history(after, usize::try_from(before - after).unwrap_or(usize::MAX)).await?;
        let told = turns.into_iter().rev().map(|turn| (what(&turn), turn)).filter(|(what, _)| !what.is_empty());
        found.extend(told.map(|(what, turn)| (turn, what)).take(most - found.len()));
        before = after;
    }
    Ok(found)
}

/// The undo point that a turn left.
pub(super) fn undo_point<E: Entity>(turn: &Turn<E>) -> Option<u64> {
    turn.entry.changes.iter().find_map(|change| match change {
        Change::UndoPoint(point) => Some(point.number),
        _ => None,
    })
}

/// What a change means that every kind has; nothing for what goes without saying.
pub(super) fn common<E: Entity>(change: &Change<E>) -> Option<String> {
    match change {
        Change::UndoPoint(point) => {
            let of = point.stage.as_ref().map(|stage| format!(" {stage}")).unwrap_or_default();
            Some(format!("{}{of} (undo point {})", point.verb, point.number))
        }
        Change::Undone(point, ..) => Some(format!("took back undo point {point}")),
        Change::Orphaned(orphan) => Some(format!("late work for {}: orphan {}", orphan.stage, orphan.number)),
        Change::OrphanGone(number) => Some(format!("orphan {number} gone")),
        Change::UndoPointsGone(gone) => Some(format!("{} undo points gone", gone.len())),
        Change::Event(_)
        | Change::At(_)
        | Change::Touched(..)
        | Change::Raised(..)
        | Change::Timer(..)
        | Change::Audited(_) => None,
    }
}
