//! Random histories of two workshops against a model that keeps whole copies: after every step each conversation,
//! artifact, summary, generation, orphan and undo point is what the model has, and every answer what it foretells.
//!
//! Which status follows from which is the matter of the rules' own tests; here it is only looked whether an undo brings
//! the whole state back.

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

use acts::{Act, Dice, Done, STEPS, Step, WORKSHOPS, act, id, stage};
use proptest::prelude::*;
use restage::testkit::{Ask, Harness, Receipt, Terms};
use restage::workshop::{
    Command, Message, Outcome, Reply, Role, SUMMARY_PATH, Status, StepState, StoredMessage, Summary, Workshop,
    WorkshopKind, artifact_path, summary_from_bytes,
};
use restage::{Entity, Failure, Generation, PageRange, Rejection, StageId, View};

/// What is made from what: for each step those that are made from it, directly or not.
const BELOW: [&[usize]; 4] = [&[1, 2, 3], &[3], &[3], &[]];

/// What a step holds.
#[derive(Clone, Debug, Default, PartialEq)]
struct Held {
    /// With their session.
    messages: Vec<(String, Message)>,
    artifact: Option<String>,
    summary: Option<Vec<String>>,
}

#[derive(Clone, Debug)]
struct Point {
    undone: bool,
    stages: BTreeSet<usize>,
    before: [Held; 4],
    /// The state before it, and the revision that it made; where no draft was between.
    state: Option<(Workshop, u64)>,
}

#[derive(Clone, Debug, Default)]
struct Model {
    /// With drafts, and without.
    live: [Held; 4],
    durable: [Held; 4],
    generations: [u64; 4],
    orphans: BTreeMap<u64, Command>,
    points: BTreeMap<u64, Point>,
}

fn step_of(stage: &StageId) -> usize {
    STEPS.iter().position(|name| *name == stage.as_str()).unwrap()
}

fn better(new: &Message, old: &Message) -> bool {
    !old.finished && (new.finished || new.content.len() > old.content.len())
}

impl Held {
    /// Saves a message as a naive program would.
    fn save(&mut self, session: &str, message: &Message, always: bool) -> Outcome {
        if message.content.is_empty() {
            return Outcome::Skipped;
        }
        let known = self.messages.iter_mut().find(|(of, known)| of == session && known.id == message.id);
        let Some((_, known)) = known else {
            self.messages.push((session.to_owned(), message.clone()));
            return Outcome::Stored;
        };
        let same = (known.role, &known.content, known.finished) == (message.role, &message.content, message.finished);
        if same {
            Outcome::Unchanged
        } else if always || better(message, known) {
            *known = message.clone();
            Outcome::Replaced
        } else {
            Outcome::Kept
        }
    }
}

impl Model {
    fn new() -> Self {
        Self { generations: [1; 4], ..Self::default() }
    }

