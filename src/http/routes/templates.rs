//! `/v1/templates` and `/v1/tiers`: what comes with the program.

use actix_web::get;
use actix_web::web::Json;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::api::{task, workshop};
use crate::http::address::{At, NameAt};
use crate::http::caller::Reader;
use crate::http::problem::Answer;
use crate::http::wire::{Brief, Template, Tier};

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list_templates).service(get_template).service(list_tiers).service(get_tier);
}

/// All that there is of something: a short list, that has no pages.
#[derive(Debug, Serialize, ToSchema)]
struct All {
    /// In no particular order.
    items: Vec<Brief>,
}

/// The templates that come with the program.
///
/// A workshop can be made from one of them by its name.
#[utoipa::path(tag = "templates", security(("token" = ["read"])),
    responses((status = 200, description = "The templates.", body = All)))]
#[get("/v1/templates")]
async fn list_templates(_: Reader) -> Answer<Json<All>> {
    let mut items = Vec::new();
    for name in workshop::Template::built_in_names() {
        let template = workshop::Template::built_in(name)?;
        let stages = template.steps().iter().map(|step| step.id.to_string()).collect();
        items.push(Brief { name: name.to_owned(), title: template.title().to_owned(), stages });
    }
    Ok(Json(All { items }))
}

/// One template.
///
/// With its steps, their prompts and the form of their artifacts.
#[utoipa::path(tag = "templates", security(("token" = ["read"])), params(NameAt),
    responses((status = 200, description = "The template.", body = Template)))]
#[get("/v1/templates/{name}")]
async fn get_template(_: Reader, at: At<NameAt>) -> Answer<Json<Template>> {
    Ok(Json(Template::from(&workshop::Template::built_in(&at.name)?)))
}

/// The tiers that come with the program.
///
/// A task can be made with one of them by its name.
#[utoipa::path(tag = "templates", security(("token" = ["read"])),
    responses((status = 200, description = "The tiers.", body = All)))]
#[get("/v1/tiers")]
async fn list_tiers(_: Reader) -> Answer<Json<All>> {
    let mut items = Vec::new();
    for name in task::Tier::names() {
        let tier = task::Tier::built_in(name)?;
        let stages = tier.stages.iter().map(|stage| stage.outline.id.to_string()).collect();
        items.push(Brief { name: name.to_owned(), title: tier.title, stages });
    }
    Ok(Json(All { items }))
}

/// One tier.
///
/// With its stages, and what their agents are told.
#[utoipa::path(tag = "templates", security(("token" = ["read"])), params(NameAt),
    responses((status = 200, description = "The tier.", body = Tier)))]
#[get("/v1/tiers/{name}")]
async fn get_tier(_: Reader, at: At<NameAt>) -> Answer<Json<Tier>> {
    Ok(Json(Tier::from(&task::Tier::built_in(&at.name)?)))
}
