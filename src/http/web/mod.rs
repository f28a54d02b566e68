//! What people look at. Pages are read here, as functions of the state; what they change goes through the same routes that
//! programs use, asked by a few scripts.

mod assets;
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
    config.configure(sign_in::routes).configure(home::routes).configure(lists::routes);
    config.configure(workshop::routes);
    config.configure(board::routes).configure(task::routes);
    config.configure(workflow::routes).configure(late::routes).configure(stuck::routes).configure(queues::routes);
    config.configure(history::routes).configure(batch::routes);
}
