//! Workshops on a disk that stops, tears and fails at every operation of random histories: after each, and after being
//! stopped again while it recovers, what is there is what a run without faults had at that point, byte for byte.
//!
//! The first histories are gone through whole, more follow until the time is up. `RESTAGE_CRASH_SECONDS` sets how long
//! that is, `RESTAGE_CRASH_SEED` where the histories begin.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests"
)]

mod acts;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use acts::{Dice, STEPS, WORKSHOPS, id, stage};
use restage::testkit::{Ask, Fault, Harness, Keep, SimDisk, Terms};
use restage::workshop::{Command, Status, StoredMessage, Workshop, WorkshopKind};
use restage::{Failure, PageRange, Position, Record, StageId, View};

type Workshops = Harness<WorkshopKind>;
type Entries = Vec<(Vec<u8>, Vec<u8>)>;

const ACTS: usize = 60;
const FAULTS: [Fault; 4] =
    [Fault::Stop, Fault::Tear, Fault::FailOnce(ErrorKind::Other), Fault::FailOnce(ErrorKind::StorageFull)];
/// Most turns that are on their way at a time.
const IN_FLIGHT_MOST: u64 = 8;

/// A history, and what a run of it without faults had at every position.
struct Told {
    acts: Vec<acts::Act>,
    dumps: Vec<Entries>,
    /// By workshop and revision: what the live entity showed.
    views: BTreeMap<(usize, u64), String>,
}

/// How much was done, and how much of what.
#[derive(Debug, Default)]
struct Counts {
    histories: u64,
    operations: u64,
    faults: u64,
    crashes: u64,
    crashes_in_recovery: u64,
    turns_checked: u64,
    undone: u64,
}

fn all(harness: &mut Workshops, workshop: usize, step: &StageId) -> Vec<(Vec<u8>, Vec<u8>)> {
    harness.page(&id(workshop), step, &PageRange { prefix: Vec::new(), after: None, most: usize::MAX }).unwrap()
}

fn shown(view: &View<WorkshopKind>) -> String {
    format!("{:?}", (view.revision, &view.state, &view.fences, &view.undo_points, &view.orphans))
}

/// Runs a history until it ends or the store fails.
fn run(harness: &mut Workshops, acts: &[acts::Act], mut each: impl FnMut(&mut Workshops)) -> Result<(), Failure> {
    for step in acts::beginning() {
        acts::perform(harness, &step)?;
    }
    for (number, act) in acts.iter().enumerate() {
        let mut views = Vec::new();
        for workshop in 0..WORKSHOPS.len() {
            views.push(harness.view(&id(workshop))?);
        }
        for step in acts::resolve(act, number, |workshop| views[workshop].clone()) {
            acts::perform(harness, &step)?;
            each(harness);
        }
    }
    Ok(())
}

/// The history of a seed, run without faults.
fn tell(seed: u64) -> Told {
    let acts = acts::acts(seed, ACTS);
    let mut views = BTreeMap::new();
    let mut harness = Workshops::in_memory();
    run(&mut harness, &acts, |harness| {
        for workshop in 0..WORKSHOPS.len() {
            let view = harness.view(&id(workshop)).unwrap();
            views.insert((workshop, view.revision), shown(&view));
        }
    })
    .unwrap();
    let last = harness.durable().0;
    let dumps = (0..=last).map(|position| harness.dump_at(Position(position)).unwrap()).collect();
    Told { acts, dumps, views }
}

/// Runs a history on a disk that fails at the k-th operation; what it was told is durable.
fn run_until(told: &Told, k: u64, fault: Fault) -> (SimDisk, Position) {
    let disk = SimDisk::new();
    disk.fail_at(k, fault);
    let Ok(mut harness) = Workshops::open(disk.clone()) else { return (disk, Position(0)) };
    let outcome = run(&mut harness, &told.acts, |_| {});
    let durable = harness.durable();
    if harness.failure().is_some() {
        let reset = Ask::Command(Command::Reset { stage: stage(0) });
        assert!(harness.ask(&id(0), reset, Terms::default()).is_err(), "after {outcome:?}");
        assert_eq!(harness.durable(), durable, "after a failure nothing more is acknowledged");
    }
    (disk, durable)
}

/// What is left of the disk, in all the ways there are.
fn after_crashes(disk: &SimDisk, seed: u64) -> Vec<SimDisk> {
    vec![
        disk.kill(),
        disk.crash(seed, Keep::Nothing),
        disk.crash(seed, Keep::All),
        disk.crash(seed, Keep::Random),
        disk.crash(seed ^ 0x5555, Keep::Random),
    ]
}

