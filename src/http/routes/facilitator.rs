//! `/v1/workshops/{id}/steps/{stage}/ask` and `.../artifact/extract`: what the facilitator is asked for.

use actix_web::http::StatusCode;
use actix_web::post;
use actix_web::web::Data;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::steps::writing;
use crate::api::{StageId, workshop};
use crate::http::address::{At, StageAt};
use crate::http::answer::{Done, Nothing};
use crate::http::body::Body;
use crate::http::caller::Writer;
use crate::http::problem::Answer;
use crate::http::state::App;
use crate::http::terms::Terms;
use crate::http::wire::Saved;

/// Largest body that brings what a person says.
const ASK_BYTES_MAX: usize = 16 << 20;

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(ask_facilitator).service(extract_artifact);
}

/// What a person says to the facilitator.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AskFacilitator {
    /// The generation that the person looked at; the one that holds, where none is given.
    #[schema(minimum = 1)]
    generation: Option<u64>,
    /// The conversation within the step; the main one, where none is given.
    #[schema(max_length = 40)]
    session: Option<String>,
    /// The id of the message. Asked again with the same, an answer that came to nothing is tried again.
    #[schema(min_length = 1, max_length = 200)]
    id: String,
    /// What is said.
    #[schema(min_length = 1)]
    content: String,
    /// The sub-step it belongs to; the active one where it is not given.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    sub_step: Option<String>,
}

/// An artifact to be extracted.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ExtractArtifact {
    /// The generation that the person looked at; the one that holds, where none is given.
    #[schema(minimum = 1)]
    generation: Option<u64>,
}

/// Asks the facilitator.
///
/// Saves what the person says, durably, and has the facilitator answer it. The answer comes as a message of the conversation;
/// while it is said, as events `live` of the stream of events under the name `reply`. The step tells under `awaits` that an
/// answer is awaited, and under `problem` why there is none.
#[utoipa::path(tag = "workshops", security(("token" = ["write"])), params(StageAt), request_body = AskFacilitator,
    responses((status = 202, description = "What became of the message; the answer follows.", body = Done<Saved>)))]
#[post("/v1/workshops/{id}/steps/{stage}/ask")]
async fn ask_facilitator(
    app: Data<App>,
    caller: Writer,
    at: At<StageAt>,
    terms: Terms,
    ask: Body<AskFacilitator, ASK_BYTES_MAX>,
) -> Answer<Done<Saved>> {
    let AskFacilitator { generation, session, id, content, sub_step } = ask.into_inner();
    let workshop = terms.handle(&app.workshops.get(&at.id), &caller);
    let workshop = writing(workshop, generation, session.as_deref());
    let sub_step = sub_step.map(StageId::new).transpose().map_err(crate::api::Error::from)?;
    let message = workshop::Message { sub_step, ..workshop::Message::user(id, content) };
    Ok(Done::new(workshop.ask(&at.stage, message).await?, Saved::from).status(StatusCode::ACCEPTED))
}

/// Extracts the artifact of a step.
///
/// Has the facilitator make it from the conversation, by the schema of the step. It comes as a new version, not confirmed.
#[utoipa::path(tag = "workshops", security(("token" = ["write"])), params(StageAt), request_body = ExtractArtifact,
    responses((status = 202, description = "It is under way.", body = Done<Nothing>)))]
#[post("/v1/workshops/{id}/steps/{stage}/artifact/extract")]
async fn extract_artifact(
    app: Data<App>,
    caller: Writer,
    at: At<StageAt>,
    terms: Terms,
    extract: Body<ExtractArtifact>,
) -> Answer<Done<Nothing>> {
    let workshop = writing(terms.handle(&app.workshops.get(&at.id), &caller), extract.generation, None);
    Ok(Done::new(workshop.extract(&at.stage).await?, |()| Nothing {}).status(StatusCode::ACCEPTED))
}
