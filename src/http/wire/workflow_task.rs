//! Tasks of workflows, what is granted of them, and results.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::rfc3339;
use crate::api::workflow::{self, Domain, ResultStatus, StoredResult, TaskId, TaskResult};
use crate::api::workflows::{Claimed, LateResult, StoredTask, TaskStatus};
use crate::api::{EntityId, Rejection, Timestamp};

/// Nothing, as JSON text.
const NULL: &str = "null";
/// How often a task is tried, where nothing is said.
const ATTEMPTS: u32 = 3;
/// How long one attempt may take, in seconds, where nothing is said.
const TIMEOUT_SECONDS: u32 = 3_600;
/// The priority in the middle.
const PRIORITY: u8 = 5;

/// JSON that is kept as it came, byte for byte.
pub(in crate::http) type Json = Box<RawValue>;

/// A task to be handed out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewWorkflowTask {
    /// The queue.
    #[schema(value_type = String, max_length = 32, pattern = "^[a-z][a-z0-9-]*$")]
    domain: Domain,
    /// What is to be done, in a line.
    #[schema(max_length = 200)]
    title: String,
    /// What the worker needs: any JSON; kept byte for byte.
    #[schema(value_type = serde_json::Value)]
    input: Option<Json>,
    /// The highest goes first.
    #[schema(minimum = 0, maximum = 10, default = 5)]
    priority: Option<u8>,
    /// How often it is tried.
    #[schema(minimum = 1, maximum = 100, default = 3)]
    attempts: Option<u32>,
    /// How long one attempt may take.
    #[schema(minimum = 1, maximum = 604_800, default = 3600)]
    timeout_seconds: Option<u32>,
}

impl From<NewWorkflowTask> for workflow::NewTask {
    fn from(task: NewWorkflowTask) -> Self {
        Self {
            domain: task.domain,
            title: task.title,
            input: task.input.map_or_else(|| NULL.to_owned(), |input| input.get().to_owned()),
            priority: task.priority.unwrap_or(PRIORITY),
            attempts_most: task.attempts.unwrap_or(ATTEMPTS),
            timeout_seconds: task.timeout_seconds.unwrap_or(TIMEOUT_SECONDS),
        }
    }
}

/// A task of a workflow.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct WorkflowTask {
    /// Its id within the workflow.
    task_id: String,
    /// The gate, by its place.
    gate: u16,
    /// The queue.
    domain: String,
    /// The highest goes first.
    priority: u8,
    /// What is to be done, in a line.
    title: String,
    /// What the worker needs.
    #[schema(value_type = serde_json::Value)]
    input: Json,
    /// How it is.
    status: TaskWord,
    /// How often it was tried, this time too.
    attempt: u32,
    /// How often it is tried.
    attempts: u32,
    /// How long one attempt may take.
    timeout_seconds: u32,
    /// Whether a person is asked, in place of its queue.
    human: bool,
    /// Who has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    worker: Option<String>,
    /// How far they are, as they say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    progress: Option<String>,
    /// When they were last heard of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    seen_at: Option<String>,
    /// Until when they hold it, without a sign of life.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    lease_until: Option<String>,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    retry_at: Option<String>,
    /// Why the last attempt came to nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    problem: Option<String>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    result: Option<WorkflowResult>,
    /// Who handed it out.
    by: String,
    /// When it was handed out.
    #[schema(format = DateTime)]
    created_at: String,
}

/// How a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum TaskWord {
    /// Nobody has it.
    Queued,
    /// A worker has it.
    Leased,
    /// It rests before it is tried again.
    Waiting,
    /// It failed as often as it may.
    Failed,
    /// It has a result.
    Done,
    /// It was ended without a result.
    Cancelled,
}

impl From<TaskStatus> for TaskWord {
    fn from(status: TaskStatus) -> Self {
        match status {
            TaskStatus::Queued => Self::Queued,
            TaskStatus::Leased => Self::Leased,
            TaskStatus::Waiting => Self::Waiting,
            TaskStatus::Failed => Self::Failed,
            TaskStatus::Done => Self::Done,
            TaskStatus::Cancelled => Self::Cancelled,
        }
    }
}

