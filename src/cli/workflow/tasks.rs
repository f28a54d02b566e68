//! The tasks of a workflow, and their results.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Call, about, place, task_id};
use crate::api::workflow::{Domain, ResultStatus, Standing, StoredResult, TaskId};
use crate::api::workflows::{ResultFilter, StoredTask, TaskFilter, TaskStatus};
use crate::cli::args::workflow::{ResultsArgs, TaskWord, TasksArgs};
use crate::cli::output::{Cell, Table, Tone, block, line};
use crate::cli::stop::Outcome;
use crate::cli::time;

/// Tasks read at a time.
const PER_PAGE: usize = 500;

pub(super) async fn tasks(call: &mut Call<'_>, args: TasksArgs) -> Outcome {
    let (workflow, view) = call.workflow(&args.workflow, None).await?;
    if let Some(task) = &args.task {
        let stored = workflow.task(&task_id(task)?).await.map_err(|error| about(&workflow, error))?;
        return Ok(call.output.data(&task_json(&stored), |_| task_text(&stored))?);
    }
    let filter = TaskFilter {
        gate: args.gate.map(|gate| place(&workflow, &view.state, &gate)).transpose()?,
        domain: args.queue.map(Domain::new).transpose()?,
        status: args.status.map(status_of),
    };
    let mut table = Table::new(["TASK", "TITLE", "STATUS", "ATTEMPT", "WORKER", "PROBLEM"]);
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let found = workflow.tasks(&filter, after.as_ref(), PER_PAGE).await?;
        for stored in &found.items {
            let (word, tone) = status_word(stored.status);
            let entry = stored.under_way.as_ref();
            table.row([
                stored.id.to_string().into(),
                stored.task.title.as_str().into(),
                Cell::new(word, tone),
                format!("{}/{}", attempt(stored), stored.task.attempts_most).into(),
                entry.and_then(|entry| entry.leased()).map(|lease| lease.worker.clone()).unwrap_or_default().into(),
                entry.and_then(|entry| entry.problem.clone()).unwrap_or_default().into(),
            ]);
            all.push(task_json(stored));
        }
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    if all.is_empty() {
        call.output.note("there are no such tasks");
    }
    Ok(call.output.data(&json!({ "tasks": all }), |width| table.text(width))?)
}

pub(super) async fn results(call: &mut Call<'_>, args: ResultsArgs) -> Outcome {
    let (workflow, view) = call.workflow(&args.workflow, None).await?;
    let filter = ResultFilter { gate: args.gate.map(|gate| place(&workflow, &view.state, &gate)).transpose()? };
    let mut table = Table::new(["TASK", "STATUS", "AGENT", "SAFETY", "MS", "WHEN", "RESULT"]);
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let found = workflow.results(&filter, after.as_ref(), PER_PAGE).await?;
        for (id, stored) in &found.items {
            let (word, tone) = result_word(stored.result.status);
            table.row([
                id.to_string().into(),
                Cell::new(word, tone),
                stored.result.agent.as_str().into(),
                stored.result.safety_score.map(|score| score.to_string()).unwrap_or_default().into(),
                stored.result.duration_ms.to_string().into(),
                Cell::new(time::rfc3339(stored.at.as_millis()), Tone::Faint),
                stored.result.result.chars().take(60).collect::<String>().into(),
            ]);
            all.push(result_json(id, stored));
        }
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    if all.is_empty() {
        call.output.note("there are no results yet");
    }
    Ok(call.output.data(&json!({ "results": all }), |width| table.text(width))?)
}

/// How often it was tried.
fn attempt(stored: &StoredTask) -> u32 {
    let tried = stored.result.as_ref().and_then(|result| result.attempt).unwrap_or(0);
    stored.under_way.as_ref().map_or(tried, |entry| entry.attempt)
}

fn status_of(word: TaskWord) -> TaskStatus {
    match word {
        TaskWord::Queued => TaskStatus::Queued,
        TaskWord::Leased => TaskStatus::Leased,
        TaskWord::Waiting => TaskStatus::Waiting,
        TaskWord::Failed => TaskStatus::Failed,
        TaskWord::Done => TaskStatus::Done,
        TaskWord::Cancelled => TaskStatus::Cancelled,
    }
}

