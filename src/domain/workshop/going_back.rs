//! The verbs that go back or overrule: reset, revise, accept. Each tells what it does to what, and why.

use super::command::{Cause, Effect, Reply};
use super::conversation::{self, Replace};
use super::facilitator::{self, Awaits};
use super::message::{MAIN_SESSION, Message, Outcome};
use super::staleness::{cascade, made_fresh, settle};
use super::state::{Status, StepState, Summary, Workshop};
use super::turn::Turn;
use crate::domain::{Fate, Inherit, PlanLine, Rejection, StageId};

pub(super) fn reset(turn: &mut Turn<'_>, stage: &StageId) -> Result<(), Rejection> {
    let before = turn.state.clone();
    let step = before.step(stage)?;
    if !step.is_begun() {
        let hint = "reset a step that was begun";
        return Err(Rejection::conflict(format!("resetting {stage}"), "the step is not begun", hint));
    }
    let over = StepState {
        status: Status::InProgress,
        started_at: Some(turn.input.now),
        changed: true,
        sub_step: turn.state.first_sub_step(stage),
        artifact_version: step.artifact_version,
        done: step.done,
        awaits: Awaits { greeting: true, ..Awaits::default() },
        ..StepState::default()
    };
    let generation = turn.raise(stage, Inherit::Nothing);
    turn.set(stage, Cause::Reset, over);
    let stale = cascade(turn, stage);
    facilitator::owe(turn, Effect::Greet { stage: stage.clone(), generation });

    let mut lines: Vec<PlanLine> = content_of(step)
        .into_iter()
        .map(|what| PlanLine::new(Fate::Cleared, stage, what, "the step starts over; undo brings it back"))
        .collect();
    lines.push(fenced(turn, stage));
    lines.extend(lines_around(&before, turn, stage, &stale, "starts over"));
    turn.becomes_verb("reset", stage, lines);
    turn.decision.reply = Reply::WentBack { generation, stale, message: None };
    Ok(())
}

pub(super) fn revise(turn: &mut Turn<'_>, stage: &StageId, message: Option<&Message>) -> Result<(), Rejection> {
    let before = turn.state.clone();
    let mut step = before.step(stage)?.clone();
    if step.status != Status::Complete {
        let why = format!("the step is {}", step.status);
        let hint = if step.is_open() { "work on it as it is, or reset it" } else { "only a complete step is revised" };
        return Err(Rejection::conflict(format!("revising {stage}"), why, hint));
    }
    step.status = Status::InProgress;
    step.started_at = Some(turn.input.now);
    step.completed_at = None;
    if let Some(artifact) = &mut step.artifact {
        artifact.confirmed = false;
    }
    let generation = turn.raise(stage, Inherit::Current);
    turn.set(stage, Cause::Revised, step.clone());
    let stale = cascade(turn, stage);
    let outcome = match message {
        Some(message) => {
            said(conversation::save(turn, stage, MAIN_SESSION, std::slice::from_ref(message), Replace::Better)?)?
        }
        None => None,
    };

    let why = "the step is reopened with what it has";
    let mut lines: Vec<PlanLine> =
        content_of(&step).into_iter().map(|what| PlanLine::new(Fate::Kept, stage, what, why)).collect();
    if let Some(artifact) = step.artifact {
        let what = format!("confirmation of artifact, version {}", artifact.version);
        lines.push(PlanLine::new(Fate::Cleared, stage, what, "what was confirmed may change"));
    }
    lines.push(fenced(turn, stage));
    lines.extend(lines_around(&before, turn, stage, &stale, "is reopened"));
    turn.becomes_verb("revise", stage, lines);
    turn.decision.reply = Reply::WentBack { generation, stale, message: outcome };
    Ok(())
}

/// What became of the message that came with a revision. A revision that drops what the person said is refused.
fn said(outcomes: Vec<(String, Outcome)>) -> Result<Option<Outcome>, Rejection> {
    match outcomes.into_iter().next() {
        Some((id, Outcome::Kept | Outcome::Unchanged)) => Err(Rejection::exists("message", id)),
        Some((_, outcome)) => Ok(Some(outcome)),
        None => Ok(None),
    }
}

