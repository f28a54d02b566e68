//! All routes: a file for each resource, a line for each file.

mod access;
mod batches;
mod client;
mod commands;
mod entity;
mod events;
mod examples;
mod facilitator;
mod kept;
mod queues;
mod repositories;
mod step_verbs;
mod steps;
mod stuck;
mod task_content;
mod task_verbs;
mod tasks;
mod templates;
mod transcripts;
mod webhooks;
mod workflow_compat;
mod workflow_tasks;
mod workflows;
mod workshops;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use utoipa_actix_web::service_config::ServiceConfig;

use super::problem::{Answer, Problem};
use super::state::App;
use super::{docs, health, metrics, openapi, web};

pub(in crate::http) use client::CLIENT;
pub(in crate::http) use kept::{AuditParams, ENTRIES_PER_PAGE, ENTRIES_PER_READ, Filter, Place, place, place_of};

/// Everything the server answers to. Routes are tried in this order, so what is asked most comes first.
pub(in crate::http) fn all(config: &mut ServiceConfig<'_>) {
    config.configure(steps::routes);
    config.configure(queues::routes);
    config.configure(workflow_tasks::routes);
    config.configure(workflows::routes);
    config.configure(workshops::routes);
    config.configure(facilitator::routes);
    config.configure(step_verbs::routes);
    config.configure(task_content::routes);
    config.configure(task_verbs::routes);
    config.configure(tasks::routes);
    config.configure(workflow_compat::routes);
    config.configure(transcripts::routes);
    config.configure(events::routes);
    config.configure(kept::routes);
    config.configure(batches::routes);
    config.configure(stuck::routes);
    config.configure(repositories::routes);
    config.configure(templates::routes);
    config.configure(examples::routes);
    config.configure(access::routes);
    config.configure(webhooks::routes);
    config.configure(commands::routes);
    config.configure(client::routes);
    config.configure(health::routes);
    config.configure(metrics::routes);
    config.configure(openapi::routes);
    config.configure(docs::routes);
    config.configure(web::routes);
}

/// Answers what no route takes.
pub(in crate::http) async fn unknown(request: HttpRequest, app: Data<App>) -> Answer<HttpResponse> {
    if let Some(pattern) = request.match_pattern() {
        // Pages are not in the document: they are looked at.
        let allowed = app.allowed.get(&pattern).map_or("GET", String::as_str);
        let detail = format!("{} can't be asked of this", request.method());
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", detail).header("allow", allowed);
        return Err(problem.hint(format!("ask {allowed}, or see /docs for what there is")));
    }
    let problem = Problem::new(StatusCode::NOT_FOUND, "no_such_route", "there is no such route");
    Err(problem.hint("see /docs for all there are"))
}
