//! Random histories of workshops: every verb, drafts, late writers, two sessions, keys, and the store's own work between.
//!
//! An [`Act`] says what to do in terms of what is there ("the second undo point"); [`resolve`] makes requests of it. The
//! same seed gives the same history, wherever it is run.

#![allow(dead_code, unreachable_pub, reason = "each test that has this as a module uses a part of it")]

use std::time::Duration;

use restage::testkit::{Answer, Ask, Harness, Receipt, Terms};
use restage::workshop::{Command, Message, Reply, Role, Status, Template, WorkshopKind};
use restage::{EntityId, Failure, Generation, StageId, View};

/// One is the beginning of the other, as are two of the steps: neither may ever reach into the other.
pub const WORKSHOPS: [&str; 2] = ["w", "w1"];
pub const STEPS: [&str; 4] = ["p", "p1", "q", "r"];

/// A diamond: `p1` and `q` are made from `p`, `r` from both. `p` and `r` have an artifact, `p1` has sub-steps.
pub const TEMPLATE: &str = r#"
name = "diamond"
title = "Diamond"
[[steps]]
id = "p"
title = "P"
prompt = "p"
depends_on = []
artifact = '{"type": "object", "required": ["n"]}'
[[steps]]
id = "p1"
title = "P1"
prompt = "p1"
depends_on = ["p"]
sub_steps = [{ id = "one", title = "One", prompt = "1" }, { id = "two", title = "Two", prompt = "2" }]
[[steps]]
id = "q"
title = "Q"
prompt = "q"
depends_on = ["p"]
[[steps]]
id = "r"
title = "R"
prompt = "r"
depends_on = ["p1", "q"]
artifact = '{"type": "object"}'
"#;

/// What happens, to the workshop of a number and the step of a number.
#[derive(Clone, Debug)]
pub enum Act {
    Save {
        at: (usize, usize),
        messages: Vec<Said>,
        session: &'static str,
        behind: u64,
        draft: bool,
        key: Option<u8>,
    },
    Edit {
        at: (usize, usize),
        said: Said,
        behind: u64,
    },
    Artifact {
        at: (usize, usize),
        valid: bool,
        behind: u64,
    },
    Confirm((usize, usize)),
    Next {
        at: (usize, usize),
        summary: bool,
    },
    Summary {
        at: (usize, usize),
        behind: u64,
    },
    SubStep {
        at: (usize, usize),
        second: bool,
    },
    /// Whatever is open and can be is completed, with all that it needs.
    Complete(usize),
    Pause(usize),
    Resume(usize),
    Reset((usize, usize)),
    Revise {
        at: (usize, usize),
        said: Option<Said>,
    },
    Accept((usize, usize)),
    Undo {
        workshop: usize,
        point: Option<usize>,
    },
    Adopt {
        workshop: usize,
        orphan: usize,
    },
    Discard {
        workshop: usize,
        orphan: usize,
    },
    Purge(usize),
    Flush(usize),
    /// Several messages to both workshops that become durable together.
    Burst(Vec<(usize, usize)>),
    Pass(u64),
    Passivate,
    Idle,
    Apply,
    Compact,
    Sweep,
}

/// A message in short.
#[derive(Clone, Copy, Debug)]
pub struct Said {
    pub id: u8,
    pub bytes: usize,
    pub finished: bool,
}

/// What an act comes to.
#[derive(Clone, Debug)]
pub enum Step {
    Ask(usize, Ask<WorkshopKind>, Terms),
    /// An undo with the plan that it needs.
    Undo(usize, Option<u64>),
    Burst(Vec<(usize, Ask<WorkshopKind>)>),
    Pass(u64),
    Passivate,
    Idle,
    Apply,
    Compact,
    Sweep,
}

/// A request, and what it came to.
#[derive(Debug)]
pub struct Done {
    pub workshop: usize,
    pub ask: Ask<WorkshopKind>,
    pub outcome: Result<Receipt<Reply>, Failure>,
}

/// Numbers that follow from a seed.
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.roll() % n as u64) as usize
    }

    pub fn chance(&mut self, of_100: usize) -> bool {
        self.below(100) < of_100
    }
}

