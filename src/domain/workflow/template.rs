//! What a workflow is made from: its gates, and what each hands out.

use std::collections::BTreeSet;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::limits::{
    ATTEMPTS_MAX, DOMAINS_MAX, GATES_MAX, INPUT_BYTES_MAX, LANES_MAX, PRIORITY_MAX, TASKS_BYTES_PER_COMMAND_MAX,
    TASKS_PER_COMMAND_MAX, TIMEOUT_SECONDS_MAX,
};
use super::task::Domain;
use crate::domain::limits::{STAGE_ID_BYTES_MAX, TITLE_BYTES_MAX};
use crate::domain::stored::{decode, encode};
use crate::domain::text::check_line;
use crate::domain::{Digest, Rejection, StageId};

/// What the results of a gate are content of: its id, and this.
const RESULTS_SUFFIX: &str = ".results";
/// The phase after the last gate.
pub(super) const COMPLETED: &str = "completed";

/// The templates that come with the program. The first is the default.
const BUILT_IN: &[(&str, &str)] = &[("delivery", include_str!("delivery.toml"))];

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

impl Template {
    /// Reads a template file.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] or [`Rejection::Limit`], naming what is wrong and where.
    pub fn from_toml(text: &str) -> Result<Self, Rejection> {
        super::template_file::read(text)
    }

    /// A template that comes with the program.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] when none has this name.
    pub fn built_in(name: &str) -> Result<Self, Rejection> {
        Self::from_toml(Self::built_in_text(name)?)
    }

    /// The file of a template that comes with the program: what one of one's own can begin from.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] when none has this name.
    pub fn built_in_text(name: &str) -> Result<&'static str, Rejection> {
        let found = BUILT_IN.iter().find(|(known, _)| *known == name);
        found.map(|(_, text)| *text).ok_or_else(|| Rejection::not_found("workflow template", name))
    }

    /// The names of the templates that come with the program. The first is the default.
    pub fn built_in_names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// Checks that everything in it can be.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] or [`Rejection::Limit`], naming what is wrong.
    pub fn check(&self) -> Result<(), Rejection> {
        check_line("name of the template", &self.name, TITLE_BYTES_MAX)?;
        check_line("title of the template", &self.title, TITLE_BYTES_MAX)?;
        if !(0.0..=1.0).contains(&self.safety_least) {
            return Err(Rejection::invalid("safety_least", "it is a number from 0 to 1"));
        }
        if self.gates.is_empty() {
            return Err(Rejection::invalid("template", "it has no gates"));
        }
        if self.gates.len() > GATES_MAX {
            return Err(Rejection::limit("gates of a template", GATES_MAX));
        }
        for (place, gate) in self.gates.iter().enumerate() {
            gate.check()?;
            if self.gates.iter().take(place).any(|other| other.id == gate.id) {
                return Err(Rejection::invalid("gates", format!("{} is there twice", gate.id)));
            }
        }
        let lanes =
            self.gates.iter().flat_map(|gate| gate.tasks.iter().map(|task| (&gate.id, &task.domain, task.priority)));
        let lanes: BTreeSet<(&StageId, &Domain, u8)> = lanes.collect();
        let domains: BTreeSet<&Domain> = lanes.iter().map(|(_, domain, _)| *domain).collect();
        if domains.len() > DOMAINS_MAX {
            return Err(Rejection::limit("domains of a template", DOMAINS_MAX));
        }
        if lanes.len() > LANES_MAX {
            return Err(Rejection::limit("gates, domains and priorities of the tasks of a template", LANES_MAX));
        }
        Ok(())
    }

    /// The one form it is stored in.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] when it can't be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Rejection> {
        encode("template", self)
    }

    /// Reads back what [`to_bytes`](Self::to_bytes) gave, and checks it again.
    ///
    /// # Errors
    /// [`Rejection::Refused`] with the code `damaged` when it is not a template.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Rejection> {
        let template: Self = decode("template", bytes)?;
        template.check()?;
        Ok(template)
    }

    /// What the rules look at.
    pub(super) fn outline(&self, digest: Digest) -> Result<Outline, Rejection> {
        let gate = |gate: &Gate| {
            let Gate { id, name, phase, approval, .. } = gate.clone();
            Ok(GateOutline { results: StageId::new(format!("{id}{RESULTS_SUFFIX}"))?, id, name, phase, approval })
        };
        Ok(Outline {
            template: self.name.clone(),
            digest,
            gates: self.gates.iter().map(gate).collect::<Result<_, Rejection>>()?,
            safety_least: self.safety_least,
        })
    }
}

impl Gate {
    fn check(&self) -> Result<(), Rejection> {
        let id = &self.id;
        if id.as_str().contains('.') || id.as_str().len() > STAGE_ID_BYTES_MAX - RESULTS_SUFFIX.len() {
            let most = STAGE_ID_BYTES_MAX - RESULTS_SUFFIX.len();
            return Err(Rejection::invalid(
                "gates",
                format!("{id} is no gate's id: it has no '.', and at most {most} bytes"),
            ));
        }
        check_line(&format!("name of {id}"), &self.name, TITLE_BYTES_MAX)?;
        check_line(&format!("phase of {id}"), &self.phase, TITLE_BYTES_MAX)?;
        if self.phase == COMPLETED {
            return Err(Rejection::invalid(format!("phase of {id}"), "it is the phase after the last gate"));
        }
        check_tasks(&self.tasks)
    }
}

/// Checks the tasks of one command, or of one gate.
pub(super) fn check_tasks(tasks: &[NewTask]) -> Result<(), Rejection> {
    if tasks.len() > TASKS_PER_COMMAND_MAX {
        return Err(Rejection::limit("tasks in one command", TASKS_PER_COMMAND_MAX));
    }
    let bytes = tasks.iter().map(|task| task.title.len() + task.input.len()).sum::<usize>();
    if bytes > TASKS_BYTES_PER_COMMAND_MAX {
        return Err(Rejection::limit("bytes of tasks in one command", TASKS_BYTES_PER_COMMAND_MAX));
    }
    tasks.iter().try_for_each(NewTask::check)
}

/// Checks that a text is JSON, without taking it apart.
pub(super) fn check_json(field: &str, text: &str, bytes_max: usize) -> Result<(), Rejection> {
    if text.len() > bytes_max {
        return Err(Rejection::limit(format!("bytes of {field}"), bytes_max));
    }
    let read = serde_json::from_str::<IgnoredAny>(text);
    read.map(drop).map_err(|error| Rejection::invalid(field, format!("it is no JSON: {error}")))
}

impl NewTask {
    fn check(&self) -> Result<(), Rejection> {
        check_line("title of a task", &self.title, TITLE_BYTES_MAX)?;
        check_json("input of a task", &self.input, INPUT_BYTES_MAX)?;
        if self.priority > PRIORITY_MAX {
            return Err(Rejection::invalid("priority", format!("it is a number from 0 to {PRIORITY_MAX}")));
        }
        if !(1..=ATTEMPTS_MAX).contains(&self.attempts_most) {
            return Err(Rejection::invalid("attempts_most", format!("it is a number from 1 to {ATTEMPTS_MAX}")));
        }
        if !(1..=TIMEOUT_SECONDS_MAX).contains(&self.timeout_seconds) {
            return Err(Rejection::invalid(
                "timeout_seconds",
                format!("it is a number from 1 to {TIMEOUT_SECONDS_MAX}"),
            ));
        }
        Ok(())
    }

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
