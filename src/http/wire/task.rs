//! Tasks and their stages, as they are read.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{UndoPoint, rfc3339};
use crate::api::task::{self, Activity, StageOutline, StageState, StageStatus, TaskKind};
use crate::api::{self, EntityId, View};

/// How a task stands.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Standing {
    /// Its id.
    id: String,
    /// Its status, as boards show it: `backlog`, that of a stage, `done`, `paused`, `blocked`.
    status: String,
    /// The stage it is in; absent in backlog and when it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stage: Option<String>,
    /// How that stage stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stage_status: Option<StageStatusWord>,
    /// What moves its files now, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    operation: Option<String>,
    /// What the last operation or run could not do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    problem: Option<TaskProblem>,
}

/// What could not be done.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct TaskProblem {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// What was being done.
    doing: String,
    /// A stable word for programs.
    code: String,
    /// Why it could not be done.
    what: String,
    /// What to do about it.
    hint: String,
}

/// A task in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct TaskBrief {
    #[serde(flatten)]
    standing: Standing,
    /// What is to be done, in a line.
    title: String,
    /// The name of its tier.
    tier: String,
    /// The repository it works in.
    repository: String,
    /// How many stages are complete.
    stages_done: usize,
    /// How many stages there are.
    stages: usize,
    /// Whether tasks that it depends on changed since it was started.
    stale: bool,
    /// Turns so far.
    revision: u64,
    /// When it was created.
    #[schema(format = DateTime)]
    created_at: String,
    /// When its last turn was.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// A task, whole but for its content.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Task {
    #[serde(flatten)]
    standing: Standing,
    /// What is to be done, in a line.
    title: String,
    /// What is to be done, in full.
    brief: String,
    /// The name of its tier.
    tier: String,
    /// The repository it works in.
    repository: String,
    /// The branch or commit to begin from, if that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    from: Option<String>,
    /// Whether each stage is approved by itself and the next one run.
    auto: bool,
    /// Its stages, in order.
    stages: Vec<Stage>,
    /// What a restart is offered for: `null` stands for the beginning of all.
    restart_targets: Vec<Option<String>>,
    /// Where it works; absent until it was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    place: Option<TaskPlace>,
    /// The agent that is at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    run: Option<TaskRun>,
    /// The agent that worked last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    agent: Option<String>,
    /// The agent's session.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    session: Option<String>,
    /// How often stages were rejected, by counter.
    rejections: BTreeMap<String, u32>,
    /// Since when it is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    paused_at: Option<String>,
    /// Why it is blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    blocked: Option<String>,
    /// The merge commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    merged: Option<String>,
    /// Tasks that have to be done before this one.
    depends_on: Vec<TaskDependency>,
    /// Tasks that wait for this one.
    dependents: Vec<String>,
    /// The tasks it depends on that are no longer what it was started with.
    stale: Vec<TaskStale>,
    /// What can be taken back, oldest first.
    undo_points: Vec<UndoPoint>,
    /// How much late work is kept.
    orphans: usize,
    /// Lines of its log.
    log_lines: u64,
    /// Turns so far.
    revision: u64,
    /// When it was created.
    #[schema(format = DateTime)]
    created_at: String,
    /// When its last turn was.
    #[schema(format = DateTime)]
    updated_at: String,
    /// When its last stage was completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    done_at: Option<String>,
}

/// A stage of a task.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Stage {
    /// Its name.
    stage: String,
    /// Where it stands.
    status: StageStatusWord,
    /// The generation that its content is of.
    generation: u64,
    /// Runs since it was entered.
    runs: u32,
    /// What its last run made, to be approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    candidate: Option<StageCandidate>,
    /// Who approved what.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    approval: Option<StageApproval>,
    /// Its commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    commit: Option<String>,
    /// Whether it has an output.
    output: bool,
    /// Whether it left a hand-off.
    handoff: bool,
    /// Whether it was rejected with words.
    feedback: bool,
    /// Things to do that are done.
    todos_done: u32,
    /// Things to do.
    todos: u32,
    /// The score it gave, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    score: Option<f64>,
    /// Whether what it verified holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    passed: Option<bool>,
    /// When it was entered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    started_at: Option<String>,
    /// When it was completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    completed_at: Option<String>,
}

