//! What workshops tell.

use serde_json::{Value, json};

use super::told::{Said, Tell};
use crate::domain::Timestamp;
use crate::domain::workshop::{Cause, Event, StepState, WorkshopKind};

impl Tell for WorkshopKind {
    #[cfg(test)]
    const TYPES: &'static [&'static str] = &[
        "created",
        "message_saved",
        "step_began",
        "sub_step_entered",
        "artifact_written",
        "artifact_confirmed",
        "summary_written",
        "step_completed",
        "step_reset",
        "step_revised",
        "step_stale",
        "step_waits",
        "step_fresh",
        "step_accepted",
        "facilitator_asked",
        "facilitator_settled",
        "paused",
        "resumed",
    ];

    fn tell(event: &Event, _: Timestamp) -> Option<Said> {
        Some(match event {
            Event::Created { title, .. } => Said::new("created", json!({ "title": title })),
            Event::Saved { stage, ordinal } => Said::of("message_saved", stage, json!({ "ordinal": ordinal })),
            Event::Step { stage, cause, step } => Said::of(of_cause(*cause), stage, step_data(step)),
            Event::Paused(true) => Said::new("paused", json!({})),
            Event::Paused(false) => Said::new("resumed", json!({})),
            Event::Spent(_) => return None,
        })
    }
}

fn of_cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Began => "step_began",
        Cause::SubStep => "sub_step_entered",
        Cause::Artifact => "artifact_written",
        Cause::Confirmed => "artifact_confirmed",
        Cause::Summary => "summary_written",
        Cause::Completed => "step_completed",
        Cause::Reset => "step_reset",
        Cause::Revised => "step_revised",
        Cause::Stale => "step_stale",
        Cause::Waits => "step_waits",
        Cause::Fresh => "step_fresh",
        Cause::Accepted => "step_accepted",
        Cause::Asked => "facilitator_asked",
        Cause::Settled => "facilitator_settled",
    }
}

fn step_data(step: &StepState) -> Value {
    json!({
        "status": step.status,
        "sub_step": step.sub_step,
        "artifact_version": step.artifact.as_ref().map(|artifact| artifact.version),
    })
}