pub fn id(workshop: usize) -> EntityId {
    EntityId::new(WORKSHOPS[workshop]).unwrap()
}

pub fn stage(step: usize) -> StageId {
    StageId::new(STEPS[step]).unwrap()
}

pub fn template() -> Template {
    Template::from_toml(TEMPLATE).unwrap()
}

/// The acts of a seed. Both workshops are created before them, by [`beginning`].
pub fn acts(seed: u64, count: usize) -> Vec<Act> {
    let mut dice = Dice(seed);
    (0..count).map(|_| act(&mut dice)).collect()
}

pub fn beginning() -> Vec<Step> {
    let create = |workshop| {
        let command = Command::Create { title: format!("Workshop {workshop}"), template: Box::new(template()) };
        Step::Ask(workshop, Ask::Command(command), Terms::default())
    };
    (0..WORKSHOPS.len()).map(create).collect()
}

fn said(dice: &mut Dice) -> Said {
    let bytes = if dice.chance(4) { 0 } else { 1 + dice.below(400) };
    Said { id: dice.below(6) as u8, bytes, finished: dice.chance(70) }
}

/// Any act.
pub fn act(dice: &mut Dice) -> Act {
    let workshop = usize::from(dice.chance(30));
    // The first steps are open most of the time.
    let at = (workshop, dice.below(4).min(dice.below(4)));
    let behind = if dice.chance(25) { 1 + dice.below(2) as u64 } else { 0 };
    let session = if dice.chance(25) { "other" } else { "main" };
    match dice.below(104) {
        0..=21 => {
            let count = if dice.chance(80) { 1 } else { 1 + dice.below(4) };
            let messages = (0..count).map(|_| said(dice)).collect();
            let key = dice.chance(10).then(|| dice.below(3) as u8);
            Act::Save { at, messages, session, behind, draft: key.is_none() && dice.chance(40), key }
        }
        22..=24 => Act::Edit { at, said: Said { finished: true, ..said(dice) }, behind },
        25..=28 => Act::Artifact { at, valid: dice.chance(80), behind },
        29..=30 => Act::Confirm(at),
        31..=33 => Act::Next { at, summary: dice.chance(50) },
        34..=35 => Act::Summary { at, behind },
        36 => Act::SubStep { at, second: dice.chance(50) },
        37..=50 => Act::Complete(workshop),
        51 => Act::Pause(workshop),
        52..=53 => Act::Resume(workshop),
        54..=60 => Act::Reset(at),
        61..=65 => Act::Revise { at, said: dice.chance(40).then(|| said(dice)) },
        66..=69 => Act::Accept(at),
        70..=78 => Act::Undo { workshop, point: dice.chance(40).then(|| dice.below(5)) },
        79..=81 => Act::Adopt { workshop, orphan: dice.below(3) },
        82 => Act::Discard { workshop, orphan: dice.below(3) },
        83 => Act::Purge(workshop),
        84..=85 => Act::Flush(workshop),
        86..=88 => Act::Burst((0..2 + dice.below(4)).map(|_| (dice.below(2), dice.below(2))).collect()),
        89..=92 => Act::Pass(dice.below(4_000) as u64),
        93 => Act::Passivate,
        94..=95 => Act::Idle,
        96..=98 => Act::Apply,
        99..=101 => Act::Compact,
        _ => Act::Sweep,
    }
}

