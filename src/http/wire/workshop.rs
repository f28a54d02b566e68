//! Workshops and their steps, as they are read.

use serde::Serialize;
use utoipa::ToSchema;

use super::{UndoPoint, rfc3339};
use crate::api::workshop::{self, StepState, WorkshopKind};
use crate::api::{self, StageId, View};

/// A workshop in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct WorkshopBrief {
    /// Its id.
    id: String,
    /// Its title.
    title: String,
    /// The name of its template.
    template: String,
    /// Where it stands.
    status: WorkshopStatus,
    /// The step to go on with.
    step: String,
    /// How many steps are complete.
    steps_done: usize,
    /// How many steps there are.
    steps: usize,
    /// Turns so far.
    revision: u64,
    /// When it was created.
    #[schema(format = DateTime)]
    created_at: String,
    /// When its last turn was.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// A workshop, whole but for its content.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Workshop {
    /// Its id.
    id: String,
    /// Its title.
    title: String,
    /// The name of its template.
    template: String,
    /// Where it stands.
    status: WorkshopStatus,
    /// The step to go on with: the one in progress, else the first that has to be done again, else the last.
    step: String,
    /// Its steps, in order.
    steps: Vec<Step>,
    /// What can be taken back, oldest first.
    undo_points: Vec<UndoPoint>,
    /// How much late work is kept.
    orphans: usize,
    /// Drafts that are not durable yet.
    pending: usize,
    /// Turns so far.
    revision: u64,
    /// When it was created.
    #[schema(format = DateTime)]
    created_at: String,
    /// When its last turn was.
    #[schema(format = DateTime)]
    updated_at: String,
    /// When it was completed, while all its steps are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    completed_at: Option<String>,
}

/// Where a workshop stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum WorkshopStatus {
    /// Created; nothing was said yet.
    Draft,
    /// Under way.
    Active,
    /// Rests: work is saved, but no step is completed until it is resumed.
    Paused,
    /// Every step is complete.
    Completed,
}

/// A step of a workshop.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Step {
    /// Its name.
    step: String,
    /// Where it stands.
    status: StepStatus,
    /// The generation that writers have to name.
    generation: u64,
    /// How far its conversation has come.
    arc_phase: ArcPhase,
    /// How many messages it has.
    messages: u64,
    /// Whether messages or an artifact were written since it was last completed.
    changed: bool,
    /// The steps that it is made from.
    depends_on: Vec<String>,
    /// Its sub-steps, in order.
    sub_steps: Vec<String>,
    /// The sub-step that is worked on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    sub_step: Option<String>,
    /// The artifact that is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    artifact: Option<ArtifactRef>,
    /// Whether it can't be completed without an artifact.
    artifact_required: bool,
    /// Whether there is a summary.
    summary: SummaryState,
    /// Why it has to be done again: what changed, by step. Absent if it has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stale: Option<Vec<StaleReason>>,
    /// What the facilitator is asked for and has not done yet. Absent if nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    awaits: Vec<Duty>,
    /// Why the facilitator could not do what it was last asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    problem: Option<String>,
    /// When it was last begun or reopened.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    started_at: Option<String>,
    /// When it was completed, while it is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    completed_at: Option<String>,
}

/// Where a step stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum StepStatus {
    /// Not entered yet.
    NotStarted,
    /// Worked on.
    InProgress,
    /// Done: nothing is added to it.
    Complete,
    /// Something it was made from changed.
    NeedsRegeneration,
}

/// How far a conversation has come.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ArcPhase {
    Orient,
    Gather,
    Synthesize,
    Refine,
    Validate,
    Complete,
}

/// Which artifact a step has.
#[derive(Debug, Serialize, ToSchema)]
struct ArtifactRef {
    /// Its version, by which changes are checked.
    version: u64,
    /// The version of the schema that it was checked against.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    schema_version: Option<u32>,
    /// Its length as JSON.
    bytes: u64,
    /// Whether a person confirmed this very version.
    confirmed: bool,
}

/// Whether a step has a summary.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SummaryState {
    /// Never completed: nothing to sum up yet.
    None,
    /// Completed without one, which is owed.
    Missing,
    /// There is one.
    Written,
}

/// One thing that the facilitator does.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Duty {
    /// It opens the conversation.
    Greeting,
    /// It answers what a person said.
    Reply,
    /// It makes the artifact from the conversation.
    Extraction,
    /// It sums the step up.
    Summary,
}

/// A step that another is made from is no longer what it was.
#[derive(Debug, Serialize, ToSchema)]
struct StaleReason {
    /// That step.
    step: String,
    /// What changed, as a sentence.
    why: String,
}

impl WorkshopBrief {
    pub(in crate::http) fn of(id: &api::EntityId, view: &View<WorkshopKind>) -> Self {
        let state = &view.state;
        Self {
            id: id.to_string(),
            title: state.title.clone(),
            template: state.outline.template.clone(),
            status: state.status().into(),
            step: current_step(state),
            steps_done: state.steps().filter(|(_, step)| step.status == workshop::Status::Complete).count(),
            steps: state.steps.len(),
            revision: view.revision,
            created_at: rfc3339(view.created_at),
            updated_at: rfc3339(view.updated_at),
        }
    }
}