fn status_word(status: TaskStatus) -> (&'static str, Tone) {
    match status {
        TaskStatus::Queued => ("queued", Tone::Plain),
        TaskStatus::Leased => ("leased", Tone::Busy),
        TaskStatus::Waiting => ("waiting", Tone::Attention),
        TaskStatus::Failed => ("failed", Tone::Bad),
        TaskStatus::Done => ("done", Tone::Good),
        TaskStatus::Cancelled => ("cancelled", Tone::Faint),
    }
}

fn result_word(status: ResultStatus) -> (&'static str, Tone) {
    match status {
        ResultStatus::Completed => ("completed", Tone::Good),
        ResultStatus::Failed => ("failed", Tone::Bad),
    }
}

/// Text that was checked to be JSON when it came in.
fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap_or_default()
}

fn task_json(stored: &StoredTask) -> Value {
    let StoredTask { id, task, under_way, result, .. } = stored;
    let lease = under_way.as_ref().and_then(|entry| entry.leased());
    json!({
        "task": id,
        "gate": id.lane.gate,
        "queue": id.lane.domain,
        "priority": id.lane.priority,
        "title": task.title,
        "input": raw(&task.input),
        "status": status_word(stored.status).0,
        "attempt": attempt(stored),
        "attempts": task.attempts_most,
        "timeout_seconds": task.timeout_seconds,
        "human": under_way.as_ref().is_some_and(|entry| entry.human),
        "worker": lease.map(|lease| &lease.worker),
        "progress": lease.and_then(|lease| lease.progress.as_ref()),
        "lease_until": lease.map(|lease| time::rfc3339(lease.end().as_millis())),
        "problem": under_way.as_ref().and_then(|entry| entry.problem.as_ref()),
        "by": task.by,
        "created_at": time::rfc3339(task.created_at.as_millis()),
        "result": result.as_ref().map(|result| result_json(id, result)),
    })
}

pub(super) fn result_json(id: &TaskId, stored: &StoredResult) -> Value {
    let result = &stored.result;
    json!({
        "task": id,
        "status": result.status,
        "agent": result.agent,
        "result": raw(&result.result),
        "duration_ms": result.duration_ms,
        "safety_score": result.safety_score,
        "error": result.error,
        "attempt": stored.attempt,
        "at": time::rfc3339(stored.at.as_millis()),
    })
}

fn task_text(stored: &StoredTask) -> String {
    let StoredTask { id, task, under_way, result, .. } = stored;
    let (word, _) = status_word(stored.status);
    let mut text = format!(
        "{id}: {}\n{word}, attempt {} of {}, handed out by {} at {}\n",
        line(&task.title),
        attempt(stored),
        task.attempts_most,
        line(&task.by),
        time::rfc3339(task.created_at.as_millis()),
    );
    if let Some(entry) = under_way {
        if let Some(lease) = entry.leased() {
            let (worker, until) = (line(&lease.worker), time::rfc3339(lease.end().as_millis()));
            text.push_str(&format!("worker {worker} has it until {until}, without a sign of life\n"));
        }
        if let Standing::Waiting(at) = entry.standing {
            text.push_str(&format!("tried again at {}\n", time::rfc3339(at.as_millis())));
        }
        if let Some(problem) = &entry.problem {
            text.push_str(&format!("problem: {}\n", line(problem)));
        }
    }
    text.push_str(&format!("\ninput:\n{}\n", block(&task.input)));
    if let Some(result) = result {
        let (word, _) = result_word(result.result.status);
        let agent = line(&result.result.agent);
        text.push_str(&format!("\nresult: {word}, by {agent}, in {} ms\n", result.result.duration_ms));
        if let Some(error) = &result.result.error {
            text.push_str(&format!("{}\n", block(error)));
        }
        text.push_str(&format!("{}\n", block(&result.result.result)));
    }
    text
}
