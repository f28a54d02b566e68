//! The OpenAPI document, made of the handlers themselves, and its page.

use std::collections::{HashMap, HashSet};

use actix_web::HttpResponse;
use actix_web::get;
use actix_web::web::{Bytes, Data};
use utoipa::OpenApi as _;
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{OpenApi, Ref, RefOr, Required, Response, ResponseBuilder, Schema};
use utoipa_actix_web::AppExt as _;
use utoipa_actix_web::service_config::ServiceConfig;

use super::problem::{self, Sent};
use super::routes;
use super::state::App;

/// The document's frame; routes fill it.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "restage",
        description = "Staged work that can be taken back: workshops, tasks and workflows, reset, restarted and undone \
                       at any time, with no late writer and no crash to spoil it.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    servers((url = "/", description = "This server")),
    components(schemas(Sent<'static>)),
    tags(
        (name = "workshops", description = "Steps with a conversation, an artifact and a summary each."),
        (name = "tasks", description = "Pipelines in git worktrees, worked on by agents."),
        (name = "workflows", description = "Gates with tasks that workers claim from queues."),
        (name = "queues", description = "What workers ask for, and who they are."),
        (name = "batches", description = "The same verb on many entities, as a job that goes on by itself."),
        (name = "kept", description = "Histories, undo points, late work and the audit, of entities of every kind."),
        (name = "repositories", description = "Where tasks work."),
        (name = "templates", description = "What workshops and tasks are made from."),
        (name = "examples", description = "Something to look at and to play with."),
        (name = "events", description = "Everything that happens, as it happens."),
        (name = "webhooks", description = "Events that are sent to others."),
        (name = "commands", description = "Command lines that are typed elsewhere."),
        (name = "access", description = "Who may call: tokens, links, sessions."),
        (name = "threads", description = "Workflows at their first paths, as older clients know them."),
        (name = "server", description = "The server itself.")
    )
)]
struct Frame;

/// The document, as JSON.
pub(in crate::http) fn document() -> Bytes {
    let app = actix_web::App::new().into_utoipa_app().openapi(Frame::openapi()).configure(routes::all);
    let (_, mut document) = app.split_for_parts();
    complete(&mut document);
    // It has a JSON form; the test of the document would find out otherwise.
    document.to_json().unwrap_or_default().into()
}

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(openapi_document);
}

/// This document.
///
/// All operations, as OpenAPI 3.1 describes them. Clients can be generated from it.
#[utoipa::path(
    tag = "server",
    security(()),
    responses((status = 200, description = "The document.", content_type = "application/json", body = Object))
)]
#[get("/v1/openapi.json")]
async fn openapi_document(app: Data<App>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(Bytes::clone(&app.document))
}

/// Adds what holds for every operation: how callers prove who they are, and the form of every refusal.
fn complete(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("A token, with its role.")).build();
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    let cookie = ApiKeyValue::with_description("restage_session", "The session of a browser that signed in.");
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    let needs_nothing = |(name, schema): (&String, &RefOr<Schema>)| match schema {
        RefOr::T(Schema::Object(object)) if object.required.is_empty() => Some(format!("#/components/schemas/{name}")),
        _ => None,
    };
    let needs_nothing: HashSet<String> = components.schemas.iter().filter_map(needs_nothing).collect();
    for item in document.paths.paths.values_mut() {
        let all = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        for operation in all.into_iter().flatten() {
            sign_in(operation);
            refuse(operation);
            may_be_left_out(operation, &needs_nothing);
        }
    }
}

/// Adds that what a token opens, a session opens too.
fn sign_in(operation: &mut Operation) {
    let of = serde_json::to_value(&operation.security).unwrap_or_default();
    let roles = of.pointer("/0/token").and_then(|roles| serde_json::from_value::<Vec<String>>(roles.clone()).ok());
    if let (Some(security), Some(roles)) = (&mut operation.security, roles) {
        security.push(SecurityRequirement::new("session", roles));
    }
}

/// Declares a body that may be left out: nothing at all is the same as `{}`.
fn may_be_left_out(operation: &mut Operation, needs_nothing: &HashSet<String>) {
    let Some(RefOr::T(body)) = &mut operation.request_body else { return };
    let is_optional = |content: &RefOr<Content>| match content {
        RefOr::T(content) => {
            matches!(&content.schema, Some(RefOr::Ref(of)) if needs_nothing.contains(&of.ref_location))
        }
        RefOr::Ref(_) => false,
    };
    if body.content.values().all(is_optional) {
        body.required = Some(Required::False);
    }
}

/// The methods of every path, as the header `Allow` has them.
pub(in crate::http) fn allowed(document: &[u8]) -> HashMap<String, String> {
    let document: serde_json::Value = serde_json::from_slice(document).unwrap_or_default();
    let paths = document["paths"].as_object().into_iter().flatten();
    let methods = |item: &serde_json::Value| {
        let methods = item.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase());
        methods.collect::<Vec<_>>().join(", ")
    };
    paths.map(|(path, item)| (path.clone(), methods(item))).collect()
}

/// Declares the refusals that an operation can meet.
fn refuse(operation: &mut Operation) {
    let is_public = operation.security.as_ref().is_some_and(|security| {
        security
            .iter()
            .any(|requirement| serde_json::to_value(requirement).is_ok_and(|value| value == serde_json::json!({})))
    });
    let by_path = |of: &RefOr<Parameter>| matches!(of, RefOr::T(of) if of.parameter_in == ParameterIn::Path);
    let has_path = operation.parameters.as_ref().is_some_and(|parameters| parameters.iter().any(by_path));
    let mut refusals = vec![
        ("400", "The request can't be read."),
        ("429", "Too many requests."),
        ("default", "Something else is wrong."),
    ];
    if !is_public {
        refusals.extend([("401", "The caller is not known."), ("403", "The caller may not do this.")]);
    }
    if has_path {
        refusals.push(("404", "There is no such thing."));
    }
    if operation.request_body.is_some() {
        refusals.extend([
            ("409", "It does not fit what is there now."),
            ("412", "It is no longer at that revision."),
            ("413", "Something is too large."),
            ("415", "The body is not JSON."),
            ("422", "The body does not have the right form."),
            ("428", "A plan has to be confirmed."),
        ]);
    }
    for (status, description) in refusals {
        operation.responses.responses.entry(status.into()).or_insert_with(|| RefOr::T(refusal(description)));
    }
}

fn refusal(description: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content(problem::MEDIA_TYPE, content).build()
}