/// Opens what is left: it is what the run without faults had, no less than was acknowledged. Says where it stands.
fn check(left: &SimDisk, told: &Told, acknowledged: Position, counts: &mut Counts) -> Position {
    let harness = Workshops::open(left.clone()).expect("a store that crashed opens");
    let found = harness.durable();
    assert!(found >= acknowledged, "{found:?} is left of {acknowledged:?}");
    assert!(found.0 <= acknowledged.0 + IN_FLIGHT_MOST, "{found:?} was never handed over");
    let expected = &told.dumps[usize::try_from(found.0).unwrap()];
    let dump = harness.dump().unwrap();
    if dump != *expected {
        let keys = |entries: &Entries| entries.iter().map(|(k, _)| k.escape_ascii().to_string()).collect::<Vec<_>>();
        assert_eq!(keys(&dump), keys(expected), "keys at {found:?}");
        panic!("values differ at {found:?}");
    }
    counts.crashes += 1;
    counts.turns_checked += found.0;
    found
}

/// Looks at what is left as its readers do, and goes on with it.
fn check_and_go_on(left: &SimDisk, told: &Told, counts: &mut Counts) {
    let mut harness = Workshops::open(left.clone()).unwrap();
    for workshop in 0..WORKSHOPS.len() {
        let view = harness.view(&id(workshop)).unwrap();
        if let Some(live) = told.views.get(&(workshop, view.revision)) {
            assert_eq!(shown(&view), *live, "what is loaded is what the live one was");
        }
        if !view.state.exists() {
            continue;
        }
        replay_gives_the_same(&harness, workshop, &view);
        no_old_generation_is_seen(&mut harness, workshop);
        nothing_below_is_complete_by_itself(&harness, workshop, &view);
        undo_gives_back_what_was_there(&mut harness, workshop, counts);
    }
    let stands = harness.dump().unwrap();
    let durable = harness.durable();
    drop(harness);
    let again = Workshops::open(left.crash(1, Keep::Nothing)).unwrap();
    assert_eq!(again.durable(), durable);
    assert!(again.dump().unwrap() == stands, "what it went on with is durable");
}

fn replay_gives_the_same(harness: &Workshops, workshop: usize, view: &View<WorkshopKind>) {
    let mut record = Record::<WorkshopKind>::default();
    for turn in harness.history(&id(workshop)).unwrap() {
        record.fold(&turn.entry);
        assert_eq!(record.revision, turn.revision, "the journal has no gaps");
    }
    let replayed = (record.revision, &record.state, &record.fences, &record.undo_points, &record.orphans);
    assert_eq!(format!("{replayed:?}"), shown(view), "the whole journal replayed is what was loaded");
}

/// After a reset nothing is seen that was written before it, unless a later verb brought it back.
fn no_old_generation_is_seen(harness: &mut Workshops, workshop: usize) {
    let audit = harness.audit(&id(workshop)).unwrap();
    for step in (0..STEPS.len()).map(stage) {
        let Some(last) = audit.iter().rev().find(|entry| entry.generations.contains_key(&step)) else { continue };
        if last.verb != "reset" || last.stage.as_ref() != Some(&step) {
            continue;
        }
        for (path, bytes) in all(harness, workshop, &step) {
            let message = path.starts_with(b"m").then(|| StoredMessage::from_bytes(&bytes).unwrap());
            assert!(message.is_none_or(|message| message.at >= last.at), "written before the reset of {step}");
        }
        let view = harness.view(&id(workshop)).unwrap();
        assert_eq!(view.fences[&step].layers, [last.generations[&step].1], "{step} reads through nothing older");
    }
}

/// A step is complete although what it is made from is not only where somebody accepted or undid something.
fn nothing_below_is_complete_by_itself(harness: &Workshops, workshop: usize, view: &View<WorkshopKind>) {
    let overruled = harness.audit(&id(workshop)).unwrap().iter().any(|e| e.verb == "accept" || e.verb == "undo");
    let open: BTreeSet<&StageId> =
        view.state.steps().filter(|(_, step)| step.status != Status::Complete).map(|(id, _)| id).collect();
    for (id, step) in view.state.steps().filter(|_| !overruled) {
        let from = view.state.outline.graph.dependencies(id).find(|on| open.contains(on));
        assert!(step.status != Status::Complete || from.is_none(), "{id} is complete and {from:?} is not");
    }
}

