//! What happened to an entity: in short, over time, or all of it; and what can be taken back.

mod archive;
mod entries;
mod timeline;
mod told;

use actix_web::web::{self, Data};
use askama::Template;
use serde::Deserialize;
use serde_json::json;
use utoipa_actix_web::service_config::ServiceConfig;

use self::entries::{Chosen, Entries, PER_READ};
use self::timeline::{Spans, Timeline};
use super::graph::{Graph, Stage};
use super::html::Html;
use super::shell::Shell;
use super::stages::{Shown, page_of};
use super::text::{Safe, line, seen};
use super::when::When;
use crate::api::task::TaskKind;
use crate::api::workflow::WorkflowKind;
use crate::api::workshop::WorkshopKind;
use crate::api::{self, EntityId, Generation, Rejection, StageId, View};
use crate::http::address::{At, EntityAt, Params, optional_number};
use crate::http::problem::Answer;
use crate::http::state::App;

/// Turns that a timeline is made of at most, the last ones.
const TIMELINE_TURNS: u64 = 5_000;

pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.route("/ui/workshops/{id}/history", web::get().to(page::<WorkshopKind>));
    config.route("/ui/tasks/{id}/history", web::get().to(page::<TaskKind>));
    config.route("/ui/workflows/{id}/history", web::get().to(page::<WorkflowKind>));
    config.route("/ui/workshops/{id}/history/{stage}/{generation}", web::get().to(archive::page));
}

/// How a history is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Look {
    /// What matters: what went back, what was completed and approved.
    #[default]
    Compact,
    /// How the stages were, over time.
    Timeline,
    /// Every turn, with everything that happened in it.
    Full,
}

impl Look {
    fn name(self) -> &'static str {
        match self {
            Self::Compact => "compact",
            Self::Timeline => "timeline",
            Self::Full => "full",
        }
    }
}

/// Which part of a history is asked for, and how.
#[derive(Debug, Deserialize)]
struct HistoryParams {
    #[serde(default)]
    view: Look,
    /// Only turns before this revision.
    #[serde(default, deserialize_with = "optional_number")]
    before: Option<u64>,
    /// Only what happened to this stage.
    #[serde(default, deserialize_with = "optional_stage")]
    stage: Option<StageId>,
}

/// A form sends what was left empty too.
fn optional_stage<'de, D: serde::Deserializer<'de>>(text: D) -> Result<Option<StageId>, D::Error> {
    let text = String::deserialize(text)?;
    if text.is_empty() { Ok(None) } else { StageId::new(&text).map(Some).map_err(serde::de::Error::custom) }
}

/// The page.
#[derive(Template)]
#[template(path = "history/page.html")]
struct HistoryPage<'a> {
    shell: Shell,
    kind: &'static str,
    id: &'a EntityId,
    title: Safe,
    entity_page: String,
    graph: Graph<'a>,
    /// What one of its stages is called, and all of them.
    stage_word: &'static str,
    stage_ids: Vec<String>,
    stage: String,
    look: Look,
    tabs: Vec<Tab>,
    points: Vec<Point>,
    archived: Vec<Archived>,
    entries: Option<Entries>,
    timeline: Option<Timeline>,
    /// Turns that are too old for the timeline.
    left_out: u64,
}

/// A way to look at a history.
struct Tab {
    name: &'static str,
    href: String,
    is_here: bool,
}

/// What can be taken back, or was.
struct Point {
    number: u64,
    /// The revision that it was left by.
    revision: u64,
    what: Safe,
    at: When,
    by: Safe,
    until: When,
    undone_by: Option<u64>,
    entry: String,
    /// Whether there still is time.
    is_open: bool,
    body: String,
    title: String,
}

/// An earlier generation of a stage that is kept.
struct Archived {
    stage: StageId,
    generation: Generation,
    href: String,
}

/// Where an entry of the full journal is: on the page that ends with it.
pub(super) fn entry_of(page: &str, revision: u64) -> String {
    format!("{page}/history?view=full&before={}#entry-{revision}", revision.saturating_add(1))
}

