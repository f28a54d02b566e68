//! A kind that is as small as a kind can be and still uses everything: pages of lines.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{
    Decision, Entity, EntityId, Fate, Generation, Inherit, Input, Owes, Plan, PlanLine, Read, Rejection, StageId,
    Target, Timestamp, Verb,
};
use crate::engine::{
    Answer, Ask, EngineOptions, Failure, Instance, PageRange, Receipt, Request, Terms, View, next_sweep, query,
};
use crate::store::{MemoryStore, Store, Urgency, batch_bytes};

#[derive(Clone, Debug)]
pub(super) enum Notes {}

/// The page that owes an effect, and sets a timer, whenever an undo gives its lines back.
pub(super) const OWING: &str = "owing";
/// What a line begins with that may not take another's place.
pub(super) const SECOND: &str = "second: ";

/// Lines a page has.
pub(super) type State = BTreeMap<StageId, u64>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Command {
    /// Writes the line of this number; the page is as long as its highest number.
    Line { page: StageId, generation: Option<Generation>, number: u64, text: String },
    /// Empties a page.
    Reset { page: StageId },
    /// Goes on with a page under a new generation, all lines kept.
    Revise { page: StageId },
    /// Owes an effect and sets a timer.
    Remind { page: StageId, at: Timestamp },
    /// What the effect answers, and what the timer stands for.
    Reminded { page: StageId },
    /// Panics in the rules.
    Panic,
    /// Sets a timer and does nothing else.
    Snooze { page: StageId, number: u64, at: Timestamp },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Event {
    Line { page: StageId, number: u64 },
    Emptied { page: StageId },
    Continued,
    Reminded,
}

impl Entity for Notes {
    const KIND: &'static str = "notes";
    type State = State;
    type Command = Command;
    type Event = Event;
    type Reply = u64;
    type Effect = StageId;

    fn target(command: &Command) -> Option<Target> {
        let (stage, generation, work) = match command {
            Command::Line { page, generation, .. } => (page, *generation, true),
            Command::Reset { page }
            | Command::Revise { page }
            | Command::Remind { page, .. }
            | Command::Snooze { page, .. }
            | Command::Reminded { page } => (page, None, false),
            Command::Panic => return None,
        };
        Some(Target { stage: stage.clone(), generation, work })
    }

    fn retarget(command: &mut Command, to: Generation) {
        if let Command::Line { generation, .. } = command {
            *generation = Some(to);
        }
    }

    fn reads(_: &State, command: &Command) -> Vec<Read> {
        match command {
            Command::Line { page, number, .. } => vec![Read::Content(page.clone(), number.to_be_bytes().to_vec())],
            _ => Vec::new(),
        }
    }

    fn decide(state: &State, command: &Command, input: &Input<'_>) -> Result<Decision<Self>, Rejection> {
        let verb = |name, page: &StageId, fate| {
            let line = PlanLine::new(fate, page, format!("{} lines", state.get(page).unwrap_or(&0)), name);
            Verb::new(name, Some(page.clone()), vec![page.clone()], vec![line])
        };
        Ok(match command {
            Command::Line { text, .. } if text.is_empty() => return Err(Rejection::invalid("text", "it is empty")),
            Command::Line { page, number, text, .. } => {
                let there = input.content(page, &number.to_be_bytes());
                if text.starts_with(SECOND) && there.is_some() {
                    let (what, why) = (format!("line {number}"), "somebody wrote it".to_owned());
                    return Err(Rejection::Superseded { stage: page.clone(), what, why, orphan: None });
                }
                let done = Decision::reply(there.map_or(0, <[u8]>::len) as u64);
                if there == Some(text.as_bytes()) {
                    return Ok(done);
                }
                done.event(Event::Line { page: page.clone(), number: *number }).write(
                    page,
                    number.to_be_bytes(),
                    text.as_bytes(),
                )
            }
            Command::Reset { page } => Decision::reply(0)
                .event(Event::Emptied { page: page.clone() })
                .raise(page, Inherit::Nothing)
                .verb(verb("reset", page, Fate::Cleared)),
            Command::Revise { page } => Decision::reply(0)
                .event(Event::Continued)
                .raise(page, Inherit::Current)
                .verb(verb("revise", page, Fate::Kept)),
            Command::Remind { page, at } => {
                let mut decision = Decision::reply(0).event(Event::Continued).effect("remind", page.clone());
                decision.timers.push(("remind".into(), Some(*at)));
                decision
            }
            Command::Snooze { at, .. } => {
                let mut decision = Decision::reply(0).event(Event::Continued);
                decision.timers.push(("remind".into(), Some(*at)));
                decision
            }
            Command::Reminded { .. } => Decision::reply(0).event(Event::Reminded),
            Command::Panic => panic!("asked to"),
        })
    }

    fn apply(state: &mut State, event: &Event, _: Timestamp) {
        match event {
            Event::Line { page, number } => {
                let lines = state.entry(page.clone()).or_default();
                *lines = (*lines).max(number + 1);
            }
            Event::Emptied { page } => {
                state.insert(page.clone(), 0);
            }
            Event::Continued => {}
            Event::Reminded => {
                *state.entry(page("reminders")).or_default() += 1;
            }
        }
    }

    fn restore(state: &mut State, saved: &State, stages: &[StageId], _: Timestamp) {
        for stage in stages {
            match saved.get(stage) {
                Some(lines) => state.insert(stage.clone(), *lines),
                None => state.remove(stage),
            };
        }
    }

    fn after_undo(state: &State, at: Timestamp) -> Owes<Self> {
        let owing = page(OWING);
        if state.get(&owing).is_none_or(|lines| *lines == 0) {
            return Owes::default();
        }
        let timers = vec![("remind".into(), Some(at.after(Duration::from_secs(60))))];
        Owes { effects: vec![("remind".into(), Some(owing))], timers }
    }

    fn draft_key(command: &Command) -> Option<Vec<u8>> {
        match command {
            Command::Line { page, number, .. } | Command::Snooze { page, number, .. } => {
                Some([page.as_str().as_bytes(), &number.to_be_bytes()].concat())
            }
            _ => None,
        }
    }

    fn supersedes(new: &Command, old: &Command) -> bool {
        let length = |command: &Command| match command {
            Command::Line { text, .. } => text.len(),
            _ => 0,
        };
        length(new) > length(old)
    }

    fn on_timer(key: &str) -> Option<Command> {
        (key == "remind").then(|| Command::Reminded { page: page("a") })
    }
}

pub(super) fn page(name: &str) -> StageId {
    StageId::new(name).unwrap()
}

pub(super) fn line(on: &str, number: u64, text: &str) -> Command {
    Command::Line { page: page(on), generation: None, number, text: text.into() }
}

pub(super) fn line_under(generation: u64, on: &str, number: u64, text: &str) -> Command {
    Command::Line { page: page(on), generation: Some(Generation(generation)), number, text: text.into() }
}

pub(super) fn reset(on: &str) -> Command {
    Command::Reset { page: page(on) }
}

/// One entity of notes over a store in memory, on simulated time.
pub(super) struct Desk {
    pub(super) store: Arc<MemoryStore>,
    pub(super) clock: Arc<AtomicI64>,
    pub(super) entity: Instance<Notes>,
    pub(super) options: Arc<EngineOptions>,
    pub(super) commits: usize,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self::with(EngineOptions::default())
    }

    pub(super) fn with(options: EngineOptions) -> Self {
        let clock = Arc::new(AtomicI64::new(1_000_000));
        let time = Arc::clone(&clock);
        let store = Arc::new(MemoryStore::new(Arc::new(move || time.load(Ordering::Relaxed))));
        let options = Arc::new(options);
        let entity = Instance::load(store.as_ref(), EntityId::new("n").unwrap(), Arc::clone(&options)).unwrap();
        Self { store, clock, entity, options, commits: 0 }
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.load(Ordering::Relaxed))
    }

    /// Lets time pass, and has drafts committed whenever they are due.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now().after(time);
        while let Some(due) = self.entity.due().filter(|due| *due <= end) {
            self.clock.fetch_max(due.as_millis(), Ordering::Relaxed);
            let now = self.now();
            let commit = self.entity.commit_held(self.store.as_ref(), Some(now)).unwrap();
            self.commit(commit);
        }
        self.clock.store(end.as_millis(), Ordering::Relaxed);
    }

    pub(super) fn commit(&mut self, commit: Option<crate::engine::Commit<Notes>>) {
        let Some(commit) = commit else { return };
        self.commits += 1;
        let ticket = commit.ticket;
        let outcome = Arc::new(Mutex::new(None));
        let told = Arc::clone(&outcome);
        self.store.commit(
            commit.batch,
            Box::new(move |stored| {
                ticket.durable();
                *told.lock().unwrap() = Some(stored.map(|_| ()));
            }),
        );
        outcome.lock().unwrap().take().expect("a store in memory answers at once").unwrap();
    }

    pub(super) fn request(&mut self, ask: Ask<Notes>, terms: Terms) -> Result<Receipt<u64>, Failure> {
        let handled = self.entity.handle(Request { ask, terms }, self.store.as_ref(), self.now());
        self.commit(handled.commit);
        handled.outcome
    }

    pub(super) fn ask(&mut self, ask: Ask<Notes>) -> Result<Receipt<u64>, Failure> {
        self.request(ask, Terms { by: "ann".into(), ..Terms::default() })
    }

    pub(super) fn send(&mut self, command: Command) -> Receipt<u64> {
        self.ask(Ask::Command(command)).unwrap()
    }

    pub(super) fn draft(&mut self, command: Command) -> Receipt<u64> {
        self.ask(Ask::Draft(command)).unwrap()
    }

    pub(super) fn refused(&mut self, ask: Ask<Notes>) -> Rejection {
        match self.ask(ask).unwrap_err() {
            Failure::Rejected(rejection) => rejection,
            other => panic!("not a refusal: {other}"),
        }
    }

    pub(super) fn plan(&mut self, ask: Ask<Notes>) -> Plan {
        match self.request(ask, Terms { preview: true, ..Terms::default() }).unwrap().answer {
            Answer::Plan(plan) => *plan,
            other => panic!("not a plan: {other:?}"),
        }
    }

    pub(super) fn view(&self) -> View<Notes> {
        self.entity.view()
    }

    /// The durable lines of a page, in order.
    pub(super) fn lines(&self, on: &str) -> Vec<String> {
        let layers = self.entity.fence(&page(on)).layers;
        let range = PageRange { prefix: Vec::new(), after: None, most: 1_000 };
        let found = query::content::<Notes>(self.store.as_ref(), self.entity.id(), &page(on), &layers, &range);
        found.unwrap().into_iter().map(|(_, text)| String::from_utf8(text).unwrap()).collect()
    }

    /// The process is killed and starts again: drafts are gone, everything else is read from the store.
    pub(super) fn restart(&mut self) {
        let id = self.entity.id().clone();
        self.entity = Instance::load(self.store.as_ref(), id, Arc::clone(&self.options)).unwrap();
    }

    /// Sweeps until nothing is left to sweep.
    pub(super) fn sweep(&mut self) {
        let retention = i64::try_from(self.options.answer_retention.as_millis()).unwrap();
        let before = Timestamp::from_millis(self.now().as_millis() - retention);
        while let Some(batch) = next_sweep(self.store.as_ref(), before).unwrap() {
            self.store.admit(batch_bytes(&batch), Urgency::Reserved).unwrap();
            self.store.commit(batch, Box::new(|stored| assert!(stored.is_ok())));
        }
    }

    /// How many keys of a class there are.
    pub(super) fn keys_of(&self, class: u8) -> usize {
        let mut count = 0;
        crate::engine::content::each_key(self.store.as_ref(), &[class], None, |_, _| {
            count += 1;
            true
        })
        .unwrap();
        count
    }
}
