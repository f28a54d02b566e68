//! What is kept across all entities: late work, undo points, and the audit.

use actix_web::http::header::ACCEPT;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, Responder as _, get};
use futures_util::stream;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;

use super::entity::Served;
use crate::api::access::Role;
use crate::api::task::TaskKind;
use crate::api::workflow::WorkflowKind;
use crate::api::workshop::WorkshopKind;
use crate::api::{self, Audit, EntityId, Error, Restage, Timestamp};
use crate::http::address::Params;
use crate::http::caller::Reader;
use crate::http::page::{Page, Paging, PagingParameters};
use crate::http::problem::{Answer, Problem};
use crate::http::state::App;
use crate::http::wire::{AuditEntry, Of, Orphan, UndoPoint};

/// Entries of the audit that are looked at for one page: those that don't fit are not shown.
pub(in crate::http) const ENTRIES_PER_PAGE: usize = 5_000;
/// Entries of the audit that are read at a time.
pub(in crate::http) const ENTRIES_PER_READ: usize = 500;
/// What only those see who look after the server itself.
const ADMIN_KINDS: [&str; 2] = ["access", "webhook"];
/// The media type of an export: a line of JSON for each entry.
const LINES: &str = "application/x-ndjson";

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list_orphans).service(list_undo_points).service(list_audit);
}

/// An entity of some kind, and the number of what it keeps.
pub(in crate::http) type Place = (String, EntityId, u64);

/// The place that a cursor names.
pub(in crate::http) fn place(key: &str) -> Option<Place> {
    let (kind, rest) = key.split_once('/')?;
    let (id, number) = rest.split_once('/')?;
    Some((kind.to_owned(), EntityId::new(id).ok()?, number.parse().ok()?))
}

/// All late work.
///
/// What came too late and was kept, of all entities: by kind, id and number.
#[utoipa::path(tag = "kept", security(("token" = ["read"])), params(PagingParameters),
    responses((status = 200, description = "The orphans.", body = Page<Of<Orphan>>)))]
#[get("/v1/orphans")]
async fn list_orphans(app: Data<App>, _: Reader, paging: Paging) -> Answer<Page<Of<Orphan>>> {
    let after = paging.after(place)?;
    let mut found = Vec::new();
    orphans_of::<TaskKind>(&app, after.as_ref(), &paging, &mut found).await?;
    orphans_of::<WorkflowKind>(&app, after.as_ref(), &paging, &mut found).await?;
    orphans_of::<WorkshopKind>(&app, after.as_ref(), &paging, &mut found).await?;
    let page = paging.page(found, |(kind, id, orphan)| format!("{kind}/{id}/{}", orphan.number));
    Ok(page.map(|(kind, id, orphan)| Of { kind, id: id.to_string(), what: Orphan::from(&orphan) }))
}

/// All that can be undone.
///
/// The undo points of all entities, those that were taken back too: by kind, id and number.
#[utoipa::path(tag = "kept", security(("token" = ["read"])), params(PagingParameters),
    responses((status = 200, description = "The undo points.", body = Page<Of<UndoPoint>>)))]
#[get("/v1/undo-points")]
async fn list_undo_points(app: Data<App>, _: Reader, paging: Paging) -> Answer<Page<Of<UndoPoint>>> {
    let after = paging.after(place)?;
    let mut found = Vec::new();
    undo_points_of::<TaskKind>(&app, after.as_ref(), &paging, &mut found).await?;
    undo_points_of::<WorkflowKind>(&app, after.as_ref(), &paging, &mut found).await?;
    undo_points_of::<WorkshopKind>(&app, after.as_ref(), &paging, &mut found).await?;
    let page = paging.page(found, |(kind, id, point)| format!("{kind}/{id}/{}", point.number));
    Ok(page.map(|(kind, id, point)| Of { kind, id: id.to_string(), what: UndoPoint::from(&point) }))
}

/// Where a list over kinds, in the order of their names, goes on within a kind; `None` if it is past that.
fn within(kind: &str, after: Option<&Place>) -> Option<Option<(EntityId, u64)>> {
    match after {
        Some((at, ..)) if at.as_str() > kind => None,
        Some((at, id, number)) if at == kind => Some(Some((id.clone(), *number))),
        _ => Some(None),
    }
}

