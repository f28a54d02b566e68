//! Tasks that wait for each other: who is told what, and when one is no longer what another was started with.

use super::command::Event;
use super::limits::DEPENDENTS_MAX;
use super::state::{Dependency, ObjectId};
use super::turn::Turn;
use crate::domain::{EntityId, Fate, PlanLine, Rejection, Verb};

/// Another task waits for this one. It is told how this one stands, each time it asks.
pub(super) fn awaited(turn: &mut Turn<'_>, by: &EntityId) -> Result<(), Rejection> {
    if by == turn.input.id {
        return Err(Rejection::invalid("by", "a task can't wait for itself"));
    }
    if !turn.state.dependents.contains(by) {
        if turn.state.dependents.len() >= DEPENDENTS_MAX {
            return Err(Rejection::limit("tasks that wait for one", DEPENDENTS_MAX));
        }
        turn.happen(Event::Awaited(by.clone()));
    }
    let done = turn.state.done().cloned();
    turn.tell(by, done);
    Ok(())
}

/// A task that this one waits for tells how it stands.
pub(super) fn told(
    turn: &mut Turn<'_>,
    task: &EntityId,
    revision: u64,
    done: Option<&ObjectId>,
) -> Result<(), Rejection> {
    let Some(known) = turn.state.depends_on.iter().find(|known| known.task == *task).cloned() else {
        return Err(Rejection::not_found("dependency", task));
    };
    if revision <= known.revision {
        return Ok(());
    }
    let stale_before = turn.state.stale();
    turn.happen(Event::Dependency(Dependency { revision, done: done.cloned(), ..known }));
    for stale in turn.state.stale() {
        if !stale_before.contains(&stale) {
            turn.log(format!("stale: {}", stale.why));
        }
    }
    Ok(())
}

/// Calls the task fresh although tasks it depends on changed.
pub(super) fn accept(turn: &mut Turn<'_>) -> Result<(), Rejection> {
    let stale = turn.state.stale();
    if stale.is_empty() {
        let why = "nothing it depends on is other than what it was started with";
        return Err(Rejection::conflict("accepting", why, "only a stale task is accepted"));
    }
    let mut lines = Vec::new();
    for on in turn.state.depends_on.clone() {
        if let Some(stale) = stale.iter().find(|stale| stale.task == on.task) {
            let what = format!("the task, though {}", stale.why);
            lines.push(PlanLine { fate: Fate::Kept, stage: None, what, why: "you say that it is still right".into() });
            turn.log(format!("accepted by {}, though {}", turn.input.by, stale.why));
            turn.happen(Event::Dependency(Dependency { begun_with: on.done.clone(), ..on }));
        }
    }
    turn.decision.verb = Some(Verb::new("accept", None, Vec::new(), lines));
    Ok(())
}
