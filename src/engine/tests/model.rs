//! Random requests against a model that keeps whole copies: what is read is what the model has, after every step, and
//! after loading the entity again at any time.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::notes::{Command, Desk, line, line_under, page, reset};
use crate::domain::{Generation, Rejection};
use crate::engine::{Ask, Failure, Terms};

const PAGES: [&str; 3] = ["a", "a1", "b"];

#[derive(Clone, Debug)]
enum Step {
    Line { page: usize, number: u64, text: String, draft: bool },
    Late { page: usize, behind: u64, number: u64, text: String },
    Reset(usize),
    Revise(usize),
    Undo { point: Option<usize>, confirm: bool },
    Adopt(usize),
    Purge,
    Pass(u64),
    Kill,
    Reload,
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    let text = "[a-z]{1,6}";
    prop_oneof![
        6 => (0..PAGES.len(), 0..5_u64, text, any::<bool>())
            .prop_map(|(page, number, text, draft)| Step::Line { page, number, text, draft }),
        3 => (0..PAGES.len(), 1..3_u64, 0..5_u64, text)
            .prop_map(|(page, behind, number, text)| Step::Late { page, behind, number, text }),
        2 => (0..PAGES.len()).prop_map(Step::Reset),
        2 => (0..PAGES.len()).prop_map(Step::Revise),
        4 => (prop::option::of(0..6_usize), prop::bool::weighted(0.8)).prop_map(|(point, confirm)| Step::Undo { point, confirm }),
        1 => (0..4_usize).prop_map(Step::Adopt),
        1 => Just(Step::Purge),
        2 => (0..4_000_u64).prop_map(Step::Pass),
        1 => Just(Step::Kill),
        1 => Just(Step::Reload),
        1 => Just(Step::Sweep),
    ]
}

type Page = BTreeMap<u64, String>;

/// What a naive program would keep: a whole copy for every undo point.
#[derive(Clone, Debug, Default)]
struct Model {
    pages: BTreeMap<usize, Page>,
    /// Without drafts: what a kill leaves.
    durable: BTreeMap<usize, Page>,
    generations: BTreeMap<usize, u64>,
    undo: BTreeMap<u64, (usize, Page)>,
    undone: Vec<u64>,
}

impl Model {
    fn lines(&self, page: usize) -> Vec<String> {
        self.durable.get(&page).map(|lines| lines.values().cloned().collect()).unwrap_or_default()
    }

    fn generation(&self, page: usize) -> u64 {
        self.generations.get(&page).copied().unwrap_or(1)
    }

    fn commit(&mut self) {
        self.durable = self.pages.clone();
    }

    fn went_back(&mut self, page: usize, point: u64, now: Page) {
        self.undo.insert(point, (page, self.pages.get(&page).cloned().unwrap_or_default()));
        *self.generations.entry(page).or_insert(1) += 1;
        self.pages.insert(page, now);
        self.commit();
    }
}

fn take(desk: &mut Desk, model: &mut Model, step: &Step) {
    match step {
        Step::Line { page: at, number, text, draft } => {
            let command = line(PAGES[*at], *number, text);
            let same = model.pages.entry(*at).or_default().insert(*number, text.clone()).as_ref() == Some(text);
            if *draft {
                desk.draft(command);
            } else {
                let nothing_at_all = same && desk.view().pending == 0;
                let revision = desk.view().revision;
                desk.send(command);
                assert_eq!(desk.view().revision == revision, nothing_at_all);
                model.commit();
            }
        }
        Step::Late { page: at, behind, number, text } => {
            let Some(generation) = model.generation(*at).checked_sub(*behind).filter(|n| *n > 0) else { return };
            let refused = desk.refused(Ask::Command(line_under(generation, PAGES[*at], *number, text)));
            assert!(matches!(refused, Rejection::Stale { orphan: Some(_), .. }), "{refused:?}");
            if desk.view().pending == 0 {
                model.commit();
            }
        }
        Step::Reset(at) => {
            let point = desk.send(reset(PAGES[*at])).undo_point.unwrap();
            model.went_back(*at, point, Page::new());
        }
        Step::Revise(at) => {
            let point = desk.send(Command::Revise { page: page(PAGES[*at]) }).undo_point.unwrap();
            let now = model.pages.get(at).cloned().unwrap_or_default();
            model.went_back(*at, point, now);
        }
        Step::Undo { point, confirm } => undo(desk, model, *point, *confirm),
        Step::Adopt(which) => adopt(desk, model, *which),
        Step::Purge => {
            if desk.ask(Ask::Purge).is_ok() {
                model.undo.clear();
                model.undone.clear();
                model.commit();
            }
        }
        Step::Pass(ms) => {
            desk.pass(Duration::from_millis(*ms));
            if desk.view().pending == 0 {
                model.commit();
            }
        }
        Step::Kill => {
            desk.restart();
            model.pages = model.durable.clone();
        }
        Step::Reload => {
            desk.ask(Ask::Flush).unwrap();
            desk.restart();
            model.commit();
        }
        Step::Sweep => desk.sweep(),
    }
}

