//! Kinds of entities as pages look at them: where they are, and the stages of one as its graph draws them.

use crate::api::task::TaskKind;
use crate::api::workflow::WorkflowKind;
use crate::api::workshop::WorkshopKind;
use crate::api::{Entity, EntityId, Generation, Kind, StageId, View};
use crate::http::state::App;

use super::graph::Stage;
use super::marks::{Mark, Tone};

/// A kind that has pages.
pub(super) trait Shown: Entity {
    /// What one of its stages is called.
    const STAGE: &'static str;
    /// What all of its stages are called.
    const STAGES: &'static str;

    /// The entities.
    fn kind(app: &App) -> &Kind<Self>;

    /// The title of one.
    fn title(state: &Self::State) -> &str;

    /// Its stages, each with where its page is.
    fn stages(id: &EntityId, view: &View<Self>) -> Vec<Stage>;

    /// Where the content of an earlier generation of a stage can be read.
    fn archive(_: &EntityId, _: &StageId, _: Generation) -> Option<String> {
        None
    }
}

/// The page of an entity.
pub(super) fn page_of(kind: &str, id: &EntityId) -> String {
    format!("/ui/{kind}s/{id}")
}

/// Whether an entity of this kind has a page.
pub(super) fn has_page(kind: &str) -> bool {
    [WorkshopKind::KIND, TaskKind::KIND, WorkflowKind::KIND].contains(&kind)
}

impl Shown for WorkshopKind {
    const STAGE: &'static str = "step";
    const STAGES: &'static str = "Steps";

    fn kind(app: &App) -> &Kind<Self> {
        app.workshops.kind()
    }

    fn title(state: &Self::State) -> &str {
        &state.title
    }

    fn stages(id: &EntityId, view: &View<Self>) -> Vec<Stage> {
        let graph = &view.state.outline.graph;
        let stage = |(step, state): (&StageId, &crate::api::workshop::StepState)| Stage {
            name: step.to_string(),
            mark: state.status.into(),
            href: format!("{}/steps/{step}", page_of(Self::KIND, id)),
            is_current: false,
            after: graph.dependencies(step).filter_map(|on| graph.index(on)).collect(),
        };
        view.state.steps().map(stage).collect()
    }

    fn archive(id: &EntityId, stage: &StageId, generation: Generation) -> Option<String> {
        Some(format!("{}/history/{stage}/{generation}", page_of(Self::KIND, id)))
    }
}

impl Shown for TaskKind {
    const STAGE: &'static str = "stage";
    const STAGES: &'static str = "Stages";

    fn kind(app: &App) -> &Kind<Self> {
        app.tasks.kind()
    }

    fn title(state: &Self::State) -> &str {
        &state.title
    }

    fn stages(id: &EntityId, view: &View<Self>) -> Vec<Stage> {
        let stages = view.state.stages().enumerate().map(|(place, (outline, state))| Stage {
            name: outline.id.to_string(),
            mark: state.status.into(),
            href: format!("{}?stage={}", page_of(Self::KIND, id), outline.id),
            is_current: view.state.at.is_some_and(|at| usize::from(at) == place),
            after: place.checked_sub(1).into_iter().collect(),
        });
        stages.collect()
    }
}

impl Shown for WorkflowKind {
    const STAGE: &'static str = "gate";
    const STAGES: &'static str = "Gates";

    fn kind(app: &App) -> &Kind<Self> {
        app.workflows.kind()
    }

    fn title(state: &Self::State) -> &str {
        &state.title
    }

    fn stages(id: &EntityId, view: &View<Self>) -> Vec<Stage> {
        let stages = view.state.gates().enumerate().map(|(place, (outline, gate))| Stage {
            name: outline.name.clone(),
            mark: gate_mark(gate.opened_at.is_some(), gate.passed_at.is_some()),
            href: format!("{}?gate={place}", page_of(Self::KIND, id)),
            is_current: usize::from(view.state.gate) == place,
            after: place.checked_sub(1).into_iter().collect(),
        });
        stages.collect()
    }
}

/// How a gate is.
pub(super) fn gate_mark(is_open: bool, is_passed: bool) -> Mark {
    match (is_open, is_passed) {
        (_, true) => Mark::new(Tone::Done, '✓', "passed"),
        (true, false) => Mark::new(Tone::Active, '◐', "open"),
        (false, false) => Mark::new(Tone::Idle, '○', "not reached"),
    }
}
