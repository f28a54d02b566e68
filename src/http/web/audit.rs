//! Every verb that was done to anything: who, when, from where, why, and what it did. Filters are in the address.

use actix_web::web::{self, Data};
use askama::Template;
use utoipa_actix_web::service_config::ServiceConfig;

use super::html::Html;
use super::shell::Shell;
use super::stages::{has_page, page_of};
use super::text::{Safe, line};
use super::when::When;
use crate::api::{Audit, EntityId, Error, Fate, Restage};
use crate::http::address::Params;
use crate::http::caller::Reader;
use crate::http::page::Paging;
use crate::http::problem::Answer;
use crate::http::routes::{AuditParams, ENTRIES_PER_PAGE, ENTRIES_PER_READ, Filter, Place, place, place_of};
use crate::http::state::App;

/// Entries of the audit that are shown on one page.
const SHOWN: usize = 100;

pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.route("/ui/audit", web::get().to(page));
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    shell: Shell,
    asked: Asked,
    entries: Vec<Entry>,
    /// Where the next page is.
    next: Option<String>,
    /// Where the first page is, if this is another.
    first: Option<String>,
    chain: Option<Chain>,
}

/// What the fields of the filter hold.
struct Asked {
    kind: String,
    id: String,
    by: String,
    verb: String,
    since: String,
}

/// An entry.
struct Entry {
    at: When,
    by: Safe,
    from: Option<Safe>,
    verb: Safe,
    kind: String,
    id: String,
    /// Where the entity is, if it has a page.
    page: Option<String>,
    /// Where the turn is in its history.
    href: Option<String>,
    revision: u64,
    stage: Option<String>,
    reason: Option<Safe>,
    lines: Vec<(&'static str, Safe, Safe)>,
    hash: String,
}

/// Whether each entry of an entity names the hash of the one before it.
enum Chain {
    /// All of so many do.
    Holds(usize),
    /// The one of this revision does not.
    Broken(u64),
}

impl Chain {
    fn of(entries: &[Audit]) -> Self {
        let mut before = None;
        for entry in entries {
            if entry.previous != before {
                return Self::Broken(entry.revision);
            }
            before = Some(entry.hash());
        }
        Self::Holds(entries.len())
    }
}

/// Entries from the newest on, and after which the next page goes on.
struct Found {
    entries: Vec<Audit>,
    next: Option<Place>,
    /// All that were looked at, where these are all of one entity.
    whole: Option<Vec<Audit>>,
}

async fn page(
    app: Data<App>,
    shell: Shell,
    reader: Reader,
    params: Params<AuditParams>,
    paging: Paging,
) -> Answer<Html> {
    // What a form leaves empty is not asked for.
    let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    let (kind, id, by) = (given(&params.kind), given(&params.id), given(&params.by));
    let params = AuditParams { kind, id, by, verb: given(&params.verb), since: given(&params.since) };
    let filter = Filter::new(&params, reader.role)?;
    let after = paging.after(place)?;
    let first = after.is_some().then(|| paging.first());
    let one = params.kind.clone().zip(params.id.as_deref().map(EntityId::new).transpose()?);
    let whole = match one.filter(|_| after.is_none()) {
        Some((kind, id)) => of_one(&app.restage, &filter, kind, id).await?,
        None => None,
    };
    let found = match whole {
        Some(found) => found,
        None => of_many(&app.restage, &filter, after).await?,
    };
    let chain = found.whole.as_deref().filter(|entries| !entries.is_empty()).map(Chain::of);
    let asked = Asked {
        kind: params.kind.unwrap_or_default(),
        id: params.id.unwrap_or_default(),
        by: params.by.unwrap_or_default(),
        verb: params.verb.unwrap_or_default(),
        since: params.since.unwrap_or_default(),
    };
    let next = found.next.map(|(kind, id, revision)| format!("{kind}/{id}/{revision}"));
    let next = paging.page_until(Vec::<()>::new(), next).address();
    let entries = found.entries.iter().map(Entry::of).collect();
    let shell = shell.titled("Audit").style("history.css");
    shell.page(|shell| AuditPage { shell, asked, entries, next, first, chain })
}

/// What was done to one entity; `None` if that is more than one page looks at.
async fn of_one(restage: &Restage, filter: &Filter, kind: String, id: EntityId) -> Result<Option<Found>, Error> {
    let mut whole: Vec<Audit> = Vec::new();
    let (mut after, mut more) = ((kind.clone(), id.clone(), 0), true);
    while more && whole.len() < ENTRIES_PER_PAGE {
        let read = restage.audits(Some(after.clone()), ENTRIES_PER_READ).await?;
        let own = read.iter().take_while(|entry| entry.kind == kind && entry.id == id).count();
        more = own == ENTRIES_PER_READ;
        whole.extend(read.into_iter().take(own));
        after = whole.last().map_or(after, place_of);
    }
    if more {
        return Ok(None);
    }
    let entries = whole.iter().rev().filter(|entry| filter.lets_through(entry)).cloned().collect();
    // Who may not see the entries is not told how many there are either.
    let is_seen = whole.first().is_some_and(|entry| filter.may_see(entry));
    Ok(Some(Found { entries, next: None, whole: Some(whole).filter(|_| is_seen) }))
}

/// What was done to any entity, from the newest on.
async fn of_many(restage: &Restage, filter: &Filter, after: Option<Place>) -> Result<Found, Error> {
    let mut last = match after {
        Some((kind, id, revision)) => {
            restage.audits(Some((kind, id, revision.saturating_sub(1))), 1).await?.into_iter().next()
        }
        None => None,
    };
    let (mut entries, mut looked_at, mut more) = (Vec::new(), 0, true);
    while more && entries.len() < SHOWN && looked_at < ENTRIES_PER_PAGE {
        let read = restage.latest_audits(last.as_ref(), ENTRIES_PER_READ).await?;
        more = read.len() == ENTRIES_PER_READ;
        for entry in read {
            if entries.len() == SHOWN {
                more = true;
                break;
            }
            looked_at += 1;
            if filter.lets_through(&entry) {
                entries.push(entry.clone());
            }
            last = Some(entry);
        }
    }
    let next = last.as_ref().filter(|_| more).map(place_of);
    Ok(Found { entries, next, whole: None })
}

impl Entry {
    fn of(audit: &Audit) -> Self {
        let page = has_page(&audit.kind).then(|| page_of(&audit.kind, &audit.id));
        let href = page.as_ref().map(|page| super::history::entry_of(page, audit.revision));
        let lines = audit.lines.iter().map(|told| (fate(told.fate), line(&told.what), line(&told.why)));
        Self {
            at: When(audit.at),
            by: line(&audit.by),
            from: audit.from.as_deref().map(line),
            verb: line(&audit.verb),
            kind: audit.kind.clone(),
            id: audit.id.to_string(),
            page,
            href,
            revision: audit.revision,
            stage: audit.stage.as_ref().map(ToString::to_string),
            reason: audit.reason.as_deref().map(line),
            lines: lines.collect(),
            hash: audit.hash().to_string(),
        }
    }
}

/// What happened to something, as a word.
fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Cleared => "cleared",
        Fate::Archived => "put aside",
        Fate::Kept => "kept",
        Fate::Stale => "to be looked at again",
        Fate::Fenced => "turned away",
        Fate::Restored => "came back",
        Fate::Deleted => "deleted for good",
    }
}
