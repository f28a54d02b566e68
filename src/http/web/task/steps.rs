//! The stages of a task as a line of steps.

use super::short_id;
use crate::api::task::{StageStatus, TaskKind};
use crate::api::{StageId, View};
use crate::http::web::marks::Mark;
use crate::http::web::when::When;

/// One stage.
pub(super) struct Step {
    pub(super) stage: StageId,
    pub(super) href: String,
    pub(super) mark: Mark,
    /// Whether the task is in it.
    pub(super) is_current: bool,
    /// Whether the page tells of it.
    pub(super) is_shown: bool,
    /// Runs since it was entered.
    pub(super) runs: u32,
    /// When it was completed, or else entered.
    pub(super) when: Option<When>,
    /// Its commit, in short.
    pub(super) commit: Option<String>,
    /// Things to do: done, of all.
    pub(super) todos: Option<(u32, u32)>,
    /// What it found, where it judges.
    pub(super) found: Option<String>,
}

pub(super) fn steps(path: &str, view: &View<TaskKind>, shown: Option<&StageId>) -> Vec<Step> {
    let current = view.state.current().map(|(outline, _)| &outline.id);
    let step = |(outline, stage): (&crate::api::task::StageOutline, &crate::api::task::StageState)| Step {
        stage: outline.id.clone(),
        href: format!("{path}?stage={}", outline.id),
        mark: Mark::from(stage.status),
        is_current: Some(&outline.id) == current,
        is_shown: Some(&outline.id) == shown,
        runs: stage.runs,
        when: stage.completed_at.or(stage.started_at).map(When),
        commit: stage.commit.as_ref().filter(|_| stage.status == StageStatus::Complete).map(short_id),
        todos: Some(stage.todos).filter(|(_, all)| *all > 0),
        found: match (stage.passed, stage.score) {
            (Some(true), _) => Some("it holds".into()),
            (Some(false), _) => Some("it does not hold".into()),
            (None, score) => score.map(|score| format!("score {score}")),
        },
    };
    view.state.stages().map(step).collect()
}
