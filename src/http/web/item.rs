//! A line of a list: what it is called, how it stands, and how far it is.

use super::marks::Mark;
use super::when::When;
use crate::api::task::TaskKind;
use crate::api::workflow::WorkflowKind;
use crate::api::workshop::WorkshopKind;
use crate::api::{EntityId, Timestamp, View, task, workshop};

/// An entity, as a line of a list.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Its page.
    pub(super) href: String,
    /// What it is called.
    pub(super) title: String,
    /// How it stands.
    pub(super) mark: Mark,
    /// Where it stands.
    pub(super) place: String,
    /// How much of it is done, and of how much.
    pub(super) done: usize,
    pub(super) all: usize,
    /// When something last happened to it.
    pub(super) when: When,
    /// The same, to be compared.
    pub(super) changed_at: Timestamp,
}

impl Item {
    pub(super) fn workshop(id: &EntityId, view: &View<WorkshopKind>) -> Self {
        let state = &view.state;
        let is = |status| state.steps().find(|(_, step)| step.status == status);
        let step = is(workshop::Status::InProgress).or_else(|| is(workshop::Status::NeedsRegeneration));
        Self {
            href: format!("/ui/workshops/{id}"),
            title: state.title.clone(),
            mark: state.status().into(),
            place: step.map(|(id, _)| id.to_string()).unwrap_or_default(),
            done: state.steps().filter(|(_, step)| step.status == workshop::Status::Complete).count(),
            all: state.steps.len(),
            when: When(view.updated_at),
            changed_at: view.updated_at,
        }
    }

    pub(super) fn task(id: &EntityId, view: &View<TaskKind>) -> Self {
        let state = &view.state;
        let stage = state.current();
        Self {
            href: format!("/ui/tasks/{id}"),
            title: state.title.clone(),
            mark: task_mark(state),
            place: stage.map(|(outline, _)| outline.id.to_string()).unwrap_or_default(),
            done: state.stages().filter(|(_, stage)| stage.status == task::StageStatus::Complete).count(),
            all: state.stages().count(),
            when: When(view.updated_at),
            changed_at: view.updated_at,
        }
    }

    pub(super) fn workflow(id: &EntityId, view: &View<WorkflowKind>) -> Self {
        let state = &view.state;
        Self {
            href: format!("/ui/workflows/{id}"),
            title: state.title.clone(),
            mark: state.status().into(),
            place: state.current().map(|(gate, _)| gate.name.clone()).unwrap_or_default(),
            done: usize::from(state.gate),
            all: state.outline.gates.len(),
            when: When(view.updated_at),
            changed_at: view.updated_at,
        }
    }
}

/// A stage that waits for a person says so; otherwise the task says what it is doing.
fn task_mark(state: &task::Task) -> Mark {
    use task::StageStatus as S;
    let status = state.status();
    match (&status, state.current()) {
        (task::Status::Stage(_), Some((_, stage)))
            if matches!(stage.status, S::ToApprove | S::Failed | S::Interrupted | S::Rejected | S::Ready) =>
        {
            stage.status.into()
        }
        _ => Mark::from(&status),
    }
}
