//! The board: all tasks by status. What is looked for is in the address.

use std::collections::BTreeSet;

use actix_web::web::{self, Data};
use askama::Template;
use serde::Deserialize;
use utoipa_actix_web::service_config::ServiceConfig;

use super::html::Html;
use super::marks::{Mark, Tone};
use super::shell::Shell;
use super::task::CALM_TYPES;
use super::text::{Safe, line};
use super::when::When;
use crate::api::task::{Activity, StageStatus, Status, TaskKind};
use crate::api::{EntityId, View};
use crate::http::address::Params;
use crate::http::problem::Answer;
use crate::http::state::App;

/// Most tasks that are looked at for one board, and how many at a time.
const TASKS_MAX: usize = 2_000;
const TASKS_PER_READ: usize = 500;
/// Tasks shown in a column, and in one that is looked at alone.
const CARDS: usize = 30;
const CARDS_ALONE: usize = 500;
/// The columns that are always there.
const BACKLOG: &str = "backlog";
const DONE: &str = "done";

pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.route("/ui/tasks", web::get().to(page));
}

/// What is looked for. What is empty is not.
#[derive(Clone, Debug, Default, Deserialize)]
struct Asked {
    #[serde(default)]
    repository: String,
    #[serde(default)]
    tier: String,
    #[serde(default)]
    status: String,
    /// A part of the title or the id.
    #[serde(default)]
    words: String,
    /// Only what waits for a person.
    #[serde(default)]
    waiting: bool,
}

#[derive(Template)]
#[template(path = "task/board.html")]
struct Page {
    shell: Shell,
    asked: Asked,
    is_filtered: bool,
    repositories: BTreeSet<String>,
    tiers: BTreeSet<String>,
    columns: Vec<Column>,
    /// Tasks found, of all that there are.
    found: usize,
    all: usize,
    is_more: bool,
}

/// Tasks of one status.
struct Column {
    status: String,
    mark: Mark,
    count: usize,
    cards: Vec<Card>,
    /// Tasks that are not shown.
    more: usize,
}

/// One task.
struct Card {
    id: EntityId,
    title: Safe,
    /// What goes on beneath the status.
    mark: Option<Mark>,
    repository: String,
    tier: Safe,
    stages_done: usize,
    stages: usize,
    is_stale: bool,
    is_merged: bool,
    late: usize,
    updated: When,
}

async fn page(app: Data<App>, shell: Shell, asked: Params<Asked>) -> Answer<Html> {
    let (mut after, mut all, mut is_more) = (None, Vec::new(), false);
    loop {
        let ids = app.tasks.list(after.as_ref(), TASKS_PER_READ).await?;
        let Some(last) = ids.last().cloned() else { break };
        if all.len() >= TASKS_MAX {
            is_more = true;
            break;
        }
        for id in ids {
            let view = app.tasks.peek(&id).await?;
            all.push((id, view));
        }
        after = Some(last);
    }
    let repositories = all.iter().filter_map(|(_, view)| Some(view.state.repository.as_ref()?.to_string())).collect();
    let tiers = all.iter().map(|(_, view)| view.state.tier.name.clone()).collect();
    let count = all.len();
    let found: Vec<_> = all.into_iter().filter(|(id, view)| asked.wants(id, view)).collect();
    let asked = Asked::clone(&asked);
    let columns = columns(&found, &asked);
    let mut shell = shell.titled("Tasks").following(&["task"]).style("task.css");
    for name in CALM_TYPES {
        shell.follow.push_str("&type=task.");
        shell.follow.push_str(name);
    }
    shell.page(|shell| Page {
        shell,
        is_filtered: asked.is_filter(),
        asked,
        repositories,
        tiers,
        columns,
        found: found.len(),
        all: count,
        is_more,
    })
}

impl Asked {
    fn is_filter(&self) -> bool {
        let words = [&self.repository, &self.tier, &self.status, &self.words];
        self.waiting || words.iter().any(|word| !word.is_empty())
    }

