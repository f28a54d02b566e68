//! The gates of a workflow, one after the other, and what one of them asks for.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use super::super::html::Html;
use super::super::marks::{Mark, Tone};
use super::super::shell::Shell;
use super::super::stuck::{Act, Row};
use super::super::text::{Safe, line};
use super::super::when::When;
use super::{Head, STYLE, Tab};
use crate::api::workflow::{self, GateOutline, GateState, Lane, LaneId, Workflow, WorkflowKind};
use crate::api::{Rejection, StuckAt, StuckQuery, View};
use crate::http::address::{At, EntityAt, Params, optional_number};
use crate::http::problem::Answer;
use crate::http::state::App;

/// What the address of the page says beside the workflow.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    /// The gate that is looked at, by its place.
    #[serde(default, deserialize_with = "optional_number")]
    gate: Option<u64>,
}

#[derive(Template)]
#[template(path = "workflow/gates.html")]
struct Gates {
    shell: Shell,
    head: Head,
    steps: Vec<Step>,
    gate: Gate,
    attention: Vec<Row>,
}

/// A gate in the row of all.
#[derive(Debug)]
struct Step {
    place: u16,
    name: Safe,
    mark: Mark,
    /// How much of it is done, in words.
    figures: String,
    is_shown: bool,
    is_current: bool,
}

/// The gate that is looked at.
#[derive(Debug)]
struct Gate {
    place: u16,
    id: String,
    name: Safe,
    phase: Safe,
    mark: Mark,
    /// Whether a person has to approve.
    approval: bool,
    approved: Option<(Safe, When)>,
    opened_at: Option<When>,
    passed_at: Option<When>,
    went_back: u64,
    generation: u64,
    lanes: Vec<Queue>,
    results: u64,
    cancelled: u64,
}

/// Tasks of one queue and priority of a gate.
#[derive(Debug)]
struct Queue {
    domain: String,
    priority: u8,
    tasks: u64,
    ahead: u64,
    under_way: u64,
    over: u64,
}

pub(super) async fn page(shell: Shell, app: Data<App>, at: At<EntityAt>, which: Params<Which>) -> Answer<Html> {
    let view = app.workflows.get(&at.id).view().await?;
    let state = &view.state;
    let shown = match which.gate {
        Some(place) => u16::try_from(place).map_err(|_| Rejection::not_found("gate", place))?,
        None => state.gate.min(u16::try_from(state.gates.len()).unwrap_or(u16::MAX).saturating_sub(1)),
    };
    let gate = Gate::of(&view, shown)?;
    let steps = (0_u16..).zip(state.gates()).map(|(place, of)| Step::of(state, place, of, shown)).collect();
    // Late work has a page of its own.
    let found = workflow::stuck(state, &at.id, &[], app.now(), StuckQuery::default().patience);
    let found = found.into_iter().map(|stuck| StuckAt { kind: "workflow", id: at.id.clone(), stuck });
    let attention = found.map(|stuck| Row::new(stuck, &shell)).collect();
    let head = Head::of(&at.id, &view, Some(Tab::Gates));
    let shell = shell.titled(&state.title).about("workflow", &at.id).style(STYLE);
    shell.page(|shell| Gates { shell, head, steps, gate, attention })
}

impl Step {
    fn of(state: &Workflow, place: u16, (outline, gate): (&GateOutline, &GateState), shown: u16) -> Self {
        let tasks = state.tasks_of(place);
        let done = gate.results.min(tasks);
        let figures = match tasks {
            0 => "no tasks yet".to_owned(),
            _ => format!("{done} of {tasks} done"),
        };
        Self {
            place,
            name: line(&outline.name),
            mark: mark(state, place, gate),
            figures,
            is_shown: place == shown,
            is_current: place == state.gate,
        }
    }
}

/// How a gate is.
fn mark(state: &Workflow, place: u16, gate: &GateState) -> Mark {
    if gate.passed_at.is_some() {
        return Mark::new(Tone::Done, '✓', "passed");
    }
    if place != state.gate {
        return Mark::new(Tone::Idle, '○', "ahead");
    }
    match state.status() {
        workflow::Status::Running => Mark::new(Tone::Active, '◐', "under way"),
        workflow::Status::Waiting => Mark::new(Tone::Warn, '?', "to approve"),
        workflow::Status::Blocked => Mark::new(Tone::Bad, '✕', "blocked"),
        workflow::Status::Stopped => Mark::new(Tone::Warn, '‖', "stopped"),
        workflow::Status::Pending | workflow::Status::Completed => Mark::new(Tone::Idle, '◇', "next"),
    }
}

impl Gate {
    fn of(view: &View<WorkflowKind>, place: u16) -> Result<Self, Rejection> {
        let state = &view.state;
        let (outline, gate) = state.gate_at(place)?;
        let approval = gate.approval.as_ref().filter(|_| gate.is_approved());
        Ok(Self {
            place,
            id: outline.id.to_string(),
            name: line(&outline.name),
            phase: line(&outline.phase),
            mark: mark(state, place, gate),
            approval: outline.approval,
            approved: approval.map(|approval| (line(&approval.by), When(approval.at))),
            opened_at: gate.opened_at.map(When),
            passed_at: gate.passed_at.map(When),
            went_back: gate.went_back,
            generation: view.generation(&outline.id).0,
            lanes: state.lanes_of(place).map(|(id, lane)| Queue::of(state, id, lane)).collect(),
            results: gate.results,
            cancelled: gate.given_up,
        })
    }
}

impl Queue {
    fn of(state: &Workflow, id: &LaneId, lane: &Lane) -> Self {
        let under_way = state.under_way.keys().filter(|task| task.lane == *id).count() as u64;
        let (tasks, ahead) = (lane.tasks(), lane.ahead());
        Self {
            domain: id.domain.to_string(),
            priority: id.priority,
            tasks,
            ahead,
            under_way,
            over: tasks.saturating_sub(ahead).saturating_sub(under_way),
        }
    }
}