    /// What a command that is not late does, and answers.
    fn command(&mut self, command: &Command, view: &View<WorkshopKind>, outcome: &Result<Receipt<Reply>, Failure>) {
        let status = |stage: &StageId| view.state.step(stage).unwrap().status;
        let is_open = |stage: &StageId| matches!(status(stage), Status::InProgress | Status::NeedsRegeneration);
        let reply = outcome.as_ref().ok().map(|receipt| match &receipt.answer {
            restage::testkit::Answer::Reply(reply) => reply,
            other => panic!("no reply but {other:?}"),
        });
        match command {
            Command::Save { stage, session, messages, .. } => {
                assert_eq!(outcome.is_ok(), is_open(stage), "{outcome:?}");
                let Some(reply) = reply else { return };
                let held = &mut self.live[step_of(stage)];
                let saved: Vec<_> = messages.iter().map(|m| (m.id.clone(), held.save(session, m, false))).collect();
                assert_eq!(*reply, Reply::Saved(saved));
            }
            Command::Edit { stage, session, message, .. } => {
                assert_eq!(outcome.is_ok(), is_open(stage) && !message.content.is_empty(), "{outcome:?}");
                let Some(reply) = reply else { return };
                let saved = self.live[step_of(stage)].save(session, message, true);
                assert_eq!(*reply, Reply::Saved(vec![(message.id.clone(), saved)]));
            }
            Command::Artifact { stage, json, .. } => {
                assert_eq!(outcome.is_ok(), is_open(stage) && json.starts_with('{'), "{outcome:?}");
                if outcome.is_ok() {
                    self.live[step_of(stage)].artifact = Some(json.clone());
                }
            }
            Command::Summary { stage, points, .. } => {
                assert_eq!(outcome.is_ok(), status(stage) == Status::Complete, "{outcome:?}");
                if outcome.is_ok() {
                    self.live[step_of(stage)].summary = Some(points.clone());
                }
            }
            Command::Next { stage, summary, .. } if outcome.is_ok() && status(stage) != Status::Complete => {
                self.live[step_of(stage)].summary.clone_from(summary);
            }
            Command::Reset { stage } => {
                assert_eq!(outcome.is_ok(), status(stage) != Status::NotStarted, "{outcome:?}");
                self.went_back(stage, view, outcome);
                if outcome.is_ok() {
                    self.live[step_of(stage)] = Held::default();
                }
            }
            Command::Revise { stage, message } => {
                assert!(outcome.is_err() || status(stage) == Status::Complete, "{outcome:?}");
                self.went_back(stage, view, outcome);
                if let (Some(message), true) = (message, outcome.is_ok()) {
                    let saved = self.live[step_of(stage)].save("main", message, false);
                    assert!(!matches!(saved, Outcome::Kept | Outcome::Unchanged), "what was said is not dropped");
                }
            }
            Command::Accept { .. } => {
                if let Ok(receipt) = outcome {
                    self.left(receipt, BTreeSet::new(), view);
                }
            }
            _ => {}
        }
    }

    /// A step and all begun ones that are made from it go to a new generation.
    fn went_back(&mut self, stage: &StageId, view: &View<WorkshopKind>, outcome: &Result<Receipt<Reply>, Failure>) {
        let Ok(receipt) = outcome else { return };
        let step = step_of(stage);
        let is_begun = |step: &&usize| view.state.steps[**step].status != Status::NotStarted;
        let stages: BTreeSet<usize> = BELOW[step].iter().filter(is_begun).copied().chain([step]).collect();
        self.left(receipt, stages.clone(), view);
        for step in stages {
            self.generations[step] += 1;
        }
    }

    /// A verb has left an undo point.
    fn left(&mut self, receipt: &Receipt<Reply>, stages: BTreeSet<usize>, view: &View<WorkshopKind>) {
        let state = (view.pending == 0).then(|| (view.state.clone(), receipt.revision));
        let point = Point { undone: false, stages, before: self.live.clone(), state };
        self.points.insert(receipt.undo_point.expect("a verb leaves an undo point"), point);
    }

    /// A verb that makes other steps fresh too goes to a new generation in each.
    fn accepted(&mut self, point: u64, stages: BTreeSet<usize>) {
        stages.iter().for_each(|step| self.generations[*step] += 1);
        self.points.get_mut(&point).unwrap().stages = stages;
    }

    /// What a command of an older generation comes to: it changes nothing, and is kept if it is work.
    fn late(&mut self, command: &Command, given: Generation, outcome: &Result<Receipt<Reply>, Failure>) {
        let Err(Failure::Rejected(Rejection::Stale { given: said, orphan, .. })) = outcome else {
            panic!("{command:?} is late, and came to {outcome:?}");
        };
        assert_eq!(*said, given);
        let number = orphan.expect("late work is kept");
        let known = self.orphans.values().find(|known| is_version_of(command, known));
        match self.orphans.get(&number) {
            None => assert!(known.is_none(), "{command:?} is a version of {known:?}"),
            Some(earlier) => {
                assert!(is_version_of(command, earlier));
                if !WorkshopKind::supersedes(command, earlier) {
                    return;
                }
            }
        }
        self.orphans.insert(number, command.clone());
    }

