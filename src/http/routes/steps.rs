//! `/v1/workshops/{id}/steps/{stage}`: the conversation, artifact and summary of a step, and getting on.

use actix_web::http::StatusCode;
use actix_web::http::header::ETAG;
use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, get, post, put};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::workshops::existing;
use crate::api::{Generation, Receipt, StageId, Workshop, workshop};
use crate::http::address::{At, Params, StageAt, optional_number};
use crate::http::answer::{Done, Nothing};
use crate::http::body::Body;
use crate::http::caller::{Reader, Writer};
use crate::http::page::{Page, Paging, PagingParameters};
use crate::http::problem::Answer;
use crate::http::state::App;
use crate::http::terms::Terms;
use crate::http::wire::{Kept, Message, Saved};

/// Largest body that brings messages, or an artifact.
const CONTENT_BYTES_MAX: usize = 16 << 20;

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list_messages).service(save_messages).service(draft_messages).service(edit_message);
    config.service(open_step).service(back_from_step).service(put_sub_step);
    config.service(get_artifact).service(put_artifact).service(confirm_artifact);
    config.service(get_summary).service(put_summary).service(next_step);
}

/// Which messages are read.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct MessagesParams {
    /// An older generation, as long as an undo point keeps it.
    #[serde(default, deserialize_with = "optional_number")]
    generation: Option<u64>,
}

/// Messages to be saved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SaveMessages {
    /// The generation that the writer works under; the one that holds, where none is given.
    #[schema(minimum = 1)]
    generation: Option<u64>,
    /// The conversation within the step; the main one, where none is given.
    #[schema(max_length = 40)]
    session: Option<String>,
    /// The messages, in order.
    #[schema(max_items = 1000)]
    messages: Vec<Message>,
}

/// A message to be replaced.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EditMessage {
    /// The generation that the writer works under.
    #[schema(minimum = 1)]
    generation: Option<u64>,
    /// The conversation within the step.
    #[schema(max_length = 40)]
    session: Option<String>,
    /// The message as it should be.
    message: Message,
}

/// A step of the workshop.
#[derive(Debug, Serialize, ToSchema)]
struct StepNamed {
    /// The step.
    step: String,
}

/// Where to go on in a step.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SubStepNamed {
    /// The sub-step.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    sub_step: String,
}

/// An artifact to be written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WriteArtifact {
    /// The generation that the writer works under.
    #[schema(minimum = 1)]
    generation: Option<u64>,
    /// The version that the writer saw, 0 for none; whatever is there is overwritten where it is not given. `If-Match` says
    /// the same.
    version: Option<u64>,
    /// The artifact: kept byte for byte.
    #[schema(value_type = Object)]
    artifact: Box<RawValue>,
}

/// An artifact was written.
#[derive(Debug, Serialize, ToSchema)]
struct WrittenArtifact {
    /// Under this version.
    version: u64,
}

/// An artifact to be confirmed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ConfirmArtifact {
    /// The generation that the person looked at.
    #[schema(minimum = 1)]
    generation: Option<u64>,
    /// The version that the person looked at.
    version: Option<u64>,
}

/// A summary to be written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WriteSummary {
    /// The generation that it sums up.
    #[schema(minimum = 1)]
    generation: Option<u64>,
    /// Three or four points, 150 words at most.
    #[schema(min_items = 3, max_items = 4)]
    points: Vec<String>,
}

/// The points of a summary.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SummaryPoints)]
struct Points {
    /// Three or four.
    points: Vec<String>,
}

/// A step to be completed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NextStep {
    /// The generation that the person looked at.
    #[schema(minimum = 1)]
    generation: Option<u64>,
    /// Its summary; without one it is marked as missing.
    #[schema(min_items = 3, max_items = 4)]
    summary: Option<Vec<String>>,
}

/// What completing or accepting a step came to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Progress {
    /// The step to go on with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    entered: Option<String>,
    /// Whether the workshop is completed by this.
    workshop_completed: bool,
    /// Stale steps that are again what they were.
    unblocked: Vec<String>,
}

impl From<crate::api::Progress> for Progress {
    fn from(progress: crate::api::Progress) -> Self {
        Self {
            entered: progress.entered.map(Into::into),
            workshop_completed: progress.workshop_completed,
            unblocked: progress.unblocked.into_iter().map(Into::into).collect(),
        }
    }
}

