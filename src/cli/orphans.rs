//! Work that came too late: listed, shown, taken in, thrown away.

use serde_json::{Value, json};

use super::call::Call;
use super::output::{Cell, Table, Tone};
use super::plan::Unit;
use super::stop::Outcome;
use super::time;
use crate::api::{Entity, Handle, Orphan};

/// What a kind's late work looks like: as text.
pub(super) type Look<E> = fn(&<E as Entity>::Command) -> String;

pub(super) fn list<T>(call: &mut Call<'_, T>, orphans: &[Orphan], unit: Unit) -> Outcome {
    let mut table = Table::new(["ORPHAN", unit.heading(), "GENERATION", "WHEN", "WHO", "BYTES"]);
    let mut all: Vec<Value> = Vec::new();
    for orphan in orphans {
        let at = time::rfc3339(orphan.at.as_millis());
        all.push(json!({
            "orphan": orphan.number,
            unit.key(): orphan.stage,
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

/// What an orphan holds: the command that came too late.
pub(super) async fn show<T, E: Entity>(
    call: &mut Call<'_, T>,
    handle: &Handle<E>,
    number: u64,
    look: Look<E>,
) -> Outcome {
    let command = handle.orphan(number).await?;
    let answer = json!({ "orphan": number, "command": command });
    Ok(call.output.data(&answer, |_| look(&command))?)
}

pub(super) async fn adopt<T, E: Entity>(call: &mut Call<'_, T>, handle: &Handle<E>, number: u64) -> Outcome {
    let receipt = handle.adopt(number).await?;
    let answer = json!({ "orphan": number, "reply": receipt.reply });
    let generation = receipt.generation.map(|g| format!(" into generation {g}")).unwrap_or_default();
    call.answer(&receipt, answer, || format!("orphan {number} is taken{generation}"))
}

pub(super) async fn discard<T, E: Entity>(
    call: &mut Call<'_, T>,
    handle: &Handle<E>,
    number: u64,
    look: Look<E>,
) -> Outcome {
    if call.global.dry_run {
        return show(call, handle, number, look).await;
    }
    if !call.global.yes {
        handle.orphan(number).await?;
        call.confirm(&format!("orphan {number} would be deleted, and can't be brought back")).await?;
    }
    let receipt = handle.discard(number).await?;
    call.answer(&receipt, json!({ "orphan": number }), || format!("orphan {number} is deleted"))
}
