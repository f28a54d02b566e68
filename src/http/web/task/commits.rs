//! The branch of a task: its commits, and what is in the worktree beyond them.

use actix_web::web::Data;
use askama::Template;

use super::head::Head;
use super::{Looked, calm, look, short, short_id};
use crate::api::Look;
use crate::http::address::{At, EntityAt};
use crate::http::problem::Answer;
use crate::http::state::App;
use crate::http::web::html::Html;
use crate::http::web::shell::Shell;
use crate::http::web::text::{Safe, line};

/// Most commits that are listed.
const COMMITS_MAX: usize = 500;

#[derive(Template)]
#[template(path = "task/commits.html")]
struct Page {
    shell: Shell,
    head: Head,
    branch: Safe,
    base: Safe,
    base_commit: String,
    commits: Vec<Commit>,
    more_commits: usize,
    files: Vec<(Safe, &'static str)>,
    more_files: u64,
    notes: Vec<Safe>,
    merged: Option<String>,
    is_removed: bool,
}

struct Commit {
    id: String,
    short: String,
    subject: Safe,
    /// The stage that it completed.
    stage: Option<String>,
    approved_by: Option<Safe>,
}

pub(super) async fn page(app: Data<App>, shell: Shell, at: At<EntityAt>) -> Answer<Html> {
    let Looked { task, view, shell } = look(&app, shell, &at.id).await?;
    let Look { commits, files, more_files, notes, .. } = task.branch().await?;
    let head = Head::of(&shell, &at.id, &view, "commits", None);
    let state = &view.state;
    let more_commits = commits.len().saturating_sub(COMMITS_MAX);
    let commit = |(id, subject): &(_, String)| {
        let id = ToString::to_string(id);
        let of = state.stages().find(|(_, stage)| stage.commit.as_ref().is_some_and(|commit| commit.0 == id));
        Commit {
            short: short(&id).to_owned(),
            subject: line(subject),
            stage: of.map(|(outline, _)| outline.id.to_string()),
            approved_by: of.and_then(|(_, stage)| stage.approval.as_ref()).map(|approval| line(&approval.by)),
            id,
        }
    };
    let place = state.place.as_ref();
    let base = line(place.and_then(|place| place.base.as_deref()).unwrap_or("a commit"));
    let branch = place.map(|place| line(&place.branch)).unwrap_or_default();
    let base_commit = place.map(|place| short_id(&place.base_commit)).unwrap_or_default();
    let commits = commits.iter().take(COMMITS_MAX).map(commit).collect();
    let files = files.iter().map(|file| (line(&file.path), file.what)).collect();
    // That there is no worktree is no news of one that was removed.
    let notes = if state.cleaned_up { Vec::new() } else { notes.iter().map(|note| line(note)).collect() };
    let merged = state.merged.as_ref().map(short_id);
    let is_removed = state.cleaned_up;
    calm(shell).page(|shell| Page {
        shell,
        head,
        branch,
        base,
        base_commit,
        commits,
        more_commits,
        files,
        more_files,
        notes,
        merged,
        is_removed,
    })
}
