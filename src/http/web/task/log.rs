//! The log of a task: what was begun and done, and what agents said, a page at a time; the end of it where nothing is asked.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use super::head::Head;
use super::{Looked, look};
use crate::api::task::LogSource;
use crate::api::{Generation, StageId};
use crate::http::address::{At, EntityAt, Params, optional_number};
use crate::http::problem::Answer;
use crate::http::state::App;
use crate::http::web::html::Html;
use crate::http::web::shell::Shell;
use crate::http::web::text::{Safe, plain};
use crate::http::web::when::When;

/// Lines of a page.
const LINES: u64 = 200;
/// Longest part of a line that is shown.
const LINE_BYTES_MAX: usize = 4_000;

/// From where on.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default, deserialize_with = "optional_number")]
    from: Option<u64>,
}

#[derive(Template)]
#[template(path = "task/log.html")]
struct Page {
    shell: Shell,
    head: Head,
    lines: Vec<Line>,
    /// The first and the last line that are shown, and how many there are.
    first: u64,
    last: u64,
    all: u64,
    older: Option<u64>,
    newer: Option<u64>,
}

struct Line {
    number: u64,
    at: When,
    /// Who said it.
    source: String,
    is_error: bool,
    is_ours: bool,
    text: Safe,
    /// How many bytes more it has.
    more: usize,
}

pub(super) async fn page(app: Data<App>, shell: Shell, at: At<EntityAt>, asked: Params<Asked>) -> Answer<Html> {
    let Looked { task, view, shell } = look(&app, shell, &at.id).await?;
    let all = view.state.log;
    let from = asked.from.unwrap_or_else(|| all.saturating_sub(LINES));
    let mut lines = Vec::new();
    let most = usize::try_from(LINES).unwrap_or(usize::MAX);
    let mut next = from;
    while lines.len() < most {
        let more = task.log(next).await?;
        let Some(last) = more.last() else { break };
        next = last.number.saturating_add(1);
        lines.extend(more.into_iter().take(most - lines.len()).map(|entry| shown(entry.number, &entry.line)));
    }
    let last = lines.last().map_or(from, |line| line.number);
    let older = (from > 0).then(|| from.saturating_sub(LINES));
    let newer = Some(last.saturating_add(1)).filter(|next| *next < all && !lines.is_empty());
    let head = Head::of(&shell, &at.id, &view, "log", None);
    shell.page(|shell| Page { shell, head, lines, first: from, last, all, older, newer })
}

fn shown(number: u64, line: &crate::api::task::LogLine) -> Line {
    let end = line.text.floor_char_boundary(LINE_BYTES_MAX);
    let (source, is_error) = match &line.source {
        LogSource::Restage => ("restage".to_owned(), false),
        LogSource::Out(stage, _) => (stage.to_string(), false),
        LogSource::Err(stage, _) => (stage.to_string(), true),
    };
    Line {
        number,
        at: When(line.at),
        source,
        is_error,
        is_ours: line.source == LogSource::Restage,
        text: plain(line.text.get(..end).unwrap_or_default()),
        more: line.text.len().saturating_sub(end),
    }
}

/// Whether an agent said it that works on a stage under a generation.
pub(super) fn is_of(source: &LogSource, of: &StageId, under: Generation) -> bool {
    match source {
        LogSource::Restage => false,
        LogSource::Out(stage, generation) | LogSource::Err(stage, generation) => stage == of && *generation == under,
    }
}