    fn undo(&mut self, point: Option<u64>, view: &View<WorkshopKind>, outcome: &Result<Receipt<Reply>, Failure>) {
        let expected = match point {
            Some(number) => self.points.get(&number).filter(|point| !point.undone).map(|_| number),
            None => self.points.iter().rev().find(|(_, point)| !point.undone).map(|(number, _)| *number),
        };
        assert_eq!(outcome.is_ok(), expected.is_some(), "{outcome:?}");
        let (Some(number), Ok(receipt)) = (expected, outcome) else { return };
        // What a verb of its own affects beside what goes to a new generation, its undo point says.
        let stages = view.undo_points.iter().find(|point| point.number == number).unwrap().fences.keys();
        let stages: BTreeSet<usize> = stages.map(step_of).collect();
        let undone = self.points.get_mut(&number).unwrap();
        assert!(undone.stages.is_subset(&stages), "{:?} went back, {stages:?} is remembered", undone.stages);
        undone.undone = true;
        let before = undone.before.clone();
        self.left(receipt, stages.clone(), view);
        for step in stages {
            self.live[step] = before[step].clone();
            self.generations[step] += 1;
        }
    }

    fn take(&mut self, done: &Done, view: &View<WorkshopKind>) {
        if done.outcome.as_ref().is_ok_and(|receipt| receipt.replayed) {
            return;
        }
        match &done.ask {
            Ask::Command(command) | Ask::Draft(command) => self.fenced(command, view, &done.outcome),
            Ask::Undo(point) => self.undo(*point, view, &done.outcome),
            Ask::Adopt(number) => {
                let Some(command) = self.orphans.get(number).cloned() else {
                    return assert!(matches!(done.outcome, Err(Failure::Rejected(Rejection::NotFound { .. }))));
                };
                self.command(&command, view, &done.outcome);
                if done.outcome.is_ok() {
                    self.orphans.remove(number);
                }
            }
            Ask::Discard(number) => {
                let known = self.orphans.contains_key(number);
                assert_eq!(done.outcome.is_ok(), known);
                self.orphans.remove(number);
            }
            Ask::Purge => {
                assert_eq!(done.outcome.is_err(), self.orphans.is_empty() && self.points.is_empty());
                self.orphans.clear();
                self.points.clear();
            }
            _ => assert!(done.outcome.is_ok()),
        }
    }

    fn fenced(&mut self, command: &Command, view: &View<WorkshopKind>, outcome: &Result<Receipt<Reply>, Failure>) {
        let target = WorkshopKind::target(command);
        match target.and_then(|target| Some((step_of(&target.stage), target.generation?))) {
            Some((step, given)) if given.0 < self.generations[step] => self.late(command, given, outcome),
            _ => self.command(command, view, outcome),
        }
    }
}

/// Whether two late commands are the same, or versions of one message that were written under the same generation.
fn is_version_of(one: &Command, other: &Command) -> bool {
    let of = |command| Some((WorkshopKind::draft_key(command)?, WorkshopKind::target(command)?));
    one == other || (of(one).is_some() && of(one) == of(other))
}

