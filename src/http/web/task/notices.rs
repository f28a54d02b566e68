//! What whoever opens a task has to know first: what goes on, what is wrong, what it waits for.

use super::acts::WAIT_SECONDS;
use crate::api::task::{Task as State, TaskKind};
use crate::api::{EntityId, View};
use crate::http::web::shell::Shell;
use crate::http::web::text::{Safe, line, plain};
use crate::http::web::when::When;

/// One thing to know.
pub(in crate::http::web) struct Notice {
    /// The class of its colour.
    pub(in crate::http::web) tone: &'static str,
    /// In a few words.
    pub(in crate::http::web) what: Safe,
    /// In full.
    pub(in crate::http::web) more: Safe,
    /// What to do about it.
    pub(in crate::http::web) hint: Safe,
    pub(in crate::http::web) at: Option<When>,
    /// Where there is more to see.
    pub(in crate::http::web) link: Option<(String, String)>,
    /// Whether it can be called fine as it is.
    pub(in crate::http::web) accept: Option<String>,
}

impl Notice {
    fn new(tone: &'static str, what: &str) -> Self {
        let (more, hint) = (Safe::default(), Safe::default());
        Self { tone, what: line(what), more, hint, at: None, link: None, accept: None }
    }
}

pub(super) fn notices(shell: &Shell, id: &EntityId, view: &View<TaskKind>) -> Vec<Notice> {
    let state = &view.state;
    let mut notices = Vec::new();
    if let Some(operation) = &state.operation {
        let mut notice = Notice::new("active", &format!("Now: {}, for {}", operation.kind, operation.by));
        notice.more = operation.reason.as_deref().map(line).unwrap_or_default();
        notice.at = Some(When(operation.since));
        notices.push(notice);
    }
    if let Some(problem) = &state.problem {
        let mut notice = Notice::new("bad", &format!("Could not {}", problem.doing));
        (notice.more, notice.hint) = (plain(&problem.what), line(&problem.hint));
        notice.at = Some(When(problem.at));
        notices.push(notice);
    }
    if let Some(why) = &state.blocked {
        let mut notice = Notice::new("bad", &format!("Blocked: {why}"));
        notice.hint = line("restart the stage, or an earlier one, with another plan");
        notices.push(notice);
    }
    if let Some(since) = state.paused {
        let mut notice = Notice::new("warn", "Paused: no agent is started");
        notice.at = Some(When(since));
        notices.push(notice);
    }
    notices.extend(waiting(state));
    notices.extend(stale(shell, id, state));
    if !view.orphans.is_empty() {
        let count = view.orphans.len();
        let what = format!("{count} {} of late work kept aside", if count == 1 { "piece" } else { "pieces" });
        let mut notice = Notice::new("warn", &what);
        notice.link = Some((format!("/ui/tasks/{id}/late"), "Look at it".into()));
        notices.push(notice);
    }
    notices
}

/// What a task in backlog waits for.
fn waiting(state: &State) -> Option<Notice> {
    let waits: Vec<&str> = state.depends_on.iter().filter(|on| on.done.is_none()).map(|on| on.task.as_str()).collect();
    let is_waiting = state.at.is_none() && !waits.is_empty();
    is_waiting.then(|| Notice::new("idle", &format!("It can be started when these are done: {}", waits.join(", "))))
}

/// The tasks it depends on that are no longer what it was started with.
fn stale(shell: &Shell, id: &EntityId, state: &State) -> Option<Notice> {
    let stale = state.stale();
    let reasons: Vec<&str> = stale.iter().map(|stale| stale.why.as_str()).collect();
    if reasons.is_empty() {
        return None;
    }
    let mut notice = Notice::new("warn", "Stale: what it was started with has changed");
    notice.more = plain(&reasons.join("\n"));
    notice.hint = line("restart it, or accept it as it is");
    notice.accept = shell.may_reset.then(|| format!("/v1/tasks/{id}/accept"));
    Some(notice)
}

/// Something that was done and can be taken back.
pub(in crate::http::web) struct Undoable {
    pub(in crate::http::web) what: String,
    pub(in crate::http::web) by: Safe,
    pub(in crate::http::web) at: When,
    pub(in crate::http::web) until: When,
    pub(in crate::http::web) number: u64,
    pub(in crate::http::web) path: String,
    pub(in crate::http::web) wait: u32,
}

/// What can be taken back, newest first.
pub(super) fn undoable(id: &EntityId, view: &View<TaskKind>) -> Vec<Undoable> {
    let points = view.undo_points.iter().rev().filter(|point| point.undone_by.is_none());
    let undoable = |point: &crate::api::UndoPoint| {
        let what = match (point.verb.as_str(), &point.stage) {
            ("restart", Some(stage)) => format!("restart to {stage}"),
            ("restart", None) => "full restart".to_owned(),
            (verb, _) => verb.to_owned(),
        };
        Undoable {
            what,
            by: line(&point.by),
            at: When(point.at),
            until: When(point.until),
            number: point.number,
            path: format!("/v1/tasks/{id}/undo"),
            wait: WAIT_SECONDS,
        }
    };
    points.map(undoable).collect()
}
