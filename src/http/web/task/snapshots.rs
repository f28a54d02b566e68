//! The snapshots of a task: its whole worktree as it was before each going back, kept in the repository.

use actix_web::web::Data;
use askama::Template;

use super::head::Head;
use super::notices::{Undoable, undoable};
use super::{Looked, calm, look, short};
use crate::api::{Snapshot, Timestamp};
use crate::http::address::{At, EntityAt};
use crate::http::problem::Answer;
use crate::http::state::App;
use crate::http::web::html::Html;
use crate::http::web::shell::Shell;
use crate::http::web::text::{Safe, line};
use crate::http::web::when::When;

#[derive(Template)]
#[template(path = "task/snapshots.html")]
struct Page {
    shell: Shell,
    head: Head,
    snapshots: Vec<Row>,
    undoable: Vec<Undoable>,
}

struct Row {
    number: u64,
    at: When,
    subject: Safe,
    commit: String,
    short: String,
    name: Safe,
}

pub(super) async fn page(app: Data<App>, shell: Shell, at: At<EntityAt>) -> Answer<Html> {
    let Looked { task, view, shell } = look(&app, shell, &at.id).await?;
    let mut snapshots: Vec<Row> = task.snapshots().await?.iter().map(Row::of).collect();
    snapshots.reverse();
    let head = Head::of(&shell, &at.id, &view, "snapshots", None);
    let undoable = if shell.may_reset { undoable(&at.id, &view) } else { Vec::new() };
    calm(shell).page(|shell| Page { shell, head, snapshots, undoable })
}

impl Row {
    fn of(snapshot: &Snapshot) -> Self {
        let commit = snapshot.commit.to_string();
        Self {
            number: snapshot.number,
            at: When(Timestamp::from_millis(snapshot.at.saturating_mul(1_000))),
            subject: line(&snapshot.subject),
            short: short(&commit).to_owned(),
            commit,
            name: line(&snapshot.name),
        }
    }
}