/// What readers see of a step.
fn seen(harness: &mut Harness<WorkshopKind>, workshop: usize, step: usize, view: &View<WorkshopKind>) -> Held {
    let mut range = PageRange { prefix: b"m".to_vec(), after: None, most: usize::MAX };
    let page = harness.page(&id(workshop), &stage(step), &range).unwrap();
    let state = &view.state.steps[step];
    let mut held = Held::default();
    for (ordinal, (_, bytes)) in page.iter().enumerate() {
        let StoredMessage { ordinal: at, session, mut message, .. } = StoredMessage::from_bytes(bytes).unwrap();
        assert_eq!(at, ordinal as u64, "the conversation has no gaps");
        // Filled in where it was left open.
        message.sub_step = None;
        held.messages.push((session, message));
    }
    assert_eq!(state.messages, held.messages.len() as u64);
    let mut read = |path: Vec<u8>| {
        range.prefix = path;
        harness.page(&id(workshop), &stage(step), &range).unwrap().pop().expect("what the state refers to is there").1
    };
    held.artifact = state.artifact.map(|a| String::from_utf8(read(artifact_path(a.version))).unwrap());
    if state.summary == Summary::Written {
        held.summary = Some(summary_from_bytes(&read(SUMMARY_PATH.to_vec())).unwrap());
    }
    held
}

/// Looks at a workshop, and has the model take in that drafts were committed, if they were.
fn check(harness: &mut Harness<WorkshopKind>, workshop: usize, model: &mut Model) {
    let view = harness.view(&id(workshop)).unwrap();
    if view.pending == 0 {
        model.durable = model.live.clone();
    }
    for (step, name) in STEPS.iter().enumerate() {
        assert_eq!(seen(harness, workshop, step, &view), model.durable[step], "step {name} of {workshop}");
        assert_eq!(view.generation(&stage(step)), Generation(model.generations[step]), "of {name}");
    }
    let numbers: Vec<u64> = view.orphans.iter().map(|orphan| orphan.number).collect();
    assert_eq!(numbers, model.orphans.keys().copied().collect::<Vec<_>>());
    for (number, command) in &model.orphans {
        assert_eq!(harness.orphan(&id(workshop), *number).unwrap().as_ref(), Some(command));
    }
    let points: Vec<_> = view.undo_points.iter().map(|p| (p.number, p.undone_by.is_some())).collect();
    assert_eq!(points, model.points.iter().map(|(number, p)| (*number, p.undone)).collect::<Vec<_>>());
    let reread = harness.reread(&id(workshop)).unwrap();
    let shown = |view: &View<WorkshopKind>| format!("{:?}", (&view.state, &view.fences, view.revision, &view.orphans));
    assert_eq!(shown(&reread), shown(&view), "what is stored is what the live one has");
}

/// An undo right after a verb gives the state of what the verb affected back, all of it.
fn check_state_after_undo(
    harness: &mut Harness<WorkshopKind>,
    workshop: usize,
    before: &View<WorkshopKind>,
    model: &Model,
) {
    let view = harness.view(&id(workshop)).unwrap();
    let undone = before.undo_points.iter().find(|point| {
        point.undone_by.is_none() && view.undo_points.iter().any(|p| p.number == point.number && p.undone_by.is_some())
    });
    let saved = undone.and_then(|point| model.points[&point.number].state.clone());
    if let Some((state, revision)) = saved
        && before.revision == revision
        && before.pending == 0
    {
        let affected = &undone.unwrap().fences;
        for ((step, is), was) in view.state.steps().zip(&state.steps) {
            // What is made from them is brought into accord with them: how it got where it stands may differ.
            // What the facilitator is asked for is not of the step's content: it does not come back.
            let told = |step: &StepState| StepState { awaits: Default::default(), problem: None, ..step.clone() };
            let is_same = if affected.contains_key(step) { told(is) == told(was) } else { is.status == was.status };
            assert!(is_same, "{step} is {is:?} and was {was:?}");
        }
    }
}

