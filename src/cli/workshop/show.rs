//! `show`: a workshop with its steps, or one step with what it holds.

use serde_json::{Value, json};

use super::look::workshop_status;
use super::{Call, current};
use crate::api::workshop::{Duty, Stale, Status, StepState, StoredMessage, Summary, WorkshopKind};
use crate::api::{Generation, StageId, View, Workshop};
use crate::cli::args::workshop::{ShowArgs, StepArgs};
use crate::cli::call::{count, names};
use crate::cli::output::{Cell, Table, Tone, block, line};
use crate::cli::stop::Outcome;
use crate::cli::time;

pub(super) async fn show(call: &mut Call<'_>, args: ShowArgs) -> Outcome {
    let Some(step) = args.of.step else {
        let (_, view) = call.workshop(&args.of.workshop, None).await?;
        let answer = workshop_json(&args.of.workshop, &view)?;
        return Ok(call.output.data(&answer, |width| workshop_text(&args.of.workshop, &view, width))?);
    };
    let (workshop, step, view) = call.step(&StepArgs { workshop: args.of.workshop, step }, None).await?;
    match args.generation.map(Generation).filter(|asked| *asked != view.generation(&step)) {
        Some(generation) => archived(call, &workshop, &step, generation).await,
        None => present(call, &workshop, &step, &view).await,
    }
}

fn workshop_json(id: &str, view: &View<WorkshopKind>) -> Outcome<Value> {
    let state = &view.state;
    Ok(json!({
        "workshop": id,
        "title": state.title,
        "template": state.outline.template,
        "status": state.status(),
        "step": current(state)?,
        "revision": view.revision,
        "created_at": time::rfc3339(view.created_at.as_millis()),
        "updated_at": time::rfc3339(view.updated_at.as_millis()),
        "steps": state.steps().map(|(id, step)| step_json(id, step, view)).collect::<Vec<_>>(),
        "undo_points": view.undo_points.iter().map(|point| json!({
            "undo_point": point.number, "verb": point.verb, "step": point.stage, "undone_by": point.undone_by,
            "until": time::rfc3339(point.until.as_millis()),
        })).collect::<Vec<_>>(),
        "orphans": view.orphans.len(),
        "pending": view.pending,
    }))
}

fn step_json(id: &StageId, step: &StepState, view: &View<WorkshopKind>) -> Value {
    json!({
        "step": id,
        "status": step.status,
        "generation": view.generation(id),
        "messages": step.messages,
        "sub_step": step.sub_step,
        "artifact": step.artifact.map(|artifact| json!({
            "version": artifact.version, "confirmed": artifact.confirmed, "bytes": artifact.bytes,
        })),
        "summary": step.summary,
        "waits_for": step.stale.as_ref().map(|stale| stale.waits_for.iter().map(|wait| &wait.stage).collect::<Vec<_>>()),
        "awaits": step.awaits.duties(),
        "problem": step.problem,
        "started_at": step.started_at.map(|at| time::rfc3339(at.as_millis())),
        "completed_at": step.completed_at.map(|at| time::rfc3339(at.as_millis())),
    })
}

fn workshop_text(id: &str, view: &View<WorkshopKind>, width: Option<u16>) -> String {
    let state = &view.state;
    let (word, _) = workshop_status(state.status());
    let title = line(&state.title);
    let mut text = format!("{id}: {title} ({word}, template {}, revision {})\n", state.outline.template, view.revision);
    let mut table = Table::new(["STEP", "STATUS", "GEN", "MESSAGES", "ARTIFACT", "SUMMARY"]);
    for (id, step) in state.steps() {
        table.row([
            id.as_str().into(),
            status(step),
            view.generation(id).to_string().into(),
            if step.messages == 0 { "".into() } else { step.messages.to_string().into() },
            artifact(step).into(),
            summary(step),
        ]);
    }
    text.push_str(&table.text(width));
    if !view.orphans.is_empty() {
        let late = count(view.orphans.len(), "orphan");
        text.push_str(&format!("late work: {late}; see restage workshop orphans {id}\n"));
    }
    if let Some(point) = view.undo_points.iter().rev().find(|point| point.undone_by.is_none()) {
        let of = point.stage.as_ref().map(|stage| format!(" of {stage}")).unwrap_or_default();
        text.push_str(&format!(
            "the {}{of} can be taken back: restage workshop undo {id} {}\n",
            point.verb, point.number
        ));
    }
    text
}

