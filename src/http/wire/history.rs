//! What happened to an entity, turn by turn.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::rfc3339;
use crate::api::events::Event;

/// One turn of an entity.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Turn)]
pub(in crate::http) struct TurnOf {
    /// The revision it made.
    revision: u64,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    at: Option<String>,
    /// Who asked for it.
    by: String,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
    /// What happened, in order.
    events: Vec<Happened>,
}

/// One thing that happened, as the event stream tells it too.
#[derive(Debug, Serialize, ToSchema)]
struct Happened {
    /// What: `workshop.step_reset`.
    r#type: String,
    /// The stage that it happened to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stage: Option<String>,
    /// The stage's generation, where the turn raised it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    generation: Option<u64>,
    /// What else there is to say, by type.
    #[schema(value_type = Object)]
    data: Value,
}

impl TurnOf {
    pub(in crate::http) fn revision(&self) -> u64 {
        self.revision
    }

    /// The turn that these events tell of. Each turn gives one at least.
    pub(in crate::http) fn of(events: Vec<Event>) -> Option<Self> {
        let first = events.first()?;
        let (revision, at, by) = (first.revision, first.at.map(rfc3339), first.by.clone());
        let reason = first.reason.clone();
        let happened = |event: Event| Happened {
            r#type: event.r#type.into_owned(),
            stage: event.stage.map(Into::into),
            generation: event.generation.map(|generation| generation.0),
            data: event.data,
        };
        Some(Self { revision, at, by, reason, events: events.into_iter().map(happened).collect() })
    }
}
