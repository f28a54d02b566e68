//! The tasks of a workflow, by queue, a page at a time.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use super::super::html::Html;
use super::super::marks::{Mark, Tone};
use super::super::shell::Shell;
use super::super::stuck::Choice;
use super::super::text::{Safe, line};
use super::super::when::When;
use super::{Head, STYLE, Tab};
use crate::api::workflow::{Domain, Lease, Standing, TaskId, Workflow};
use crate::api::workflows::{StoredTask, TaskFilter, TaskStatus};
use crate::api::{EntityId, Timestamp};
use crate::http::address::{At, EntityAt, Params};
use crate::http::page::Paging;
use crate::http::problem::{Answer, Problem};
use crate::http::state::App;

/// How tasks can be, as the address says it.
const STATUSES: [(&str, TaskStatus); 6] = [
    ("queued", TaskStatus::Queued),
    ("leased", TaskStatus::Leased),
    ("waiting", TaskStatus::Waiting),
    ("failed", TaskStatus::Failed),
    ("done", TaskStatus::Done),
    ("cancelled", TaskStatus::Cancelled),
];

/// Which tasks are looked at. A form sends what is not chosen as nothing.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    gate: String,
    #[serde(default)]
    domain: String,
    #[serde(default)]
    status: String,
}

#[derive(Template)]
#[template(path = "workflow/tasks.html")]
struct Tasks {
    shell: Shell,
    head: Head,
    groups: Vec<Group>,
    gates: Vec<Choice>,
    domains: Vec<Choice>,
    statuses: Vec<Choice>,
    is_filtered: bool,
    next: Option<String>,
}

/// Tasks of one gate and queue.
#[derive(Debug)]
struct Group {
    id: String,
    gate: String,
    domain: String,
    rows: Vec<Row>,
}

/// A task, with how it is.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) title: Safe,
    pub(super) mark: Mark,
    pub(super) domain: String,
    pub(super) priority: u8,
    /// Since when it is so, with the word for it.
    pub(super) since: (&'static str, When),
    /// The attempts so far.
    pub(super) attempt: u32,
    /// How often it is tried.
    pub(super) attempts: u32,
    /// Whether a person is asked, in place of its queue.
    pub(super) human: bool,
    pub(super) lease: Option<Held>,
    pub(super) retry_at: Option<When>,
    pub(super) problem: Option<Safe>,
    pub(super) can_release: bool,
    pub(super) can_retry: bool,
    pub(super) can_cancel: bool,
}

/// Who has a task.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) worker: Safe,
    pub(super) seen_at: When,
    pub(super) until: When,
    pub(super) deadline: When,
    pub(super) progress: Option<Safe>,
    /// Whether its time is over.
    pub(super) mark: Option<Mark>,
}

pub(super) async fn page(
    shell: Shell,
    app: Data<App>,
    at: At<EntityAt>,
    which: Params<Which>,
    paging: Paging,
) -> Answer<Html> {
    let after = paging.after(|key| key.parse::<TaskId>().ok())?;
    let filter = which.filter()?;
    let workflow = app.workflows.get(&at.id);
    let view = workflow.view().await?;
    let found = workflow.tasks(&filter, after.as_ref(), paging.limit).await?;
    let rows = found.items.into_iter().map(|task| (task.id.clone(), Row::of(task, app.now())));
    let groups = grouped(&view.state, rows);
    let (gates, domains, statuses) = which.choices(&view.state);
    let is_filtered = filter != TaskFilter::default() || after.is_some();
    let next = paging.next_href(found.next.map(|id| id.to_string()));
    let head = Head::of(&at.id, &view, Some(Tab::Tasks));
    let shell = shell.titled(format!("Tasks of {}", view.state.title)).about("workflow", &at.id).style(STYLE);
    shell.page(|shell| Tasks { shell, head, groups, gates, domains, statuses, is_filtered, next })
}

impl Which {
    fn filter(&self) -> Answer<TaskFilter> {
        let status = match self.status.as_str() {
            "" => None,
            word => {
                let known = STATUSES.iter().find(|(known, _)| *known == word);
                let unknown = || Problem::bad_request("status", "no task has this status");
                Some(known.map(|(_, status)| *status).ok_or_else(unknown)?)
            }
        };
        let domain = Some(&self.domain).filter(|domain| !domain.is_empty());
        Ok(TaskFilter { gate: gate(&self.gate)?, domain: domain.map(Domain::new).transpose()?, status })
    }