/// The workshop as this writer has it: under a generation, in a session.
pub(super) fn writing(workshop: Workshop, generation: Option<u64>, session: Option<&str>) -> Workshop {
    let workshop = generation.map(Generation).into_iter().fold(workshop, |workshop, at| workshop.under(at));
    session.into_iter().fold(workshop, |workshop, session| workshop.session(session))
}

/// The conversation of a step.
///
/// All sessions, in the order in which messages were accepted. A page that goes on after the step went back is refused.
#[utoipa::path(tag = "workshops", security(("token" = ["read"])), params(StageAt, MessagesParams, PagingParameters),
    responses((status = 200, description = "The messages.", body = Page<Kept>)))]
#[get("/v1/workshops/{id}/steps/{stage}/messages")]
async fn list_messages(
    app: Data<App>,
    _: Reader,
    at: At<StageAt>,
    params: Params<MessagesParams>,
    paging: Paging,
) -> Answer<Page<Kept>> {
    let workshop = app.workshops.get(&at.id);
    let place =
        |key: &str| key.split_once('/').and_then(|(g, n)| Some((g.parse::<u64>().ok()?, n.parse::<u64>().ok()?)));
    let after = paging.after(place)?;
    let from = after.map_or(0, |(_, ordinal)| ordinal.saturating_add(1));
    let (view, messages) = workshop.page(&at.stage, from, paging.to_read()).await?;
    let current = view.generation(&at.stage);
    let asked = params.generation.map_or(current, Generation);
    if after.is_some_and(|(generation, _)| generation != asked.0) {
        let why = "the step went back while it was read";
        return Err(crate::api::Rejection::conflict("the conversation can't be read on", why, "read it again").into());
    }
    let messages = if asked == current {
        messages
    } else {
        let all = workshop.archived(&at.stage, asked).await?;
        all.into_iter().filter(|message| message.ordinal >= from).take(paging.to_read()).collect()
    };
    let page = paging.page(messages, |message| format!("{}/{}", asked.0, message.ordinal));
    Ok(page.map(|message| Kept::of(message, asked.0)))
}

/// Saves messages.
///
/// Durably. Saving the same again is harmless: a worse version never takes the place of a better one.
#[utoipa::path(tag = "workshops", security(("token" = ["write"])), params(StageAt), request_body = SaveMessages,
    responses((status = 200, description = "What became of each.", body = Done<Saved>)))]
#[post("/v1/workshops/{id}/steps/{stage}/messages")]
async fn save_messages(
    app: Data<App>,
    caller: Writer,
    at: At<StageAt>,
    terms: Terms,
    save: Body<SaveMessages, CONTENT_BYTES_MAX>,
) -> Answer<Done<Saved>> {
    let SaveMessages { generation, session, messages } = save.into_inner();
    let workshop = terms.handle(&app.workshops.get(&at.id), &caller);
    let workshop = writing(workshop, generation, session.as_deref());
    Ok(Done::new(workshop.save(&at.stage, to_save(messages)?).await?, Saved::from))
}

/// Saves messages as drafts.
///
/// The answer is immediate and says how much is `pending`: that is written after some quiet, and before anything else that
/// happens to the workshop. It takes no `Idempotency-Key`: saving the same again is harmless by itself.
#[utoipa::path(tag = "workshops", security(("token" = ["write"])), params(StageAt), request_body = SaveMessages,
    responses((status = 202, description = "What becomes of each.", body = Done<Saved>)))]
#[post("/v1/workshops/{id}/steps/{stage}/drafts")]
async fn draft_messages(
    app: Data<App>,
    caller: Writer,
    at: At<StageAt>,
    terms: Terms,
    save: Body<SaveMessages, CONTENT_BYTES_MAX>,
) -> Answer<Done<Saved>> {
    let SaveMessages { generation, session, messages } = save.into_inner();
    let workshop = terms.handle(&app.workshops.get(&at.id), &caller);
    let workshop = writing(workshop, generation, session.as_deref());
    let receipt = workshop.auto_save(&at.stage, to_save(messages)?).await?;
    Ok(Done::new(receipt, Saved::from).status(StatusCode::ACCEPTED))
}

