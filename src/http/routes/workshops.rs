//! `/v1/workshops`: making one, looking at it, and what is asked of it as a whole.

use actix_web::web::{Data, Json};
use actix_web::{get, post};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::entity::{self, HistoryParams, Undo, Verb, entity_routes, undo_routes};
use crate::api::workshop::{Template as CheckedTemplate, WorkshopKind};
use crate::api::{EntityId, Rejection, Workshop as Handle};
use crate::http::address::{At, EntityAt, OrphanAt, Params};
use crate::http::answer::{Done, Nothing, Seen};
use crate::http::body::Body;
use crate::http::caller::{Admin, Reader, Resetter, Writer};
use crate::http::page::{Page, Paging, PagingParameters};
use crate::http::problem::Answer;
use crate::http::state::App;
use crate::http::terms::Terms;
use crate::http::wire::{
    AuditEntry, LateWork, Orphan, Plan, Template, TurnOf, UndoPoint, Why, Workshop, WorkshopBrief,
};

/// Largest body that makes a workshop: it may bring a template.
const NEW_BYTES_MAX: usize = 2 << 20;

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list_workshops).service(create_workshop).service(get_workshop);
    config.service(flush_workshop).service(pause_workshop).service(resume_workshop);
    config.service(get_workshop_template);
    config.configure(common_routes).configure(undo_routes);
}

/// A workshop to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewWorkshop {
    /// Its id; one is made where none is given: from the `Idempotency-Key`, if there is one.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    id: Option<String>,
    /// Its title.
    #[schema(min_length = 1, max_length = 200)]
    title: String,
    /// The name of a template that comes with the program.
    #[schema(default = "design-thinking")]
    template: Option<String>,
    /// A template of one's own instead, as the text of its file.
    template_file: Option<String>,
}

/// A workshop was made.
#[derive(Debug, serde::Serialize, ToSchema)]
struct MadeWorkshop {
    /// Its id.
    id: String,
    /// The step that is begun with it.
    step: String,
}

/// All workshops.
///
/// By id, a page at a time.
#[utoipa::path(tag = "workshops", security(("token" = ["read"])), params(PagingParameters),
    responses((status = 200, description = "The workshops.", body = Page<WorkshopBrief>)))]
#[get("/v1/workshops")]
async fn list_workshops(app: Data<App>, _: Reader, paging: Paging) -> Answer<Page<WorkshopBrief>> {
    let after = paging.after(|key| EntityId::new(key).ok())?;
    let ids = app.workshops.list(after.as_ref(), paging.to_read()).await?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let view = app.workshops.peek(&id).await?;
        found.push((id, view));
    }
    let page = paging.page(found, |(id, _)| id.to_string());
    Ok(page.map(|(id, view)| WorkshopBrief::of(&id, &view)))
}

/// Makes a workshop.
///
/// From a template that comes with the program, or one of one's own. Its first step is begun with it.
#[utoipa::path(tag = "workshops", security(("token" = ["write"])), request_body = NewWorkshop,
    responses((status = 201, description = "It is made.", body = Done<MadeWorkshop>)))]
#[post("/v1/workshops")]
async fn create_workshop(
    app: Data<App>,
    caller: Writer,
    terms: Terms,
    new: Body<NewWorkshop, NEW_BYTES_MAX>,
) -> Answer<Done<MadeWorkshop>> {
    let new = new.into_inner();
    let template = match (&new.template, &new.template_file) {
        (Some(_), Some(_)) => {
            let problem = "a template is named, and another one is given: one of the two";
            return Err(Rejection::invalid("template_file", problem).into());
        }
        (None, Some(file)) => CheckedTemplate::from_toml(file)?,
        (name, None) => CheckedTemplate::built_in(name.as_deref().unwrap_or("design-thinking"))?,
    };
    let id = terms.new_id(&app, "workshop", new.id.as_deref(), &caller)?;
    let workshop = terms.handle(&app.workshops.get(&id), &caller);
    let receipt = workshop.create(&new.title, &template).await?;
    let done = Done::new(receipt, |first| MadeWorkshop { id: id.to_string(), step: first.to_string() });
    Ok(done.made(format!("/v1/workshops/{id}")))
}

/// One workshop.
///
/// With all its steps, but without their content.
#[utoipa::path(tag = "workshops", security(("token" = ["read"])), params(EntityAt),
    responses((status = 200, description = "The workshop.", body = Workshop)))]
