//! The stages of a task as a line of steps.

use super::short_id;
use crate::api::task::{StageStatus, TaskKind};
use crate::api::{StageId, View};
use crate::http::web::marks::Mark;
use crate::http::web::when::When;

/// One stage.
pub(in crate::http::web) struct Step {
    pub(in crate::http::web) stage: StageId,
    pub(in crate::http::web) href: String,
    pub(in crate::http::web) mark: Mark,
    /// Whether the task is in it.
    pub(in crate::http::web) is_current: bool,
    /// Whether the page tells of it.
    pub(in crate::http::web) is_shown: bool,
    /// Runs since it was entered.
    pub(in crate::http::web) runs: u32,
    /// When it was completed, or else entered.
    pub(in crate::http::web) when: Option<When>,
    /// Its commit, in short.
    pub(in crate::http::web) commit: Option<String>,
    /// Things to do: done, of all.
    pub(in crate::http::web) todos: Option<(u32, u32)>,
    /// What it found, where it judges.
    pub(in crate::http::web) found: Option<String>,
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
