//! Templates of workflows, as they are read.

use serde::Serialize;
use utoipa::ToSchema;

use super::Json;
use super::workflow_task::json;
use crate::api::workflow;

/// What a workflow is started from.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct WorkflowTemplate {
    /// Its name.
    name: String,
    /// What it is for, in a line.
    title: String,
    /// A result less safe than this blocks its task.
    safety_least: f64,
    /// Its gates, in order.
    gates: Vec<TemplateGate>,
}

/// A gate of a template.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct TemplateGate {
    /// Its id.
    id: String,
    /// Its name for people.
    name: String,
    /// The phase of the work that leads to it.
    phase: String,
    /// Whether a person has to approve.
    approval: bool,
    /// The tasks that are handed out when a run comes to it.
    tasks: Vec<TemplateTask>,
}

/// A task of a gate of a template.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct TemplateTask {
    /// The queue.
    domain: String,
    /// What is to be done, in a line.
    title: String,
    /// What the worker needs.
    #[schema(value_type = serde_json::Value)]
    input: Json,
    /// The highest goes first.
    priority: u8,
    /// How often it is tried.
    attempts: u32,
    /// How long one attempt may take.
    timeout_seconds: u32,
}

impl From<workflow::Template> for WorkflowTemplate {
    fn from(template: workflow::Template) -> Self {
        let workflow::Template { name, title, gates, safety_least } = template;
        Self { name, title, safety_least, gates: gates.into_iter().map(TemplateGate::from).collect() }
    }
}

impl From<workflow::Gate> for TemplateGate {
    fn from(gate: workflow::Gate) -> Self {
        let workflow::Gate { id, name, phase, approval, tasks } = gate;
        Self { id: id.into(), name, phase, approval, tasks: tasks.into_iter().map(TemplateTask::from).collect() }
    }
}

impl From<workflow::NewTask> for TemplateTask {
    fn from(task: workflow::NewTask) -> Self {
        Self {
            domain: task.domain.into(),
            title: task.title,
            input: json(task.input),
            priority: task.priority,
            attempts: task.attempts_most,
            timeout_seconds: task.timeout_seconds,
        }
    }
}
