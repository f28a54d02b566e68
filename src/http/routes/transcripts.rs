//! Whole conversations in and out, byte for byte.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::api::transcript::{self, TranscriptError};
use crate::api::workshop::MAIN_SESSION;
use crate::api::{Generation, Imported};
use crate::http::address::{At, Params, StageAt, optional_number};
use crate::http::body::read_all;
use crate::http::caller::{Reader, Writer};
use crate::http::problem::{Answer, Problem};
use crate::http::state::App;
use crate::http::terms::Terms;
use crate::http::wire::Saved;

/// Largest conversation that is taken at once.
const TRANSCRIPT_BYTES_MAX: usize = 32 << 20;
/// The media types that a conversation may have. None is one that a page of another site could send unasked.
const MEDIA_TYPES: [&str; 3] = ["application/x-ndjson", "application/json", "application/octet-stream"];

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(export_transcript).service(import_transcript);
}

/// Which conversation.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TranscriptParams {
    /// The conversation within the step; the main one, where none is given.
    #[param(max_length = 40)]
    session: Option<String>,
    /// A generation: of an export an older one that an undo point keeps, of an import the one that the writer works under.
    #[serde(default, deserialize_with = "optional_number")]
    generation: Option<u64>,
}

/// What became of an import.
#[derive(Debug, Serialize, ToSchema)]
struct ImportedTranscript {
    #[serde(flatten)]
    saved: Saved,
    /// The workshop's revision after it.
    revision: u64,
}

/// A conversation as a file.
///
/// What was imported comes out byte for byte as it came in; the rest in the same layout.
#[utoipa::path(tag = "workshops", security(("token" = ["read"])), params(StageAt, TranscriptParams),
    responses((status = 200, description = "The file.", body = String, content_type = "application/octet-stream")))]
#[get("/v1/workshops/{id}/steps/{stage}/transcript")]
async fn export_transcript(
    app: Data<App>,
    _: Reader,
    at: At<StageAt>,
    params: Params<TranscriptParams>,
) -> Answer<HttpResponse> {
    let workshop = app.workshops.get(&at.id);
    let all = match params.generation {
        Some(generation) => workshop.archived(&at.stage, Generation(generation)).await?,
        None => workshop.conversation(&at.stage).await?,
    };
    let session = params.session.as_deref().unwrap_or(MAIN_SESSION);
    let own = all.iter().filter(|stored| stored.session == session).map(|stored| &stored.message);
    let bytes = transcript::write(own);
    let name = format!("attachment; filename=\"{}-{}.jsonl\"", at.id, at.stage);
    let mut answer = HttpResponse::Ok();
    answer.content_type("application/octet-stream").insert_header(("content-disposition", name));
    Ok(answer.body(bytes))
}

/// Takes a conversation in.
///
/// JSON Lines or one document, of messages with ids or as chat services have them. Nothing is saved unless all of the file
/// can be read. A long one is saved in several turns: if the step goes back meanwhile, the rest is turned away. It takes no
/// `Idempotency-Key`: importing the same again changes nothing.
#[utoipa::path(tag = "workshops", security(("token" = ["write"])), params(StageAt, TranscriptParams),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 200, description = "What became of each message.", body = ImportedTranscript)))]
#[post("/v1/workshops/{id}/steps/{stage}/transcript")]
async fn import_transcript(
    app: Data<App>,
    caller: Writer,
    at: At<StageAt>,
    params: Params<TranscriptParams>,
    request: HttpRequest,
    payload: Payload,
) -> Answer<Json<ImportedTranscript>> {
    check_headers(&request)?;
    let bytes = read_all(payload.into_inner(), TRANSCRIPT_BYTES_MAX, app.options.limits.body_time).await?;
    let read = actix_web::web::block(move || transcript::read(&bytes)).await.map_err(|_| Problem::internal())?;
    let messages = read.map_err(|error| unreadable(&error))?;
    let workshop = Terms::default().handle(&app.workshops.get(&at.id), &caller);
    let workshop = workshop.session(params.session.as_deref().unwrap_or(MAIN_SESSION));
    let workshop = params.generation.map(Generation).into_iter().fold(workshop, |workshop, at| workshop.under(at));
    let Imported { outcomes, revision, .. } = workshop.import(&at.stage, messages).await?;
    Ok(Json(ImportedTranscript { saved: outcomes.into(), revision }))
}

fn check_headers(request: &HttpRequest) -> Answer<()> {
    let of = request.headers().get(CONTENT_TYPE).and_then(|of| of.to_str().ok()).unwrap_or_default();
    let name = of.split(';').next().unwrap_or_default().trim();
    let known = MEDIA_TYPES.iter().any(|known| name.eq_ignore_ascii_case(known));
    if known && !request.headers().contains_key(CONTENT_ENCODING) {
        return Ok(());
    }
    let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type", "the body is no conversation");
    Err(problem.hint(format!("send it as it is, with a Content-Type of {}", MEDIA_TYPES.join(", "))))
}

fn unreadable(error: &TranscriptError) -> Problem {
    let detail = format!("the conversation can't be read: {error}");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "transcript", detail).hint(error.hint())
}