fn perform(harness: &mut Harness<WorkshopKind>, models: &mut [Model], step: &Step) {
    let before: Vec<_> = (0..WORKSHOPS.len()).map(|workshop| harness.view(&id(workshop)).unwrap()).collect();
    for done in acts::perform(harness, step).unwrap() {
        let workshop = done.workshop;
        models[workshop].take(&done, &before[workshop]);
        if let (Ask::Command(Command::Accept { .. }), Ok(receipt)) = (&done.ask, &done.outcome) {
            let after = harness.view(&id(workshop)).unwrap();
            let point = after.undo_points.iter().find(|point| Some(point.number) == receipt.undo_point).unwrap();
            models[workshop].accepted(point.number, point.fences.keys().map(step_of).collect());
        }
        let commits = !matches!(done.ask, Ask::Draft(_)) && done.outcome.as_ref().is_ok_and(|r| !r.replayed);
        assert!(!commits || harness.view(&id(workshop)).unwrap().pending == 0, "a turn commits what is held");
        if matches!(done.ask, Ask::Undo(_)) {
            check_state_after_undo(harness, workshop, &before[workshop], &models[workshop]);
        }
    }
    for (workshop, model) in models.iter_mut().enumerate() {
        check(harness, workshop, model);
    }
}

#[test]
fn what_is_said_after_an_accept_is_put_aside_by_its_undo_and_brought_back_by_the_next() {
    let mut harness = Harness::<WorkshopKind>::in_memory();
    let mut take = |step: &Step| {
        for done in acts::perform(&mut harness, step).unwrap() {
            done.outcome.unwrap();
        }
        let view = harness.view(&id(0)).unwrap();
        let messages = seen(&mut harness, 0, 1, &view).messages;
        messages.into_iter().map(|(_, message)| message.id).collect::<Vec<_>>()
    };
    let tell = |command| Step::Ask(0, Ask::Command(command), Terms::default());
    let say = |id: &str| {
        let (role, content) = (Role::User, format!("said as {id}"));
        let message = Message { id: id.into(), role, content, finished: true, sub_step: None, by: None, source: None };
        tell(Command::Save { stage: stage(1), generation: None, session: "main".into(), messages: vec![message] })
    };
    let json = "{\"n\": 1}".to_owned();
    for step in [
        acts::beginning().swap_remove(0),
        tell(Command::Artifact { stage: stage(0), generation: None, json, expected_version: None }),
        tell(Command::Confirm { stage: stage(0), generation: None, version: None }),
        tell(Command::Next { stage: stage(0), generation: None, summary: None }),
        tell(Command::Revise { stage: stage(0), message: None }),
        say("before"),
        tell(Command::Accept { stage: stage(1) }),
    ] {
        take(&step);
    }
    assert_eq!(take(&say("after")), ["before", "after"]);
    assert_eq!(take(&Step::Undo(0, None)), ["before"]);
    assert_eq!(take(&say("instead")), ["before", "instead"]);
    assert_eq!(take(&Step::Undo(0, None)), ["before", "after"]);
    assert_eq!(take(&Step::Undo(0, None)), ["before", "instead"]);
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").map_or(100, |text| text.parse().expect("PROPTEST_CASES is a number"))
}

/// One act in twenty is followed by a kill, which takes drafts and nothing else.
fn any_act() -> impl Strategy<Value = (Act, bool)> {
    (any::<u64>().no_shrink(), prop::bool::weighted(0.05)).prop_map(|(seed, kill)| (act(&mut Dice(seed)), kill))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everything_that_is_read_is_what_a_naive_model_has(acts in prop::collection::vec(any_act(), 1..100)) {
        let mut harness = Harness::<WorkshopKind>::in_memory();
        let mut models = [Model::new(), Model::new()];
        for step in acts::beginning() {
            acts::perform(&mut harness, &step).unwrap();
        }
        for (number, (act, kill)) in acts.iter().enumerate() {
            let views: Vec<_> = (0..WORKSHOPS.len()).map(|workshop| harness.view(&id(workshop)).unwrap()).collect();
            for step in acts::resolve(act, number, |workshop| views[workshop].clone()) {
                perform(&mut harness, &mut models, &step);
            }
            if *kill {
                harness.kill();
                for (workshop, model) in models.iter_mut().enumerate() {
                    model.live = model.durable.clone();
                    check(&mut harness, workshop, model);
                }
            }
        }
    }
}
