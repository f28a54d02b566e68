//! What is on top of every page of a task.

use super::acts::{Acts, acts};
use super::notices::{Notice, notices};
use super::steps::{Step, steps};
use crate::api::task::{Activity, TaskKind};
use crate::api::{EntityId, StageId, View};
use crate::http::web::marks::{Mark, Tone};
use crate::http::web::shell::Shell;
use crate::http::web::text::{Safe, line};
use crate::http::web::when::When;

/// What is on top of every page of a task.
pub(super) struct Head {
    pub(super) id: EntityId,
    /// The address of the task's pages.
    pub(super) path: String,
    pub(super) title: Safe,
    pub(super) mark: Mark,
    /// What moves files now, in words.
    pub(super) operation: Option<Mark>,
    pub(super) tier: Safe,
    pub(super) repository: String,
    pub(super) auto: bool,
    pub(super) updated: When,
    pub(super) notices: Vec<Notice>,
    pub(super) acts: Acts,
    pub(super) steps: Vec<Step>,
    pub(super) tabs: Vec<Tab>,
}

/// A page of the task.
pub(super) struct Tab {
    pub(super) name: &'static str,
    pub(super) href: String,
    pub(super) count: Option<u64>,
    pub(super) is_here: bool,
}

impl Head {
    /// The head of one of the task's pages: `log`; that of the first one has no name. `stage` is what it tells of.
    pub(super) fn of(shell: &Shell, id: &EntityId, view: &View<TaskKind>, page: &str, stage: Option<&StageId>) -> Self {
        let state = &view.state;
        let path = format!("/ui/tasks/{id}");
        let operation = match state.activity() {
            Activity::Operation(what) => Some(Mark::new(Tone::Active, '◐', what)),
            Activity::Stage(_) | Activity::Nothing => None,
        };
        Self {
            title: line(&state.title),
            mark: Mark::from(&state.status()),
            operation,
            tier: line(&state.tier.name),
            repository: state.repository.as_ref().map(ToString::to_string).unwrap_or_default(),
            auto: state.auto,
            updated: When(view.updated_at),
            notices: notices(shell, id, view),
            acts: acts(shell, id, state),
            steps: steps(&path, view, stage),
            tabs: tabs(&path, view, page),
            id: id.clone(),
            path,
        }
    }
}

fn tabs(path: &str, view: &View<TaskKind>, here: &str) -> Vec<Tab> {
    let tab = |name: &'static str, page: &str, count: Option<u64>| Tab {
        name,
        href: if page.is_empty() { path.to_owned() } else { format!("{path}/{page}") },
        count,
        is_here: page == here,
    };
    let late = u64::try_from(view.orphans.len()).unwrap_or(u64::MAX);
    let mut tabs = vec![tab("Overview", "", None), tab("Log", "log", Some(view.state.log))];
    if view.state.place.is_some() {
        tabs.push(tab("Changes", "changes", None));
        tabs.push(tab("Commits", "commits", None));
        tabs.push(tab("Snapshots", "snapshots", None));
    }
    if late > 0 || here == "late" {
        tabs.push(tab("Late work", "late", Some(late)));
    }
    tabs.push(tab("History", "history", None));
    tabs
}
