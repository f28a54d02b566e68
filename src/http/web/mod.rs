//! What people look at. Pages are read here, as functions of the state; what they change goes through the same routes that
//! programs use, asked by a few scripts.

mod assets;
mod audit;
mod batch;
mod begin;
mod board;
mod graph;
mod history;
mod home;
mod html;
mod item;
mod late;
mod lists;
mod marks;
mod queues;
mod shell;
mod sign_in;
mod stages;
mod stuck;
mod task;
mod text;
mod when;
mod workflow;
mod workshop;

use actix_web::web;
use utoipa_actix_web::service_config::ServiceConfig;

pub(in crate::http) use html::{MEDIA_TYPE, fault, is_page};

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.route("/assets/{digest}/{file:.+}", web::get().to(assets::file));
    config.configure(audit::routes);
    config.configure(batch::routes);
    config.configure(board::routes);
    config.configure(history::routes);
    config.configure(home::routes);
    config.configure(late::routes);
    config.configure(lists::routes);
    config.configure(queues::routes);
    config.configure(sign_in::routes);
    config.configure(stuck::routes);
    config.configure(task::routes);
    config.configure(workflow::routes);
    config.configure(workshop::routes);
}