    fn wants(&self, id: &EntityId, view: &View<TaskKind>) -> bool {
        let state = &view.state;
        let is = |asked: &str, found: &str| asked.is_empty() || asked == found;
        let words = self.words.to_lowercase();
        is(&self.repository, state.repository.as_ref().map_or("", EntityId::as_str))
            && is(&self.tier, &state.tier.name)
            && is(&self.status, &state.status().to_string())
            && (state.title.to_lowercase().contains(&words) || id.as_str().to_lowercase().contains(&words))
            && (!self.waiting || waits_for_somebody(view))
    }
}

/// Whether a task goes on only when a person does something.
fn waits_for_somebody(view: &View<TaskKind>) -> bool {
    let state = &view.state;
    let is_stage = |status| {
        matches!(
            status,
            StageStatus::ToApprove | StageStatus::Failed | StageStatus::Interrupted | StageStatus::Rejected
        )
    };
    match (state.status(), state.activity()) {
        (Status::Blocked | Status::Paused, _) => true,
        (_, Activity::Stage(status)) if is_stage(status) => true,
        _ => !state.stale().is_empty() || !view.orphans.is_empty() || state.problem.is_some(),
    }
}

/// The columns: backlog first, then the stages in the order that most tiers have them, what rests, and what is done.
fn columns(found: &[(EntityId, View<TaskKind>)], asked: &Asked) -> Vec<Column> {
    let mut order: Vec<String> = vec![BACKLOG.into()];
    let mut longest_first: Vec<_> = found.iter().map(|(_, view)| &view.state.tier.stages).collect();
    longest_first.sort_by_key(|stages| std::cmp::Reverse(stages.len()));
    for outline in longest_first.into_iter().flatten() {
        if !order.contains(&outline.status) {
            order.push(outline.status.clone());
        }
    }
    order.extend([Status::Paused, Status::Blocked, Status::Done].map(|status| status.to_string()));
    let most = if asked.status.is_empty() { CARDS } else { CARDS_ALONE };
    let column = |word: String| {
        let mut of: Vec<_> = found.iter().filter(|(_, view)| view.state.status().to_string() == word).collect();
        let is_always = asked.status.is_empty() && (word == BACKLOG || word == DONE);
        let first = of.first().map(|(_, view)| Mark::from(&view.state.status()));
        let mark = match first {
            Some(mark) => mark,
            None if !is_always => return None,
            None if word == DONE => Mark::from(&Status::Done),
            None => Mark::from(&Status::Backlog),
        };
        of.sort_by_key(|(_, view)| std::cmp::Reverse(view.updated_at));
        let cards = of.iter().take(most).map(|(id, view)| Card::of(id, view)).collect();
        Some(Column { status: word, mark, count: of.len(), cards, more: of.len().saturating_sub(most) })
    };
    order.into_iter().filter_map(column).collect()
}

impl Card {
    fn of(id: &EntityId, view: &View<TaskKind>) -> Self {
        let state = &view.state;
        let mark = match state.activity() {
            Activity::Operation(what) => Some(Mark::new(Tone::Active, '◐', what)),
            Activity::Stage(status) => Some(Mark::from(status)),
            Activity::Nothing if state.problem.is_some() => Some(Mark::new(Tone::Bad, '✕', "has a problem")),
            Activity::Nothing => None,
        };
        Self {
            id: id.clone(),
            title: line(&state.title),
            mark,
            repository: state.repository.as_ref().map(ToString::to_string).unwrap_or_default(),
            tier: line(&state.tier.name),
            stages_done: state.stages().filter(|(_, stage)| stage.status == StageStatus::Complete).count(),
            stages: state.stages.len(),
            is_stale: !state.stale().is_empty(),
            is_merged: state.merged.is_some(),
            late: view.orphans.len(),
            updated: When(view.updated_at),
        }
    }
}