impl Workshop {
    pub(in crate::http) fn of(id: &api::EntityId, view: &View<WorkshopKind>) -> Self {
        let state = &view.state;
        Self {
            id: id.to_string(),
            title: state.title.clone(),
            template: state.outline.template.clone(),
            status: state.status().into(),
            step: current_step(state),
            steps: state.steps().map(|(id, step)| Step::of(id, step, view)).collect(),
            undo_points: view.undo_points.iter().map(UndoPoint::from).collect(),
            orphans: view.orphans.len(),
            pending: view.pending,
            revision: view.revision,
            created_at: rfc3339(view.created_at),
            updated_at: rfc3339(view.updated_at),
            completed_at: state.completed_at().map(rfc3339),
        }
    }
}

/// The step to go on with: the one in progress, else the first that has to be done again, else the last.
pub(in crate::http) fn current_step(state: &workshop::Workshop) -> String {
    let of = |status| move |(_, step): &(&StageId, &StepState)| step.status == status;
    let open = state.steps().find(of(workshop::Status::InProgress));
    let open = open.or_else(|| state.steps().find(of(workshop::Status::NeedsRegeneration)));
    open.or_else(|| state.steps().last()).map(|(id, _)| id.to_string()).unwrap_or_default()
}

impl Step {
    fn of(id: &StageId, step: &StepState, view: &View<WorkshopKind>) -> Self {
        let outline = &view.state.outline;
        let known = outline.step(id);
        let names = |ids: &[StageId]| ids.iter().map(ToString::to_string).collect();
        let artifact = step.artifact.map(|artifact| ArtifactRef {
            version: artifact.version,
            schema_version: artifact.schema_version,
            bytes: artifact.bytes,
            confirmed: artifact.confirmed,
        });
        Self {
            step: id.to_string(),
            status: step.status.into(),
            generation: view.generation(id).0,
            arc_phase: outline.arc.phase(step.messages).into(),
            messages: step.messages,
            changed: step.changed,
            depends_on: outline.graph.dependencies(id).map(ToString::to_string).collect(),
            sub_steps: known.map(|known| names(&known.sub_steps)).unwrap_or_default(),
            sub_step: step.sub_step.as_ref().map(ToString::to_string),
            artifact,
            artifact_required: known.is_some_and(|known| known.artifact.is_some()),
            summary: step.summary.into(),
            stale: step.stale.as_ref().map(|stale| stale.waits_for.iter().map(|wait| reason(wait, view)).collect()),
            awaits: step.awaits.duties().into_iter().map(Duty::from).collect(),
            problem: step.problem.clone(),
            started_at: step.started_at.map(rfc3339),
            completed_at: step.completed_at.map(rfc3339),
        }
    }
}

fn reason(wait: &workshop::Wait, view: &View<WorkshopKind>) -> StaleReason {
    StaleReason { step: wait.stage.to_string(), why: stale_why(wait, view) }
}

/// What changed of a step that another one is made from, as a sentence.
pub(in crate::http) fn stale_why(wait: &workshop::Wait, view: &View<WorkshopKind>) -> String {
    let step = &wait.stage;
    let complete = view.state.step(step).is_ok_and(|step| step.status == workshop::Status::Complete);
    match complete {
        true => format!("{step} was done again, with another result"),
        false => format!("{step} was reset or reopened, and is not complete again"),
    }
}

impl From<workshop::WorkshopStatus> for WorkshopStatus {
    fn from(status: workshop::WorkshopStatus) -> Self {
        match status {
            workshop::WorkshopStatus::Draft => Self::Draft,
            workshop::WorkshopStatus::Active => Self::Active,
            workshop::WorkshopStatus::Paused => Self::Paused,
            workshop::WorkshopStatus::Completed => Self::Completed,
        }
    }
}

impl From<workshop::Status> for StepStatus {
    fn from(status: workshop::Status) -> Self {
        match status {
            workshop::Status::NotStarted => Self::NotStarted,
            workshop::Status::InProgress => Self::InProgress,
            workshop::Status::Complete => Self::Complete,
            workshop::Status::NeedsRegeneration => Self::NeedsRegeneration,
        }
    }
}

impl From<workshop::ArcPhase> for ArcPhase {
    fn from(phase: workshop::ArcPhase) -> Self {
        match phase {
            workshop::ArcPhase::Orient => Self::Orient,
            workshop::ArcPhase::Gather => Self::Gather,
            workshop::ArcPhase::Synthesize => Self::Synthesize,
            workshop::ArcPhase::Refine => Self::Refine,
            workshop::ArcPhase::Validate => Self::Validate,
            workshop::ArcPhase::Complete => Self::Complete,
        }
    }
}

impl From<workshop::Summary> for SummaryState {
    fn from(summary: workshop::Summary) -> Self {
        match summary {
            workshop::Summary::None => Self::None,
            workshop::Summary::Missing => Self::Missing,
            workshop::Summary::Written => Self::Written,
        }
    }
}

impl From<workshop::Duty> for Duty {
    fn from(duty: workshop::Duty) -> Self {
        match duty {
            workshop::Duty::Greeting => Self::Greeting,
            workshop::Duty::Reply => Self::Reply,
            workshop::Duty::Extraction => Self::Extraction,
            workshop::Duty::Summary => Self::Summary,
        }
    }
}
