//! What was said in a step before it went back, while that is kept.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use crate::api::workshop::{Role, StoredMessage};
use crate::api::{EntityId, Generation, StageId};
use crate::http::address::{At, Params, number, optional_number};
use crate::http::problem::Answer;
use crate::http::state::App;
use crate::http::web::html::Html;
use crate::http::web::shell::Shell;
use crate::http::web::stages::page_of;
use crate::http::web::text::{Safe, line, markdown};
use crate::http::web::when::When;

/// Messages of one page.
const PER_PAGE: u64 = 50;

/// A generation of a step.
#[derive(Debug, Deserialize)]
pub(super) struct GenerationAt {
    id: EntityId,
    stage: StageId,
    #[serde(deserialize_with = "number")]
    generation: u64,
}

/// Where in the conversation.
#[derive(Debug, Deserialize)]
pub(super) struct Place {
    /// The first message of the page.
    #[serde(default, deserialize_with = "optional_number")]
    from: Option<u64>,
}

#[derive(Template)]
#[template(path = "history/archive.html")]
struct Archive<'a> {
    shell: Shell,
    id: &'a EntityId,
    stage: &'a StageId,
    generation: u64,
    entity_page: String,
    messages: Vec<Message>,
    all: usize,
    earlier: Option<u64>,
    later: Option<u64>,
}

struct Message {
    ordinal: u64,
    who: &'static str,
    at: When,
    text: Safe,
    id: Safe,
}

impl Message {
    fn of(stored: &StoredMessage) -> Self {
        let who = match stored.message.role {
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::System => "system",
            Role::Tool => "tool",
        };
        Self {
            ordinal: stored.ordinal,
            who,
            at: When(stored.at),
            text: markdown(&stored.message.content),
            id: line(&stored.message.id),
        }
    }
}

pub(super) async fn page(app: Data<App>, shell: Shell, at: At<GenerationAt>, place: Params<Place>) -> Answer<Html> {
    let said = app.workshops.get(&at.id).archived(&at.stage, Generation(at.generation)).await?;
    let all = said.len();
    let last = u64::try_from(all).unwrap_or(u64::MAX);
    let from = place.from.unwrap_or_else(|| last.saturating_sub(PER_PAGE)).min(last);
    let shown = said.iter().filter(|stored| (from..from.saturating_add(PER_PAGE)).contains(&stored.ordinal));
    let messages = shown.map(Message::of).collect();
    let title = format!("{}, generation {}", at.stage, at.generation);
    shell.titled(title).style("history.css").page(|shell| Archive {
        shell,
        id: &at.id,
        stage: &at.stage,
        generation: at.generation,
        entity_page: page_of("workshop", &at.id),
        messages,
        all,
        earlier: (from > 0).then(|| from.saturating_sub(PER_PAGE)),
        later: Some(from.saturating_add(PER_PAGE)).filter(|next| *next < last),
    })
}