/// Where a stage stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StageStatus)]
#[serde(rename_all = "snake_case")]
enum StageStatusWord {
    /// Not reached yet.
    NotReached,
    /// Entered, and to be run.
    Ready,
    /// An agent is at work.
    Running,
    /// Its run was ended before it was done.
    Interrupted,
    /// Its run failed.
    Failed,
    /// To be approved or rejected.
    ToApprove,
    /// Rejected, and to be run again.
    Rejected,
    /// Approved, and being committed.
    Committing,
    /// Committed.
    Complete,
}

/// What a run made.
#[derive(Debug, Serialize, ToSchema)]
struct StageCandidate {
    /// The files, as a tree: what an approval names.
    tree: String,
    /// How many differ from the commit before.
    changed: u64,
}

/// An approval, and what it approved.
#[derive(Debug, Serialize, ToSchema)]
struct StageApproval {
    /// Who.
    by: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// The files, as a tree.
    tree: String,
}

/// Where a task works.
#[derive(Debug, Serialize, ToSchema)]
struct TaskPlace {
    /// Its branch.
    branch: String,
    /// Its worktree, on the server.
    worktree: String,
    /// The branch it is merged into.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    base: Option<String>,
    /// The commit it began from.
    base_commit: String,
    /// Whether the worktree was removed; it is made again when it is needed.
    removed: bool,
}

/// An agent at work.
#[derive(Debug, Serialize, ToSchema)]
struct TaskRun {
    /// The number of the run.
    run: u64,
    /// The stage.
    stage: String,
    /// The generation it writes under.
    generation: u64,
    /// Since when.
    #[schema(format = DateTime)]
    since: String,
}

/// A task that has to be done before another.
#[derive(Debug, Serialize, ToSchema)]
struct TaskDependency {
    /// The task.
    task: String,
    /// Whether it is done.
    done: bool,
}

/// Why a task is stale.
#[derive(Debug, Serialize, ToSchema)]
struct TaskStale {
    /// The task that it depends on.
    task: String,
    /// What changed there, as a sentence.
    why: String,
}

/// One thing to do.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Todo {
    /// What.
    text: String,
    /// Whether it is done.
    done: bool,
}

/// A line of a task's log.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct LogLine {
    /// Its number, from 0.
    number: u64,
    /// When it was said.
    #[schema(format = DateTime)]
    at: String,
    /// Who said it: the server, or an agent on its output or its error output.
    source: LogSource,
    /// The stage that the agent works on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stage: Option<String>,
    /// The generation that the agent writes under.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    generation: Option<u64>,
    /// The line.
    text: String,
}

/// Who said a line of the log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum LogSource {
    Restage,
    Out,
    Err,
}

impl Standing {
    pub(in crate::http) fn of(id: &EntityId, state: &task::Task) -> Self {
        let stage = state.current().map(|(outline, stage)| (outline.id.to_string(), stage.status.into()));
        let (stage, stage_status) = stage.unzip();
        let operation = match state.activity() {
            Activity::Operation(what) => Some(what),
            Activity::Stage(_) | Activity::Nothing => None,
        };
        let problem = state.problem.as_ref().map(|problem| TaskProblem {
            at: rfc3339(problem.at),
            doing: problem.doing.clone(),
            code: problem.code.clone(),
            what: problem.what.clone(),
            hint: problem.hint.clone(),
        });
        Self { id: id.to_string(), status: state.status().to_string(), stage, stage_status, operation, problem }
    }
}

impl TaskBrief {
    pub(in crate::http) fn of(id: &EntityId, view: &View<TaskKind>) -> Self {
        let state = &view.state;
        Self {
            standing: Standing::of(id, state),
            title: state.title.clone(),
            tier: state.tier.name.clone(),
            repository: state.repository.as_ref().map(ToString::to_string).unwrap_or_default(),
            stages_done: state.stages().filter(|(_, stage)| stage.status == StageStatus::Complete).count(),
            stages: state.stages.len(),
            stale: !state.stale().is_empty(),
            revision: view.revision,
            created_at: rfc3339(view.created_at),
            updated_at: rfc3339(view.updated_at),
        }
    }
}

