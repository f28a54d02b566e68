//! From a committed turn to the events that it gives.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::offset::Offset;
use crate::api::time::rfc3339;
use crate::domain::task::TaskKind;
use crate::domain::webhook::WebhookKind;
use crate::domain::workflow::WorkflowKind;
use crate::domain::workshop::WorkshopKind;
use crate::domain::{Entity, EntityId, Generation, StageId, Timestamp};
use crate::engine::{Change, Committed, Turn};
use crate::store::Position;

/// Something that happened to an entity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Where it is among all events.
    pub position: Offset,
    /// What happened: `workshop.step_reset`.
    pub r#type: Cow<'static, str>,
    /// The kind of the entity.
    pub kind: String,
    /// The entity.
    pub id: EntityId,
    /// The revision that its turn made.
    pub revision: u64,
    /// When its turn was, in milliseconds since the start of 1970.
    #[serde(serialize_with = "as_time")]
    pub at: Option<Timestamp>,
    /// Who asked for its turn.
    pub by: String,
    /// Why, if they said.
    pub reason: Option<String>,
    /// The stage that it happened to.
    pub stage: Option<StageId>,
    /// The stage's generation, where the turn raised it.
    pub generation: Option<Generation>,
    /// What else there is to say, by type.
    pub data: Value,
}

fn as_time<S: serde::Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(|at| rfc3339(at.as_millis())).serialize(serializer)
}

/// An event as it is handed on: written out once, with what filters look at beside it.
#[derive(Clone, Debug)]
pub struct Told {
    /// Where it is among all events.
    pub offset: Offset,
    /// The kind of the entity.
    pub kind: String,
    /// The entity.
    pub id: EntityId,
    /// Its type.
    pub name: Cow<'static, str>,
    /// The event as one line of JSON.
    pub json: Arc<str>,
}

/// What a kind says of one of its own events.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) name: &'static str,
    pub(super) stage: Option<StageId>,
    pub(super) data: Value,
}

impl Said {
    pub(super) fn new(name: &'static str, data: Value) -> Self {
        Self { name, stage: None, data }
    }

    pub(super) fn of(name: &'static str, stage: &StageId, data: Value) -> Self {
        Self { name, stage: Some(stage.clone()), data }
    }
}

/// How a kind tells what happened to it.
pub(super) trait Tell: Entity {
    /// The types of its own events, without the kind: what the documentation lists.
    #[cfg(test)]
    const TYPES: &'static [&'static str];

    /// What one of its events says to those outside; `None` where another says it better, or it is nobody's business.
    fn tell(event: &Self::Event, at: Timestamp) -> Option<Said>;
}

/// What happens to entities of every kind.
#[cfg(test)]
pub(super) const COMMON_TYPES: &[&str] =
    &["went_back", "undone", "undo_points_gone", "orphan_kept", "orphan_gone", "changed"];

/// A turn that says nothing in particular.
const CHANGED: &str = "changed";
/// The kind whose turns need not be told: that a delivery was made would be one more event to deliver, without end.
const QUIET_KIND: &str = WebhookKind::KIND;

/// The events of turns that follow one another, from `after` on; a position is not cut in two.
pub(super) fn tell_all(turns: &[Committed]) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let (mut position, mut number) = (Position::default(), 0);
    for turn in turns {
        if turn.position != position {
            (position, number) = (turn.position, 0);
        }
        for mut event in tell(turn) {
            number += 1;
            event.position = Offset::new(position, number);
            events.push(event);
        }
    }
    events
}

