//! Webhooks: events sent to other programs.

use actix_web::http::header::ETAG;
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, delete, get, patch, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::api::events::Offset;
use crate::api::webhook::{Hook, Secret, Selection};
use crate::api::{EntityId, Error, WebhookChange};
use crate::http::answer::Seen;
use crate::http::body::Body;
use crate::http::caller::{Admin, Caller};
use crate::http::page::{Page, Paging, PagingParameters};
use crate::http::problem::Answer;
use crate::http::state::App;
use crate::http::terms::Terms;
use crate::http::wire::rfc3339;

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(create_webhook).service(list_webhooks).service(get_webhook).service(change_webhook);
    config.service(remove_webhook).service(rotate_webhook_secret).service(test_webhook);
}

/// A webhook to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewWebhook {
    /// Its id, which is never given again.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$", example = "chat")]
    id: String,
    /// Where events are sent to: https, at a host that the server's settings list.
    #[schema(max_length = 2000, format = "uri", example = "https://hooks.example.org/restage")]
    url: String,
    #[serde(default)]
    events: Wanted,
    /// Why.
    #[schema(max_length = 2000)]
    reason: Option<String>,
}

/// Which events are sent: of one of these kinds, ids and types. What is empty lets everything through.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Wanted {
    /// Kinds of entities.
    #[schema(max_items = 64, example = json!(["workshop"]))]
    kinds: Vec<String>,
    /// Ids of entities.
    #[schema(max_items = 64, example = json!([]))]
    ids: Vec<String>,
    /// Types of events.
    #[schema(max_items = 64, example = json!(["workshop.step_reset"]))]
    types: Vec<String>,
}

/// What of a webhook is to be changed. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangedWebhook {
    /// Where events are sent to.
    #[schema(max_length = 2000, format = "uri")]
    url: Option<String>,
    events: Option<Wanted>,
    /// Whether events are sent. Enabled again, it goes on where it was.
    enabled: Option<bool>,
    /// Why.
    #[schema(max_length = 2000)]
    reason: Option<String>,
}

/// Why something is asked.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WebhookReason {
    /// Why.
    #[schema(max_length = 2000)]
    reason: Option<String>,
}

/// A webhook, without its secret.
#[derive(Debug, Serialize, ToSchema)]
struct Webhook {
    id: String,
    url: String,
    events: Wanted,
    enabled: bool,
    /// The offset up to which its receiver has everything.
    delivered: String,
    /// Since when every delivery fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    failing_since: Option<String>,
    /// Why the last delivery failed, or it was disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    problem: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
}

/// A secret that was made. This is the only time that it is shown.
#[derive(Debug, Serialize, ToSchema)]
struct WebhookSecret {
    id: String,
    /// What deliveries are signed with.
    secret: String,
    /// The webhook's revision.
    revision: u64,
}

/// What came of a trial.
#[derive(Debug, Serialize, ToSchema)]
struct WebhookTrial {
    /// Whether the receiver took the delivery.
    delivered: bool,
    /// What it answered then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    status: Option<u16>,
    /// Why it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    problem: Option<String>,
}

/// A change that was made.
#[derive(Debug, Serialize, ToSchema)]
struct WebhookRevision {
    id: String,
    /// The webhook's revision.
    revision: u64,
}

impl From<Wanted> for Selection {
    fn from(wanted: Wanted) -> Self {
        let Wanted { kinds, ids, types } = wanted;
        let set = |values: Vec<String>| values.into_iter().collect();
        Self { kinds: set(kinds), ids: set(ids), types: set(types) }
    }
}

impl From<Selection> for Wanted {
    fn from(selection: Selection) -> Self {
        let Selection { kinds, ids, types } = selection;
        Self { kinds: kinds.into_iter().collect(), ids: ids.into_iter().collect(), types: types.into_iter().collect() }
    }
}

impl Webhook {
    fn of(id: &EntityId, hook: Hook) -> Self {
        Self {
            id: id.to_string(),
            url: hook.url,
            events: hook.selection.into(),
            enabled: hook.enabled,
            delivered: Offset::from(hook.reached).to_string(),
            failing_since: hook.failing_since.map(rfc3339),
            problem: hook.problem,
            created_at: rfc3339(hook.created_at),
        }
    }
}

/// Make a webhook.
///
/// It is sent what happens from now on, in order and at least once. Deliveries are signed with the secret that this answer
/// shows, this once: `Restage-Signature: t=SECONDS,v1=HEX`, the HMAC-SHA-256 of `SECONDS.BODY`.
#[utoipa::path(
    tag = "webhooks",
    security(("token" = ["admin"])),
    request_body = NewWebhook,
    responses((status = 201, description = "The secret.", body = WebhookSecret))
)]
#[post("/v1/webhooks")]
async fn create_webhook(app: Data<App>, caller: Admin, body: Body<NewWebhook>) -> Answer<HttpResponse> {
    let NewWebhook { id, url, events, reason } = body.into_inner();
    let id = EntityId::new(&id).map_err(Error::from)?;
    let webhook = asked(&app, &caller, &Terms::default(), &id, reason);
    let (secret, revision) = app.webhooks.create(&webhook, &url, events.into()).await?;
    Ok(secret_answer(HttpResponse::Created(), &id, &secret, revision))
}