fn status(step: &StepState) -> Cell {
    match (step.status, &step.stale) {
        (Status::NotStarted, _) => Cell::new("not started", Tone::Faint),
        (Status::InProgress, _) => Cell::new("in progress", Tone::Busy),
        (Status::Complete, _) => Cell::new("complete", Tone::Good),
        (Status::NeedsRegeneration, Some(stale)) => {
            Cell::new(format!("stale: {} changed", waits(stale)), Tone::Attention)
        }
        (Status::NeedsRegeneration, None) => Cell::new("stale", Tone::Attention),
    }
}

fn waits(stale: &Stale) -> String {
    names(stale.waits_for.iter().map(|wait| &wait.stage))
}

fn artifact(step: &StepState) -> String {
    match step.artifact {
        None => String::new(),
        Some(artifact) if artifact.confirmed => format!("version {}, confirmed", artifact.version),
        Some(artifact) => format!("version {}", artifact.version),
    }
}

fn summary(step: &StepState) -> Cell {
    match step.summary {
        Summary::None => "".into(),
        Summary::Missing => Cell::new("missing", Tone::Attention),
        Summary::Written => "written".into(),
    }
}

fn awaited(duty: Duty) -> &'static str {
    match duty {
        Duty::Greeting => "the facilitator opens the conversation",
        Duty::Reply => "the facilitator answers",
        Duty::Extraction => "the facilitator makes the artifact",
        Duty::Summary => "the facilitator sums it up",
    }
}

async fn present(call: &mut Call<'_>, workshop: &Workshop, id: &StageId, view: &View<WorkshopKind>) -> Outcome {
    let step = view.state.step(id)?;
    let messages = workshop.conversation(id).await?;
    let json = if step.artifact.is_some() { Some(workshop.artifact_json(id).await?) } else { None };
    let points = if step.summary == Summary::Written { workshop.summary_points(id).await? } else { Vec::new() };
    let mut answer = step_json(id, step, view);
    if let Value::Object(answer) = &mut answer {
        let artifact: Option<Value> = json.as_deref().and_then(|json| serde_json::from_str(json).ok());
        answer.insert("artifact_content".into(), artifact.into());
        answer.insert("summary_points".into(), json!(points));
        answer.insert("conversation".into(), messages.iter().map(message_json).collect());
    }
    let text = |_| {
        let generation = view.generation(id);
        let mut text = format!("{id}: {}, generation {generation}\n", step.status);
        text.push_str(&conversation_text(&messages));
        text.extend(step.awaits.duties().into_iter().map(|duty| format!("\nunder way: {}\n", awaited(duty))));
        text.extend(step.problem.iter().map(|problem| format!("\nproblem: {}\n", block(problem))));
        if let Some(json) = &json {
            text.push_str(&format!("\nartifact, {}:\n{}\n", artifact(step), block(json)));
        }
        if !points.is_empty() {
            text.push_str("\nsummary:\n");
            text.extend(points.iter().map(|point| format!("- {}\n", line(point))));
        }
        text
    };
    Ok(call.output.data(&answer, text)?)
}

async fn archived(call: &mut Call<'_>, workshop: &Workshop, id: &StageId, generation: Generation) -> Outcome {
    let messages = workshop.archived(id, generation).await?;
    let conversation: Vec<Value> = messages.iter().map(message_json).collect();
    let answer = json!({ "step": id, "generation": generation, "archived": true, "conversation": conversation });
    let text = |_| format!("{id}: archived, generation {generation}\n{}", conversation_text(&messages));
    Ok(call.output.data(&answer, text)?)
}

fn conversation_text(messages: &[StoredMessage]) -> String {
    let said = |stored: &StoredMessage| {
        let message = &stored.message;
        let by = message.by.as_deref().map(|by| format!(", {}", line(by))).unwrap_or_default();
        let cut = if message.finished { "" } else { ", not finished" };
        format!("\n[{}{by}, {}{cut}]\n{}\n", message.role.name(), line(&message.id), block(&message.content))
    };
    messages.iter().map(said).collect()
}

fn message_json(stored: &StoredMessage) -> Value {
    let message = &stored.message;
    json!({
        "id": message.id,
        "role": message.role,
        "content": message.content,
        "finished": message.finished,
        "session": stored.session,
        "sub_step": message.sub_step,
        "by": message.by,
        "at": time::rfc3339(stored.at.as_millis()),
    })
}