impl Task {
    pub(in crate::http) fn of(id: &EntityId, view: &View<TaskKind>, brief: String) -> Self {
        let state = &view.state;
        let place = state.place.as_ref().map(|place| TaskPlace {
            branch: place.branch.clone(),
            worktree: place.worktree.clone(),
            base: place.base.clone(),
            base_commit: place.base_commit.to_string(),
            removed: state.cleaned_up,
        });
        let run = state.run.as_ref().map(|run| TaskRun {
            run: run.number,
            stage: run.stage.to_string(),
            generation: run.generation.0,
            since: rfc3339(run.since),
        });
        let on = |on: &task::Dependency| TaskDependency { task: on.task.to_string(), done: on.done.is_some() };
        let stale = |stale: task::StaleDependency| TaskStale { task: stale.task.to_string(), why: stale.why };
        Self {
            standing: Standing::of(id, state),
            title: state.title.clone(),
            brief,
            tier: state.tier.name.clone(),
            repository: state.repository.as_ref().map(ToString::to_string).unwrap_or_default(),
            from: state.from.clone(),
            auto: state.auto,
            stages: state.stages().map(|(outline, stage)| Stage::of(outline, stage, view)).collect(),
            restart_targets: state.restart_targets().into_iter().map(|stage| stage.map(ToString::to_string)).collect(),
            place,
            run,
            agent: state.agent.clone(),
            session: state.session.clone(),
            rejections: state.rejections.clone(),
            paused_at: state.paused.map(rfc3339),
            blocked: state.blocked.clone(),
            merged: state.merged.as_ref().map(ToString::to_string),
            depends_on: state.depends_on.iter().map(on).collect(),
            dependents: state.dependents.iter().map(ToString::to_string).collect(),
            stale: state.stale().into_iter().map(stale).collect(),
            undo_points: view.undo_points.iter().map(UndoPoint::from).collect(),
            orphans: view.orphans.len(),
            log_lines: state.log,
            revision: view.revision,
            created_at: rfc3339(view.created_at),
            updated_at: rfc3339(view.updated_at),
            done_at: state.done_at.map(rfc3339),
        }
    }
}

impl Stage {
    fn of(outline: &StageOutline, stage: &StageState, view: &View<TaskKind>) -> Self {
        let candidate = |made: &task::Candidate| StageCandidate { tree: made.tree.to_string(), changed: made.changed };
        let approval = |approval: &task::Approval| StageApproval {
            by: approval.by.clone(),
            at: rfc3339(approval.at),
            tree: approval.tree.to_string(),
        };
        let (todos_done, todos) = stage.todos;
        Self {
            stage: outline.id.to_string(),
            status: stage.status.into(),
            generation: view.generation(&outline.id).0,
            runs: stage.runs,
            candidate: stage.candidate.as_ref().map(candidate),
            approval: stage.approval.as_ref().map(approval),
            commit: stage.commit.as_ref().map(ToString::to_string),
            output: stage.output.is_some(),
            handoff: stage.handoff,
            feedback: stage.feedback,
            todos_done,
            todos,
            score: stage.score.map(|score| f64::from(score.0) / 1_000.0),
            passed: stage.passed,
            started_at: stage.started_at.map(rfc3339),
            completed_at: stage.completed_at.map(rfc3339),
        }
    }
}

impl From<StageStatus> for StageStatusWord {
    fn from(status: StageStatus) -> Self {
        match status {
            StageStatus::NotReached => Self::NotReached,
            StageStatus::Ready => Self::Ready,
            StageStatus::Running => Self::Running,
            StageStatus::Interrupted => Self::Interrupted,
            StageStatus::Failed => Self::Failed,
            StageStatus::ToApprove => Self::ToApprove,
            StageStatus::Rejected => Self::Rejected,
            StageStatus::Committing => Self::Committing,
            StageStatus::Complete => Self::Complete,
        }
    }
}

impl From<task::Todo> for Todo {
    fn from(todo: task::Todo) -> Self {
        Self { text: todo.text, done: todo.done }
    }
}

impl From<api::LogEntry> for LogLine {
    fn from(entry: api::LogEntry) -> Self {
        let task::LogLine { at, source, text } = entry.line;
        let (source, of) = match source {
            task::LogSource::Restage => (LogSource::Restage, None),
            task::LogSource::Out(stage, generation) => (LogSource::Out, Some((stage.to_string(), generation.0))),
            task::LogSource::Err(stage, generation) => (LogSource::Err, Some((stage.to_string(), generation.0))),
        };
        let (stage, generation) = of.unzip();
        Self { number: entry.number, at: rfc3339(at), source, stage, generation, text }
    }
}
