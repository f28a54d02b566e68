//! Pages of a workflow: one for each part of it, each with an address of its own.

mod gates;
mod head;
mod results;
mod task;
mod tasks;
mod workers;

use actix_web::web;
use utoipa_actix_web::service_config::ServiceConfig;

pub(super) use head::{Head, Tab};
pub(super) use results::{Outcome, readable, took};
pub(super) use workers::Seen;

/// The style sheet of these pages.
pub(super) const STYLE: &str = "workflow.css";

pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.route("/ui/workflows/{id}", web::get().to(gates::page));
    config.route("/ui/workflows/{id}/tasks", web::get().to(tasks::page));
    config.route("/ui/workflows/{id}/tasks/{task}", web::get().to(task::page));
    config.route("/ui/workflows/{id}/results", web::get().to(results::page));
    config.route("/ui/workflows/{id}/workers", web::get().to(workers::page));
}
