//! `/v1/repositories`: where tasks work.

use std::path::Path;

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::api::{EntityId, Rejection, RepositoryFacts};
use crate::http::address::{At, EntityAt};
use crate::http::body::Body;
use crate::http::caller::{Admin, Reader};
use crate::http::page::{Page, Paging, PagingParameters};
use crate::http::problem::Answer;
use crate::http::state::App;

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list_repositories).service(add_repository).service(get_repository);
}

/// A repository to be registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRepository {
    /// The name that tasks know it by.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    name: String,
    /// Where it is, on the server: an absolute path.
    path: String,
}

/// A registered repository.
#[derive(Debug, Serialize, ToSchema)]
struct Repository {
    /// The name that tasks know it by.
    name: String,
    /// Its main worktree, on the server.
    root: String,
    /// The branch that tasks begin from, where none is named.
    base: String,
    /// What is good to know.
    notes: Vec<String>,
}

impl Repository {
    fn of(name: &EntityId, facts: RepositoryFacts) -> Self {
        Self { name: name.to_string(), root: facts.root, base: facts.base, notes: facts.notes }
    }
}

/// All repositories.
///
/// By name, a page at a time.
#[utoipa::path(tag = "repositories", security(("token" = ["read"])), params(PagingParameters),
    responses((status = 200, description = "The repositories.", body = Page<Repository>)))]
#[get("/v1/repositories")]
async fn list_repositories(app: Data<App>, _: Reader, paging: Paging) -> Answer<Page<Repository>> {
    let after = paging.after(|key| EntityId::new(key).ok())?;
    let names = app.tasks.repositories().list(after.as_ref(), paging.to_read()).await?;
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let facts = app.tasks.repositories().get(&name).await?;
        found.push(Repository::of(&name, facts));
    }
    Ok(paging.page(found, |repository| repository.name.clone()))
}

/// Registers a repository.
///
/// It names a path on the server, so it is for those who look after that. Registered again, it is looked at again.
#[utoipa::path(tag = "repositories", security(("token" = ["admin"])), request_body = NewRepository,
    responses((status = 201, description = "It is registered.", body = Repository)))]
#[post("/v1/repositories")]
async fn add_repository(app: Data<App>, caller: Admin, new: Body<NewRepository>) -> Answer<HttpResponse> {
    let name = EntityId::new(&new.name)?;
    let path = Path::new(&new.path);
    if !path.is_absolute() {
        return Err(Rejection::invalid("path", "it is no absolute path on the server").into());
    }
    let facts = app.tasks.repositories().add(&name, path, &caller.name).await?;
    let place = format!("/v1/repositories/{name}");
    Ok(HttpResponse::Created().insert_header(("location", place)).json(Repository::of(&name, facts)))
}

/// One repository.
///
/// As it was when it was last looked at.
#[utoipa::path(tag = "repositories", security(("token" = ["read"])), params(EntityAt),
    responses((status = 200, description = "The repository.", body = Repository)))]
#[get("/v1/repositories/{id}")]
async fn get_repository(app: Data<App>, _: Reader, at: At<EntityAt>) -> Answer<Json<Repository>> {
    Ok(Json(Repository::of(&at.id, app.tasks.repositories().get(&at.id).await?)))
}
