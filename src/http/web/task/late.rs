//! What agents still said after they were fenced, beside what the stage has now: to be taken in or let go.

use actix_web::web::Data;
use askama::Template;

use super::head::Head;
use super::{Looked, calm, look};
use crate::api::task::{Command, Finish, LogSource, Outcome};
use crate::api::{Orphan, Task};
use crate::http::address::{At, EntityAt};
use crate::http::problem::Answer;
use crate::http::state::App;
use crate::http::web::html::Html;
use crate::http::web::shell::Shell;
use crate::http::web::text::{Safe, line, markdown, plain, words};
use crate::http::web::when::When;

/// Most pieces of late work that are shown at a time, newest first.
const PIECES_MAX: usize = 20;
/// Most lines of the log of one.
const LINES_MAX: usize = 200;

#[derive(Template)]
#[template(path = "task/late.html")]
struct Page {
    shell: Shell,
    head: Head,
    pieces: Vec<Piece>,
    more: usize,
}

struct Piece {
    number: u64,
    stage: String,
    generation: u64,
    /// The generation that the stage has now.
    now: u64,
    at: When,
    by: Safe,
    run: u64,
    ended: Safe,
    found: Option<String>,
    /// What it put out, and what the stage has now.
    output: Option<Safe>,
    current: Option<Safe>,
    /// What is different between the two.
    difference: Option<Safe>,
    handoff: Option<Safe>,
    lines: Safe,
    more_lines: usize,
    adopt: Option<String>,
    discard: Option<String>,
}

pub(super) async fn page(app: Data<App>, shell: Shell, at: At<EntityAt>) -> Answer<Html> {
    let Looked { task, view, shell } = look(&app, shell, &at.id).await?;
    let mut pieces = Vec::new();
    for orphan in view.orphans.iter().rev().take(PIECES_MAX) {
        let command = task.handle().orphan(orphan.number).await?;
        let Command::Finish { finish, .. } = command else { continue };
        let now = view.generation(&orphan.stage).0;
        pieces.push(piece(&task, &shell, orphan, &finish, now).await?);
    }
    let more = view.orphans.len().saturating_sub(PIECES_MAX);
    let head = Head::of(&shell, &at.id, &view, "late", None);
    calm(shell).page(|shell| Page { shell, head, pieces, more })
}

async fn piece(task: &Task, shell: &Shell, orphan: &Orphan, finish: &Finish, now: u64) -> Answer<Piece> {
    let report = &finish.report;
    let current = task.output(&orphan.stage).await?;
    let difference = current.as_deref().zip(report.output.as_deref()).map(|(now, late)| words(now, late));
    let path = format!("/v1/tasks/{}/orphans/{}", task.id(), orphan.number);
    let lines: Vec<String> = report.lines.iter().take(LINES_MAX).map(said).collect();
    Ok(Piece {
        number: orphan.number,
        stage: orphan.stage.to_string(),
        generation: orphan.generation.0,
        now,
        at: When(orphan.at),
        by: line(&orphan.by),
        run: finish.run,
        ended: match &finish.outcome {
            Outcome::Done => line("it came to its end"),
            Outcome::Failed { what, .. } => line(&format!("it failed: {what}")),
            Outcome::Interrupted => line("it was ended before it was done"),
        },
        found: match (report.passed, report.score) {
            (Some(true), _) => Some("What it verified holds".into()),
            (Some(false), _) => Some("What it verified does not hold".into()),
            (None, score) => score.map(|score| format!("Score {score}")),
        },
        output: report.output.as_deref().map(markdown),
        current: current.as_deref().map(markdown),
        difference,
        handoff: report.handoff.as_deref().map(markdown),
        lines: plain(&lines.join("\n")),
        more_lines: report.lines.len().saturating_sub(LINES_MAX),
        adopt: shell.may_write.then(|| format!("{path}/adopt")),
        discard: shell.may_reset.then(|| format!("{path}/discard")),
    })
}

fn said(line: &crate::api::task::LogLine) -> String {
    let mark = if matches!(line.source, LogSource::Err(..)) { "! " } else { "" };
    format!("{mark}{}", line.text)
}