pub(super) fn accept(turn: &mut Turn<'_>, stage: &StageId) -> Result<(), Rejection> {
    let before = turn.state.status();
    let step = turn.state.step(stage)?.clone();
    let refuse = |why: String, hint: &str| Err(Rejection::conflict(format!("accepting {stage}"), why, hint));
    let Some(stale) = step.stale.clone() else {
        return refuse(format!("the step is {}", step.status), "only a step in need of regeneration is accepted");
    };
    let confirmed = step.artifact.is_some_and(|artifact| stale.was_confirmed == Some(artifact.version));
    if stale.was == Status::Complete && step.artifact.is_some() && !confirmed {
        let hint = "confirm the new artifact and complete the step";
        return refuse("its artifact was changed since it was complete".into(), hint);
    }
    let waited: Vec<&str> = stale.waits_for.iter().map(|wait| wait.stage.as_str()).collect();
    let mut lines = vec![PlanLine::new(
        Fate::Restored,
        stage,
        format!("status: {}", stale.was),
        format!("it is called fresh although {} changed", waited.join(", ")),
    )];
    lines.push(fenced(turn, stage));
    // What was said since does not reopen it: the person that accepts it has the last word.
    let fresh =
        made_fresh(StepState { changed: step.changed && stale.was != Status::Complete, ..step }, turn.input.now);
    turn.set(stage, Cause::Accepted, fresh);
    let unblocked = if turn.state.is_complete(stage) { settle(turn, stage) } else { Vec::new() };
    for id in &unblocked {
        let status = turn.state.get(id).map(|step| step.status).unwrap_or_default();
        let why = format!("it waited only for what follows from {stage}");
        lines.push(PlanLine::new(Fate::Restored, id, format!("status: {status}"), why));
        lines.push(fenced(turn, id));
    }
    // Else a workshop could be left with steps to begin and none to complete.
    let entered = if turn.state.is_idle() { turn.begin_next() } else { None };
    turn.becomes_verb("accept", stage, lines);
    turn.decision.reply = Reply::Accepted { entered, workshop_completed: turn.completes(before), unblocked };
    Ok(())
}

/// What a step holds, piece by piece, in words.
fn content_of(step: &StepState) -> Vec<String> {
    let messages = match step.messages {
        0 => None,
        1 => Some("1 message".to_owned()),
        n => Some(format!("{n} messages")),
    };
    let artifact = step.artifact.map(|artifact| format!("artifact, version {}", artifact.version));
    let summary = (step.summary == Summary::Written).then(|| "summary".to_owned());
    [messages, artifact, summary].into_iter().flatten().collect()
}

fn fenced(turn: &Turn<'_>, stage: &StageId) -> PlanLine {
    let what = format!("writers of generation {}", turn.input.generation(stage));
    PlanLine::new(Fate::Fenced, stage, what, "what they still write is kept as an orphan")
}

/// The lines for all steps but the one that is named.
fn lines_around(
    before: &Workshop,
    turn: &Turn<'_>,
    stage: &StageId,
    stale: &[StageId],
    happens: &str,
) -> Vec<PlanLine> {
    let mut lines = Vec::new();
    let below = before.outline.graph.downstream(stage);
    for (id, step) in before.steps().filter(|(id, _)| below.contains(id)) {
        if stale.contains(id) {
            let mut what = vec![format!("status: {}", step.status)];
            what.extend(content_of(step));
            let direct = before.outline.graph.dependencies(id).any(|on| on == stage);
            let through = if direct { "" } else { ", through others" };
            let why = format!("it was made from {stage}{through}, which {happens}");
            lines.push(PlanLine::new(Fate::Stale, id, what.join(", "), why));
            lines.push(fenced(turn, id));
        } else {
            lines.push(PlanLine::new(Fate::Kept, id, "not started", "nothing was made there yet"));
        }
    }
    for (id, step) in before.steps().filter(|(id, step)| *id != stage && step.is_begun() && !below.contains(id)) {
        let why = format!("it is not made from {stage}");
        lines.push(PlanLine::new(Fate::Kept, id, format!("status: {}", step.status), why));
    }
    lines
}