fn to_save(messages: Vec<Message>) -> Answer<Vec<workshop::Message>> {
    Ok(messages.into_iter().map(workshop::Message::try_from).collect::<Result<_, _>>()?)
}

/// Replaces a message.
///
/// On purpose, a finished one too.
#[utoipa::path(tag = "workshops", security(("token" = ["write"])), params(StageAt), request_body = EditMessage,
    responses((status = 200, description = "What became of it.", body = Done<Saved>)))]
#[post("/v1/workshops/{id}/steps/{stage}/edit")]
async fn edit_message(
    app: Data<App>,
    caller: Writer,
    at: At<StageAt>,
    terms: Terms,
    edit: Body<EditMessage, CONTENT_BYTES_MAX>,
) -> Answer<Done<Saved>> {
    let EditMessage { generation, session, message } = edit.into_inner();
    let workshop = terms.handle(&app.workshops.get(&at.id), &caller);
    let workshop = writing(workshop, generation, session.as_deref());
    Ok(Done::new(workshop.edit(&at.stage, message.try_into()?).await?, Saved::from))
}

/// Goes to a step.
///
/// Says where a request for it leads: to the step in progress, if it was not begun. Pending drafts are written first, under
/// the step that they were made for; nothing else changes.
#[utoipa::path(tag = "workshops", security(("token" = ["write"])), params(StageAt),
    responses((status = 200, description = "Where it leads.", body = StepNamed)))]
#[post("/v1/workshops/{id}/steps/{stage}/open")]
async fn open_step(app: Data<App>, caller: Writer, at: At<StageAt>) -> Answer<Json<StepNamed>> {
    let workshop = Terms::default().handle(&existing(&app, &at.id).await?, &caller);
    Ok(Json(StepNamed { step: workshop.open(&at.stage).await?.to_string() }))
}

/// Goes to the step before.
///
/// Changes nothing, but that pending drafts are written first.
#[utoipa::path(tag = "workshops", security(("token" = ["write"])), params(StageAt),
    responses((status = 200, description = "Where it leads.", body = StepNamed)))]
#[post("/v1/workshops/{id}/steps/{stage}/back")]
async fn back_from_step(app: Data<App>, caller: Writer, at: At<StageAt>) -> Answer<Json<StepNamed>> {
    let workshop = Terms::default().handle(&existing(&app, &at.id).await?, &caller);
    Ok(Json(StepNamed { step: workshop.back(&at.stage).await?.to_string() }))
}

/// Goes to another sub-step.
///
/// Messages that are saved from then on belong to it.
#[utoipa::path(tag = "workshops", security(("token" = ["write"])), params(StageAt), request_body = SubStepNamed,
    responses((status = 200, description = "It is worked on.", body = Done<Nothing>)))]
#[put("/v1/workshops/{id}/steps/{stage}/sub-step")]
async fn put_sub_step(
    app: Data<App>,
    caller: Writer,
    at: At<StageAt>,
    terms: Terms,
    to: Body<SubStepNamed>,
) -> Answer<Done<Nothing>> {
    let workshop = terms.handle(&app.workshops.get(&at.id), &caller);
    Ok(Done::new(workshop.sub_step(&at.stage, &StageId::new(&to.sub_step)?).await?, |()| Nothing {}))
}

/// The artifact of a step.
///
/// Byte for byte as it came in. The `ETag` is its version.
#[utoipa::path(tag = "workshops", security(("token" = ["read"])), params(StageAt),
    responses((status = 200, description = "The artifact.", body = Object, content_type = "application/json")))]
#[get("/v1/workshops/{id}/steps/{stage}/artifact")]
async fn get_artifact(app: Data<App>, _: Reader, at: At<StageAt>) -> Answer<HttpResponse> {
    let (version, json) = app.workshops.get(&at.id).artifact_version(&at.stage).await?;
    let mut answer = HttpResponse::Ok();
    answer.content_type("application/json").insert_header((ETAG, format!("\"{version}\"")));
    Ok(answer.body(json))
}

