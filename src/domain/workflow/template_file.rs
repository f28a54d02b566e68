//! Reads template files: TOML, with a table `gates` for each gate and a table `gates.tasks` for each task that it hands
//! out. A key that is not known is an error, since it is more often a slip than a wish.

use serde::Deserialize;

use super::limits::TEMPLATE_BYTES_MAX;
use super::task::Domain;
use super::template::{Gate, NewTask, Template};
use crate::domain::{Rejection, StageId};

/// The least safe that a result may be, if it is not given.
const SAFETY_LEAST: f64 = 0.85;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    title: String,
    safety_least: Option<f64>,
    gates: Vec<FileGate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileGate {
    id: StageId,
    name: String,
    phase: String,
    #[serde(default)]
    approval: bool,
    #[serde(default)]
    tasks: Vec<FileTask>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTask {
    domain: Domain,
    title: String,
    input: Option<FileInput>,
    priority: Option<u8>,
    attempts_most: Option<u32>,
    timeout_seconds: Option<u32>,
}

/// An input, as JSON text or as the table that says the same.
#[derive(Deserialize)]
#[serde(untagged)]
enum FileInput {
    Json(String),
    Table(toml::Table),
}

pub(super) fn read(text: &str) -> Result<Template, Rejection> {
    if text.len() > TEMPLATE_BYTES_MAX {
        return Err(Rejection::limit("bytes of a template", TEMPLATE_BYTES_MAX));
    }
    let file: File = toml::from_str(text).map_err(|error| {
        // The whole message repeats lines of the file; what is wrong, and where, is enough.
        let line = error.span().map(|span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
        let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        Rejection::invalid("template", format!("{place}{}", error.message()))
    })?;
    let gates = file.gates.into_iter().map(read_gate).collect::<Result<_, Rejection>>()?;
    let safety_least = file.safety_least.unwrap_or(SAFETY_LEAST);
    let template = Template { name: file.name, title: file.title, gates, safety_least };
    template.check()?;
    Ok(template)
}

fn read_gate(gate: FileGate) -> Result<Gate, Rejection> {
    let tasks = gate.tasks.into_iter().map(read_task).collect::<Result<_, Rejection>>()?;
    Ok(Gate { id: gate.id, name: gate.name, phase: gate.phase, approval: gate.approval, tasks })
}

fn read_task(task: FileTask) -> Result<NewTask, Rejection> {
    let usual = NewTask::new(task.domain, task.title);
    let input = match task.input {
        None => usual.input,
        Some(FileInput::Json(text)) => text,
        Some(FileInput::Table(table)) => {
            serde_json::to_string(&table).map_err(|error| Rejection::invalid("input of a task", error.to_string()))?
        }
    };
    Ok(NewTask {
        input,
        priority: task.priority.unwrap_or(usual.priority),
        attempts_most: task.attempts_most.unwrap_or(usual.attempts_most),
        timeout_seconds: task.timeout_seconds.unwrap_or(usual.timeout_seconds),
        domain: usual.domain,
        title: usual.title,
    })
}