/// List webhooks.
///
/// By id, without their secrets.
#[utoipa::path(
    tag = "webhooks",
    security(("token" = ["admin"])),
    params(PagingParameters),
    responses((status = 200, description = "A page of webhooks.", body = Page<Webhook>))
)]
#[get("/v1/webhooks")]
async fn list_webhooks(app: Data<App>, _caller: Admin, paging: Paging) -> Answer<Page<Webhook>> {
    let after = paging.after.clone().unwrap_or_default();
    let hooks = app.webhooks.list().await?.into_iter().filter(|(id, _)| id.as_str() > after.as_str());
    let read = hooks.take(paging.to_read()).map(|(id, hook)| Webhook::of(&id, hook)).collect();
    Ok(paging.page(read, |webhook| webhook.id.clone()))
}

/// Look at a webhook.
///
/// How far its receiver is, and what keeps it.
#[utoipa::path(
    tag = "webhooks",
    security(("token" = ["admin"])),
    params(("id" = String, Path, description = "The id of the webhook.")),
    responses((status = 200, description = "The webhook.", body = Webhook))
)]
#[get("/v1/webhooks/{id}")]
async fn get_webhook(app: Data<App>, _caller: Admin, id: Path<String>) -> Answer<Seen<Webhook>> {
    let id = EntityId::new(&*id).map_err(Error::from)?;
    let (hook, revision) = app.webhooks.look(&id).await?;
    Ok(Seen { revision, body: Webhook::of(&id, hook) })
}

/// Change a webhook.
///
/// A webhook that was disabled goes on where it was when it is enabled.
#[utoipa::path(
    tag = "webhooks",
    security(("token" = ["admin"])),
    params(("id" = String, Path, description = "The id of the webhook.")),
    request_body = ChangedWebhook,
    responses((status = 200, description = "It is changed.", body = WebhookRevision))
)]
#[patch("/v1/webhooks/{id}")]
async fn change_webhook(
    app: Data<App>,
    caller: Admin,
    terms: Terms,
    id: Path<String>,
    body: Body<ChangedWebhook>,
) -> Answer<Seen<WebhookRevision>> {
    let id = EntityId::new(&*id).map_err(Error::from)?;
    let ChangedWebhook { url, events, enabled, reason } = body.into_inner();
    let change = WebhookChange { url, selection: events.map(Selection::from), enabled };
    let revision = app.webhooks.change(&asked(&app, &caller, &terms, &id, reason), change).await?;
    Ok(changed(&id, revision))
}

/// Remove a webhook.
///
/// Nothing is sent to it any more. Its id is not given again.
#[utoipa::path(
    tag = "webhooks",
    security(("token" = ["admin"])),
    params(("id" = String, Path, description = "The id of the webhook.")),
    responses((status = 200, description = "It is removed.", body = WebhookRevision))
)]
#[delete("/v1/webhooks/{id}")]
async fn remove_webhook(
    app: Data<App>,
    caller: Admin,
    terms: Terms,
    id: Path<String>,
) -> Answer<Seen<WebhookRevision>> {
    let id = EntityId::new(&*id).map_err(Error::from)?;
    let revision = app.webhooks.remove(&asked(&app, &caller, &terms, &id, None)).await?;
    Ok(changed(&id, revision))
}

/// Give a webhook another secret.
///
/// Deliveries are signed with it from now on. It is shown in this answer and never again.
#[utoipa::path(
    tag = "webhooks",
    security(("token" = ["admin"])),
    params(("id" = String, Path, description = "The id of the webhook.")),
    request_body = WebhookReason,
    responses((status = 200, description = "The secret.", body = WebhookSecret))
)]
#[post("/v1/webhooks/{id}/secret")]
async fn rotate_webhook_secret(
    app: Data<App>,
    caller: Admin,
    id: Path<String>,
    body: Body<WebhookReason>,
) -> Answer<HttpResponse> {
    let id = EntityId::new(&*id).map_err(Error::from)?;
    let webhook = asked(&app, &caller, &Terms::default(), &id, body.into_inner().reason);
    let (secret, revision) = app.webhooks.rotate(&webhook).await?;
    Ok(secret_answer(HttpResponse::Ok(), &id, &secret, revision))
}

/// Try a webhook.
///
/// Sends a delivery without events, signed like any other, and says what came of it.
#[utoipa::path(
    tag = "webhooks",
    security(("token" = ["admin"])),
    params(("id" = String, Path, description = "The id of the webhook.")),
    responses((status = 200, description = "What came of it.", body = WebhookTrial))
)]
#[post("/v1/webhooks/{id}/test")]
async fn test_webhook(app: Data<App>, _caller: Admin, id: Path<String>) -> Answer<Json<WebhookTrial>> {
    let id = EntityId::new(&*id).map_err(Error::from)?;
    let trial = app.webhooks.test(&id).await?;
    Ok(Json(WebhookTrial { delivered: trial.problem.is_none(), status: trial.status, problem: trial.problem }))
}

type Handle = crate::api::Handle<crate::api::webhook::WebhookKind>;

fn asked(app: &App, caller: &Caller, terms: &Terms, id: &EntityId, reason: Option<String>) -> Handle {
    let webhook = terms.handle(&app.webhooks.entity(id), caller);
    match reason {
        Some(reason) => webhook.reason(reason),
        None => webhook,
    }
}

fn changed(id: &EntityId, revision: u64) -> Seen<WebhookRevision> {
    Seen { revision, body: WebhookRevision { id: id.to_string(), revision } }
}

fn secret_answer(
    mut answer: actix_web::HttpResponseBuilder,
    id: &EntityId,
    secret: &Secret,
    revision: u64,
) -> HttpResponse {
    let shown = WebhookSecret { id: id.to_string(), secret: secret.0.clone(), revision };
    answer.insert_header((ETAG, format!("\"{revision}\""))).json(shown)
}
