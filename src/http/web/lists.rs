//! The lists of all workshops and of all workflows: a page at a time, all of them or those that stand in one way.

use actix_web::web::{self, Data};
use askama::Template;
use serde::Deserialize;
use utoipa_actix_web::service_config::ServiceConfig;

use super::begin::Begin;
use super::html::Html;
use super::item::Item;
use super::shell::Shell;
use crate::api::workflow::WorkflowKind;
use crate::api::workshop::WorkshopKind;
use crate::api::{Entity, EntityId, Kind, View, workflow, workshop};
use crate::http::address::Params;
use crate::http::page::Paging;
use crate::http::problem::{Answer, Problem};
use crate::http::state::App;

/// Entities read together.
const READ_MOST: usize = 100;
/// Most that are looked at for one page: where few stand as asked for, the next page goes on looking.
const LOOKED_AT_MOST: usize = 1_000;

/// Which of them.
#[derive(Debug, Deserialize)]
struct Filter {
    status: Option<String>,
}

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Workshops,
    Workflows,
}

#[derive(Template)]
#[template(path = "list.html")]
struct List {
    shell: Shell,
    begin: Begin,
    of: Of,
    /// The ways to stand.
    names: Vec<&'static str>,
    /// The one that is asked for.
    status: Option<String>,
    items: Vec<Item>,
    /// The cursor of the page that follows.
    next: Option<String>,
    /// Whether this is where the whole list begins.
    is_first: bool,
}

pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.route("/ui/workshops", web::get().to(workshops));
    config.route("/ui/workflows", web::get().to(workflows));
}

async fn workshops(app: Data<App>, shell: Shell, filter: Params<Filter>, paging: Paging) -> Answer<Html> {
    use workshop::WorkshopStatus as S;
    let all = [("draft", S::Draft), ("active", S::Active), ("paused", S::Paused), ("completed", S::Completed)];
    let wanted = chosen(filter.status.as_deref(), &all)?;
    let fits = |view: &View<WorkshopKind>| wanted.is_none_or(|status| view.state.status() == status);
    let (items, next) = page(app.workshops.kind(), &paging, fits, Item::workshop).await?;
    let (begin, is_first) = (Begin::of(&shell)?, is_first(&filter, &paging));
    let (of, names, status) = (Of::Workshops, all.map(|(name, _)| name).to_vec(), filter.status.clone());
    let shell = shell.titled("Workshops").style("home.css").following(&["workshop"]);
    shell.page(|shell| List { shell, begin, of, names, status, items, next, is_first })
}

async fn workflows(app: Data<App>, shell: Shell, filter: Params<Filter>, paging: Paging) -> Answer<Html> {
    use workflow::Status as S;
    let all = [
        ("pending", S::Pending),
        ("running", S::Running),
        ("waiting", S::Waiting),
        ("blocked", S::Blocked),
        ("stopped", S::Stopped),
        ("completed", S::Completed),
    ];
    let wanted = chosen(filter.status.as_deref(), &all)?;
    let fits = |view: &View<WorkflowKind>| wanted.is_none_or(|status| view.state.status() == status);
    let (items, next) = page(app.workflows.kind(), &paging, fits, Item::workflow).await?;
    let (begin, is_first) = (Begin::of(&shell)?, is_first(&filter, &paging));
    let (of, names, status) = (Of::Workflows, all.map(|(name, _)| name).to_vec(), filter.status.clone());
    let shell = shell.titled("Workflows").style("home.css").following(&["workflow"]);
    shell.page(|shell| List { shell, begin, of, names, status, items, next, is_first })
}

fn is_first(filter: &Filter, paging: &Paging) -> bool {
    filter.status.is_none() && paging.after.is_none()
}

/// The status of this name, if one is named.
fn chosen<S: Copy>(name: Option<&str>, all: &[(&str, S)]) -> Answer<Option<S>> {
    let Some(name) = name else { return Ok(None) };
    let found = all.iter().find(|(known, _)| *known == name).map(|(_, status)| *status);
    found.map(Some).ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|(known, _)| *known).collect();
        let problem = Problem::bad_request("status", "there is no such status");
        problem.hint(format!("look for one of these: {}", known.join(", ")))
    })
}

/// A page of those that fit, and the cursor of the next.
async fn page<E: Entity>(
    kind: &Kind<E>,
    paging: &Paging,
    fits: impl Fn(&View<E>) -> bool,
    item: impl Fn(&EntityId, &View<E>) -> Item,
) -> Answer<(Vec<Item>, Option<String>)> {
    let mut after = paging.after(|key| EntityId::new(key).ok())?;
    let (mut items, mut looked_at) = (Vec::new(), 0);
    let next = 'all: loop {
        let views = kind.views(after.as_ref(), READ_MOST).await?;
        if views.is_empty() {
            break None;
        }
        for (id, view) in views {
            if items.len() == paging.limit || looked_at == LOOKED_AT_MOST {
                break 'all after.map(|id| id.to_string());
            }
            if fits(&view) {
                items.push(item(&id, &view));
            }
            looked_at += 1;
            after = Some(id);
        }
    };
    Ok(paging.page_until(items, next).into_parts())
}

#[cfg(test)]
mod tests {
    use actix_web::FromRequest as _;
    use actix_web::test::TestRequest;

    use super::*;
    use crate::api::{Options, Restage};

    async fn paging(uri: &str) -> Paging {
        Paging::extract(&TestRequest::get().uri(uri).to_http_request()).await.unwrap()
    }

    #[actix_web::test]
    async fn pages_lead_to_each_other_whatever_they_are_filtered_by() {
        let restage = Restage::in_memory(Options::default()).unwrap();
        let workshops = restage.workshops().unwrap();
        let template = workshop::Template::built_in("design-thinking").unwrap();
        for number in 1..=7 {
            let handle = workshops.get(&EntityId::new(format!("w{number}")).unwrap());
            handle.create("Garden", &template).await.unwrap();
            if number % 2 == 0 {
                handle.pause().await.unwrap();
            }
        }
        let is_paused = |view: &View<WorkshopKind>| view.state.status() == workshop::WorkshopStatus::Paused;
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let paging = paging(&format!("/ui/workshops?limit=2&status=paused{cursor}")).await;
            let (items, next) = page(workshops.kind(), &paging, is_paused, Item::workshop).await.unwrap();
            assert!(items.len() <= 2);
            seen.extend(items.into_iter().map(|item| item.href));
            let Some(next) = next else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, ["/ui/workshops/w2", "/ui/workshops/w4", "/ui/workshops/w6"]);
        restage.shutdown().await.unwrap();
    }

    #[test]
    fn a_status_that_there_is_not_is_told_with_those_that_there_are() {
        let all = [("draft", 1), ("active", 2)];
        assert_eq!(chosen(None, &all).unwrap(), None);
        assert_eq!(chosen(Some("active"), &all).unwrap(), Some(2));
        let problem = chosen(Some("<b>"), &all).unwrap_err();
        assert_eq!(problem.what_to_do(), "look for one of these: draft, active");
    }
}
