//! Turns of an entity as entries of a list, newest first.

use super::entry_of;
use super::told::{Told, told};
use crate::api::events::Event;
use crate::api::{EntityId, Error, Restage, StageId};
use crate::http::web::text::{Safe, line, plain};
use crate::http::web::when::When;

/// Entries of one page.
const ENTRIES: usize = 50;
/// Turns that are looked at for one page: those that have nothing to say are not shown.
const LOOKED_AT: u64 = 2_000;
/// Turns that are read at a time.
pub(super) const PER_READ: usize = 250;

/// Which turns are wanted.
pub(super) struct Chosen {
    /// Only those before this revision.
    pub(super) before: u64,
    /// Only what happened to this stage.
    pub(super) stage: Option<StageId>,
    /// Only what matters.
    pub(super) notable: bool,
}

/// Entries of a page.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) list: Vec<Entry>,
    /// The last turn that was looked at, if there are any before it.
    pub(super) last: Option<u64>,
    /// Where the next page is.
    pub(super) older: Option<String>,
    /// Where the first page is, if this is another.
    pub(super) newest: Option<String>,
}

/// A turn.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) revision: u64,
    pub(super) at: Option<When>,
    pub(super) by: Safe,
    pub(super) reason: Option<Safe>,
    pub(super) said: Vec<Said>,
    /// Where it can be found again.
    pub(super) href: String,
}

/// One thing that happened in a turn.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) told: Told,
    /// Its type, as programs know it.
    pub(super) name: String,
    /// The generation that it raised its stage to.
    pub(super) generation: Option<u64>,
    /// What else there is to say, as JSON.
    pub(super) data: Option<Safe>,
}

/// Reads the newest turns that are wanted.
pub(super) async fn read(
    restage: &Restage,
    (kind, id): (&str, &EntityId),
    chosen: &Chosen,
    entity_page: &str,
) -> Result<Entries, Error> {
    let mut entries = Entries::default();
    let mut before = chosen.before;
    let floor = before.saturating_sub(LOOKED_AT);
    while before > floor.max(1) && entries.list.len() < ENTRIES {
        let room = u64::try_from(PER_READ).unwrap_or(u64::MAX);
        let after = before.saturating_sub(room.saturating_add(1));
        let most = usize::try_from(before - after - 1).unwrap_or(PER_READ);
        let turns = restage.turns(kind, id, after, most).await?;
        for events in turns.into_iter().rev() {
            if entries.list.len() == ENTRIES {
                break;
            }
            before = events.first().map_or(before, |event| event.revision);
            entries.list.extend(entry(events, chosen, entity_page));
        }
        if entries.list.len() < ENTRIES {
            before = after.saturating_add(1);
        }
    }
    entries.last = Some(before).filter(|before| *before > 1);
    Ok(entries)
}

/// Who asked for a turn. What a kind does by itself has nobody who asked.
fn who(by: &str) -> &str {
    if by.is_empty() { "the program" } else { by }
}

/// The turn as an entry; nothing if there is nothing wanted in it.
fn entry(events: Vec<Event>, chosen: &Chosen, entity_page: &str) -> Option<Entry> {
    let first = events.first()?;
    let (revision, at, by) = (first.revision, first.at.map(When), line(who(&first.by)));
    let reason = first.reason.as_deref().map(line);
    let is_of = |event: &Event| chosen.stage.is_none() || event.stage == chosen.stage;
    let said = |event: Event| {
        let empty = event.data.as_object().is_none_or(serde_json::Map::is_empty);
        let json = (!chosen.notable && !empty).then(|| serde_json::to_string_pretty(&event.data).unwrap_or_default());
        Said {
            told: told(&event),
            generation: event.generation.map(|generation| generation.0),
            data: json.map(|json| plain(&json)),
            name: event.r#type.into_owned(),
        }
    };
    let said: Vec<Said> = events.into_iter().filter(is_of).map(said).collect();
    let mut said: Vec<Said> = said.into_iter().filter(|said| !chosen.notable || said.told.is_notable).collect();
    // What was asked for comes before what came of it.
    said.sort_by_key(|said| !said.name.ends_with(".went_back") && !said.name.ends_with(".undone"));
    if said.is_empty() {
        return None;
    }
    Some(Entry { revision, at, by, reason, said, href: entry_of(entity_page, revision) })
}
