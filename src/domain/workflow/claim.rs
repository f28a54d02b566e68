//! What workers hold: a task is claimed, signs of life keep it, and time takes it away.

use std::time::Duration;

use super::command::Reply;
use super::content::task_path;
use super::limits::{
    BACK_OFF_SECONDS, BACK_OFF_SECONDS_MAX, LEASE_SECONDS_MAX, SENTENCE_BYTES_MAX, WORKER_NAME_BYTES_MAX,
};
use super::state::{Lease, Standing, UnderWay, Workflow};
use super::task::{Domain, Grant, TaskId};
use super::turn::Turn;
use crate::domain::text::{check_line, cut};
use crate::domain::{Read, Rejection, StageId, Timestamp};

/// The task that would be granted.
pub(super) fn reads(state: &Workflow, domain: &Domain) -> Vec<Read> {
    let Some(best) = state.best(domain) else { return Vec::new() };
    let gate = state.gate_at(best.id.lane.gate).ok();
    gate.map(|(outline, _)| Read::Content(outline.id.clone(), task_path(&best.id))).into_iter().collect()
}

pub(super) fn claim(turn: &mut Turn<'_>, domain: &Domain, worker: &str, seconds: u32) -> Result<(), Rejection> {
    check_line("worker", worker, WORKER_NAME_BYTES_MAX)?;
    if !(1..=LEASE_SECONDS_MAX).contains(&seconds) {
        return Err(Rejection::invalid("lease_seconds", format!("it is a number from 1 to {LEASE_SECONDS_MAX}")));
    }
    let Some(best) = turn.state.best(domain) else {
        turn.decision.reply = Reply::Claimed { grant: None, more: false };
        return Ok(());
    };
    let (id, now) = (best.id, turn.input.now);
    let (gate, _) = turn.gate_of(&id)?;
    let task = turn.task(&gate, &id)?;
    let met = turn.state.under_way.get(&id);
    let attempt = met.map_or(0, |entry| entry.attempt).saturating_add(1);
    let claim = turn.state.claims.saturating_add(1);
    let deadline = after(now, task.timeout_seconds);
    let until = after(now, seconds).min(deadline);
    let worker = worker.to_owned();
    let entry = UnderWay {
        standing: Standing::Leased,
        since: now,
        lease: Some(Lease { claim, worker, seconds, until, deadline, seen_at: now, progress: None }),
        attempt,
        attempts_most: task.attempts_most,
        timeout_seconds: task.timeout_seconds,
        human: met.is_some_and(|entry| entry.human),
        failed_claim: None,
        problem: met.and_then(|entry| entry.problem.clone()),
    };
    if best.ahead
        && let Some(mut lane) = turn.state.lanes.get(&id.lane).cloned()
    {
        lane.take(now);
        turn.set_lane(&id.lane, lane);
    }
    turn.set_task(&id, Some(entry));
    let generation = turn.input.generation(&gate.id);
    let grant = Grant { id, task, gate: gate.id, generation, claim, attempt, lease_until: until, deadline };
    let more = turn.state.best(domain).is_some();
    turn.decision.reply = Reply::Claimed { grant: Some(Box::new(grant)), more };
    Ok(())
}

/// A lease whose time is over is revived, as long as nobody else got the task and its attempt may still go on.
pub(super) fn heartbeat(
    turn: &mut Turn<'_>,
    id: &TaskId,
    gate: &StageId,
    claim: u64,
    progress: Option<&str>,
) -> Result<(), Rejection> {
    let (mut entry, mut lease) = held(turn, id, gate, claim)?;
    let now = turn.input.now;
    if now >= lease.deadline {
        let why = format!("the attempt had to be done within {} s", entry.timeout_seconds);
        return Err(Rejection::conflict(format!("holding task {id}"), why, "hand in what there is, or stop"));
    }
    if let Some(progress) = progress {
        lease.progress = Some(cut(progress, SENTENCE_BYTES_MAX));
    }
    lease.until = after(now, lease.seconds).min(lease.deadline);
    lease.seen_at = now;
    turn.decision.reply = Reply::Beat { lease_until: lease.until };
    let revived = entry.standing != Standing::Leased;
    if revived {
        (entry.standing, entry.since) = (Standing::Leased, now);
    }
    entry.lease = Some(lease);
    turn.set_task(id, Some(entry));
    if revived {
        turn.settle_error();
    }
    Ok(())
}

