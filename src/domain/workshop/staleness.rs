//! What a change does to the steps that were made from what changed, and when that ends by itself.

use std::collections::BTreeSet;

use super::command::Cause;
use super::state::{ArtifactRef, Stale, Status, StepState, Wait, Workshop};
use super::turn::Turn;
use crate::domain::{Inherit, StageId, Timestamp};

/// Makes every begun step that was made from `stage` stale and fences it. Says which, in template order.
pub(super) fn cascade(turn: &mut Turn<'_>, stage: &StageId) -> Vec<StageId> {
    let below: BTreeSet<StageId> = turn.state.outline.graph.downstream(stage).into_iter().cloned().collect();
    let order: Vec<StageId> = turn.state.outline.graph.in_dependency_order().cloned().collect();
    for step_id in order.iter().filter(|id| below.contains(id)) {
        let Some(step) = turn.state.get(step_id).filter(|step| step.is_begun()) else { continue };
        let waits = waits_after(&turn.state, step_id, stage);
        let stale = made_stale(step.clone(), waits);
        turn.raise(step_id, Inherit::Current);
        turn.set(step_id, Cause::Stale, stale);
    }
    turn.state.steps().filter(|(id, step)| below.contains(id) && step.is_begun()).map(|(id, _)| id.clone()).collect()
}

/// What a step waits for once `changed` has changed: its direct dependencies that have to settle first.
fn waits_after(state: &Workshop, step: &StageId, changed: &StageId) -> Vec<Wait> {
    let unsettled = |on: &&StageId| {
        *on == changed
            || state.get(on).is_some_and(|s| matches!(s.status, Status::NeedsRegeneration | Status::NotStarted))
    };
    state.outline.graph.dependencies(step).filter(unsettled).map(|on| wait_for(state, on)).collect()
}

fn wait_for(state: &Workshop, on: &StageId) -> Wait {
    Wait { stage: on.clone(), output: state.get(on).and_then(|step| step.done) }
}

/// The step as it is when it has to wait for these as well. What it waits for already it waits for as before: that is
/// what it was made from.
fn made_stale(mut step: StepState, waits: Vec<Wait>) -> StepState {
    let mut stale = step.stale.take().unwrap_or_else(|| Stale {
        waits_for: Vec::new(),
        was: step.status,
        was_completed_at: step.completed_at,
        was_confirmed: step.artifact.filter(|artifact| artifact.confirmed).map(|artifact| artifact.version),
    });
    for wait in waits {
        if !stale.waits_for.iter().any(|known| known.stage == wait.stage) {
            stale.waits_for.push(wait);
        }
    }
    step.status = Status::NeedsRegeneration;
    step.completed_at = None;
    if let Some(artifact) = &mut step.artifact {
        artifact.confirmed = false;
    }
    step.stale = Some(stale);
    step
}

/// The step as it was before it became stale. One that was complete and was worked on since is open instead: what is
/// there now nobody has completed.
pub(super) fn made_fresh(mut step: StepState, now: Timestamp) -> StepState {
    let Some(stale) = step.stale.take() else { return step };
    let reopened = stale.was == Status::Complete && step.changed;
    if reopened {
        step.started_at = Some(now);
    }
    step.status = if reopened { Status::InProgress } else { stale.was };
    step.completed_at = if reopened { None } else { stale.was_completed_at };
    if let Some(artifact) = &mut step.artifact {
        artifact.confirmed |= stale.was_confirmed == Some(artifact.version);
    }
    step
}

/// After `stage` was completed or accepted: lets those that waited for just what it put out be what they were, and so
/// on through all that waited for those. Says which are fresh again, in the order in which they became so.
pub(super) fn settle(turn: &mut Turn<'_>, stage: &StageId) -> Vec<StageId> {
    let mut fresh = Vec::new();
    for (id, step) in settled(&turn.state, stage, turn.input.now) {
        let cause = if step.stale.is_some() { Cause::Waits } else { Cause::Fresh };
        if cause == Cause::Fresh {
            fresh.push(id.clone());
        }
        turn.set(&id, cause, step);
    }
    fresh
}

