//! Looking around: which step can be entered, and what feeds a step. Changes nothing.

use super::state::{Status, Summary, Workshop};
use crate::domain::{Rejection, StageId};

/// What a step upstream gives to the context of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextPart<'a> {
    /// The step upstream.
    pub stage: &'a StageId,
    /// The version of its artifact, if that is confirmed.
    pub artifact: Option<u64>,
    /// Whether it has a summary that holds.
    pub summary: bool,
}

/// The step that a request for `stage` leads to: `stage` if it was begun, else the first in progress, else the first.
///
/// # Errors
/// [`Rejection::NotFound`] if the workshop or the step does not exist.
pub fn enter<'a>(workshop: &'a Workshop, stage: &'a StageId) -> Result<&'a StageId, Rejection> {
    if workshop.step(stage)?.is_begun() {
        return Ok(stage);
    }
    let open = workshop.steps().find(|(_, step)| step.status == Status::InProgress);
    Ok(open.or_else(|| workshop.steps().next()).map_or(stage, |(id, _)| id))
}

/// What feeds a step: the confirmed artifacts and the summaries of all steps upstream, in template order. The step's
/// own conversation comes after. Nothing stale and nothing archived is among it.
///
/// # Errors
/// [`Rejection::NotFound`] if the workshop or the step does not exist.
pub fn context<'a>(workshop: &'a Workshop, stage: &StageId) -> Result<Vec<ContextPart<'a>>, Rejection> {
    workshop.step(stage)?;
    let mut parts = Vec::new();
    for id in workshop.outline.graph.upstream(stage) {
        let Some(step) = workshop.get(id) else { continue };
        let artifact = step.artifact.filter(|artifact| artifact.confirmed).map(|artifact| artifact.version);
        let summary = step.status == Status::Complete && step.summary == Summary::Written;
        if artifact.is_some() || summary {
            parts.push(ContextPart { stage: id, artifact, summary });
        }
    }
    Ok(parts)
}