/// The requests of an act, by what is there; `number` tells the texts of one act from those of another.
pub fn resolve(act: &Act, number: usize, look: impl Fn(usize) -> View<WorkshopKind>) -> Vec<Step> {
    let ask = |workshop, command| vec![Step::Ask(workshop, Ask::Command(command), by(number))];
    let under = |(workshop, step): (usize, usize), behind: u64| {
        let current = look(workshop).generation(&stage(step)).0;
        let late = current.checked_sub(behind).filter(|n| *n > 0 && behind > 0);
        late.or((number % 2 == 0).then_some(current)).map(Generation)
    };
    match act {
        Act::Save { at, messages, session, behind, draft, key } => {
            // The same key always comes with the same command.
            let (number, generation) = if key.is_some() { (0, None) } else { (number, under(*at, *behind)) };
            let said = messages.iter().map(|said| message(*said, number, *at, generation)).collect();
            let command = Command::Save { stage: stage(at.1), generation, session: (*session).into(), messages: said };
            let terms = Terms { key: key.map(|key| format!("key {key} {at:?} {session} {messages:?}")), ..by(number) };
            vec![Step::Ask(at.0, if *draft { Ask::Draft(command) } else { Ask::Command(command) }, terms)]
        }
        Act::Edit { at, said, behind } => {
            let generation = under(*at, *behind);
            let message = message(*said, number, *at, generation);
            ask(at.0, Command::Edit { stage: stage(at.1), generation, session: "main".into(), message })
        }
        Act::Artifact { at, valid, behind } => ask(at.0, artifact(at.1, under(*at, *behind), *valid, number)),
        Act::Confirm(at) => ask(at.0, Command::Confirm { stage: stage(at.1), generation: None, version: None }),
        Act::Next { at, summary } => {
            let summary = summary.then(|| points(number));
            ask(at.0, Command::Next { stage: stage(at.1), generation: None, summary })
        }
        Act::Summary { at, behind } => {
            let generation = under(*at, *behind);
            ask(at.0, Command::Summary { stage: stage(at.1), generation, points: points(number) })
        }
        Act::SubStep { at, second } => {
            let sub_step = StageId::new(if *second { "two" } else { "one" }).unwrap();
            ask(at.0, Command::SubStep { stage: stage(at.1), sub_step })
        }
        Act::Complete(workshop) => complete(*workshop, number, &look(*workshop)),
        Act::Pause(workshop) => ask(*workshop, Command::Pause),
        Act::Resume(workshop) => ask(*workshop, Command::Resume),
        Act::Reset(at) => ask(at.0, Command::Reset { stage: stage(at.1) }),
        Act::Revise { at, said } => {
            let message = said.map(|said| message(said, number, *at, None));
            ask(at.0, Command::Revise { stage: stage(at.1), message })
        }
        Act::Accept(at) => ask(at.0, Command::Accept { stage: stage(at.1) }),
        Act::Undo { workshop, point } => {
            let points = look(*workshop).undo_points;
            let point = point.map(|nth| points.iter().rev().nth(nth).map_or(9_999, |point| point.number));
            vec![Step::Undo(*workshop, point)]
        }
        Act::Adopt { workshop, orphan } => {
            let orphan = look(*workshop).orphans.get(*orphan).map_or(9_999, |orphan| orphan.number);
            vec![Step::Ask(*workshop, Ask::Adopt(orphan), by(number))]
        }
        Act::Discard { workshop, orphan } => {
            let orphan = look(*workshop).orphans.get(*orphan).map_or(9_999, |orphan| orphan.number);
            vec![Step::Ask(*workshop, Ask::Discard(orphan), by(number))]
        }
        Act::Purge(workshop) => vec![Step::Ask(*workshop, Ask::Purge, by(number))],
        Act::Flush(workshop) => vec![Step::Ask(*workshop, Ask::Flush, by(number))],
        Act::Burst(places) => vec![burst(places, number)],
        Act::Pass(ms) => vec![Step::Pass(*ms)],
        Act::Passivate => vec![Step::Passivate],
        Act::Idle => vec![Step::Idle],
        Act::Apply => vec![Step::Apply],
        Act::Compact => vec![Step::Compact],
        Act::Sweep => vec![Step::Sweep],
    }
}

fn by(number: usize) -> Terms {
    let writer = if number % 3 == 0 { "bob" } else { "ann" };
    Terms { by: writer.into(), reason: (number % 4 == 0).then(|| format!("reason {number}")), ..Terms::default() }
}

/// A message whose text says where, when and under which generation it was written.
fn message(said: Said, number: usize, at: (usize, usize), under: Option<Generation>) -> Message {
    let mut content = format!("{at:?} under {under:?} in act {number}: ");
    while content.len() < said.bytes {
        content.push(char::from(b'a' + (content.len() % 26) as u8));
    }
    content.truncate(if said.bytes == 0 { 0 } else { content.len() });
    let role = if said.id % 2 == 0 { Role::User } else { Role::Assistant };
    let id = format!("m{}", said.id);
    Message { id, role, content, finished: said.finished, sub_step: None, by: Some("ann".into()), source: None }
}

