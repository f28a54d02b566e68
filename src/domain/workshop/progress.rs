//! Going forward: creating a workshop, completing steps, summaries, sub-steps, pausing.

use super::command::{Cause, Effect, Event, Reply};
use super::content::SUMMARY_PATH;
use super::facilitator::{self, Awaits};
use super::staleness::settle;
use super::state::{Fingerprint, Status, StepState, Summary, Workshop, WorkshopStatus};
use super::template::Template;
use super::turn::Turn;
use crate::domain::limits::{SUMMARY_POINTS_MAX, SUMMARY_WORDS_MAX, TITLE_BYTES_MAX};
use crate::domain::stored::encode;
use crate::domain::text::check_line;
use crate::domain::{Digest, Rejection, StageId};

/// Fewest points of a summary.
const SUMMARY_POINTS_MIN: usize = 3;
/// Longest summary: its words are counted, and a word can be long.
const SUMMARY_BYTES_MAX: usize = 10_000;

pub(super) fn create(turn: &mut Turn<'_>, title: &str, template: &Template) -> Result<(), Rejection> {
    if turn.state.exists() {
        return Err(Rejection::exists("workshop", &turn.state.title));
    }
    check_line("title", title, TITLE_BYTES_MAX)?;
    let bytes = template.to_bytes()?;
    let digest = Digest::of(&bytes);
    turn.decision.shared.push((digest, bytes));
    turn.happen(Event::Created { title: title.to_owned(), outline: template.outline(digest) });
    let first = turn.begin_next().ok_or_else(|| Rejection::invalid("template", "it has no steps"))?;
    turn.decision.reply = Reply::Created { first };
    Ok(())
}

/// Completes a step and begins the next one.
pub(super) fn next(turn: &mut Turn<'_>, stage: &StageId, summary: Option<&[String]>) -> Result<(), Rejection> {
    let before = turn.state.status();
    let is_complete = turn.state.step(stage)?.status == Status::Complete;
    if is_complete {
        turn.decision.reply =
            Reply::Completed { entered: go_on(&turn.state), workshop_completed: false, unblocked: Vec::new() };
        return Ok(());
    }
    let mut step = turn.open_step(stage, "completing")?;
    check_can_complete(&turn.state, stage, &step)?;
    step.done = Some(output(turn, stage, &step));
    step.changed = false;
    step.status = Status::Complete;
    step.completed_at = Some(turn.input.now);
    step.stale = None;
    step.summary = match summary {
        Some(points) => write_summary(turn, stage, points)?,
        None => {
            let generation = turn.input.generation(stage);
            facilitator::owe(turn, Effect::Summarize { stage: stage.clone(), generation });
            Summary::Missing
        }
    };
    step.awaits = Awaits { summary: summary.is_none(), ..Awaits::default() };
    step.problem = None;
    turn.set(stage, Cause::Completed, step);
    let unblocked = settle(turn, stage);
    let begun = turn.begin_next();
    turn.decision.reply = Reply::Completed {
        entered: begun.or_else(|| go_on(&turn.state)),
        workshop_completed: turn.completes(before),
        unblocked,
    };
    Ok(())
}

/// What the step puts out, by which its dependents are compared.
///
/// That is its artifact. A step without one hands on its conversation, and two conversations are never the same in any
/// useful sense, although nothing was put out twice either: so it is the same as before as long as nothing was written
/// since, and something new otherwise.
fn output(turn: &Turn<'_>, stage: &StageId, step: &StepState) -> Fingerprint {
    match (step.artifact, step.done) {
        (Some(artifact), _) => artifact.digest,
        (None, Some(done)) if !step.changed => done,
        _ => {
            let revision = turn.input.revision.to_be_bytes();
            let now = turn.input.now.as_millis().to_be_bytes();
            Fingerprint::of(&[b"conversation", stage.as_str().as_bytes(), &revision, &now])
        }
    }
}

