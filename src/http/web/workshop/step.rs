//! A step and the steps beside it: where each stands, why, and what can be done about it.

use serde_json::json;

use crate::api::workshop::{ArcPhase, Status, Summary, Template, WorkshopKind, WorkshopStatus};
use crate::api::{EntityId, Error, Generation, StageId, UndoPoint, View, Workshop};
use crate::http::web::marks::Mark;
use crate::http::web::when::When;
use crate::http::wire::stale_why;

/// The workshop as a whole.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) id: EntityId,
    pub(super) title: String,
    pub(super) template: String,
    pub(super) mark: Mark,
    pub(super) is_paused: bool,
    /// Whether every step is complete.
    pub(super) is_completed: bool,
    /// What was last done that can be taken back.
    pub(super) undo: Option<Undo>,
}

/// Something that can be taken back.
#[derive(Debug)]
pub(super) struct Undo {
    /// What was done: `reset of Personas`.
    pub(super) what: String,
    pub(super) by: String,
    pub(super) at: When,
    /// The body of the request.
    pub(super) body: String,
}

/// A step in the list of all.
#[derive(Debug)]
pub(super) struct StepLink {
    pub(super) id: StageId,
    pub(super) title: String,
    /// Where it is shown, if it was begun.
    pub(super) href: Option<String>,
    pub(super) is_here: bool,
    pub(super) mark: Mark,
    /// Why it has to be done again.
    pub(super) why: Vec<String>,
}

/// The step that is shown.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) id: StageId,
    pub(super) title: String,
    pub(super) mark: Mark,
    /// The generation that this page writes under.
    pub(super) generation: Generation,
    /// Where programs address it.
    pub(super) path: String,
    /// Whether it takes work.
    pub(super) is_open: bool,
    pub(super) is_stale: bool,
    /// Why it has to be done again.
    pub(super) why: Vec<String>,
    pub(super) phase: &'static str,
    pub(super) sub_steps: Vec<SubStep>,
    /// Where the step before is shown.
    pub(super) back: Option<String>,
    /// Where the step after is shown, if it was begun.
    pub(super) on: Option<String>,
    /// Whether completing it asks for an artifact that is not confirmed yet.
    pub(super) lacks_artifact: bool,
    pub(super) summary: Vec<String>,
    /// Whether a summary is owed.
    pub(super) lacks_summary: bool,
    /// The body of requests that name nothing but the generation.
    pub(super) under: String,
}

/// A part of the step.
#[derive(Debug)]
pub(super) struct SubStep {
    pub(super) title: String,
    /// The body of the request that goes to it.
    pub(super) body: String,
    pub(super) is_here: bool,
}

impl Whole {
    pub(super) fn new(id: &EntityId, view: &View<WorkshopKind>, template: &Template) -> Self {
        let status = view.state.status();
        let undo = view.undo_points.iter().rev().find(|point| point.undone_by.is_none());
        Self {
            id: id.clone(),
            title: view.state.title.clone(),
            template: template.title().to_owned(),
            mark: status.into(),
            is_paused: status == WorkshopStatus::Paused,
            is_completed: status == WorkshopStatus::Completed,
            undo: undo.map(|point| Undo::new(point, template)),
        }
    }
}

impl Undo {
    fn new(point: &UndoPoint, template: &Template) -> Self {
        let of = point.stage.as_ref().map(|step| format!(" of {}", title(template, step)));
        Self {
            what: format!("{}{}", point.verb, of.unwrap_or_default()),
            by: point.by.clone(),
            at: When(point.at),
            body: json!({ "undo_point": point.number }).to_string(),
        }
    }
}

/// The title of a step.
fn title(template: &Template, step: &StageId) -> String {
    template.step(step).map_or_else(|| step.to_string(), |step| step.title.clone())
}

/// Why a step has to be done again, as sentences.
fn why(view: &View<WorkshopKind>, step: &StageId) -> Vec<String> {
    let stale = view.state.step(step).ok().and_then(|step| step.stale.as_ref());
    stale.map(|stale| stale.waits_for.iter().map(|wait| stale_why(wait, view)).collect()).unwrap_or_default()
}

/// All steps. Those that were not begun lead nowhere.
pub(super) fn links(id: &EntityId, here: &StageId, view: &View<WorkshopKind>, template: &Template) -> Vec<StepLink> {
    let link = |step: &StageId, status: Status| StepLink {
        id: step.clone(),
        title: title(template, step),
        href: (status != Status::NotStarted).then(|| super::address(id, step)),
        is_here: step == here,
        mark: status.into(),
        why: why(view, step),
    };
    view.state.steps().map(|(step, state)| link(step, state.status)).collect()
}

impl Step {
    pub(super) async fn new(
        workshop: &Workshop,
        step: &StageId,
        view: &View<WorkshopKind>,
        template: &Template,
    ) -> Result<Self, Error> {
        let state = view.state.step(step)?;
        let generation = view.generation(step);
        let begun = |step: Option<&(&StageId, Status)>| {
            step.filter(|(_, status)| *status != Status::NotStarted).map(|(id, _)| super::address(workshop.id(), id))
        };
        let all: Vec<(&StageId, Status)> = view.state.steps().map(|(id, step)| (id, step.status)).collect();
        let place = all.iter().position(|(id, _)| *id == step).unwrap_or_default();
        let required = view.state.outline.step(step).is_some_and(|step| step.artifact.is_some());
        let confirmed = state.artifact.is_some_and(|artifact| artifact.confirmed);
        let summary = match state.summary {
            Summary::Written => workshop.summary_points(step).await.or_else(nothing_if_gone)?,
            Summary::None | Summary::Missing => Vec::new(),
        };
        let sub_steps = template.step(step).map(|step| step.sub_steps.as_slice()).unwrap_or_default();
        let sub_steps = sub_steps.iter().map(|sub| SubStep {
            title: sub.title.clone(),
            body: json!({ "sub_step": sub.id.as_str() }).to_string(),
            is_here: state.sub_step.as_ref() == Some(&sub.id),
        });
        Ok(Self {
            id: step.clone(),
            title: title(template, step),
            mark: state.status.into(),
            generation,
            path: format!("/v1/workshops/{}/steps/{step}", workshop.id()),
            is_open: state.is_open(),
            is_stale: state.status == Status::NeedsRegeneration,
            why: why(view, step),
            phase: phase(view.state.arc_phase(step)?),
            sub_steps: sub_steps.collect(),
            back: begun(place.checked_sub(1).and_then(|place| all.get(place))),
            on: begun(all.get(place.saturating_add(1))),
            lacks_artifact: required && !confirmed,
            summary,
            lacks_summary: state.summary == Summary::Missing,
            under: json!({ "generation": generation.0 }).to_string(),
        })
    }
}

/// What was there a moment ago may be archived by now: the page is shown anew then.
pub(super) fn nothing_if_gone<T: Default>(error: Error) -> Result<T, Error> {
    if error.class() == crate::api::Class::NotFound { Ok(T::default()) } else { Err(error) }
}

/// How far the conversation has come, in words.
fn phase(phase: ArcPhase) -> &'static str {
    match phase {
        ArcPhase::Orient => "finding out where we are",
        ArcPhase::Gather => "gathering",
        ArcPhase::Synthesize => "making sense of it",
        ArcPhase::Refine => "refining",
        ArcPhase::Validate => "checking",
        ArcPhase::Complete => "all said",
    }
}