impl From<TaskWord> for TaskStatus {
    fn from(word: TaskWord) -> Self {
        match word {
            TaskWord::Queued => Self::Queued,
            TaskWord::Leased => Self::Leased,
            TaskWord::Waiting => Self::Waiting,
            TaskWord::Failed => Self::Failed,
            TaskWord::Done => Self::Done,
            TaskWord::Cancelled => Self::Cancelled,
        }
    }
}

impl From<StoredTask> for WorkflowTask {
    fn from(stored: StoredTask) -> Self {
        let StoredTask { id, task, status, under_way, result, .. } = stored;
        let lease = under_way.as_ref().and_then(|entry| entry.leased().cloned());
        let retry_at = under_way.as_ref().and_then(|entry| match entry.standing {
            workflow::Standing::Waiting(at) => Some(at),
            _ => None,
        });
        let tried = result.as_ref().and_then(|result| result.attempt).unwrap_or(0);
        Self {
            gate: id.lane.gate,
            domain: id.lane.domain.to_string(),
            priority: id.lane.priority,
            title: task.title,
            input: json(task.input),
            status: status.into(),
            attempt: under_way.as_ref().map_or(tried, |entry| entry.attempt),
            attempts: task.attempts_most,
            timeout_seconds: task.timeout_seconds,
            human: under_way.as_ref().is_some_and(|entry| entry.human),
            worker: lease.as_ref().map(|lease| lease.worker.clone()),
            progress: lease.as_ref().and_then(|lease| lease.progress.clone()),
            seen_at: lease.as_ref().map(|lease| rfc3339(lease.seen_at)),
            lease_until: lease.as_ref().map(|lease| rfc3339(lease.end())),
            retry_at: retry_at.map(rfc3339),
            problem: under_way.and_then(|entry| entry.problem),
            result: result.map(|result| WorkflowResult::stored(&id, result)),
            by: task.by,
            created_at: rfc3339(task.created_at),
            task_id: id.to_string(),
        }
    }
}

/// Text that was checked to be JSON when it came in.
pub(super) fn json(text: String) -> Json {
    RawValue::from_string(text).unwrap_or_default()
}

/// What a worker hands in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewResult {
    /// How it ended.
    status: ResultWord,
    /// Who did it.
    #[schema(max_length = 100)]
    agent_id: String,
    /// What came of it: any JSON; kept byte for byte.
    #[schema(value_type = serde_json::Value)]
    result: Option<Json>,
    /// How long it took.
    duration_ms: Option<u64>,
    /// How safe it is, where it was looked at.
    #[schema(minimum = 0, maximum = 1)]
    safety_score: Option<f64>,
    /// Why it could not be done.
    #[schema(max_length = 4000)]
    error: Option<String>,
    /// Whether trying it again can help; only looked at where it failed.
    #[schema(default = true)]
    retryable: Option<bool>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum ResultWord {
    /// It is done.
    Completed,
    /// It could not be done.
    Failed,
}

impl From<NewResult> for TaskResult {
    fn from(new: NewResult) -> Self {
        Self {
            status: match new.status {
                ResultWord::Completed => ResultStatus::Completed,
                ResultWord::Failed => ResultStatus::Failed,
            },
            agent: new.agent_id,
            result: new.result.map_or_else(|| NULL.to_owned(), |result| result.get().to_owned()),
            duration_ms: new.duration_ms.unwrap_or(0),
            safety_score: new.safety_score,
            error: new.error,
            retryable: new.retryable.unwrap_or(true),
        }
    }
}

/// What a worker handed in.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct WorkflowResult {
    /// The task.
    task_id: String,
    /// Its queue.
    domain: String,
    /// How it ended.
    status: ResultWord,
    /// Who did it.
    agent_id: String,
    /// What came of it.
    #[schema(value_type = serde_json::Value)]
    result: Json,
    /// How long it took, as the worker says.
    duration_ms: u64,
    /// How safe it is, where it was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    safety_score: Option<f64>,
    /// Why it could not be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
    /// The attempt it is of; absent where a person took it in from the late ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    attempt: Option<u32>,
    /// When it was handed in.
    #[schema(format = DateTime)]
    completed_at: String,
}

