//! `/v1/examples`: something to look at and to play with, for whoever begins.

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, Responder, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::api::{Example, LoadedExample};
use crate::http::address::At;
use crate::http::caller::Writer;
use crate::http::problem::Answer;
use crate::http::state::App;

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(load_example);
}

/// What an example is asked for of.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct ExampleAt {
    /// The kind: `workshop`, `task` or `workflow`.
    kind: String,
}

/// An example that is there.
#[derive(Debug, Serialize, ToSchema)]
struct ExampleLoaded {
    /// What it is: `workshop`, `task` or `workflow`.
    kind: &'static str,
    /// Its id.
    id: String,
    /// Whether it was made now. Otherwise it is as somebody left it.
    new: bool,
}

impl Responder for ExampleLoaded {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let status = if self.new { StatusCode::CREATED } else { StatusCode::OK };
        let place = format!("/v1/{}s/{}", self.kind, self.id);
        HttpResponse::build(status).insert_header((LOCATION, place)).json(self)
    }
}

/// Loads an example.
///
/// A workshop some steps in, a task on a small repository that is made for it, or a workflow with workers for show that
/// end with the server. There is one of each kind: asked again, the answer leads to the one that is there.
#[utoipa::path(tag = "examples", security(("token" = ["write"])), params(ExampleAt), responses(
    (status = 201, description = "It is made.", body = ExampleLoaded),
    (status = 200, description = "It was there already.", body = ExampleLoaded)))]
#[post("/v1/examples/{kind}")]
async fn load_example(app: Data<App>, caller: Writer, at: At<ExampleAt>) -> Answer<ExampleLoaded> {
    let example: Example = at.kind.parse()?;
    let LoadedExample { id, is_new, .. } =
        app.restage.examples().by(&caller.name).from(&caller.from).load(example).await?;
    Ok(ExampleLoaded { kind: example.kind(), id: id.to_string(), new: is_new })
}
