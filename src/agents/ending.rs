//! Ending an agent and all that came of it: asked first, then killed, until nobody is left.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::control_group::ControlGroup;
use super::trail::Trail;
use super::{AgentError, Mark, Started};

/// How long to wait before looking again who is left.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How many more there may be while they were asked to end. Whoever starts more has no more grace.
const GROWTH_MAX: usize = 50;
/// How often processes are stopped before they are killed, while new ones come.
const STOPS_MAX: usize = 20;
/// How often they are killed, with [`LOOK_AGAIN`] between: some 10 s, and more than a process needs to give back its memory.
const KILLS_MAX: usize = 200;
/// How many looks must find nobody after somebody was killed: who forks during a look may be missed by it.
const QUIET_LOOKS: usize = 2;

/// Ends an agent that an earlier life of ours left behind, with all that came of it, and says which processes those were.
///
/// Asking again does no harm: then there is nobody. `started` helps to find them, and is not needed.
///
/// # Errors
/// [`AgentError::Alive`] if somebody could not be ended, and [`AgentError::Io`] if the system can't say who runs.
pub async fn end_leftovers(
    mark: &Mark,
    started: Option<&Started>,
    worktree: &Path,
    grace: Duration,
) -> Result<Vec<u32>, AgentError> {
    let (mark, started, worktree) = (mark.clone(), started.cloned(), worktree.to_path_buf());
    let trail = blocking(move || Trail::of_leftovers(&mark, started.as_ref(), &worktree)).await?;
    end_all(trail, grace).await
}

/// Ends all that a trail leads to, and removes its control groups. Says who that was.
pub(super) async fn end_all(trail: Trail, grace: Duration) -> Result<Vec<u32>, AgentError> {
    let (mut trail, mut ended) = ask(trail).await?;
    if !ended.is_empty() {
        trail = wait(trail, grace, ended.len() + GROWTH_MAX).await?;
    }
    let (groups, killed, left) = blocking(move || kill(trail)).await?;
    if !left.is_empty() || !groups.iter().all(ControlGroup::is_empty) {
        return Err(AgentError::Alive(left));
    }
    groups.iter().for_each(ControlGroup::remove);
    ended.extend(killed);
    Ok(ended.into_iter().collect())
}

/// Asks all to end, and answers whom.
///
/// They are looked for first, and asked then: a child is known by its parent, and a parent may end at once.
async fn ask(trail: Trail) -> Result<(Trail, BTreeSet<u32>), AgentError> {
    let (trail, found) = look(trail, None).await?;
    if found.is_empty() {
        return Ok((trail, BTreeSet::new()));
    }
    let (trail, found) = look(trail, Some(Signal::TERM)).await?;
    Ok((trail, found.into_iter().collect()))
}

/// Waits until all have ended, the grace is over, or they became more than `most`.
async fn wait(mut trail: Trail, grace: Duration, most: usize) -> Result<Trail, AgentError> {
    let grace_is_over = sleep(grace);
    tokio::pin!(grace_is_over);
    while timeout(LOOK_AGAIN, &mut grace_is_over).await.is_err() {
        let found;
        (trail, found) = look(trail, None).await?;
        if found.is_empty() || found.len() > most {
            break;
        }
    }
    Ok(trail)
}

async fn look(mut trail: Trail, signal: Option<Signal>) -> Result<(Trail, Vec<u32>), AgentError> {
    blocking(move || trail.sweep(signal).map(|found| (trail, found))).await
}

/// Kills all. Answers whom, and who is left after all was tried.
///
/// They are stopped before: what stands still neither forks nor loses its parent, by which alone it may be known.
fn kill(mut trail: Trail) -> io::Result<(Vec<ControlGroup>, BTreeSet<u32>, Vec<u32>)> {
    let groups = trail.groups().to_vec();
    groups.iter().for_each(ControlGroup::freeze);
    let mut killed = BTreeSet::new();
    for _ in 0..STOPS_MAX {
        let before = trail.known();
        killed.extend(trail.sweep(Some(Signal::STOP))?);
        trail.chase()?;
        if trail.known() == before {
            break;
        }
    }
    let mut left = Vec::new();
    let mut quiet = 0;
    for _ in 0..KILLS_MAX {
        groups.iter().filter(|group| !group.is_empty()).for_each(ControlGroup::kill);
        left = trail.sweep(Some(Signal::KILL))?;
        quiet = if left.is_empty() && groups.iter().all(ControlGroup::is_empty) { quiet + 1 } else { 0 };
        if quiet > 0 && (killed.is_empty() || quiet >= QUIET_LOOKS) {
            break;
        }
        killed.extend(left.iter().copied());
        thread::sleep(LOOK_AGAIN);
    }
    Ok((groups, killed, left))
}

/// Does what reads `/proc` away from the threads that others wait on.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, AgentError> {
    let failed = |why: String| AgentError::Io { doing: "looking for processes in", path: PathBuf::from("/proc"), why };
    match spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(|error| failed(error.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}
