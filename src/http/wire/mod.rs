//! What goes over the wire: JSON forms of what the facade answers and takes. They change only by addition.

mod audit;
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
mod workshop;

pub(in crate::http) use audit::AuditEntry;
pub(in crate::http) use entity::{LateWork, Of, Orphan, UndoPoint};
pub(in crate::http) use files::{Files, PlannedFiles, Snapshot};
pub(in crate::http) use history::TurnOf;
pub(in crate::http) use late::{task_command, workshop_command};
pub(in crate::http) use message::{Kept, Message, Saved};
pub(in crate::http) use plan::Plan;
pub(in crate::http) use task::{LogLine, Standing, Task, TaskBrief, Todo};
pub(in crate::http) use template::{Brief, Template, Tier};
pub(in crate::http) use time::rfc3339;
pub(in crate::http) use why::Why;
pub(in crate::http) use workshop::{Workshop, WorkshopBrief};