impl WorkflowResult {
    pub(in crate::http) fn stored(task: &TaskId, stored: StoredResult) -> Self {
        Self::of(task, stored.result, stored.attempt, stored.at)
    }

    fn of(task: &TaskId, result: TaskResult, attempt: Option<u32>, at: Timestamp) -> Self {
        Self {
            task_id: task.to_string(),
            domain: task.lane.domain.to_string(),
            status: match result.status {
                ResultStatus::Completed => ResultWord::Completed,
                ResultStatus::Failed => ResultWord::Failed,
            },
            agent_id: result.agent,
            result: json(result.result),
            duration_ms: result.duration_ms,
            safety_score: result.safety_score,
            error: result.error,
            attempt,
            completed_at: rfc3339(at),
        }
    }
}

/// A result that came too late.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct LateWorkflowResult {
    /// The number that it is adopted or discarded by.
    pub(in crate::http) orphan: u64,
    /// The generation that its worker worked under.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    generation: Option<u64>,
    /// Who handed it in.
    by: String,
    /// What was handed in.
    result: WorkflowResult,
}

impl From<LateResult> for LateWorkflowResult {
    fn from(late: LateResult) -> Self {
        let LateResult { orphan, task, generation, result, .. } = late;
        Self {
            orphan: orphan.number,
            generation: generation.map(|generation| generation.0),
            result: WorkflowResult::of(&task, result, None, orphan.at),
            by: orphan.by,
        }
    }
}

/// A task that a worker got.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Grant {
    /// The workflow.
    workflow: String,
    /// The task's id within it.
    task_id: String,
    /// The gate, by its id.
    gate: String,
    /// The queue that the task lies in.
    domain: String,
    /// Its priority.
    priority: u8,
    /// What is to be done, in a line.
    title: String,
    /// What the worker needs.
    #[schema(value_type = serde_json::Value)]
    input: Json,
    /// The attempt this is: 1 for the first.
    attempt: u32,
    /// How often it is tried.
    attempts: u32,
    /// The generation that the worker works under.
    generation: u64,
    /// Without a sign of life the task goes to somebody else after this.
    #[schema(format = DateTime)]
    lease_until: String,
    /// It has to be done by then.
    #[schema(format = DateTime)]
    deadline: String,
    /// What the worker shows to say that it holds the task. Whoever has it can hand in a result.
    lease: String,
    /// The workflow's revision.
    revision: u64,
}

impl From<Claimed> for Grant {
    fn from(claimed: Claimed) -> Self {
        let Claimed { workflow, grant, token, revision, .. } = claimed;
        Self {
            workflow: workflow.to_string(),
            task_id: grant.id.to_string(),
            gate: grant.gate.to_string(),
            domain: grant.id.lane.domain.to_string(),
            priority: grant.id.lane.priority,
            title: grant.task.title,
            input: json(grant.task.input),
            attempt: grant.attempt,
            attempts: grant.task.attempts_most,
            generation: grant.generation.0,
            lease_until: rfc3339(grant.lease_until),
            deadline: rfc3339(grant.deadline),
            lease: token.reveal().to_owned(),
            revision,
        }
    }
}

/// The id of a run: the workflow's, a dot, and its number there.
pub(in crate::http) fn run_id(text: &str) -> Result<(EntityId, u64), Rejection> {
    let not_found = || Rejection::not_found("run", text.chars().take(100).collect::<String>());
    let (workflow, number) = text.rsplit_once('.').ok_or_else(not_found)?;
    let parsed: u64 = number.parse().map_err(|_| not_found())?;
    if parsed.to_string() != number {
        return Err(not_found());
    }
    Ok((EntityId::new(workflow).map_err(|_| not_found())?, parsed))
}
