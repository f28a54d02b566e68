//! How it is with the server: for whoever starts, watches and stops it.

use actix_web::get;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Json};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::problem::{Answer, Problem};
use super::state::{App, Phase};

/// How it is.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// What runs here.
#[derive(Debug, Serialize, ToSchema)]
struct Version {
    #[schema(example = "restage")]
    name: &'static str,
    #[schema(example = "0.1.0")]
    version: &'static str,
}

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(livez).service(readyz).service(version);
}

/// Whether the process lives.
///
/// Answers as long as requests are handled at all, whatever else is wrong.
#[utoipa::path(tag = "server", security(()), responses((status = 200, description = "It lives.", body = Health)))]
#[get("/livez")]
async fn livez() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether requests will be served.
///
/// Not while it starts or stops, and not after a failed write: the process has to be started again then.
#[utoipa::path(
    tag = "server",
    security(()),
    responses((status = 200, description = "It serves.", body = Health))
)]
#[get("/readyz")]
async fn readyz(app: Data<App>) -> Answer<Json<Health>> {
    match app.life.phase() {
        Phase::Starting => return Err(Problem::unavailable("starting", "the server is starting")),
        Phase::Stopping => return Err(Problem::unavailable("stopping", "the server is stopping")),
        Phase::Ready => {}
    }
    if app.restage.stats().failure.is_some() {
        let problem =
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "poisoned", "the store stopped after a failed write");
        return Err(problem.hint("start the server again: it reads from disk what is true"));
    }
    Ok(Json(Health { status: "ready" }))
}

/// What runs here.
///
/// The program and its version.
#[utoipa::path(tag = "server", security(()), responses((status = 200, description = "The version.", body = Version)))]
#[get("/version")]
async fn version() -> Json<Version> {
    Json(Version { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") })
}
