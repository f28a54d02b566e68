//! How tasks are spoken of: in a line, as JSON, and with what to do next.

use serde_json::{Value, json};

use crate::api::task::{Activity, LogSource, Problem, StageStatus, Status, Task as State, TaskKind};
use crate::api::{EntityId, LogEntry, View};
use crate::cli::output::{Tone, line};
use crate::cli::time;

/// The status that boards show, and its tone.
pub(super) fn status(state: &State) -> (String, Tone) {
    let status = state.status();
    let tone = match &status {
        Status::Backlog => Tone::Faint,
        Status::Stage(_) => Tone::Busy,
        Status::Done => Tone::Good,
        Status::Paused => Tone::Attention,
        Status::Blocked => Tone::Bad,
    };
    (status.to_string(), tone)
}

/// How a stage stands, and its tone.
pub(super) fn stage_status(status: StageStatus) -> (String, Tone) {
    let tone = match status {
        StageStatus::NotReached => Tone::Faint,
        StageStatus::Ready | StageStatus::Running | StageStatus::Committing => Tone::Busy,
        StageStatus::Interrupted | StageStatus::ToApprove | StageStatus::Rejected => Tone::Attention,
        StageStatus::Failed => Tone::Bad,
        StageStatus::Complete => Tone::Good,
    };
    (status.to_string(), tone)
}

/// Where a task stands, in a sentence: "login: plan is to be approved".
pub(super) fn standing(id: &EntityId, state: &State) -> String {
    if let Activity::Operation(what) = state.activity() {
        return format!("{id}: {what}");
    }
    let status = state.status();
    match state.current() {
        None => format!("{id} is {}", if status == Status::Backlog { "in backlog".into() } else { status.to_string() }),
        Some((outline, stage)) => {
            let of = match (&status, &state.blocked) {
                (Status::Blocked, Some(why)) => format!("blocked: {why}; "),
                (Status::Paused, _) => "paused; ".to_owned(),
                _ => String::new(),
            };
            format!("{id}: {of}{} is {}", outline.id, stage.status)
        }
    }
}

/// The same for programs.
pub(super) fn standing_json(id: &EntityId, view: &View<TaskKind>) -> Value {
    let state = &view.state;
    let current = state.current();
    json!({
        "task": id,
        "status": state.status().to_string(),
        "stage": current.map(|(outline, _)| &outline.id),
        "stage_status": current.map(|(_, stage)| stage.status),
        "operation": state.operation.as_ref().map(|operation| operation.kind.to_string()),
        "problem": state.problem.as_ref().map(problem_json),
        "revision": view.revision,
    })
}

pub(super) fn problem_json(problem: &Problem) -> Value {
    json!({
        "at": time::rfc3339(problem.at.as_millis()),
        "doing": problem.doing,
        "code": problem.code,
        "what": problem.what,
        "hint": problem.hint,
    })
}

/// What to do next, as a command; nothing where a task is at its end.
pub(super) fn next(id: &EntityId, state: &State) -> Option<String> {
    if state.operation.is_some() || state.run.is_some() {
        return Some(format!("restage task log {id} --follow"));
    }
    let next = match state.status() {
        Status::Backlog => format!("restage task start {id}"),
        Status::Paused => format!("restage task resume {id}"),
        Status::Blocked => format!("restage task restart {id} STAGE"),
        Status::Stage(_) => match state.current()?.1.status {
            StageStatus::Ready | StageStatus::Rejected => format!("restage task run {id}"),
            StageStatus::Failed | StageStatus::Interrupted => format!("restage task retry {id}"),
            StageStatus::ToApprove => format!("restage task diff {id} --uncommitted; restage task approve {id}"),
            _ => return None,
        },
        Status::Done if state.merged.is_none() && state.place.as_ref().is_some_and(|place| place.base.is_some()) => {
            format!("restage task merge {id}")
        }
        Status::Done if !state.cleaned_up => format!("restage task cleanup {id}"),
        Status::Done => return None,
    };
    Some(next)
}

/// Lines that say where a task stands and what to do next.
pub(super) fn standing_and_next(id: &EntityId, state: &State) -> String {
    let mut text = standing(id, state);
    if let Some(next) = next(id, state) {
        text.push_str(&format!("\nnext: {next}"));
    }
    text
}

/// Columns for who said a line of the log: the longest of what there is to say.
pub(super) fn who_width(state: &State) -> usize {
    state.stages().map(|(outline, _)| outline.id.as_str().len()).chain(["restage".len()]).max().unwrap_or_default() + 1
}

/// Who said a line of the log; what a program said on its standard error has a `!`.
pub(super) fn who(source: &LogSource) -> String {
    match source {
        LogSource::Restage => "restage".to_owned(),
        LogSource::Out(stage, _) => stage.to_string(),
        LogSource::Err(stage, _) => format!("{stage}!"),
    }
}

pub(super) fn said(entry: &LogEntry, width: usize) -> String {
    format!("{:<width$}  {}", who(&entry.line.source), line(&entry.line.text))
}

pub(super) fn entry_json(id: &EntityId, entry: &LogEntry) -> Value {
    let (source, of) = match &entry.line.source {
        LogSource::Restage => ("restage", None),
        LogSource::Out(stage, generation) => ("out", Some((stage, generation))),
        LogSource::Err(stage, generation) => ("err", Some((stage, generation))),
    };
    json!({
        "task": id,
        "line": entry.number,
        "at": time::rfc3339(entry.line.at.as_millis()),
        "source": source,
        "stage": of.map(|(stage, _)| stage),
        "generation": of.map(|(_, generation)| generation),
        "text": entry.line.text,
    })
}

/// A path or name as a shell takes it.
pub(super) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%^~".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// Commands of plain git that bring back what a snapshot keeps, beside the repository.
pub(super) fn rescue(root: &str, id: &EntityId, name: &str) -> String {
    let (root, name) = (quoted(root), quoted(name));
    format!(
        "git -C {root} worktree add --detach ../{id}-rescue {name}^1 && git -C {root}/../{id}-rescue stash apply {name}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_for_a_shell() {
        assert_eq!(quoted("/srv/app-1.x"), "/srv/app-1.x");
        assert_eq!(quoted("/srv/my app"), "'/srv/my app'");
        assert_eq!(quoted("it's $HOME"), "'it'\\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }
}
