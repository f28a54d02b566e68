//! What a workflow is made from: its gates, and what each hands out.

use serde::{Deserialize, Serialize};

use super::task::Domain;
use crate::domain::{Digest, StageId};

/// A template, as it is stored: shared by all workflows that are made from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// What it is for, in a line.
    pub title: String,
    /// Its gates, in order.
    pub gates: Vec<Gate>,
    /// A result less safe than this blocks its task. 0 to 1.
    pub safety_least: f64,
}

/// A gate: what has to be done, and who has to agree, before the workflow goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Its id: `plan-approved`.
    pub id: StageId,
    /// Its name for people: `Plan approved`.
    pub name: String,
    /// The phase of the work that leads to it: `planning`.
    pub phase: String,
    /// Whether a person has to approve.
    pub approval: bool,
    /// The tasks that are handed out when a run comes to it.
    pub tasks: Vec<NewTask>,
}

/// A task to be handed out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTask {
    /// The queue.
    pub domain: Domain,
    /// What is to be done, in a line.
    pub title: String,
    /// What the worker needs, as JSON text.
    pub input: String,
    /// 0 to 10; the highest goes first.
    pub priority: u8,
    /// How often it is tried.
    pub attempts_most: u32,
    /// How long one attempt may take, in seconds.
    pub timeout_seconds: u32,
}

impl NewTask {
    /// A task of middle priority that is tried three times, an hour each.
    pub fn new(domain: Domain, title: impl Into<String>) -> Self {
        let (title, input) = (title.into(), "null".into());
        Self { domain, title, input, priority: 5, attempts_most: 3, timeout_seconds: 3_600 }
    }
}

/// What the rules look at of a template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outline {
    /// The name of the template.
    pub template: String,
    /// The template, whole.
    pub digest: Digest,
    /// The gates, in order.
    pub gates: Vec<GateOutline>,
    /// A result less safe than this blocks its task.
    pub safety_least: f64,
}

/// What the rules look at of a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateOutline {
    /// Its id. Its tasks are content of this stage.
    pub id: StageId,
    /// The stage that their results are content of: `<id>.results`.
    pub results: StageId,
    /// Its name for people.
    pub name: String,
    /// The phase of the work that leads to it.
    pub phase: String,
    /// Whether a person has to approve.
    pub approval: bool,
}
