//! What can be done with a task as it is now: nothing is offered that would be refused.

use crate::api::EntityId;
use crate::api::task::{StageStatus, Status, Task as State};
use crate::http::web::shell::Shell;

/// How long an answer is waited for that comes when files are moved, in seconds.
pub(super) const WAIT_SECONDS: u32 = 30;

/// What can be done now.
#[derive(Default)]
pub(in crate::http::web) struct Acts {
    /// What brings it forward, what matters most first.
    pub(in crate::http::web) forward: Vec<Act>,
    /// What is wanted now and then.
    pub(in crate::http::web) more: Vec<Act>,
    /// Where it can be restarted.
    pub(in crate::http::web) restarts: Vec<Restart>,
    /// What its last run made, to be judged.
    pub(in crate::http::web) verdict: Option<Verdict>,
    /// How long an answer is waited for.
    pub(in crate::http::web) wait: u32,
}

/// A button of something ordinary.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::http::web) struct Act {
    pub(in crate::http::web) label: String,
    pub(in crate::http::web) doing: &'static str,
    pub(in crate::http::web) path: String,
    pub(in crate::http::web) is_main: bool,
}

/// Where a task can be restarted.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::http::web) struct Restart {
    pub(in crate::http::web) label: String,
    pub(in crate::http::web) title: String,
    /// What is sent beside plan and reason, as JSON.
    pub(in crate::http::web) body: String,
    pub(in crate::http::web) path: String,
}

/// What a run made, and how it is approved or rejected.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::http::web) struct Verdict {
    pub(in crate::http::web) stage: String,
    /// The number of the run, so that what was written about one is not sent for the next.
    pub(in crate::http::web) run: u64,
    /// What is sent to approve it; nothing where a run failed.
    pub(in crate::http::web) seen: Option<String>,
    /// How many files it changed.
    pub(in crate::http::web) changed: u64,
    pub(in crate::http::web) approve: String,
    pub(in crate::http::web) reject: String,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::task::{Candidate, ObjectId, Place, StageOutline, StageState, TierOutline};
    use crate::api::{StageId, Timestamp};

    const API: &str = "/v1/tasks/t1";

    /// A task of two stages, in the one of this place, which stands so.
    fn task(at: Option<u16>, status: StageStatus) -> State {
        let outline = |id: &str| StageOutline {
            id: StageId::new(id).unwrap(),
            status: format!("in {id}"),
            output: "output".into(),
            scored: false,
            judged: false,
            approval: true,
            counter: id.into(),
        };
        let stages = vec![outline("plan"), outline("implement")];
        let of = |place: u16| StageState {
            status: match at {
                Some(at) if place < at => StageStatus::Complete,
                Some(at) if place == at => status,
                _ => StageStatus::NotReached,
            },
            ..StageState::default()
        };
        let place = Place {
            key: "t1".into(),
            branch: "task/t1".into(),
            worktree: "/w/t1".into(),
            base: Some("main".into()),
            base_commit: ObjectId("a".repeat(40)),
        };
        State {
            repository: Some(EntityId::new("app").unwrap()),
            tier: TierOutline { name: "L1".into(), stages, ..TierOutline::default() },
            at,
            stages: vec![of(0), of(1)],
            place: at.map(|_| place),
            ..State::default()
        }
    }

    fn labels(acts: &[Act]) -> Vec<&str> {
        acts.iter().map(|act| act.label.as_str()).collect()
    }

    #[test]
    fn what_brings_a_task_forward_is_offered_and_nothing_else() {
        let ready = StageStatus::Ready;
        for (at, status, expected) in [
            (None, ready, vec!["Start"]),
            (Some(0), ready, vec!["Run plan", "Pause"]),
            (Some(1), StageStatus::Rejected, vec!["Run implement again", "Pause"]),
            (Some(1), StageStatus::Running, vec!["Pause"]),
            (Some(1), StageStatus::Failed, vec!["Retry", "Pause"]),
            (Some(1), StageStatus::Interrupted, vec!["Retry", "Pause"]),
            (Some(1), StageStatus::ToApprove, vec!["Pause"]),
            (Some(2), ready, vec!["Merge into main"]),
        ] {
            assert_eq!(labels(&forward(API, &task(at, status))), expected, "{at:?} {status}");
        }
        let paused = State { paused: Some(Timestamp::from_millis(1)), ..task(Some(0), ready) };
        assert_eq!(labels(&forward(API, &paused)), ["Resume"]);
        let blocked = State { blocked: Some("too often".into()), ..task(Some(0), ready) };
        assert!(forward(API, &blocked).is_empty());
        let merged = State { merged: Some(ObjectId("b".repeat(40))), ..task(Some(2), ready) };
        assert!(forward(API, &merged).is_empty());
        let mut of_a_commit = task(Some(2), ready);
        of_a_commit.place.iter_mut().for_each(|place| place.base = None);
        assert!(forward(API, &of_a_commit).is_empty(), "there is no branch to merge it into");
    }

    #[test]
    fn a_restart_is_offered_of_the_beginning_and_of_every_stage_that_was_reached() {
        let of = |task: &State| restarts(API, task).into_iter().map(|restart| restart.label).collect::<Vec<_>>();
        assert_eq!(of(&task(Some(1), StageStatus::Running)), ["Full restart", "Restart plan", "Restart implement"]);
        assert_eq!(of(&task(Some(0), StageStatus::Failed)), ["Full restart", "Restart plan"]);
        assert!(of(&task(None, StageStatus::Ready)).is_empty() && of(&task(Some(2), StageStatus::Ready)).is_empty());
        let plan = &restarts(API, &task(Some(0), StageStatus::Ready))[1];
        assert_eq!((plan.title.as_str(), plan.body.as_str()), ("Restart plan?", "{\"stage\":\"plan\"}"));
    }

    #[test]
    fn an_approval_names_the_files_that_are_shown() {
        let mut task = task(Some(1), StageStatus::ToApprove);
        assert!(verdict(API, &task).unwrap().seen.is_none());
        task.stages[1].candidate = Some(Candidate { tree: ObjectId("c".repeat(40)), changed: 2 });
        let seen = format!("{{\"seen\":\"{}\"}}", "c".repeat(40));
        assert_eq!(verdict(API, &task).unwrap().seen, Some(seen));
        task.stages[1].status = StageStatus::Failed;
        assert!(verdict(API, &task).unwrap().seen.is_none(), "what failed can only be rejected");
        task.paused = Some(Timestamp::from_millis(1));
        assert!(verdict(API, &task).is_none());
    }
}