    fn choices(&self, state: &Workflow) -> (Vec<Choice>, Vec<Choice>, Vec<Choice>) {
        let mut domains: Vec<&Domain> = state.lanes.keys().map(|lane| &lane.domain).collect();
        domains.sort_unstable();
        domains.dedup();
        let choice = |value: &str, label: &str, chosen: &str| Choice {
            value: value.to_owned(),
            label: label.to_owned(),
            is_chosen: value == chosen,
        };
        (
            gate_choices(state, &self.gate),
            domains.into_iter().map(|domain| choice(domain.as_str(), domain.as_str(), &self.domain)).collect(),
            STATUSES.iter().map(|(word, _)| choice(word, word, &self.status)).collect(),
        )
    }
}

/// The gate that an address names by its place; an empty one names none.
pub(super) fn gate(text: &str) -> Answer<Option<u16>> {
    match text {
        "" => Ok(None),
        text => {
            let place = text.parse().map_err(|_| Problem::bad_request("gate", "the gate is no place of one"))?;
            Ok(Some(place))
        }
    }
}

/// The gates of a workflow, to choose from.
pub(super) fn gate_choices(state: &Workflow, chosen: &str) -> Vec<Choice> {
    let gates = state.outline.gates.iter().enumerate();
    gates
        .map(|(place, outline)| Choice {
            value: place.to_string(),
            label: format!("{} {}", place + 1, outline.name),
            is_chosen: place.to_string() == chosen,
        })
        .collect()
}

/// Tasks that come one after the other, by gate and queue.
fn grouped(state: &Workflow, rows: impl Iterator<Item = (TaskId, Row)>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (id, row) in rows {
        let key = format!("gate-{}-{}", id.lane.gate, id.lane.domain);
        if groups.last().is_none_or(|group| group.id != key) {
            let outline = state.outline.gates.get(usize::from(id.lane.gate));
            let name = outline.map(|outline| outline.name.as_str()).unwrap_or_default();
            let gate = format!("{} {name}", usize::from(id.lane.gate) + 1);
            groups.push(Group { id: key, gate, domain: id.lane.domain.to_string(), rows: Vec::new() });
        }
        if let Some(group) = groups.last_mut() {
            group.rows.push(row);
        }
    }
    groups
}

impl Row {
    pub(super) fn of(stored: StoredTask, now: Timestamp) -> Self {
        let StoredTask { id, task, status, under_way, result, .. } = stored;
        let tried = result.as_ref().and_then(|result| result.attempt).unwrap_or(0);
        let human = under_way.as_ref().is_some_and(|entry| entry.human);
        let since = match (&under_way, &result) {
            (Some(entry), _) => (word(entry.standing), When(entry.since)),
            (None, Some(result)) => ("handed in", When(result.at)),
            (None, None) => ("handed out", When(task.created_at)),
        };
        let retry_at = under_way.as_ref().and_then(|entry| match entry.standing {
            Standing::Waiting(at) => Some(When(at)),
            _ => None,
        });
        Self {
            title: line(&task.title),
            mark: if human { Mark::new(Tone::Bad, '?', "asks a person") } else { status.into() },
            domain: id.lane.domain.to_string(),
            priority: id.lane.priority,
            since,
            attempt: under_way.as_ref().map_or(tried, |entry| entry.attempt),
            attempts: under_way.as_ref().map_or(task.attempts_most, |entry| entry.attempts_most),
            human,
            lease: under_way.as_ref().and_then(|entry| entry.leased()).map(|lease| Held::of(lease, now)),
            retry_at,
            problem: under_way.as_ref().and_then(|entry| entry.problem.as_deref()).map(line),
            can_release: status == TaskStatus::Leased,
            can_retry: status == TaskStatus::Failed || (human && status == TaskStatus::Queued),
            can_cancel: !matches!(status, TaskStatus::Done | TaskStatus::Cancelled),
            id: id.to_string(),
        }
    }
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Leased => "claimed",
        Standing::Waiting(_) => "came back",
        Standing::Queued => "queued again",
        Standing::Failed => "failed",
    }
}

impl Held {
    fn of(lease: &Lease, now: Timestamp) -> Self {
        Self {
            worker: line(&lease.worker),
            seen_at: When(lease.seen_at),
            until: When(lease.end()),
            deadline: When(lease.deadline),
            progress: lease.progress.as_deref().map(line),
            mark: (lease.end() <= now).then(|| Mark::new(Tone::Bad, '✕', "worker lost")),
        }
    }
}

/// The address of a task's page.
pub(super) fn href(workflow: &EntityId, task: &TaskId) -> String {
    format!("/ui/workflows/{workflow}/tasks/{task}")
}
