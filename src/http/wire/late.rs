//! Commands that came too late, with everything that they brought.

use serde::Serialize;
use serde_json::{Value, json};

use super::{LogLine, Message, Todo};
use crate::api::{self, task, workflow, workshop};

/// A late command of a workshop: as its request was, with the verb.
pub(in crate::http) fn workshop_command(command: &workshop::Command) -> Value {
    use workshop::Command as C;
    match command {
        C::Save { stage, generation, session, messages } => {
            let messages: Vec<Message> = messages.iter().map(Message::from).collect();
            json!({ "verb": "save", "step": stage, "generation": generation, "session": session, "messages": messages })
        }
        C::Edit { stage, generation, session, message } => {
            let message = Message::from(message);
            json!({ "verb": "edit", "step": stage, "generation": generation, "session": session, "message": message })
        }
        C::Artifact { stage, generation, json, expected_version } => {
            // It may be no JSON: it was never checked.
            let artifact = serde_json::from_str(json).unwrap_or_else(|_| Value::String(json.clone()));
            json!({
                "verb": "artifact", "step": stage, "generation": generation, "artifact": artifact,
                "version": expected_version,
            })
        }
        C::Summary { stage, generation, points } => {
            json!({ "verb": "summary", "step": stage, "generation": generation, "points": points })
        }
        other => stored(other),
    }
}

/// A late command of a task: what a run said at last.
pub(in crate::http) fn task_command(command: &task::Command) -> Value {
    let task::Command::Finish { stage, generation, finish } = command else { return stored(command) };
    let report = &finish.report;
    let outcome = match &finish.outcome {
        task::Outcome::Done => json!({ "status": "done" }),
        task::Outcome::Failed { code, what } => json!({ "status": "failed", "code": code, "what": what }),
        task::Outcome::Interrupted => json!({ "status": "interrupted" }),
    };
    let lines = report.lines.iter().cloned().zip(0..);
    let lines: Vec<LogLine> = lines.map(|(line, number)| LogLine::of(number, line)).collect();
    let todos = report.todos.as_ref().map(|todos| todos.iter().cloned().map(Todo::from).collect::<Vec<_>>());
    json!({
        "verb": "finish",
        "stage": stage,
        "generation": generation,
        "run": finish.run,
        "outcome": outcome,
        "files": finish.candidate.as_ref().map(|made| json!({ "tree": made.tree, "changed": made.changed })),
        "output": report.output,
        "handoff": report.handoff,
        "carry_over": report.carry_over,
        "session": report.session,
        "score": report.score.map(|score| f64::from(score.0) / 1_000.0),
        "passed": report.passed,
        "todos": todos,
        "lines": lines,
    })
}

/// A late command of a workflow: what a worker handed in.
pub(in crate::http) fn workflow_command(command: &workflow::Command) -> Value {
    let workflow::Command::Finish { task, gate, generation, result, .. } = command else { return stored(command) };
    // It was checked to be JSON only if it was not late.
    let value = serde_json::from_str(&result.result).unwrap_or_else(|_| Value::String(result.result.clone()));
    json!({
        "verb": "finish",
        "task_id": task.to_string(),
        "gate": gate,
        "generation": generation,
        "status": result.status,
        "agent_id": result.agent,
        "result": value,
        "duration_ms": result.duration_ms,
        "safety_score": result.safety_score,
        "error": result.error,
    })
}

/// One that is no work: the fence keeps none, so it is only shown as it is stored.
fn stored(command: &impl Serialize) -> Value {
    serde_json::to_value(command).unwrap_or_default()
}

impl LogLine {
    /// A line that is in no log.
    fn of(number: u64, line: task::LogLine) -> Self {
        Self::from(api::LogEntry { number, line })
    }
}
