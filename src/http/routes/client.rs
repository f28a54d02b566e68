//! The JavaScript client, for pages of this server and for programs.

use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use actix_web::{HttpRequest, HttpResponse, get};
use sha2::{Digest as _, Sha256};
use utoipa_actix_web::service_config::ServiceConfig;

/// The client itself.
pub(in crate::http) const CLIENT: &str = include_str!("../client/restage.js");

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(javascript_client);
}

/// The JavaScript client.
///
/// An ES module without dependencies: requests that are safe to repeat, auto-save, and the stream of events.
#[utoipa::path(
    tag = "server",
    security(()),
    responses(
        (status = 200, description = "The module.", content_type = "text/javascript", body = String),
        (status = 304, description = "It is as you have it.")
    )
)]
#[get("/client/restage.js")]
async fn javascript_client(request: HttpRequest) -> HttpResponse {
    let digest: String = Sha256::digest(CLIENT).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{digest}\"");
    let known = request.headers().get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut answer = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer.insert_header((ETAG, tag)).insert_header((CACHE_CONTROL, "no-cache"));
    if known { answer.finish() } else { answer.content_type("text/javascript; charset=utf-8").body(CLIENT) }
}