/// The task and the lease of a claim that is still the last one.
///
/// # Errors
/// [`Rejection::Superseded`] if somebody else got the task, or it was taken away or finished.
pub(super) fn held(turn: &Turn<'_>, id: &TaskId, gate: &StageId, claim: u64) -> Result<(UnderWay, Lease), Rejection> {
    let (outline, _) = turn.gate_of(id)?;
    if outline.id != *gate {
        return Err(Rejection::invalid("gate", format!("task {id} is not of {gate}, but of {}", outline.id)));
    }
    let entry = turn.state.under_way.get(id);
    let held = entry.and_then(|entry| Some((entry, entry.lease.as_ref().filter(|lease| lease.claim == claim)?)));
    if let Some((entry, lease)) = held {
        return Ok((entry.clone(), lease.clone()));
    }
    let why = match entry.map(|entry| (entry.leased(), entry.standing)) {
        Some((Some(lease), _)) => format!("worker {} has it now", lease.worker),
        Some((None, Standing::Failed)) => "it failed meanwhile".into(),
        Some((None, _)) => "it was taken away, to be handed out again".into(),
        None => "it is over: it has a result, or was cancelled".to_owned(),
    };
    Err(superseded(&outline.id, id, why))
}

/// The claim of this task is over.
pub(super) fn superseded(gate: &StageId, id: &TaskId, why: impl Into<String>) -> Rejection {
    Rejection::Superseded { stage: gate.clone(), what: format!("task {id}"), why: why.into(), orphan: None }
}

/// Leases end whose time is over, and tasks that have rested are handed out again.
pub(super) fn tick(turn: &mut Turn<'_>) {
    let now = turn.input.now;
    for (id, entry) in &turn.before.under_way {
        match (&entry.standing, &entry.lease) {
            (Standing::Leased, Some(lease)) if lease.end() <= now => expire(turn, id, entry, lease),
            (Standing::Waiting(at), _) if *at <= now => {
                let queued = UnderWay { standing: Standing::Queued, since: now, ..entry.clone() };
                turn.set_task(id, Some(queued));
            }
            _ => {}
        }
    }
    // The engine stops a timer that is not set again by what it stood for.
    turn.set_timer();
}

fn expire(turn: &mut Turn<'_>, id: &TaskId, entry: &UnderWay, lease: &Lease) {
    let problem = if lease.deadline <= turn.input.now {
        format!("worker {} took longer than {} s", lease.worker, entry.timeout_seconds)
    } else {
        format!("worker {} gave no sign of life for {} s", lease.worker, lease.seconds)
    };
    come_to_nothing(turn, id, entry.clone(), &problem, true);
}

/// An attempt came to nothing: it is made again after a while, or the task has failed.
pub(super) fn come_to_nothing(turn: &mut Turn<'_>, id: &TaskId, entry: UnderWay, problem: &str, again: bool) {
    let (now, problem) = (turn.input.now, cut(problem, SENTENCE_BYTES_MAX));
    let again = again && entry.attempt < entry.attempts_most;
    let standing = if again { Standing::Waiting(now.after(back_off(entry.attempt))) } else { Standing::Failed };
    turn.set_task(id, Some(UnderWay { standing, since: now, problem: Some(problem), ..entry }));
    if !again {
        turn.settle_error();
    }
}

/// How long a task rests after so many attempts.
pub(super) fn back_off(attempts: u32) -> Duration {
    let times = 1_u64.checked_shl(attempts.saturating_sub(1)).unwrap_or(u64::MAX);
    Duration::from_secs(BACK_OFF_SECONDS.saturating_mul(times).min(BACK_OFF_SECONDS_MAX))
}

fn after(now: Timestamp, seconds: u32) -> Timestamp {
    now.after(Duration::from_secs(seconds.into()))
}
