//! What stands over every page of a workflow: what it is about, where it stands, what can be done with it, and its parts.

use serde_json::json;

use super::super::marks::Mark;
use super::super::text::{Safe, line};
use super::super::when::When;
use crate::api::workflow::{RunState, Workflow, WorkflowKind};
use crate::api::{EntityId, View};

/// A part of a workflow that has a page of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http::web) enum Tab {
    Gates,
    Tasks,
    Results,
    Workers,
    Late,
}

/// What stands over every page of a workflow.
#[derive(Debug)]
pub(in crate::http::web) struct Head {
    pub(in crate::http::web) id: String,
    pub(in crate::http::web) title: Safe,
    pub(in crate::http::web) story: Safe,
    pub(in crate::http::web) mark: Mark,
    /// Where it stands, in words.
    pub(in crate::http::web) standing: String,
    pub(in crate::http::web) phase: Safe,
    pub(in crate::http::web) error: Option<Safe>,
    pub(in crate::http::web) run: Option<Run>,
    pub(in crate::http::web) can_run: bool,
    pub(in crate::http::web) can_stop: bool,
    /// The person's word that it waits for.
    pub(in crate::http::web) word: Option<Word>,
    pub(in crate::http::web) undo: Option<Undo>,
    /// The gates that it can go back to.
    pub(in crate::http::web) behind: Vec<Place>,
    /// The gates that a run can go to.
    pub(in crate::http::web) ahead: Vec<Place>,
    pub(in crate::http::web) tabs: Vec<Link>,
}

/// The last run.
#[derive(Debug)]
pub(in crate::http::web) struct Run {
    pub(in crate::http::web) number: u64,
    pub(in crate::http::web) mark: Mark,
    pub(in crate::http::web) by: Safe,
    pub(in crate::http::web) until: Option<String>,
    pub(in crate::http::web) started_at: When,
    pub(in crate::http::web) ended_at: Option<When>,
}

/// A person's word that is waited for.
#[derive(Debug)]
pub(in crate::http::web) struct Word {
    pub(in crate::http::web) gate: String,
    pub(in crate::http::web) name: Safe,
    pub(in crate::http::web) place: u16,
    pub(in crate::http::web) results: u64,
    /// What approving asks for: the gate, and the results that are seen now.
    pub(in crate::http::web) body: String,
}

/// What can be taken back next.
#[derive(Debug)]
pub(in crate::http::web) struct Undo {
    pub(in crate::http::web) what: String,
    pub(in crate::http::web) body: String,
    pub(in crate::http::web) by: Safe,
    pub(in crate::http::web) at: When,
    pub(in crate::http::web) until: When,
}

/// A gate that can be chosen.
#[derive(Debug)]
pub(in crate::http::web) struct Place {
    pub(in crate::http::web) place: u16,
    pub(in crate::http::web) id: String,
    pub(in crate::http::web) name: String,
    pub(in crate::http::web) is_current: bool,
}

/// A link to a part.
#[derive(Debug)]
pub(in crate::http::web) struct Link {
    pub(in crate::http::web) href: String,
    pub(in crate::http::web) label: &'static str,
    pub(in crate::http::web) count: String,
    pub(in crate::http::web) is_here: bool,
    /// Whether somebody should look.
    pub(in crate::http::web) calls: bool,
}