#[get("/v1/workshops/{id}")]
async fn get_workshop(app: Data<App>, _: Reader, at: At<EntityAt>) -> Answer<Seen<Workshop>> {
    let view = app.workshops.get(&at.id).view().await?;
    Ok(Seen { revision: view.revision, body: Workshop::of(&at.id, &view) })
}

/// Writes pending drafts down.
///
/// They are durable when this is answered.
#[utoipa::path(tag = "workshops", security(("token" = ["write"])), params(EntityAt),
    responses((status = 200, description = "Nothing is pending.", body = Done<Nothing>)))]
#[post("/v1/workshops/{id}/flush")]
async fn flush_workshop(app: Data<App>, caller: Writer, at: At<EntityAt>) -> Answer<Done<Nothing>> {
    let workshop = existing(&app, &at.id).await?;
    // Asked again it does the same, so it takes no key.
    let workshop = Terms::default().handle(&workshop, &caller);
    Ok(Done::new(workshop.flush().await?, |()| Nothing {}))
}

/// Lets a workshop rest.
///
/// Work is saved, but no step is completed until it is resumed.
#[utoipa::path(tag = "workshops", security(("token" = ["write"])), params(EntityAt), request_body = Why,
    responses((status = 200, description = "It rests.", body = Done<Nothing>)))]
#[post("/v1/workshops/{id}/pause")]
async fn pause_workshop(
    app: Data<App>,
    caller: Writer,
    at: At<EntityAt>,
    terms: Terms,
    why: Body<Why>,
) -> Answer<Done<Nothing>> {
    let workshop = terms.verb(&app.workshops.get(&at.id), &caller, &why);
    Ok(Done::new(workshop.pause().await?, |()| Nothing {}))
}

/// Goes on after a pause.
///
/// Steps can be completed again.
#[utoipa::path(tag = "workshops", security(("token" = ["write"])), params(EntityAt), request_body = Why,
    responses((status = 200, description = "It goes on.", body = Done<Nothing>)))]
#[post("/v1/workshops/{id}/resume")]
async fn resume_workshop(
    app: Data<App>,
    caller: Writer,
    at: At<EntityAt>,
    terms: Terms,
    why: Body<Why>,
) -> Answer<Done<Nothing>> {
    let workshop = terms.verb(&app.workshops.get(&at.id), &caller, &why);
    Ok(Done::new(workshop.resume().await?, |()| Nothing {}))
}

/// The template of a workshop.
///
/// The one that it was made from, whatever became of the file.
#[utoipa::path(tag = "workshops", security(("token" = ["read"])), params(EntityAt),
    responses((status = 200, description = "The template.", body = Template)))]
#[get("/v1/workshops/{id}/template")]
async fn get_workshop_template(app: Data<App>, _: Reader, at: At<EntityAt>) -> Answer<Json<Template>> {
    Ok(Json(Template::from(&app.workshops.get(&at.id).template().await?)))
}

/// A workshop that exists.
pub(super) async fn existing(app: &App, id: &EntityId) -> Answer<Handle> {
    let workshop = app.workshops.get(id);
    workshop.view().await?;
    Ok(workshop)
}

entity_routes! {
    WorkshopKind, "workshops";
    workshop_history "/v1/workshops/{id}/history";
    workshop_audit "/v1/workshops/{id}/audit";
    workshop_undo_points "/v1/workshops/{id}/undo-points";
    workshop_orphans "/v1/workshops/{id}/orphans";
    workshop_orphan "/v1/workshops/{id}/orphans/{orphan}";
    plan_adopt_workshop_orphan "/v1/workshops/{id}/orphans/{orphan}/adopt/plan";
    adopt_workshop_orphan "/v1/workshops/{id}/orphans/{orphan}/adopt";
    plan_discard_workshop_orphan "/v1/workshops/{id}/orphans/{orphan}/discard/plan";
    discard_workshop_orphan "/v1/workshops/{id}/orphans/{orphan}/discard";
    plan_purge_workshop "/v1/workshops/{id}/purge/plan";
}

undo_routes! {
    WorkshopKind, "workshops";
    plan_undo_workshop "/v1/workshops/{id}/undo/plan";
    undo_workshop "/v1/workshops/{id}/undo";
    purge_workshop "/v1/workshops/{id}/purge";
}