/// Writes the artifact of a step.
///
/// As a new version, checked by the schema of the template, and not confirmed. `If-Match` names the version that the writer
/// saw.
#[utoipa::path(tag = "workshops", security(("token" = ["write"])), params(StageAt), request_body = WriteArtifact,
    responses((status = 200, description = "It is written.", body = Done<WrittenArtifact>)))]
#[put("/v1/workshops/{id}/steps/{stage}/artifact")]
async fn put_artifact(
    app: Data<App>,
    caller: Writer,
    at: At<StageAt>,
    terms: Terms,
    write: Body<WriteArtifact, CONTENT_BYTES_MAX>,
) -> Answer<Done<WrittenArtifact>> {
    let write = write.into_inner();
    // Here a tag is the artifact's version, not the workshop's revision.
    let (expected, terms) = (terms.revision.or(write.version), Terms { revision: None, ..terms });
    let workshop = terms.handle(&app.workshops.get(&at.id), &caller);
    let workshop = writing(workshop, write.generation, None);
    let receipt: Receipt<u64> = workshop.artifact(&at.stage, write.artifact.get(), expected).await?;
    Ok(Done::new(receipt, |version| WrittenArtifact { version }))
}

/// Confirms the artifact of a step.
///
/// As of the version that the person looked at.
#[utoipa::path(tag = "workshops", security(("token" = ["write"])), params(StageAt), request_body = ConfirmArtifact,
    responses((status = 200, description = "It is confirmed.", body = Done<Nothing>)))]
#[post("/v1/workshops/{id}/steps/{stage}/artifact/confirm")]
async fn confirm_artifact(
    app: Data<App>,
    caller: Writer,
    at: At<StageAt>,
    terms: Terms,
    confirm: Body<ConfirmArtifact>,
) -> Answer<Done<Nothing>> {
    let (version, terms) = (terms.revision.or(confirm.version), Terms { revision: None, ..terms });
    let workshop = terms.handle(&app.workshops.get(&at.id), &caller);
    let workshop = writing(workshop, confirm.generation, None);
    Ok(Done::new(workshop.confirm(&at.stage, version).await?, |()| Nothing {}))
}

/// The summary of a step.
///
/// Its points.
#[utoipa::path(tag = "workshops", security(("token" = ["read"])), params(StageAt),
    responses((status = 200, description = "The points.", body = Points)))]
#[get("/v1/workshops/{id}/steps/{stage}/summary")]
async fn get_summary(app: Data<App>, _: Reader, at: At<StageAt>) -> Answer<Json<Points>> {
    Ok(Json(Points { points: app.workshops.get(&at.id).summary_points(&at.stage).await? }))
}

/// Writes the summary of a step.
///
/// Of a complete one, where completion had to go on without it, or a better one.
#[utoipa::path(tag = "workshops", security(("token" = ["write"])), params(StageAt), request_body = WriteSummary,
    responses((status = 200, description = "It is written.", body = Done<Nothing>)))]
#[put("/v1/workshops/{id}/steps/{stage}/summary")]
async fn put_summary(
    app: Data<App>,
    caller: Writer,
    at: At<StageAt>,
    terms: Terms,
    write: Body<WriteSummary>,
) -> Answer<Done<Nothing>> {
    let WriteSummary { generation, points } = write.into_inner();
    let workshop = terms.handle(&app.workshops.get(&at.id), &caller);
    Ok(Done::new(writing(workshop, generation, None).summary(&at.stage, points).await?, |()| Nothing {}))
}

/// Completes a step.
///
/// And begins the next one.
#[utoipa::path(tag = "workshops", security(("token" = ["write"])), params(StageAt), request_body = NextStep,
    responses((status = 200, description = "It is complete.", body = Done<Progress>)))]
#[post("/v1/workshops/{id}/steps/{stage}/next")]
async fn next_step(
    app: Data<App>,
    caller: Writer,
    at: At<StageAt>,
    terms: Terms,
    next: Body<NextStep>,
) -> Answer<Done<Progress>> {
    let NextStep { generation, summary } = next.into_inner();
    let workshop = terms.handle(&app.workshops.get(&at.id), &caller);
    let workshop = writing(workshop, generation, None);
    Ok(Done::new(workshop.next(&at.stage, summary).await?, Progress::from))
}
