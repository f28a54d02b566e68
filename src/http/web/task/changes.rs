//! What a task changed, file by file: all of it, what one stage did, or what is not committed.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use super::head::Head;
use super::{Looked, calm, look};
use crate::api::task::{StageStatus, TaskKind};
use crate::api::{Class, DiffOf, Error, StageId, View};
use crate::http::address::{At, EntityAt, Params};
use crate::http::problem::{Answer, Problem};
use crate::http::state::App;
use crate::http::web::html::Html;
use crate::http::web::shell::Shell;
use crate::http::web::text::{Patch, Safe, line, patch};

/// Files of more lines than this are folded.
const LINES_OPEN_MAX: usize = 400;

/// What is compared. The same as the patch itself is asked for with.
#[derive(Deserialize)]
pub(super) struct Asked {
    stage: Option<StageId>,
    #[serde(default)]
    uncommitted: bool,
}

#[derive(Template)]
#[template(path = "task/changes.html")]
struct Page {
    shell: Shell,
    head: Head,
    /// What can be compared: its name, its address, and whether it is what is shown.
    ranges: Vec<(String, String, bool)>,
    /// The address of the patch itself.
    raw: String,
    files: Vec<File>,
    more_files: usize,
    added: usize,
    removed: usize,
    /// Why there is nothing to show.
    problem: Option<(Safe, Safe)>,
}

struct File {
    path: Safe,
    was: Option<Safe>,
    diff: crate::http::web::text::FileDiff,
    is_open: bool,
}

pub(super) async fn page(app: Data<App>, shell: Shell, at: At<EntityAt>, asked: Params<Asked>) -> Answer<Html> {
    let Looked { task, view, shell } = look(&app, shell, &at.id).await?;
    let (of, query) = match (&asked.stage, asked.uncommitted) {
        (Some(_), true) => {
            return Err(Problem::bad_request("query", "`stage` and `uncommitted` are two different patches"));
        }
        (Some(stage), false) => (DiffOf::Stage(stage.clone()), format!("?stage={stage}")),
        (None, true) => (DiffOf::Uncommitted, "?uncommitted=true".to_owned()),
        (None, false) => (DiffOf::Task, String::new()),
    };
    let (patch, problem) = match task.diff(&of).await {
        Ok(text) => (patch(&text), None),
        Err(error) => (Patch::default(), Some(told(error)?)),
    };
    let head = Head::of(&shell, &at.id, &view, "changes", asked.stage.as_ref());
    let ranges = ranges(&head.path, &view, &query);
    let raw = format!("/v1/tasks/{}/diff{query}", at.id);
    let Patch { files, more_files, added, removed } = patch;
    let files = files.into_iter().map(File::of).collect();
    calm(shell).page(|shell| Page { shell, head, ranges, raw, files, more_files, added, removed, problem })
}

/// A problem in words, where the page can be shown with it.
fn told(error: Error) -> Answer<(Safe, Safe)> {
    match error.class() {
        Class::NotFound | Class::Conflict | Class::Invalid => Ok((line(&error.to_string()), line(&error.hint()))),
        _ => Err(error.into()),
    }
}

impl File {
    fn of(diff: crate::http::web::text::FileDiff) -> Self {
        let is_open = diff.added.saturating_add(diff.removed) <= LINES_OPEN_MAX;
        Self { path: line(&diff.path), was: diff.was.as_deref().map(line), diff, is_open }
    }
}

fn ranges(path: &str, view: &View<TaskKind>, here: &str) -> Vec<(String, String, bool)> {
    let range = |name: &str, query: String| (name.to_owned(), format!("{path}/changes{query}"), query == here);
    let complete = view.state.stages().filter(|(_, stage)| stage.status == StageStatus::Complete);
    let stages = complete.map(|(outline, _)| range(outline.id.as_str(), format!("?stage={}", outline.id)));
    let whole = [range("All of it", String::new()), range("Not committed", "?uncommitted=true".into())];
    whole.into_iter().chain(stages).collect()
}
