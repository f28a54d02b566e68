//! Queues: one for each domain, with the workflows that have work there. A queue holds hints only: the workflow decides
//! whether there is something to claim, and a hint that leads to nothing is withdrawn. So a queue needs no word of a reset.

pub mod limits;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Decision, Entity, EntityId, Generation, Input, Rejection, StageId, Target, Timestamp};
use limits::{HINTS_MAX, PASSED_OVER_MAX};

/// The kind of entity that a queue is. Its id is the domain.
#[derive(Clone, Debug)]
pub enum QueueKind {}

/// A queue. The default is one that nobody was told of any work for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// The workflows that have work.
    pub hints: BTreeMap<EntityId, Hint>,
}

/// What a queue was told of a workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// The highest priority of its work.
    pub priority: u8,
    /// The workflow's revision that told so.
    pub revision: u64,
    /// Since when its work waits.
    pub since: Timestamp,
}

/// What can be asked of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// A workflow has work.
    Offer {
        /// The workflow.
        workflow: EntityId,
        /// The highest priority of it.
        priority: u8,
        /// The workflow's revision that says so.
        revision: u64,
        /// Since when it waits.
        since: Timestamp,
    },
    /// A workflow has no work. Ignored where a newer offer came.
    Withdraw {
        /// The workflow.
        workflow: EntityId,
        /// The workflow's revision that says so.
        revision: u64,
    },
    /// Names the workflow whose work goes first.
    Pick {
        /// Those that were asked already.
        not: Vec<EntityId>,
    },
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A workflow has work.
    Offered(EntityId, Hint),
    /// A workflow has none.
    Withdrawn(EntityId),
}

/// What the asker is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// There is nothing to tell.
    Done,
    /// The workflow to ask, if there is one.
    Picked(Option<EntityId>),
}

/// A queue owes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {}

impl Queue {
    /// The workflow whose work goes first: the highest priority, then the oldest.
    pub fn best(&self, not: &[EntityId]) -> Option<&EntityId> {
        let open = self.hints.iter().filter(|(workflow, _)| !not.contains(workflow));
        open.min_by_key(|(_, hint)| (Reverse(hint.priority), hint.since)).map(|(workflow, _)| workflow)
    }

    /// Since when the oldest of its work waits.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.hints.values().map(|hint| hint.since).min()
    }
}

impl Entity for QueueKind {
    const KIND: &'static str = "queue";

    type State = Queue;
    type Command = Command;
    type Event = Event;
    type Reply = Reply;
    type Effect = Effect;

    fn target(_: &Command) -> Option<Target> {
        None
    }

    fn retarget(_: &mut Command, _: Generation) {}

    fn decide(state: &Queue, command: &Command, _: &Input<'_>) -> Result<Decision<Self>, Rejection> {
        let done = Decision::reply(Reply::Done);
        match command {
            Command::Offer { workflow, priority, revision, since } => {
                let known = state.hints.get(workflow);
                if known.is_some_and(|known| known.revision >= *revision) {
                    return Ok(done);
                }
                if known.is_none() && state.hints.len() >= HINTS_MAX {
                    let message =
                        format!("the queue holds {HINTS_MAX} workflows that have work, the most there can be");
                    return Err(Rejection::refused("queue_full", message, "start more workers for it"));
                }
                let hint = Hint { priority: *priority, revision: *revision, since: *since };
                Ok(done.event(Event::Offered(workflow.clone(), hint)))
            }
            Command::Withdraw { workflow, revision } => {
                match state.hints.get(workflow).is_some_and(|known| known.revision <= *revision) {
                    true => Ok(done.event(Event::Withdrawn(workflow.clone()))),
                    false => Ok(done),
                }
            }
            Command::Pick { not } if not.len() > PASSED_OVER_MAX => {
                Err(Rejection::limit("workflows to be passed over", PASSED_OVER_MAX))
            }
            Command::Pick { not } => Ok(Decision::reply(Reply::Picked(state.best(not).cloned()))),
        }
    }

    fn apply(state: &mut Queue, event: &Event, _: Timestamp) {
        match event {
            Event::Offered(workflow, hint) => {
                state.hints.insert(workflow.clone(), *hint);
            }
            Event::Withdrawn(workflow) => {
                state.hints.remove(workflow);
            }
        }
    }

    /// A queue has no verbs, so there is nothing to take back.
    fn restore(_: &mut Queue, _: &Queue, _: &[StageId], _: Timestamp) {}
}
