//! The page of a workshop: a step with its conversation, what came of it, and the way to the other steps.

mod artifact;
mod conversation;
mod late;
mod outline;
mod step;

use std::fmt::Display;

use actix_web::http::header::LOCATION;
use actix_web::web::{self, Data};
use actix_web::{Either, HttpResponse};
use askama::Template;
use serde::Deserialize;
use utoipa_actix_web::service_config::ServiceConfig;

use super::html::Html;
use super::shell::Shell;
use crate::api::EntityId;
use crate::api::workshop::enter;
use crate::http::address::{At, EntityAt, Params, StageAt, number, optional_number};
use crate::http::problem::Answer;
use crate::http::state::App;
use crate::http::wire::current_step;
use artifact::{Artifact, FieldKind};
use conversation::{Conversation, Waiting};
use late::Late;
use step::{Step, StepLink, Whole};

pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.route("/ui/workshops/{id}", web::get().to(workshop));
    config.route("/ui/workshops/{id}/steps/{stage}", web::get().to(step));
    config.route("/ui/workshops/{id}/steps/{stage}/messages", web::get().to(older));
}

/// A step of a workshop.
#[derive(Template)]
#[template(path = "workshop/step.html")]
struct StepPage {
    shell: Shell,
    whole: Whole,
    links: Vec<StepLink>,
    step: Step,
    talk: Conversation,
    waiting: Waiting,
    artifact: Artifact,
    late: Vec<Late>,
}

/// Messages before those that are shown.
#[derive(Template)]
#[template(path = "workshop/older.html")]
struct Older {
    shell: Shell,
    talk: Conversation,
}

/// Which part of the conversation is shown.
#[derive(Debug, Deserialize)]
struct From {
    /// The place of the first message; without, the last messages are shown.
    #[serde(default, deserialize_with = "optional_number")]
    from: Option<u64>,
}

/// Which messages are asked for.
#[derive(Debug, Deserialize)]
struct Before {
    /// The place of the message after the last of them.
    #[serde(deserialize_with = "number")]
    before: u64,
}

/// Where a step is shown.
fn address(id: &EntityId, step: &impl Display) -> String {
    format!("/ui/workshops/{id}/steps/{step}")
}

fn see(address: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, address)).finish()
}

/// Leads to the step to go on with.
async fn workshop(app: Data<App>, _: Shell, at: At<EntityAt>) -> Answer<HttpResponse> {
    let view = app.workshops.get(&at.id).view().await?;
    Ok(see(&address(&at.id, &current_step(&view.state))))
}

/// A step that was begun; for another one, leads to where the work is.
async fn step(
    app: Data<App>,
    shell: Shell,
    at: At<StageAt>,
    asked: Params<From>,
) -> Answer<Either<Html, HttpResponse>> {
    let workshop = app.workshops.get(&at.id);
    let view = workshop.view().await?;
    let entered = enter(&view.state, &at.stage)?;
    if *entered != at.stage {
        return Ok(Either::Right(see(&address(&at.id, entered))));
    }
    let count = view.state.step(&at.stage)?.messages;
    // What the page says about the step is of the moment at which the messages were read.
    let (view, messages) = conversation::read(&workshop, &at.stage, asked.from, count).await?;
    let template = workshop.template().await?;
    let artifact = Artifact::read(&workshop, &at.stage, &view, &template).await?;
    let late = late::read(&workshop, &at.stage, &view).await?;
    let step = Step::new(&workshop, &at.stage, &view, &template).await?;
    let whole = Whole::new(&at.id, &view, &template);
    let shell = shell.titled(format!("{} · {}", step.title, whole.title)).about("workshop", &at.id);
    let shell = shell.style("workshop.css").script("workshop.js");
    let waiting = Waiting::new(&at.stage, &view, &messages)?;
    let page = shell.page(|shell| StepPage {
        shell,
        links: step::links(&at.id, &at.stage, &view, &template),
        waiting,
        talk: Conversation::new(&at.id, &at.stage, &view, &template, &messages),
        whole,
        step,
        artifact,
        late,
    })?;
    Ok(Either::Left(page))
}

/// A piece of the conversation for who scrolls up.
async fn older(app: Data<App>, shell: Shell, at: At<StageAt>, asked: Params<Before>) -> Answer<Html> {
    let workshop = app.workshops.get(&at.id);
    let (view, messages) = conversation::before(&workshop, &at.stage, asked.before).await?;
    let template = workshop.template().await?;
    let talk = Conversation::new(&at.id, &at.stage, &view, &template, &messages);
    shell.page(|shell| Older { shell, talk })
}
