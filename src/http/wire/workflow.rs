//! Workflows and their gates, as they are read.

use serde::Serialize;
use utoipa::ToSchema;

use super::{UndoPoint, rfc3339};
use crate::api::workflow::{self, RunStatus, Status, WorkflowKind};
use crate::api::{EntityId, View};

/// A workflow in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct WorkflowBrief {
    /// Its id.
    id: String,
    /// What it is about.
    title: String,
    /// The story it belongs to.
    story: String,
    /// The name of its template.
    template: String,
    /// Where it stands.
    status: WorkflowStatus,
    /// The gate it stands before, by its place; the number of gates when all are passed.
    gate: u16,
    /// How many gates there are.
    gates: usize,
    /// The phase it is in.
    phase: String,
    /// Turns so far.
    revision: u64,
    /// When it was started.
    #[schema(format = DateTime)]
    created_at: String,
    /// When its last turn was.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// A workflow, whole but for its tasks and results.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Workflow {
    /// Its id.
    id: String,
    /// What it is about.
    title: String,
    /// The story it belongs to.
    story: String,
    /// The name of its template.
    template: String,
    /// Where it stands.
    status: WorkflowStatus,
    /// The gate it stands before, by its place; the number of gates when all are passed.
    gate: u16,
    /// The phase it is in.
    phase: String,
    /// What keeps it from going on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
    /// Its last run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    run: Option<Run>,
    /// Its gates, in order.
    gates: Vec<Gate>,
    /// What can be taken back, oldest first.
    undo_points: Vec<UndoPoint>,
    /// How many late results are kept.
    orphans: usize,
    /// Turns so far.
    revision: u64,
    /// When it was started.
    #[schema(format = DateTime)]
    created_at: String,
    /// When its last turn was.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// Where a workflow stands.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum WorkflowStatus {
    /// Nothing goes on by itself.
    Pending,
    /// A run goes on.
    Running,
    /// A run waits for a person's word.
    Waiting,
    /// A run can't go on before somebody has done something about it.
    Blocked,
    /// Its run was stopped.
    Stopped,
    /// All gates are passed.
    Completed,
}

impl From<Status> for WorkflowStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Running => Self::Running,
            Status::Waiting => Self::Waiting,
            Status::Blocked => Self::Blocked,
            Status::Stopped => Self::Stopped,
            Status::Completed => Self::Completed,
        }
    }
}

/// A gate of a workflow.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Gate {
    /// Its place, from 0.
    gate: u16,
    /// Its id.
    id: String,
    /// Its name for people.
    name: String,
    /// The phase of the work that leads to it.
    phase: String,
    /// Whether a person has to approve.
    approval: bool,
    /// The word that a person gave for the results that are there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    approved: Option<Approved>,
    /// When a run came to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    opened_at: Option<String>,
    /// When it was passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    passed_at: Option<String>,
    /// How many tasks it has.
    tasks: u64,
    /// How many of them nobody has begun.
    ahead: u64,
    /// How many of them were begun and are not finished.
    under_way: u64,
    /// How many results landed.
    results: u64,
    /// How many tasks were cancelled.
    cancelled: u64,
    /// The generation that its workers work under.
    generation: u64,
    /// Stands for all results that landed: what an approval is given for.
    results_digest: String,
}

/// A person's word for a gate.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Approved {
    /// Who.
    by: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
}

/// A run of a workflow.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Run {
    /// Its id: the workflow's, a dot, and its number there.
    pub(in crate::http) run_id: String,
    /// How it is.
    pub(in crate::http) status: RunWord,
    /// The gate it began before, by its place.
    from: u16,
    /// The id of the gate that it goes up to and including; absent if it goes through all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    until: Option<String>,
    /// Who began it.
    by: String,
    /// When it began.
    #[schema(format = DateTime)]
    pub(in crate::http) started_at: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub(in crate::http) ended_at: Option<String>,
}

/// How a run is.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum RunWord {
    /// It goes on by itself.
    Running,
    /// It came to where it should.
    Completed,
    /// It was stopped.
    Stopped,
    /// It was ended by going back.
    Cancelled,
}

impl From<RunStatus> for RunWord {
    fn from(status: RunStatus) -> Self {
        match status {
            RunStatus::Running => Self::Running,
            RunStatus::Completed => Self::Completed,
            RunStatus::Stopped => Self::Stopped,
            RunStatus::Cancelled => Self::Cancelled,
        }
    }
}

impl Run {
    pub(in crate::http) fn of(workflow: &EntityId, run: &workflow::RunState) -> Self {
        Self {
            run_id: format!("{workflow}.{}", run.number),
            status: run.status.into(),
            from: run.from,
            until: run.until.as_ref().map(ToString::to_string),
            by: run.by.clone(),
            started_at: rfc3339(run.started_at),
            ended_at: run.ended_at.map(rfc3339),
        }
    }
}

impl WorkflowBrief {
    pub(in crate::http) fn of(id: &EntityId, view: &View<WorkflowKind>) -> Self {
        let state = &view.state;
        Self {
            id: id.to_string(),
            title: state.title.clone(),
            story: state.story.clone(),
            template: state.outline.template.clone(),
            status: state.status().into(),
            gate: state.gate,
            gates: state.outline.gates.len(),
            phase: state.phase().to_owned(),
            revision: view.revision,
            created_at: rfc3339(view.created_at),
            updated_at: rfc3339(view.updated_at),
        }
    }
}

impl Workflow {
    pub(in crate::http) fn of(id: &EntityId, view: &View<WorkflowKind>) -> Self {
        let state = &view.state;
        Self {
            id: id.to_string(),
            title: state.title.clone(),
            story: state.story.clone(),
            template: state.outline.template.clone(),
            status: state.status().into(),
            gate: state.gate,
            phase: state.phase().to_owned(),
            error: state.error.clone(),
            run: state.run.as_ref().map(|run| Run::of(id, run)),
            gates: (0_u16..).zip(state.gates()).map(|(place, gate)| Gate::of(view, place, gate)).collect(),
            undo_points: view.undo_points.iter().map(UndoPoint::from).collect(),
            orphans: view.orphans.len(),
            revision: view.revision,
            created_at: rfc3339(view.created_at),
            updated_at: rfc3339(view.updated_at),
        }
    }
}

impl Gate {
    fn of(
        view: &View<WorkflowKind>,
        place: u16,
        (outline, gate): (&workflow::GateOutline, &workflow::GateState),
    ) -> Self {
        let approval = gate.approval.as_ref().filter(|_| gate.is_approved());
        let state = &view.state;
        Self {
            gate: place,
            id: outline.id.to_string(),
            name: outline.name.clone(),
            phase: outline.phase.clone(),
            approval: outline.approval,
            approved: approval.map(|approval| Approved { by: approval.by.clone(), at: rfc3339(approval.at) }),
            opened_at: gate.opened_at.map(rfc3339),
            passed_at: gate.passed_at.map(rfc3339),
            tasks: state.tasks_of(place),
            ahead: state.lanes_of(place).map(|(_, lane)| lane.ahead()).sum(),
            under_way: state.under_way_of(place).count() as u64,
            results: gate.results,
            cancelled: gate.given_up,
            generation: view.generation(&outline.id).0,
            results_digest: hex(&gate.fingerprint.0),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