async fn page<E: Shown>(app: Data<App>, shell: Shell, at: At<EntityAt>, params: Params<HistoryParams>) -> Answer<Html> {
    let view = E::kind(&app).entity(&at.id).view().await?;
    if view.revision == 0 {
        return Err(Rejection::not_found(E::KIND, &at.id).into());
    }
    let entity_page = page_of(E::KIND, &at.id);
    let stages = E::stages(&at.id, &view);
    let stage = params.stage.as_ref().map(ToString::to_string).unwrap_or_default();
    let (mut entries, mut timeline, mut left_out) = (None, None, 0);
    if params.view == Look::Timeline {
        let (drawn, from) = timeline_of::<E>(&app, &at.id, &view, &stages).await?;
        (timeline, left_out) = (Some(drawn), from);
    } else {
        let chosen = Chosen {
            before: params.before.unwrap_or(u64::MAX).min(view.revision.saturating_add(1)),
            stage: params.stage.clone(),
            notable: params.view == Look::Compact,
        };
        let mut read = entries::read(&app.restage, (E::KIND, &at.id), &chosen, &entity_page).await?;
        let query = |before| address(&entity_page, params.view, &stage, Some(before));
        read.older = read.last.map(query);
        read.newest = params.before.is_some().then(|| address(&entity_page, params.view, &stage, None));
        entries = Some(read);
    }
    let tabs = [Look::Compact, Look::Timeline, Look::Full].map(|look| Tab {
        name: look.name(),
        href: address(&entity_page, look, if look == Look::Timeline { "" } else { &stage }, None),
        is_here: look == params.view,
    });
    let title = E::title(&view.state).to_owned();
    let shell = shell.titled(format!("History of {}", seen(&title))).about(E::KIND, &at.id);
    shell.style("graph.css").style("history.css").page(|shell| HistoryPage {
        shell,
        kind: E::KIND,
        id: &at.id,
        title: line(&title),
        graph: Graph::new(E::STAGES, &stages),
        stage_word: E::STAGE,
        stage_ids: view.fences.keys().map(ToString::to_string).collect(),
        stage,
        look: params.view,
        tabs: tabs.into(),
        points: points(&view, &entity_page, app.now()),
        archived: archived::<E>(&at.id, &view),
        entries,
        timeline,
        left_out,
        entity_page,
    })
}

fn address(entity_page: &str, look: Look, stage: &str, before: Option<u64>) -> String {
    let mut address = format!("{entity_page}/history?view={}", look.name());
    if !stage.is_empty() {
        address += &format!("&stage={stage}");
    }
    if let Some(before) = before {
        address += &format!("&before={before}");
    }
    address
}

/// The timeline of the last turns, and how many are before those.
async fn timeline_of<E: Shown>(app: &App, id: &EntityId, view: &View<E>, stages: &[Stage]) -> Answer<(Timeline, u64)> {
    let mut spans = Spans::of(stages.iter().map(|stage| stage.name.clone()).collect());
    let first = view.revision.saturating_sub(TIMELINE_TURNS);
    let mut after = first;
    loop {
        let turns = app.restage.turns(E::KIND, id, after, PER_READ).await?;
        let Some(last) = turns.iter().flatten().last() else { break };
        after = last.revision;
        turns.iter().for_each(|turn| spans.take(turn));
    }
    let page = page_of(E::KIND, id);
    Ok((Timeline::new(&spans, app.now(), |revision| entry_of(&page, revision)), first))
}

fn points<E: Shown>(view: &View<E>, entity_page: &str, now: api::Timestamp) -> Vec<Point> {
    let point = |point: &api::UndoPoint| {
        let stage = point.stage.as_ref().map(|stage| format!(" {stage}")).unwrap_or_default();
        Point {
            number: point.number,
            revision: point.revision,
            what: line(&format!("{}{stage}", point.verb)),
            at: When(point.at),
            by: line(&point.by),
            until: When(point.until),
            undone_by: point.undone_by,
            entry: entry_of(entity_page, point.revision),
            is_open: point.undone_by.is_none() && point.until > now,
            body: json!({ "undo_point": point.number }).to_string(),
            title: format!("Undo: {}{stage}?", point.verb),
        }
    };
    view.undo_points.iter().rev().map(point).collect()
}

/// The earlier generations whose content can be read.
fn archived<E: Shown>(id: &EntityId, view: &View<E>) -> Vec<Archived> {
    let mut archived: Vec<Archived> = Vec::new();
    for (stage, fence) in view.undo_points.iter().rev().flat_map(|point| &point.fences) {
        let generation = fence.generation;
        let is_new = archived.iter().all(|known| (&known.stage, known.generation) != (stage, generation));
        if let Some(href) = E::archive(id, stage, generation).filter(|_| is_new && generation < view.generation(stage))
        {
            archived.push(Archived { stage: stage.clone(), generation, href });
        }
    }
    archived
}
