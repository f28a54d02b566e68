//! The rules of workshops alone: deciding a save, and applying what it decides.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::time::Instant;

use restage::workshop::{Command, MAIN_SESSION, Workshop, WorkshopKind};
use restage::{Entity, EntityId, Input, StageId, Timestamp};

use crate::Result;
use crate::alloc;
use crate::reset::{message, template};
use crate::table::{Table, median};

pub(crate) fn run(quick: bool, table: &mut Table) -> Result<()> {
    let times = if quick { 20_000 } else { 200_000 };
    let (fences, found) = (BTreeMap::new(), HashMap::new());
    let id = EntityId::new("bench")?;
    let input = |revision| Input {
        id: &id,
        by: "ann",
        reason: None,
        now: Timestamp::default(),
        revision,
        fences: &fences,
        found: &found,
    };
    let mut state = Workshop::default();
    let create = Command::Create { title: "Bench".into(), template: Box::new(template()?) };
    let created = WorkshopKind::decide(&state, &create, &input(0))?;
    created.events.iter().for_each(|event| WorkshopKind::apply(&mut state, event, Timestamp::default()));
    let (stage, session) = (StageId::new("talk")?, MAIN_SESSION.to_owned());
    let save = Command::Save { stage, generation: None, session, messages: vec![message(1, 200)] };
    let saved = WorkshopKind::decide(&state, &save, &input(1))?;

    let decided = time(times, || {
        black_box(WorkshopKind::decide(black_box(&state), black_box(&save), &input(1))).map_err(crate::Error::from)?;
        Ok(())
    })?;
    let mut folded = state.clone();
    let applied = time(times, || {
        for event in black_box(&saved.events) {
            WorkshopKind::apply(black_box(&mut folded), event, Timestamp::default());
        }
        Ok(())
    })?;
    table.figure("decide a save, alone", decided.nanoseconds, "ns")?;
    table.figure("decide a save, alone, allocations", decided.allocations, "")?;
    table.figure("apply a save, alone", applied.nanoseconds, "ns")?;
    table.figure("apply a save, alone, allocations", applied.allocations, "")
}

struct Cost {
    nanoseconds: f64,
    allocations: f64,
}

/// What one call takes.
fn time(times: u32, mut work: impl FnMut() -> Result<()>) -> Result<Cost> {
    const ROUNDS: usize = 5;
    let mut nanoseconds = Vec::with_capacity(ROUNDS);
    let before = alloc::count();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for _ in 0..times {
            work()?;
        }
        nanoseconds.push(began.elapsed().as_secs_f64() * 1e9 / f64::from(times));
    }
    let allocations = (alloc::count() - before) as f64 / (f64::from(times) * ROUNDS as f64);
    Ok(Cost { nanoseconds: median(nanoseconds), allocations })
}
