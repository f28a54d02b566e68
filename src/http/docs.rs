//! The page of the OpenAPI document. All of it comes from this server.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{self, CONTENT_ENCODING, LOCATION};
use actix_web::web::{self, Path};
use utoipa_actix_web::service_config::ServiceConfig;
use utoipa_swagger_ui::Config;

use super::problem::{Answer, Problem};

/// The page's scripts are its own files; its styles are made by its scripts.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    // Relative links on the page need the slash.
    config.route(
        "/docs",
        web::get().to(|| async { HttpResponse::PermanentRedirect().insert_header((LOCATION, "/docs/")).finish() }),
    );
    config.route("/docs/{file:[a-z0-9.-]*}", web::get().to(file));
}

async fn file(name: Path<String>) -> Answer<HttpResponse> {
    let none = || Problem::new(actix_web::http::StatusCode::NOT_FOUND, "no_such_route", "there is no such route");
    let config = Config::from("/v1/openapi.json").validator_url("none").display_operation_id(true);
    let file = utoipa_swagger_ui::serve(&name, Arc::new(config)).ok().flatten().ok_or_else(none)?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CONTENT_SECURITY_POLICY, POLICY));
    answer.insert_header((header::CACHE_CONTROL, "no-cache"));
    if file.gzpipped {
        answer.insert_header((CONTENT_ENCODING, "gzip"));
    }
    Ok(answer.content_type(file.content_type).body(file.bytes.into_owned()))
}