impl Head {
    pub(in crate::http::web) fn of(id: &EntityId, view: &View<WorkflowKind>, here: Option<Tab>) -> Self {
        let state = &view.state;
        let places: Vec<Place> = places(state);
        let (current, count) = (usize::from(state.gate), places.len());
        let standing = match state.current() {
            Some((outline, _)) => format!("before gate {} of {count}: {}", current + 1, outline.name),
            None => format!("all {count} gates are passed"),
        };
        let (behind, ahead) = places.into_iter().partition(|place| place.place < state.gate || place.is_current);
        let mut head = Self {
            id: id.to_string(),
            title: line(&state.title),
            story: line(&state.story),
            mark: state.status().into(),
            standing,
            phase: line(state.phase()),
            error: state.error.as_deref().map(line),
            run: state.run.as_ref().map(Run::of),
            can_run: !state.is_running() && !state.is_completed(),
            can_stop: state.is_running(),
            word: word(state),
            undo: undo(view),
            behind,
            ahead,
            tabs: tabs(id, view, here),
        };
        // A run can go to the gate it begins before, too.
        if let Some(here) = head.behind.last().filter(|place| place.is_current && !state.is_completed()) {
            head.ahead.insert(0, Place { id: here.id.clone(), name: here.name.clone(), ..*here });
        }
        head
    }

    /// Whether a run can be told where to stop.
    pub(in crate::http::web) fn can_run_until(&self) -> bool {
        self.can_run && self.ahead.len() > 1
    }
}

/// All gates. The one that it stands before is the current one; the last, when all are passed.
fn places(state: &Workflow) -> Vec<Place> {
    let last = state.outline.gates.len().saturating_sub(1);
    let current = usize::from(state.gate).min(last);
    let gates = (0_u16..).zip(&state.outline.gates);
    gates
        .map(|(place, outline)| Place {
            place,
            id: outline.id.to_string(),
            name: outline.name.clone(),
            is_current: usize::from(place) == current,
        })
        .collect()
}

impl Run {
    fn of(run: &RunState) -> Self {
        Self {
            number: run.number,
            mark: run.status.into(),
            by: line(&run.by),
            until: run.until.as_ref().map(ToString::to_string),
            started_at: When(run.started_at),
            ended_at: run.ended_at.map(When),
        }
    }
}

/// A gate of a stopped workflow can be approved too, and rejected while it waits.
fn word(state: &Workflow) -> Option<Word> {
    let (outline, gate) = state.current().filter(|_| state.waits_for_approval())?;
    let seen: String = gate.fingerprint.0.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(Word {
        gate: outline.id.to_string(),
        name: line(&outline.name),
        place: state.gate,
        results: gate.results,
        body: json!({ "gate": outline.id.to_string(), "seen": seen }).to_string(),
    })
}

/// The newest verb that was not taken back.
fn undo(view: &View<WorkflowKind>) -> Option<Undo> {
    let point = view.undo_points.iter().rev().find(|point| point.undone_by.is_none())?;
    let of = point.stage.as_ref().map(|stage| format!(" of {stage}")).unwrap_or_default();
    Some(Undo {
        what: format!("{}{of}", point.verb),
        body: json!({ "undo_point": point.number }).to_string(),
        by: line(&point.by),
        at: When(point.at),
        until: When(point.until),
    })
}

fn tabs(id: &EntityId, view: &View<WorkflowKind>, here: Option<Tab>) -> Vec<Link> {
    let state = &view.state;
    let passed = state.gates().filter(|(_, gate)| gate.passed_at.is_some()).count();
    let tasks: u64 = state.lanes.values().map(crate::api::workflow::Lane::tasks).sum();
    let results: u64 = state.gates().map(|(_, gate)| gate.results).sum();
    let leased = state.under_way.values().filter(|entry| entry.leased().is_some()).count();
    let late = view.orphans.len();
    let base = format!("/ui/workflows/{id}");
    let link = |tab, path: &str, label, count: String, calls| Link {
        href: format!("{base}{path}"),
        label,
        count,
        is_here: here == Some(tab),
        calls,
    };
    vec![
        link(Tab::Gates, "", "Gates", format!("{passed}/{}", state.outline.gates.len()), false),
        link(Tab::Tasks, "/tasks", "Tasks", tasks.to_string(), false),
        link(Tab::Results, "/results", "Results", results.to_string(), false),
        link(Tab::Workers, "/workers", "Workers", leased.to_string(), false),
        link(Tab::Late, "/late", "Late work", late.to_string(), late > 0),
    ]
}
