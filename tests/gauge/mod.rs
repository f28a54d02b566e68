//! A kind of entity that does what tests of a runtime need: it adds, panics, waits at a gate, and owes effects.

#![allow(dead_code, unreachable_pub, reason = "each test that has this as a module uses a part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use restage::{
    Decision, Entity, Fate, Generation, Inherit, Input, PlanLine, Rejection, StageId, Target, Timestamp, Verb,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug)]
pub enum Gauge {}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Everything added, in order.
    pub added: Vec<String>,
    /// Answers of the world, by effect.
    pub answers: BTreeMap<String, u64>,
    /// Lines in the stage.
    pub lines: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Command {
    Add(String),
    Panic,
    /// Does not go on while the gate of this name is closed.
    Wait(String),
    Owe(String),
    Answered(String),
    Line {
        generation: Option<Generation>,
        text: String,
    },
    Reset,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Event {
    Added(String),
    Owed(String),
    Answered(String),
    Written,
    Emptied,
}

/// Generation of the stage and number of lines, after the turn.
pub type Reply = (u64, u64);

pub fn stage() -> StageId {
    StageId::new("lines").unwrap()
}

impl Entity for Gauge {
    const KIND: &'static str = "gauge";
    type State = State;
    type Command = Command;
    type Event = Event;
    type Reply = Reply;
    type Effect = String;

    fn target(command: &Command) -> Option<Target> {
        match command {
            Command::Line { generation, .. } => Some(Target { stage: stage(), generation: *generation, work: true }),
            Command::Reset => Some(Target { stage: stage(), generation: None, work: false }),
            _ => None,
        }
    }

    fn retarget(command: &mut Command, to: Generation) {
        if let Command::Line { generation, .. } = command {
            *generation = Some(to);
        }
    }

    fn decide(state: &State, command: &Command, input: &Input<'_>) -> Result<Decision<Self>, Rejection> {
        let generation = input.generation(&stage()).0;
        let reply = |lines| Decision::reply((generation, lines));
        Ok(match command {
            Command::Add(what) => reply(state.lines).event(Event::Added(what.clone())),
            Command::Panic => panic!("asked to panic"),
            Command::Wait(gate) => {
                pass(gate);
                reply(state.lines)
            }
            Command::Owe(key) => reply(state.lines).event(Event::Owed(key.clone())).effect(key, key.clone()),
            Command::Answered(key) => reply(state.lines).event(Event::Answered(key.clone())),
            Command::Line { text, .. } => {
                let written = reply(state.lines + 1).event(Event::Written);
                written.write(&stage(), state.lines.to_be_bytes(), text.as_bytes())
            }
            Command::Reset => {
                let line = PlanLine::new(Fate::Cleared, &stage(), "all lines", "the stage starts over");
                let verb = Verb::new("reset", Some(stage()), vec![stage()], vec![line]);
                let reset = Decision::reply((generation + 1, 0)).raise(&stage(), Inherit::Nothing);
                reset.event(Event::Emptied).verb(verb)
            }
        })
    }

    fn restore(state: &mut State, saved: &State, _: &[StageId], _: Timestamp) {
        state.lines = saved.lines;
    }

    fn apply(state: &mut State, event: &Event, _: Timestamp) {
        match event {
            Event::Added(what) => {
                *applied().entry(what.clone()).or_default() += 1;
                state.added.push(what.clone());
            }
            Event::Owed(_) => {}
            Event::Answered(key) => *state.answers.entry(key.clone()).or_default() += 1,
            Event::Written => state.lines += 1,
            Event::Emptied => state.lines = 0,
        }
    }
}

static APPLIED: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());
static WAITING: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
static CLOSED: (Mutex<BTreeSet<String>>, Condvar) = (Mutex::new(BTreeSet::new()), Condvar::new());

fn applied() -> std::sync::MutexGuard<'static, BTreeMap<String, u64>> {
    APPLIED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often what was added was folded into a state, live or while its entity was loaded.
pub fn times_applied(what: &str) -> u64 {
    applied().get(what).copied().unwrap_or_default()
}

pub fn close(gate: &str) {
    CLOSED.0.lock().unwrap_or_else(PoisonError::into_inner).insert(gate.to_owned());
}

pub fn open(gate: &str) {
    CLOSED.0.lock().unwrap_or_else(PoisonError::into_inner).remove(gate);
    CLOSED.1.notify_all();
}

/// Whether a turn waits at a gate.
pub fn is_waited_at(gate: &str) -> bool {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner).contains(gate)
}

/// Waits while a gate is closed; for ever would be a test that hangs.
fn pass(gate: &str) {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner).insert(gate.to_owned());
    let closed = CLOSED.0.lock().unwrap_or_else(PoisonError::into_inner);
    drop(CLOSED.1.wait_timeout_while(closed, Duration::from_secs(60), |closed| closed.contains(gate)));
}

/// Looks until it is so; fails after half a minute.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let until = Instant::now() + Duration::from_secs(30);
    while !is_so().await {
        assert!(Instant::now() < until, "it never came about that {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