fn check_can_complete(state: &Workshop, stage: &StageId, step: &StepState) -> Result<(), Rejection> {
    let refuse = |why: String, hint: &str| Err(Rejection::conflict(format!("completing {stage}"), why, hint));
    if state.status() == WorkshopStatus::Paused {
        return refuse("the workshop is paused".into(), "resume it first");
    }
    if let Some(on) = state.outline.graph.dependencies(stage).find(|on| !state.is_complete(on)) {
        let status = state.get(on).map(|step| step.status).unwrap_or_default();
        return refuse(format!("it is made from {on}, which is {status}"), "complete or accept that step first");
    }
    let demanded = state.outline.step(stage).is_some_and(|step| step.artifact.is_some());
    match step.artifact {
        None if demanded => refuse("it has no artifact".into(), "write and confirm the artifact first"),
        Some(artifact) if !artifact.confirmed => {
            refuse(format!("version {} of its artifact is not confirmed", artifact.version), "confirm it first")
        }
        _ => Ok(()),
    }
}

/// The step to go on with when none was begun: one that has to be done again and can be, else one that is open.
fn go_on(state: &Workshop) -> Option<StageId> {
    let ready = |stage: &StageId| state.outline.graph.dependencies(stage).all(|on| state.is_complete(on));
    let stale = |step: &StepState| step.status == Status::NeedsRegeneration;
    let again = state.steps().find(|(stage, step)| stale(step) && ready(stage));
    let open = || state.steps().find(|(_, step)| step.status == Status::InProgress);
    again.or_else(open).or_else(|| state.steps().find(|(_, step)| stale(step))).map(|(stage, _)| stage.clone())
}

pub(super) fn summary(turn: &mut Turn<'_>, stage: &StageId, points: &[String]) -> Result<(), Rejection> {
    let mut step = turn.state.step(stage)?.clone();
    if step.status != Status::Complete {
        let why = format!("the step is {}", step.status);
        let hint = "hand the summary in with its completion";
        return Err(Rejection::conflict(format!("writing the summary of {stage}"), why, hint));
    }
    step.summary = write_summary(turn, stage, points)?;
    step.awaits.summary = false;
    step.problem = None;
    turn.set(stage, Cause::Summary, step);
    Ok(())
}

fn write_summary(turn: &mut Turn<'_>, stage: &StageId, points: &[String]) -> Result<Summary, Rejection> {
    if points.len() > SUMMARY_POINTS_MAX {
        return Err(Rejection::limit("points of a summary", SUMMARY_POINTS_MAX));
    }
    if points.len() < SUMMARY_POINTS_MIN {
        let problem = format!("it has {} points, at least {SUMMARY_POINTS_MIN} are needed", points.len());
        return Err(Rejection::invalid("summary", problem));
    }
    if points.iter().any(|point| point.trim().is_empty()) {
        return Err(Rejection::invalid("summary", "a point is empty"));
    }
    if points.iter().map(String::len).sum::<usize>() > SUMMARY_BYTES_MAX {
        return Err(Rejection::limit("bytes of a summary", SUMMARY_BYTES_MAX));
    }
    if points.iter().flat_map(|point| point.split_whitespace()).count() > SUMMARY_WORDS_MAX {
        return Err(Rejection::limit("words of a summary", SUMMARY_WORDS_MAX));
    }
    turn.write(stage, SUMMARY_PATH.to_vec(), encode("summary", &points)?);
    Ok(Summary::Written)
}

pub(super) fn sub_step(turn: &mut Turn<'_>, stage: &StageId, sub_step: &StageId) -> Result<(), Rejection> {
    let mut step = turn.open_step(stage, "choosing a sub-step")?;
    turn.state.check_sub_step(stage, sub_step)?;
    if step.sub_step.as_ref() != Some(sub_step) {
        step.sub_step = Some(sub_step.clone());
        turn.set(stage, Cause::SubStep, step);
    }
    Ok(())
}

pub(super) fn pause(turn: &mut Turn<'_>) -> Result<(), Rejection> {
    match turn.state.status() {
        WorkshopStatus::Completed => {
            let hint = "reset or revise a step to go on with it";
            Err(Rejection::conflict("pausing", "the workshop is completed", hint))
        }
        WorkshopStatus::Paused => Ok(()),
        WorkshopStatus::Draft | WorkshopStatus::Active => {
            turn.happen(Event::Paused(true));
            Ok(())
        }
    }
}

pub(super) fn resume(turn: &mut Turn<'_>) {
    if turn.state.paused {
        turn.happen(Event::Paused(false));
    }
}
