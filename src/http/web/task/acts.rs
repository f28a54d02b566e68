//! What can be done with a task as it is now: nothing is offered that would be refused.

use crate::api::EntityId;
use crate::api::task::{StageStatus, Status, Task as State};
use crate::http::web::shell::Shell;

/// How long an answer is waited for that comes when files are moved, in seconds.
pub(super) const WAIT_SECONDS: u32 = 30;

/// What can be done now.
#[derive(Default)]
pub(super) struct Acts {
    /// What brings it forward, what matters most first.
    pub(super) forward: Vec<Act>,
    /// What is wanted now and then.
    pub(super) more: Vec<Act>,
    /// Where it can be restarted.
    pub(super) restarts: Vec<Restart>,
    /// What its last run made, to be judged.
    pub(super) verdict: Option<Verdict>,
    /// How long an answer is waited for.
    pub(super) wait: u32,
}

/// A button of something ordinary.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Act {
    pub(super) label: String,
    pub(super) doing: &'static str,
    pub(super) path: String,
    pub(super) is_main: bool,
}

/// Where a task can be restarted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Restart {
    pub(super) label: String,
    pub(super) title: String,
    /// What is sent beside plan and reason, as JSON.
    pub(super) body: String,
    pub(super) path: String,
}

/// What a run made, and how it is approved or rejected.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) stage: String,
    /// The number of the run, so that what was written about one is not sent for the next.
    pub(super) run: u64,
    /// What is sent to approve it; nothing where a run failed.
    pub(super) seen: Option<String>,
    /// How many files it changed.
    pub(super) changed: u64,
    pub(super) approve: String,
    pub(super) reject: String,
}

pub(super) fn acts(shell: &Shell, id: &EntityId, state: &State) -> Acts {
    let api = format!("/v1/tasks/{id}");
    let mut acts = Acts { wait: WAIT_SECONDS, ..Acts::default() };
    if shell.may_reset {
        acts.restarts = restarts(&api, state);
    }
    if !shell.may_write || state.operation.is_some() {
        return acts;
    }
    acts.forward = forward(&api, state);
    acts.more = more(&api, state);
    acts.verdict = verdict(&api, state);
    acts
}

fn forward(api: &str, state: &State) -> Vec<Act> {
    let act = |label: &str, doing, verb: &str| Act {
        label: label.to_owned(),
        doing,
        path: format!("{api}/{verb}"),
        is_main: true,
    };
    let waits = format!("?wait={WAIT_SECONDS}");
    let waits_for_others = state.depends_on.iter().any(|on| on.done.is_none());
    let Some((outline, stage)) = state.current() else {
        return match state.status() {
            Status::Backlog if !waits_for_others => vec![act("Start", "Starting...", &format!("start{waits}"))],
            Status::Done if state.merged.is_none() => {
                let base = state.place.as_ref().and_then(|place| place.base.as_deref());
                let merge = base.map(|base| act(&format!("Merge into {base}"), "Merging...", &format!("merge{waits}")));
                merge.into_iter().collect()
            }
            _ => Vec::new(),
        };
    };
    match state.status() {
        Status::Paused => return vec![act("Resume", "Resuming...", "resume")],
        Status::Blocked => return Vec::new(),
        _ => {}
    }
    let run = format!("Run {}", outline.id);
    let first = match stage.status {
        StageStatus::Ready => Some(act(&run, "Starting the agent...", "run")),
        StageStatus::Rejected => Some(act(&format!("{run} again"), "Starting the agent...", "run")),
        StageStatus::Interrupted | StageStatus::Failed => Some(act("Retry", "Starting the agent...", "retry")),
        _ => None,
    };
    let pause = Act { is_main: false, ..act("Pause", "Pausing...", "pause") };
    first.into_iter().chain([pause]).collect()
}

fn more(api: &str, state: &State) -> Vec<Act> {
    let has_worktree = state.place.is_some() && !state.cleaned_up && state.run.is_none();
    let clean_up = Act {
        label: "Remove the worktree".into(),
        doing: "Removing...",
        path: format!("{api}/clean-up?wait={WAIT_SECONDS}"),
        is_main: false,
    };
    Some(clean_up).filter(|_| has_worktree).into_iter().collect()
}

fn restarts(api: &str, state: &State) -> Vec<Restart> {
    let restart = |to: Option<&crate::api::StageId>| Restart {
        label: to.map_or_else(|| "Full restart".to_owned(), |to| format!("Restart {to}")),
        title: to.map_or_else(|| "Restart in full?".to_owned(), |to| format!("Restart {to}?")),
        body: to.map_or_else(|| "{}".to_owned(), |to| serde_json::json!({ "stage": to }).to_string()),
        path: format!("{api}/restart"),
    };
    state.restart_targets().into_iter().map(restart).collect()
}

fn verdict(api: &str, state: &State) -> Option<Verdict> {
    let (outline, stage) = state.current()?;
    if state.paused.is_some() || state.blocked.is_some() {
        return None;
    }
    let seen = match stage.status {
        StageStatus::ToApprove => stage.candidate.as_ref(),
        StageStatus::Failed => None,
        _ => return None,
    };
    Some(Verdict {
        stage: outline.id.to_string(),
        run: stage.last_run,
        seen: seen.map(|made| serde_json::json!({ "seen": made.tree }).to_string()),
        changed: seen.map_or(0, |made| made.changed),
        approve: format!("{api}/approve?wait={WAIT_SECONDS}"),
        reject: format!("{api}/reject"),
    })
}