/// What a workshop is, but for what its facilitator is asked for: that is no content, and does not come back.
fn told(harness: &mut Workshops, workshop: usize) -> Workshop {
    let mut state = harness.view(&id(workshop)).unwrap().state;
    for step in &mut state.steps {
        (step.awaits, step.problem) = Default::default();
    }
    state
}

/// Resets a step, takes that back, and takes the taking back back.
fn undo_gives_back_what_was_there(harness: &mut Workshops, workshop: usize, counts: &mut Counts) {
    let view = harness.view(&id(workshop)).unwrap();
    let Some((step, _)) = view.state.steps().find(|(_, step)| step.is_begun()) else { return };
    let everything = |harness: &mut Workshops| -> Vec<_> {
        (0..STEPS.len()).map(|step| all(harness, workshop, &stage(step))).collect()
    };
    let ask = |harness: &mut Workshops, ask| harness.ask(&id(workshop), ask, Terms::default()).unwrap();
    let before = (everything(harness), told(harness, workshop));
    ask(harness, Ask::Command(Command::Reset { stage: step.clone() }));
    let reset = (everything(harness), told(harness, workshop));
    assert!(all(harness, workshop, step).is_empty());
    ask(harness, Ask::Undo(None));
    assert!(everything(harness) == before.0, "the undo of the reset of {step} gives back what was there");
    assert_eq!(told(harness, workshop), before.1);
    let newest = harness.view(&id(workshop)).unwrap().undo_points.last().unwrap().number;
    ask(harness, Ask::Undo(Some(newest)));
    let again = (everything(harness), told(harness, workshop));
    assert!(again == reset, "the undo of the undo is the reset of {step}");
    counts.undone += 2;
}

/// Opens what is left, stopped at every operation of that.
fn recover_through_crashes(left: &SimDisk, told: &Told, acknowledged: Position, seed: u64, counts: &mut Counts) {
    let probe = left.kill();
    drop(Workshops::open(probe.clone()).unwrap());
    for k in 1..=probe.operations() {
        for fault in [Fault::Stop, Fault::Tear] {
            let stopped = left.kill();
            stopped.fail_at(k, fault);
            assert!(Workshops::open(stopped.clone()).is_err());
            for again in [stopped.kill(), stopped.crash(seed + k, Keep::Nothing), stopped.crash(seed, Keep::Random)] {
                check(&again, told, acknowledged, counts);
                counts.crashes_in_recovery += 1;
            }
        }
    }
}

/// Goes through a history, stopped at every operation, as far as time allows.
fn go_through(seed: u64, until: Instant, counts: &mut Counts) {
    let told = tell(seed);
    let (disk, last) = run_until(&told, u64::MAX, Fault::Stop);
    assert_eq!(last.0 as usize + 1, told.dumps.len(), "a disk without faults gives what memory gives");
    counts.histories += 1;
    counts.operations += disk.operations();
    let mut dice = Dice(seed);
    // At any number of operations from a random one on, so that histories that are cut short are not all cut at the end.
    let first = dice.roll();
    for k in (0..disk.operations()).map(|k| 1 + (first + k) % disk.operations()) {
        for fault in FAULTS {
            let (disk, acknowledged) = run_until(&told, k, fault);
            counts.faults += 1;
            let mut found = Vec::new();
            for (nth, left) in after_crashes(&disk, dice.roll() >> 1).into_iter().enumerate() {
                if (k + nth as u64).is_multiple_of(11) && fault == Fault::Tear {
                    recover_through_crashes(&left, &told, acknowledged, dice.roll() >> 1, counts);
                }
                found.push((check(&left.kill(), &told, acknowledged, counts), left));
            }
            let (_, left) = found.swap_remove(dice.below(found.len()));
            check_and_go_on(&left, &told, counts);
        }
        if Instant::now() > until {
            return;
        }
    }
}

fn from_env(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

#[test]
fn workshops_that_crash_anywhere_are_what_they_would_have_been() {
    let time = Duration::from_secs(from_env("RESTAGE_CRASH_SECONDS", 45));
    let first = from_env("RESTAGE_CRASH_SEED", 1);
    let until = Instant::now() + time;
    let mut counts = Counts::default();
    for seed in first.. {
        // A part of the time each, so that many histories are seen; what is left goes to more of them.
        go_through(seed, until.min(Instant::now() + time / 8), &mut counts);
        if Instant::now() > until {
            break;
        }
    }
    println!("from seed {first}: {counts:?}");
    assert!(counts.crashes > 500, "too little was tried to mean anything: {counts:?}");
}