/// The steps that change when `stage` has put out what it has, as they are then.
fn settled(state: &Workshop, stage: &StageId, now: Timestamp) -> Vec<(StageId, StepState)> {
    let mut complete: Vec<Wait> = vec![wait_for(state, stage)];
    let mut changed = Vec::new();
    for id in state.outline.graph.in_dependency_order() {
        let Some(step) = state.get(id) else { continue };
        let Some(step) = without_waits(step, |wait| complete.contains(wait), now) else { continue };
        if step.status == Status::Complete {
            complete.push(Wait { stage: id.clone(), output: step.done });
        }
        changed.push((id.clone(), step));
    }
    changed
}

/// The step without those it waits for that are settled; fresh if that were all. `None` if nothing changes.
fn without_waits(step: &StepState, is_settled: impl Fn(&Wait) -> bool, now: Timestamp) -> Option<StepState> {
    let stale = step.stale.as_ref()?;
    if !stale.waits_for.iter().any(&is_settled) {
        return None;
    }
    let mut step = step.clone();
    let stale = step.stale.as_mut()?;
    stale.waits_for.retain(|wait| !is_settled(wait));
    Some(if stale.waits_for.is_empty() { made_fresh(step, now) } else { step })
}

/// Puts `stages` back as `saved` has them, and brings the steps around them into accord with that.
///
/// Other steps may have moved since. One that came back was made from its dependencies as they were then, one that
/// stayed from those of now: where a dependency is no longer what a step was made from, the step is stale. A step
/// that stayed and did not move since, or only became stale or was begun by an earlier undo, comes back too.
pub(super) fn restore(state: &mut Workshop, saved: &Workshop, stages: &[StageId], now: Timestamp) {
    let left = state.clone();
    let below: BTreeSet<&StageId> = stages.iter().flat_map(|stage| left.outline.graph.downstream(stage)).collect();
    let order: Vec<StageId> = left.outline.graph.in_dependency_order().cloned().collect();
    for id in &order {
        let comes_back = stages.contains(id) || (below.contains(id) && is_as_it_was(left.get(id), saved.get(id)));
        if let (true, Some(step), Some(was)) = (comes_back, state.get_mut(id), saved.get(id)) {
            let version = step.artifact_version.max(was.artifact_version);
            // What was awaited ends with its generation; that of a step which only comes along stays.
            let (awaits, problem) = (std::mem::take(&mut step.awaits), step.problem.take());
            *step = was.unasked();
            if !stages.contains(id) {
                (step.awaits, step.problem) = (awaits, problem);
            }
            step.artifact_version = version;
        }
        let made_from = if comes_back { saved } else { &left };
        let Some(step) = state.get(id).filter(|step| step.is_begun()) else { continue };
        let differs = |on: &&StageId| {
            let then = made_from.get(on).and_then(StepState::output);
            then.is_some() && then != state.get(on).and_then(StepState::output)
        };
        let waits: Vec<Wait> =
            state.outline.graph.dependencies(id).filter(differs).map(|on| wait_for(made_from, on)).collect();
        let step = if waits.is_empty() { step.clone() } else { made_stale(step.clone(), waits) };
        let as_awaited =
            |wait: &Wait| wait.output.is_some() && state.get(&wait.stage).and_then(StepState::output) == wait.output;
        let step = without_waits(&step, as_awaited, now).unwrap_or(step);
        if let Some(place) = state.get_mut(id) {
            *place = step;
        }
    }
    // Else a workshop could be left with steps to begin and none to complete.
    if state.is_idle()
        && let Some((stage, step)) = state.next_begun(now)
        && let Some(place) = state.get_mut(&stage)
    {
        *place = step;
    }
}

/// Whether a step has not moved since, or has only become stale, or was without any work then and is now.
fn is_as_it_was(now: Option<&StepState>, then: Option<&StepState>) -> bool {
    let (Some(now), Some(then)) = (now, then) else { return false };
    let only_stale = now.stale.is_some() && then.is_begun() && work_of(now) == work_of(then);
    let without_work = |step: &StepState| !step.is_begun() || step.is_untouched();
    now.unasked() == then.unasked() || only_stale || (without_work(now) && without_work(then))
}

/// What a step is apart from where it stands.
fn work_of(step: &StepState) -> StepState {
    StepState {
        status: Status::InProgress,
        completed_at: None,
        artifact: step.artifact.map(|artifact| ArtifactRef { confirmed: false, ..artifact }),
        stale: None,
        ..step.unasked()
    }
}