/// The event as it is handed on. One that can't be written is an error of this program, and left out.
pub(super) fn written(event: Event) -> Option<Told> {
    match serde_json::to_string(&event) {
        Ok(json) => {
            let Event { position: offset, r#type: name, kind, id, .. } = event;
            Some(Told { offset, kind, id, name, json: json.into() })
        }
        Err(error) => {
            tracing::error!(%error, position = %event.position, "an event can't be written out");
            None
        }
    }
}

/// The events of a turn: one at least.
pub(super) fn tell(turn: &Committed) -> Vec<Event> {
    let said = match turn.kind.as_str() {
        WorkshopKind::KIND => said_of::<WorkshopKind>(turn),
        TaskKind::KIND => said_of::<TaskKind>(turn),
        WorkflowKind::KIND => said_of::<WorkflowKind>(turn),
        WebhookKind::KIND => said_of::<WebhookKind>(turn),
        _ => Vec::new(),
    };
    let asked = turn.asked();
    let event = |(said, generation): (Said, Option<Generation>)| Event {
        position: Offset::end_of(turn.position),
        r#type: format!("{}.{}", turn.kind, said.name).into(),
        kind: turn.kind.clone(),
        id: turn.id.clone(),
        revision: turn.revision,
        at: asked.as_ref().map(|asked| asked.at),
        by: asked.as_ref().map(|asked| asked.by.clone()).unwrap_or_default(),
        reason: asked.as_ref().and_then(|asked| asked.reason.clone()),
        stage: said.stage,
        generation,
        data: said.data,
    };
    if said.is_empty() {
        if turn.kind == QUIET_KIND {
            return Vec::new();
        }
        return vec![event((Said::new(CHANGED, json!({})), None))];
    }
    said.into_iter().map(event).collect()
}

/// What a turn of a known kind says, with the generations that it raised.
fn said_of<E: Tell>(turn: &Committed) -> Vec<(Said, Option<Generation>)> {
    let Some(Turn { entry, .. }) = turn.turn::<E>() else { return Vec::new() };
    let raised = |stage: &StageId| {
        entry.changes.iter().rev().find_map(|change| match change {
            Change::Raised(raised, fence) if raised == stage => Some(fence.generation),
            _ => None,
        })
    };
    let mut at = entry.at;
    let mut told = Vec::new();
    for change in &entry.changes {
        let said = match change {
            Change::At(time) => {
                at = *time;
                None
            }
            Change::Event(event) => E::tell(event, at),
            change => common(change),
        };
        told.extend(said.map(|said| {
            let generation = said.stage.as_ref().and_then(raised);
            (said, generation)
        }));
    }
    told
}

/// What a change says that entities of every kind have.
fn common<E: Entity>(change: &Change<E>) -> Option<Said> {
    match change {
        // An undo says so itself, and with what.
        Change::UndoPoint(point) if point.verb == "undo" => None,
        Change::UndoPoint(point) => {
            let stages: Vec<_> = point.fences.keys().collect();
            let until = rfc3339(point.until.as_millis());
            let data = json!({ "verb": point.verb, "undo_point": point.number, "until": until, "stages": stages });
            Some(Said { name: "went_back", stage: point.stage.clone(), data })
        }
        Change::Undone(point, _, stages, by) => {
            Some(Said::new("undone", json!({ "undone": point, "undo_point": by, "stages": stages })))
        }
        Change::UndoPointsGone(gone) => Some(Said::new("undo_points_gone", json!({ "undo_points": gone }))),
        Change::Orphaned(orphan) => {
            let data = json!({ "orphan": orphan.number, "late_generation": orphan.generation, "bytes": orphan.bytes });
            Some(Said::of("orphan_kept", &orphan.stage, data))
        }
        Change::OrphanGone(number) => Some(Said::new("orphan_gone", json!({ "orphan": number }))),
        Change::Event(_)
        | Change::At(_)
        | Change::Touched(..)
        | Change::Raised(..)
        | Change::Timer(..)
        | Change::Audited(_) => None,
    }
}

/// Every type of event there is, in the order of the documentation.
#[cfg(test)]
pub(super) fn all_types() -> Vec<String> {
    let mut types: Vec<String> = COMMON_TYPES.iter().map(|name| format!("KIND.{name}")).collect();
    let own = [
        (WorkshopKind::KIND, WorkshopKind::TYPES),
        (TaskKind::KIND, TaskKind::TYPES),
        (WorkflowKind::KIND, WorkflowKind::TYPES),
        (WebhookKind::KIND, WebhookKind::TYPES),
    ];
    types.extend(own.iter().flat_map(|(kind, names)| names.iter().map(move |name| format!("{kind}.{name}"))));
    types
}
