//! What goes over the wire: JSON forms of what the facade answers and takes. They change only by addition.

mod audit;
mod batch;
mod entity;
mod files;
mod history;
mod late;
mod message;
mod plan;
mod task;
mod template;
mod time;
mod why;
mod workflow;
mod workflow_task;
mod workflow_template;
mod workshop;

pub(in crate::http) use audit::AuditEntry;
pub(in crate::http) use batch::Batch;
pub(in crate::http) use entity::{LateWork, Of, Orphan, UndoPoint};
pub(in crate::http) use files::{Files, PlannedFiles, Snapshot};
pub(in crate::http) use history::TurnOf;
pub(in crate::http) use late::{task_command, workflow_command, workshop_command};
pub(in crate::http) use message::{Kept, Message, Saved};
pub(in crate::http) use plan::Plan;
pub(in crate::http) use task::{LogLine, Standing, Task, TaskBrief, Todo};
pub(in crate::http) use template::{Brief, Template, Tier};
pub(in crate::http) use time::rfc3339;
pub(in crate::http) use why::{Why, reason};
pub(in crate::http) use workflow::{Run, Workflow, WorkflowBrief, WorkflowStatus};
pub(in crate::http) use workflow_task::{
    Grant, Json, LateWorkflowResult, NewResult, NewWorkflowTask, TaskWord, WorkflowResult, WorkflowTask, run_id,
};
pub(in crate::http) use workflow_template::WorkflowTemplate;
pub(in crate::http) use workshop::{Workshop, WorkshopBrief, current_step, stale_why};
