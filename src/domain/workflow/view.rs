//! What follows from a workflow's state: nothing here is stored, so that it can't disagree.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::lane::Lane;
use super::limits::UNDER_WAY_MAX;
use super::state::{GateState, RunStatus, Standing, UnderWay, Workflow};
use super::task::{Domain, LaneId, TaskId};
use super::template::{COMPLETED, GateOutline};
use crate::domain::{Rejection, StageId, Timestamp};

/// Where a workflow stands, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing goes on by itself: nobody ran it yet, it came to where its run should, or it went back.
    Pending,
    /// A run goes on.
    Running,
    /// A run waits for a person's word.
    Waiting,
    /// A run can't go on before somebody has done something about it.
    Blocked,
    /// Its run was stopped.
    Stopped,
    /// All gates are passed.
    Completed,
}

/// Where a task stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskStanding<'a> {
    /// No worker has met it.
    Ahead,
    /// A worker has met it.
    UnderWay(&'a UnderWay),
    /// It has a result, or was cancelled.
    Over,
}

/// What a queue is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Offered {
    /// The highest priority of what there is.
    pub priority: u8,
    /// Since when the oldest of that waits.
    pub since: Timestamp,
}

/// A task that can be claimed. The least is the best: the highest priority, those that were met before, the oldest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    priority: Reverse<u8>,
    /// Whether no worker has met it.
    pub(super) ahead: bool,
    since: Timestamp,
    pub(super) id: TaskId,
}

impl Workflow {
    /// Whether somebody has started it.
    pub fn exists(&self) -> bool {
        !self.outline.gates.is_empty()
    }

    /// Whether all gates are passed.
    pub fn is_completed(&self) -> bool {
        self.exists() && usize::from(self.gate) >= self.outline.gates.len()
    }