fn artifact(step: usize, generation: Option<Generation>, valid: bool, number: usize) -> Command {
    let json = if valid { format!("{{ \"n\": {number},  \"n2\":[] }}") } else { "[1, 2".to_owned() };
    Command::Artifact { stage: stage(step), generation, json, expected_version: None }
}

fn points(number: usize) -> Vec<String> {
    (0..3).map(|n| format!("point {n} of act {number}")).collect()
}

fn complete(workshop: usize, number: usize, view: &View<WorkshopKind>) -> Vec<Step> {
    let open = view.state.steps().position(|(_, step)| matches!(step.status, Status::InProgress));
    let stale = || view.state.steps().position(|(_, step)| matches!(step.status, Status::NeedsRegeneration));
    let Some(step) = open.or_else(stale) else { return Vec::new() };
    let mut commands = Vec::new();
    // The same artifact again now and then, so that what is below becomes fresh by itself.
    if step == 0 || step == 3 {
        commands.push(artifact(step, None, true, number % 3));
        commands.push(Command::Confirm { stage: stage(step), generation: None, version: None });
    }
    let summary = (number % 2 == 0).then(|| points(number));
    commands.push(Command::Next { stage: stage(step), generation: None, summary });
    commands.into_iter().map(|command| Step::Ask(workshop, Ask::Command(command), by(number))).collect()
}

fn burst(places: &[(usize, usize)], number: usize) -> Step {
    let ask = |(nth, at): (usize, &(usize, usize))| {
        let said = Said { id: 10 + nth as u8, bytes: 60, finished: true };
        let messages = vec![message(said, number, *at, None)];
        let command = Command::Save { stage: stage(at.1), generation: None, session: "main".into(), messages };
        (at.0, Ask::Command(command))
    };
    Step::Burst(places.iter().enumerate().map(ask).collect())
}

/// Does a step. An error is the store's: refusals of the rules are among what was done.
pub fn perform(harness: &mut Harness<WorkshopKind>, step: &Step) -> Result<Vec<Done>, Failure> {
    let mut done = Vec::new();
    match step {
        Step::Ask(workshop, ask, terms) => {
            let outcome = harness.ask(&id(*workshop), ask.clone(), terms.clone());
            done.push(Done { workshop: *workshop, ask: ask.clone(), outcome });
        }
        Step::Undo(workshop, point) => {
            let preview = Terms { preview: true, ..Terms::default() };
            let mut outcome = harness.ask(&id(*workshop), Ask::Undo(*point), preview);
            if let Ok(Receipt { answer: Answer::Plan(plan), .. }) = &outcome {
                let terms = Terms { plan: Some(plan.token.clone()), ..by(1) };
                outcome = harness.ask(&id(*workshop), Ask::Undo(*point), terms);
            }
            done.push(Done { workshop: *workshop, ask: Ask::Undo(*point), outcome });
        }
        Step::Burst(asks) => {
            let post = |(workshop, ask): &(usize, Ask<WorkshopKind>)| {
                (*workshop, ask.clone(), harness.post(&id(*workshop), ask.clone(), Terms::default()))
            };
            let posted: Vec<_> = asks.iter().map(post).collect();
            harness.settle();
            for (workshop, ask, posted) in posted {
                let outcome = posted.take().expect("everything posted is answered once it is settled");
                done.push(Done { workshop, ask, outcome });
            }
        }
        Step::Pass(ms) => harness.pass(Duration::from_millis(*ms))?,
        Step::Passivate => harness.passivate(),
        Step::Idle => while harness.idle() {},
        Step::Apply => while harness.apply()? {},
        Step::Compact => while harness.compact()? {},
        Step::Sweep => harness.sweep()?,
    }
    for one in &done {
        if let Err(failure @ (Failure::Store(_) | Failure::Unreadable { .. } | Failure::Gap { .. })) = &one.outcome {
            return Err(failure.clone());
        }
    }
    Ok(done)
}