fn undo(desk: &mut Desk, model: &mut Model, point: Option<usize>, confirm: bool) {
    let number = point.map(|at| model.undo.keys().nth(at).copied().unwrap_or(9_999));
    let expected = match number {
        Some(number) => model.undo.contains_key(&number).then_some(number),
        None => model.undo.keys().rev().find(|number| !model.undone.contains(number)).copied(),
    };
    let ask = || Ask::Undo(number);
    let mut terms = Terms { by: "ann".into(), ..Terms::default() };
    if confirm {
        let preview = Terms { preview: true, ..Terms::default() };
        if let Ok(receipt) = desk.request(ask(), preview)
            && let crate::engine::Answer::Plan(plan) = receipt.answer
        {
            terms.plan = Some(plan.token);
        }
    }
    let outcome = desk.request(ask(), terms);
    match (expected.filter(|number| !model.undone.contains(number)), outcome) {
        (Some(number), Ok(receipt)) => {
            let (page, lines) = model.undo[&number].clone();
            model.undone.push(number);
            model.went_back(page, receipt.undo_point.unwrap(), lines);
        }
        (Some(_), Err(Failure::Rejected(Rejection::PlanRequired { .. }))) => assert!(!confirm),
        (None, Err(Failure::Rejected(Rejection::NotFound { .. } | Rejection::Conflict { .. }))) => {}
        (expected, outcome) => panic!("undo of {expected:?} came to {outcome:?}"),
    }
}

fn adopt(desk: &mut Desk, model: &mut Model, which: usize) {
    let Some(orphan) = desk.view().orphans.get(which).cloned() else { return };
    let kept =
        crate::engine::query::orphan::<super::notes::Notes>(desk.store.as_ref(), desk.entity.id(), orphan.number);
    let Some(Command::Line { page: on, number, text, .. }) = kept.unwrap() else { panic!("no command") };
    desk.ask(Ask::Adopt(orphan.number)).unwrap();
    let at = PAGES.iter().position(|name| *name == on.as_str()).unwrap();
    model.pages.entry(at).or_default().insert(number, text);
    model.commit();
}

fn check(desk: &Desk, model: &Model) {
    let view = desk.view();
    for (at, name) in PAGES.iter().enumerate() {
        assert_eq!(desk.lines(name), model.lines(at), "page {name}");
        assert_eq!(view.generation(&page(name)), Generation(model.generation(at)));
    }
    let known: Vec<u64> = view.undo_points.iter().map(|point| point.number).collect();
    assert_eq!(known, model.undo.keys().copied().collect::<Vec<_>>());
    let reloaded = crate::engine::query::view::<super::notes::Notes>(desk.store.as_ref(), desk.entity.id()).unwrap();
    assert_eq!(
        format!("{:?}", (&reloaded.state, &reloaded.fences, &reloaded.orphans, reloaded.revision)),
        format!("{:?}", (&view.state, &view.fences, &view.orphans, view.revision)),
        "a replay gives what the live one has"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_is_what_a_naive_model_has(steps in prop::collection::vec(step(), 1..60)) {
        let (mut desk, mut model) = (Desk::new(), Model::default());
        for step in &steps {
            take(&mut desk, &mut model, step);
            check(&desk, &model);
        }
    }
}
