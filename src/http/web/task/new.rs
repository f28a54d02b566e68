//! A task to be made, and a repository for it to be registered.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use crate::api::task::Tier;
use crate::http::address::Params;
use crate::http::problem::Answer;
use crate::http::state::App;
use crate::http::web::html::Html;
use crate::http::web::shell::Shell;
use crate::http::web::text::{Safe, line};

/// Most repositories that are offered.
const REPOSITORIES_MAX: usize = 500;
/// The tier that is offered first.
const TIER: &str = "L2";

/// What is filled in already.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    repository: String,
}

#[derive(Template)]
#[template(path = "task/new.html")]
struct Page {
    shell: Shell,
    /// Name, where it is, its base branch, and whether it is chosen.
    repositories: Vec<(String, Safe, Safe, bool)>,
    /// Name, what it is for with its stages, and whether it is chosen.
    tiers: Vec<(String, String, bool)>,
}

pub(super) async fn page(app: Data<App>, shell: Shell, asked: Params<Asked>) -> Answer<Html> {
    let names = app.tasks.repositories().list(None, REPOSITORIES_MAX).await?;
    let mut repositories = Vec::with_capacity(names.len());
    for name in names {
        let facts = app.tasks.repositories().get(&name).await?;
        let is_chosen = name.as_str() == asked.repository;
        repositories.push((name.to_string(), line(&facts.root), line(&facts.base), is_chosen));
    }
    let mut tiers = Vec::new();
    for name in Tier::names() {
        let tier = Tier::built_in(name)?;
        let stages: Vec<&str> = tier.stages.iter().map(|stage| stage.outline.id.as_str()).collect();
        tiers.push((name.to_owned(), format!("{name}: {}", stages.join(", ")), name == TIER));
    }
    let mut shell = shell.titled("New task").style("task.css");
    // It belongs to that part of the site, where no task can have its address.
    shell.path = "/ui/tasks".into();
    shell.page(|shell| Page { shell, repositories, tiers })
}
