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
pub(in crate::http::web) struct Head {
    pub(in crate::http::web) id: EntityId,
    /// The address of the task's pages.
    pub(in crate::http::web) path: String,
    pub(in crate::http::web) title: Safe,
    pub(in crate::http::web) mark: Mark,
    /// What moves files now, in words.
    pub(in crate::http::web) operation: Option<Mark>,
    pub(in crate::http::web) tier: Safe,
    pub(in crate::http::web) repository: String,
    pub(in crate::http::web) auto: bool,
    pub(in crate::http::web) updated: When,
    pub(in crate::http::web) notices: Vec<Notice>,
    pub(in crate::http::web) acts: Acts,
    pub(in crate::http::web) steps: Vec<Step>,
    pub(in crate::http::web) tabs: Vec<Tab>,
}

/// A page of the task.
pub(in crate::http::web) struct Tab {
    pub(in crate::http::web) name: &'static str,
    pub(in crate::http::web) href: String,
    pub(in crate::http::web) count: Option<u64>,
    pub(in crate::http::web) is_here: bool,
}

impl Head {
    /// The head of one of the task's pages: `log`; that of the first one has no name. `stage` is what it tells of.
    pub(in crate::http::web) fn of(
        shell: &Shell,
        id: &EntityId,
        view: &View<TaskKind>,
        page: &str,
        stage: Option<&StageId>,
    ) -> Self {
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