    /// Whether a run goes on.
    pub fn is_running(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.status == RunStatus::Running)
    }

    /// Where it stands.
    pub fn status(&self) -> Status {
        match self.run.as_ref().map(|run| run.status) {
            _ if self.is_completed() => Status::Completed,
            None | Some(RunStatus::Completed | RunStatus::Cancelled) => Status::Pending,
            Some(RunStatus::Stopped) => Status::Stopped,
            Some(RunStatus::Running) if self.error.is_some() => Status::Blocked,
            Some(RunStatus::Running) if self.waits_for_approval() => Status::Waiting,
            Some(RunStatus::Running) => Status::Running,
        }
    }

    /// The phase that it is in.
    pub fn phase(&self) -> &str {
        self.current().map_or(COMPLETED, |(outline, _)| outline.phase.as_str())
    }

    /// The gates, in order.
    pub fn gates(&self) -> impl ExactSizeIterator<Item = (&GateOutline, &GateState)> {
        self.outline.gates.iter().zip(&self.gates)
    }

    /// The gate it stands before; none when all are passed.
    pub fn current(&self) -> Option<(&GateOutline, &GateState)> {
        self.gates().nth(usize::from(self.gate))
    }

    /// The gate of this place.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] if there is none.
    pub fn gate_at(&self, place: u16) -> Result<(&GateOutline, &GateState), Rejection> {
        self.gates().nth(usize::from(place)).ok_or_else(|| Rejection::not_found("gate", place))
    }

    /// The place of a gate.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] if there is none of this id.
    pub fn place_of(&self, gate: &StageId) -> Result<u16, Rejection> {
        let place = (0_u16..).zip(&self.outline.gates).find(|(_, outline)| outline.id == *gate);
        place.map(|(place, _)| place).ok_or_else(|| Rejection::not_found("gate", gate))
    }

    /// Where a task stands; nothing where there is none of this id.
    pub fn task(&self, id: &TaskId) -> Option<TaskStanding<'_>> {
        let lane = self.lanes.get(&id.lane).filter(|lane| lane.has(id.number))?;
        Some(match self.under_way.get(id) {
            Some(entry) => TaskStanding::UnderWay(entry),
            None if lane.is_ahead(id.number) => TaskStanding::Ahead,
            None => TaskStanding::Over,
        })
    }

    /// The lanes of a gate.
    pub fn lanes_of(&self, gate: u16) -> impl Iterator<Item = (&LaneId, &Lane)> {
        self.lanes.iter().filter(move |(id, _)| id.gate == gate)
    }

    /// How many tasks a gate has.
    pub fn tasks_of(&self, gate: u16) -> u64 {
        self.lanes_of(gate).map(|(_, lane)| lane.tasks()).sum()
    }

    /// The tasks of a gate that were met and are not finished.
    pub fn under_way_of(&self, gate: u16) -> impl Iterator<Item = (&TaskId, &UnderWay)> {
        self.under_way.iter().filter(move |(id, _)| id.lane.gate == gate)
    }

    /// Whether every task of a gate has a result or was cancelled.
    pub fn has_nothing_to_do(&self, gate: u16) -> bool {
        self.lanes_of(gate).all(|(_, lane)| lane.ahead() == 0) && self.under_way_of(gate).next().is_none()
    }

    /// Whether all that is missing is a person's word for the gate it stands before.
    pub fn waits_for_approval(&self) -> bool {
        let asks = self.current().is_some_and(|(outline, state)| outline.approval && !state.is_approved());
        asks && self.has_nothing_to_do(self.gate)
    }

    /// Whether tasks are granted: a run goes on, or nobody has run it yet, and there are tasks all the same. They are those
    /// of the gate that it stands before.
    pub fn grants(&self) -> bool {
        self.run.as_ref().is_none_or(|run| run.status == RunStatus::Running)
    }

    /// Whether no more can be met before some of those that were are finished.
    pub fn is_full(&self) -> bool {
        self.under_way.len() >= UNDER_WAY_MAX
    }

    /// The domains in which something can be claimed now, with what their queues are told.
    pub fn domains_waiting(&self) -> BTreeMap<Domain, Offered> {
        let mut found: BTreeMap<Domain, Offered> = BTreeMap::new();
        for (domain, Candidate { priority: Reverse(priority), since, .. }) in self.candidates() {
            let offered = found.entry(domain).or_insert(Offered { priority, since });
            if priority > offered.priority || (priority == offered.priority && since < offered.since) {
                *offered = Offered { priority, since };
            }
        }
        found
    }

    /// When the first of its leases ends, or a task that rests is to be handed out again.
    pub fn next_due(&self) -> Option<Timestamp> {
        let due = |entry: &UnderWay| match entry.standing {
            Standing::Leased => entry.lease.as_ref().map(super::state::Lease::end),
            Standing::Waiting(at) => Some(at),
            Standing::Queued | Standing::Failed => None,
        };
        self.under_way.values().filter_map(due).min()
    }

    /// The task that a worker of this domain gets now.
    pub(super) fn best(&self, domain: &Domain) -> Option<Candidate> {
        self.candidates().filter(|(of, _)| of == domain).map(|(_, candidate)| candidate).min()
    }

    /// Everything that can be claimed, but of those that no worker has met only the first of each lane.
    fn candidates(&self) -> impl Iterator<Item = (Domain, Candidate)> {
        let run_since = self.run.as_ref().map(|run| run.started_at).unwrap_or_default();
        let candidate = move |id: TaskId, ahead, since: Timestamp| Candidate {
            priority: Reverse(id.lane.priority),
            ahead,
            // Nobody could claim it before.
            since: since.max(run_since),
            id,
        };
        let queued = self.under_way_of(self.gate).filter(|(_, entry)| entry.standing == Standing::Queued);
        let queued = queued.map(move |(id, entry)| (entry.domain(id), candidate(id.clone(), false, entry.since)));
        let lanes = self.lanes_of(self.gate).filter(|_| !self.is_full());
        let heads = lanes.filter_map(move |(lane, state)| {
            let id = TaskId { lane: lane.clone(), number: state.head()? };
            Some((lane.domain.clone(), candidate(id, true, state.waiting_since)))
        });
        let grants = self.grants();
        queued.chain(heads).filter(move |_| grants)
    }
}

impl GateState {
    /// Whether a person gave their word for the results that there are.
    pub fn is_approved(&self) -> bool {
        self.approval.as_ref().is_some_and(|approval| approval.of == self.fingerprint)
    }
}

impl UnderWay {
    /// The queue that it goes to.
    pub fn domain(&self, id: &TaskId) -> Domain {
        if self.human { Domain::human() } else { id.lane.domain.clone() }
    }
}

impl Status {
    /// The word that programs read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Blocked => "blocked",
            Self::Stopped => "stopped",
            Self::Completed => "completed",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
