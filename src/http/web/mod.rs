//! What people look at. Pages are read here, as functions of the state; what they change goes through the same routes that
//! programs use, asked by a few scripts.

mod assets;
mod graph;
mod history;
mod html;
mod marks;
mod shell;
mod sign_in;
mod stages;
mod text;
mod when;

use actix_web::web;
use utoipa_actix_web::service_config::ServiceConfig;

pub(in crate::http) use html::{MEDIA_TYPE, fault, is_page};

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.route("/assets/{digest}/{file:.+}", web::get().to(assets::file));
    config.configure(history::routes);
    config.configure(sign_in::routes);
}
