//! `/v1/stuck`: what does not go on by itself, and what cures it.

use std::time::Duration;

use actix_web::get;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::api::{EntityId, StuckAfter, StuckAt, StuckQuery};
use crate::http::address::{Params, optional_number};
use crate::http::caller::Reader;
use crate::http::page::{Page, Paging, PagingParameters};
use crate::http::problem::Answer;
use crate::http::state::App;
use crate::http::wire::rfc3339;

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list_stuck);
}

/// What is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct StuckParams {
    /// Only in `task`, `workflow`, `workshop` or `queue`.
    kind: Option<String>,
    /// What may yet go on is given so much time.
    #[serde(default, deserialize_with = "optional_number")]
    #[param(default = 600)]
    patience_seconds: Option<u64>,
}

/// Something that does not go on by itself.
#[derive(Debug, Serialize, ToSchema)]
struct Stuck {
    /// The kind of the entity.
    kind: &'static str,
    /// The entity.
    id: String,
    /// In which way.
    #[schema(example = "lost_worker")]
    what: &'static str,
    /// The part of it: a step, a stage, a task, a queue, an orphan's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    part: Option<String>,
    /// Since when.
    #[schema(format = DateTime)]
    since: String,
    /// Why.
    why: String,
    /// The one command that cures it. What is in capitals is to be filled in.
    cure: String,
}

impl From<StuckAt> for Stuck {
    fn from(at: StuckAt) -> Self {
        let StuckAt { kind, id, stuck, .. } = at;
        let (id, since) = (id.to_string(), rfc3339(stuck.since));
        Self { kind, id, what: stuck.what, part: stuck.part, since, why: stuck.why, cure: stuck.cure }
    }
}

fn after(key: &str) -> Option<StuckAfter> {
    let (kind, id) = key.split_once('/')?;
    Some(StuckAfter { kind: kind.to_owned(), id: EntityId::new(id).ok()? })
}

/// What does not go on by itself.
///
/// In workshops, tasks, workflows and queues: since when, why, and the one command that cures it. A page can have
/// more than asked for, since all of an entity comes together, or none and still a next one: only so many entities
/// are looked at.
#[utoipa::path(tag = "queues", security(("token" = ["read"])), params(StuckParams, PagingParameters),
    responses((status = 200, description = "What is stuck.", body = Page<Stuck>)))]
#[get("/v1/stuck")]
async fn list_stuck(app: Data<App>, _: Reader, params: Params<StuckParams>, paging: Paging) -> Answer<Page<Stuck>> {
    let default = StuckQuery::default();
    let patience = params.patience_seconds.map_or(default.patience, Duration::from_secs);
    let query = StuckQuery { kind: params.kind.clone(), patience, after: paging.after(after)?, most: paging.limit };
    let found = app.restage.stuck(&query).await?;
    let items = found.items.into_iter().map(Stuck::from).collect();
    Ok(paging.page_until(items, found.next.map(|after| format!("{}/{}", after.kind, after.id))))
}