async fn orphans_of<E: Served>(
    app: &App,
    after: Option<&Place>,
    paging: &Paging,
    found: &mut Vec<(&'static str, EntityId, api::Orphan)>,
) -> Result<(), Error> {
    let (Some(after), most) = (within(E::KIND, after), paging.to_read() - found.len()) else { return Ok(()) };
    let orphans = E::kind(app).orphans(after, most).await?;
    found.extend(orphans.into_iter().map(|(id, orphan)| (E::KIND, id, orphan)));
    Ok(())
}

async fn undo_points_of<E: Served>(
    app: &App,
    after: Option<&Place>,
    paging: &Paging,
    found: &mut Vec<(&'static str, EntityId, api::UndoPoint)>,
) -> Result<(), Error> {
    let (Some(after), most) = (within(E::KIND, after), paging.to_read() - found.len()) else { return Ok(()) };
    let points = E::kind(app).undo_points(after, most).await?;
    found.extend(points.into_iter().map(|(id, point)| (E::KIND, id, point)));
    Ok(())
}

/// Which entries of the audit are wanted. What is not given lets everything through.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct AuditParams {
    /// Only of entities of this kind.
    pub(in crate::http) kind: Option<String>,
    /// Only of entities of this id.
    pub(in crate::http) id: Option<String>,
    /// Only what this one asked for.
    pub(in crate::http) by: Option<String>,
    /// Only this verb.
    pub(in crate::http) verb: Option<String>,
    /// Only from this time on.
    #[param(format = DateTime)]
    pub(in crate::http) since: Option<String>,
}

/// Which entries are let through.
#[derive(Clone, Debug)]
pub(in crate::http) struct Filter {
    params: AuditParams,
    since: Option<Timestamp>,
    /// Whether entries about the server itself are seen.
    admin: bool,
}

impl Filter {
    pub(in crate::http) fn new(params: &AuditParams, role: Role) -> Answer<Self> {
        let since = |text: &String| {
            let time = text.parse::<jiff::Timestamp>().map_err(|error| {
                let problem = Problem::bad_request("since", format!("`since` is no time: {error}"));
                problem.hint("give it like 2026-11-21T12:05:06Z")
            })?;
            Ok::<_, Problem>(Timestamp::from_millis(time.as_millisecond()))
        };
        let since = params.since.as_ref().map(since).transpose()?;
        Ok(Self { params: params.clone(), since, admin: role >= Role::Admin })
    }

    /// Whether who asks may see such an entry at all.
    pub(in crate::http) fn may_see(&self, entry: &Audit) -> bool {
        self.admin || !ADMIN_KINDS.contains(&entry.kind.as_str())
    }

    pub(in crate::http) fn lets_through(&self, entry: &Audit) -> bool {
        let AuditParams { kind, id, by, verb, .. } = &self.params;
        let is = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
        self.may_see(entry)
            && is(kind, &entry.kind)
            && is(id, entry.id.as_str())
            && is(by, &entry.by)
            && is(verb, &entry.verb)
            && self.since.is_none_or(|since| entry.at >= since)
    }
}

pub(in crate::http) fn place_of(entry: &Audit) -> Place {
    (entry.kind.clone(), entry.id.clone(), entry.revision)
}

/// The audit of everything.
///
/// Every verb that was done to any entity, by kind, id and revision. A page can have fewer entries than asked for, or none,
/// and still a next one: those that the filter does not let through are looked at, and not shown. With
/// `Accept: application/x-ndjson` all of it is sent, a line for each entry: its hash is the SHA-256 of the line without the
/// last field.
#[utoipa::path(tag = "kept", security(("token" = ["read"])), params(AuditParams, PagingParameters),
    responses((status = 200, description = "The entries.",
        content((Page<AuditEntry> = "application/json"), (AuditEntry = "application/x-ndjson")))))]
#[get("/v1/audit")]
async fn list_audit(
    app: Data<App>,
    caller: Reader,
    params: Params<AuditParams>,
    paging: Paging,
    request: HttpRequest,
) -> Answer<HttpResponse> {
    let filter = Filter::new(&params, caller.role)?;
    let after = paging.after(place)?;
    let accepts = request.headers().get(ACCEPT).and_then(|types| types.to_str().ok());
    if accepts.is_some_and(|types| types.split(',').any(|of| of.trim().starts_with(LINES))) {
        return Ok(export(app.restage.clone(), filter, after));
    }
    let page = audit_page(&app.restage, &filter, after, &paging).await?;
    Ok(page.respond_to(&request))
}

async fn audit_page(
    restage: &Restage,
    filter: &Filter,
    mut after: Option<Place>,
    paging: &Paging,
) -> Answer<Page<AuditEntry>> {
    let (mut found, mut looked_at) = (Vec::new(), 0);
    let mut more = true;
    while more && found.len() < paging.limit && looked_at < ENTRIES_PER_PAGE {
        let entries = restage.audits(after.clone(), ENTRIES_PER_READ).await?;
        more = entries.len() == ENTRIES_PER_READ;
        for entry in entries {
            if found.len() == paging.limit {
                more = true;
                break;
            }
            after = Some(place_of(&entry));
            looked_at += 1;
            if filter.lets_through(&entry) {
                found.extend(AuditEntry::of(&entry));
            }
        }
    }
    let next = after.filter(|_| more).map(|(kind, id, revision)| format!("{kind}/{id}/{revision}"));
    Ok(paging.page_until(found, next))
}

/// All entries that are let through, read as they are sent.
fn export(restage: Restage, filter: Filter, after: Option<Place>) -> HttpResponse {
    let begin = (restage, filter, after, true);
    let lines = stream::try_unfold(begin, |(restage, filter, mut after, mut more)| async move {
        while more {
            let entries = restage.audits(after.clone(), ENTRIES_PER_READ).await?;
            more = entries.len() == ENTRIES_PER_READ;
            after = entries.last().map(place_of).or(after);
            let wanted = entries.iter().filter(|entry| filter.lets_through(entry));
            let text: String = wanted.map(|entry| entry.line() + "\n").collect();
            if !text.is_empty() {
                return Ok::<_, Error>(Some((Bytes::from(text), (restage, filter, after, more))));
            }
        }
        Ok(None)
    });
    let name = "attachment; filename=\"audit.ndjson\"";
    HttpResponse::Ok().content_type(LINES).insert_header(("content-disposition", name)).streaming(lines)
}
