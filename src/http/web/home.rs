//! The first page: what changed last, what is stuck, and how to begin.

use actix_web::web::{self, Data};
use askama::Template;
use utoipa_actix_web::service_config::ServiceConfig;

use super::begin::Begin;
use super::html::Html;
use super::item::Item;
use super::shell::Shell;
use crate::api::{Entity, EntityId, Kind, StuckQuery, View};
use crate::http::problem::Answer;
use crate::http::state::App;

/// Entities of a kind that are looked at to find those that changed last.
const LOOKED_AT_MOST: usize = 200;
/// How many of them are shown.
const SHOWN_MOST: usize = 5;

/// The first page.
#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    shell: Shell,
    begin: Begin,
    workshops: Latest,
    tasks: Latest,
    workflows: Latest,
    /// How much does not go on by itself.
    stuck: usize,
    /// Whether there is more of that.
    more_stuck: bool,
}

/// What changed last of a kind.
#[derive(Debug)]
struct Latest {
    items: Vec<Item>,
    /// Whether there are more than were looked at.
    is_part: bool,
}

impl Home {
    /// Whether nothing was begun yet.
    fn is_new(&self) -> bool {
        [&self.workshops, &self.tasks, &self.workflows].iter().all(|latest| latest.items.is_empty())
    }
}

pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.route("/", web::get().to(home));
}

async fn home(app: Data<App>, shell: Shell) -> Answer<Html> {
    let workshops = latest(app.workshops.kind(), Item::workshop).await?;
    let tasks = latest(app.tasks.kind(), Item::task).await?;
    let workflows = latest(app.workflows.kind(), Item::workflow).await?;
    let found = app.restage.stuck(&StuckQuery::default()).await?;
    let begin = Begin::of(&shell)?;
    let (stuck, more_stuck) = (found.items.len(), found.next.is_some());
    let shell = shell.titled("Home").style("home.css").following(&["workshop", "task", "workflow"]);
    shell.page(|shell| Home { shell, begin, workshops, tasks, workflows, stuck, more_stuck })
}

async fn latest<E: Entity>(kind: &Kind<E>, item: impl Fn(&EntityId, &View<E>) -> Item) -> Answer<Latest> {
    let views = kind.views(None, LOOKED_AT_MOST + 1).await?;
    let is_part = views.len() > LOOKED_AT_MOST;
    let mut items: Vec<Item> = views.iter().map(|(id, view)| item(id, view)).collect();
    items.sort_by_key(|item| std::cmp::Reverse(item.changed_at));
    items.truncate(SHOWN_MOST);
    Ok(Latest { items, is_part })
}
