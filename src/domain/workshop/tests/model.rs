//! Random sequences of commands and undos, against a model that knows nothing of how staleness is kept: for each step
//! it remembers what is said there, and from which outputs the step was completed.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const STEPS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// A step as the model sees it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Seen {
    said: Vec<String>,
    /// What each direct dependency had put out when the step was completed.
    made_from: Vec<Option<Fingerprint>>,
    /// Whether a person called it fresh since: it may then differ from what it was made from.
    accepted: bool,
}

struct Model {
    world: World,
    depends_on: Vec<Vec<usize>>,
    steps: Vec<Seen>,
    /// For each undo point of the world, the model's steps before it.
    saved: Vec<Vec<Seen>>,
}

#[derive(Clone, Debug)]
enum Op {
    Save(usize, u8),
    Artifact(usize, u8),
    Confirm(usize),
    Next(usize),
    /// An artifact, its confirmation and the completion, so that sequences get far.
    Make(usize, u8),
    Reset(usize),
    Revise(usize),
    Accept(usize),
    Undo(usize),
    Pause(bool),
}

fn any_op() -> impl Strategy<Value = Op> {
    let stage = 0..STEPS.len();
    prop_oneof![
        3 => (stage.clone(), 0..4_u8).prop_map(|(s, n)| Op::Save(s, n)),
        1 => (stage.clone(), 0..2_u8).prop_map(|(s, n)| Op::Artifact(s, n)),
        1 => stage.clone().prop_map(Op::Confirm),
        2 => stage.clone().prop_map(Op::Next),
        9 => (stage.clone(), 0..2_u8).prop_map(|(s, n)| Op::Make(s, n)),
        2 => stage.clone().prop_map(Op::Reset),
        2 => stage.clone().prop_map(Op::Revise),
        2 => stage.prop_map(Op::Accept),
        2 => (0..8_usize).prop_map(Op::Undo),
        1 => prop::bool::weighted(0.2).prop_map(Op::Pause),
    ]
}

/// For each step whether it demands an artifact, and on which of the steps before it depends.
fn any_shape() -> impl Strategy<Value = Vec<(bool, Vec<usize>)>> {
    let step = |n: usize| {
        (prop::bool::weighted(0.7), prop::collection::btree_set(0..n.max(1), 0..=n.min(3)))
            .prop_map(move |(artifact, on)| (artifact, on.into_iter().filter(|on| *on < n).collect()))
    };
    (step(0), step(1), step(2), step(3), step(4)).prop_map(|(a, b, c, d, e)| vec![a, b, c, d, e])
}

impl Model {
    fn new(shape: &[(bool, Vec<usize>)]) -> Self {
        let names: Vec<String> = STEPS
            .iter()
            .zip(shape)
            .map(|(name, (artifact, _))| format!("{name}{}", if *artifact { "*" } else { "" }))
            .collect();
        let on: Vec<Vec<&str>> = shape.iter().map(|(_, on)| on.iter().map(|on| STEPS[*on]).collect()).collect();
        let steps: Vec<(&str, &[&str])> = names.iter().map(String::as_str).zip(on.iter().map(Vec::as_slice)).collect();
        Self {
            world: World::of(&steps),
            depends_on: shape.iter().map(|(_, on)| on.clone()).collect(),
            steps: vec![Seen::default(); STEPS.len()],
            saved: Vec::new(),
        }
    }

    fn downstream(&self, of: usize) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        for stage in 0..STEPS.len() {
            if self.depends_on[stage].iter().any(|on| *on == of || reached.contains(on)) {
                reached.insert(stage);
            }
        }
        reached
    }

    fn statuses(&self) -> Vec<Status> {
        STEPS.iter().map(|stage| self.world.status(stage)).collect()
    }

    fn outputs_of_dependencies(&self, stage: usize) -> Vec<Option<Fingerprint>> {
        self.depends_on[stage].iter().map(|on| self.world.step(STEPS[*on]).output()).collect()
    }

    fn run(&mut self, op: &Op) {
        match *op {
            Op::Save(stage, n) => self.save(stage, n),
            Op::Artifact(stage, n) => drop(self.world.run(artifact(STEPS[stage], &format!("{{\"n\":{n}}}")))),
            Op::Confirm(stage) => drop(self.world.run(confirm(STEPS[stage]))),
            Op::Next(stage) => self.complete(stage),
            Op::Make(stage, n) => {
                self.run(&Op::Artifact(stage, n));
                self.run(&Op::Confirm(stage));
                self.complete(stage);
            }
            Op::Reset(stage) => self.go_back(stage, true),
            Op::Revise(stage) => self.go_back(stage, false),
            Op::Accept(stage) => self.accept(stage),
            Op::Undo(back) => self.undo(back),
            Op::Pause(pause) => drop(self.world.run(if pause { Command::Pause } else { Command::Resume })),
        }
    }

    fn save(&mut self, stage: usize, n: u8) {
        let open = self.world.step(STEPS[stage]).is_open();
        let content = format!("m{n}");
        let outcome = self.world.run(save(STEPS[stage], vec![message(&content, &content)]));
        assert_eq!(outcome.is_ok(), open);
        let said = &mut self.steps[stage].said;
        if open && !said.contains(&content) {
            said.push(content);
        }
    }

    fn complete(&mut self, stage: usize) {
        let before = self.statuses();
        let from = self.outputs_of_dependencies(stage);
        let expected = before[stage] == Status::Complete
            || (self.world.step(STEPS[stage]).is_open()
                && from.iter().all(Option::is_some)
                && self.world.state.status() != WorkshopStatus::Paused
                && self.has_what_it_needs(stage));
        let was_completed = self.world.state.status() == WorkshopStatus::Completed;
        let reply = self.world.run(next(STEPS[stage]));
        assert_eq!(reply.is_ok(), expected, "{reply:?}");
        let Ok(Reply::Completed { unblocked, workshop_completed, .. }) = reply else { return };
        if before[stage] != Status::Complete {
            self.steps[stage].made_from = from;
            self.steps[stage].accepted = false;
        }
        let completed = self.world.state.status() == WorkshopStatus::Completed;
        assert_eq!(workshop_completed, completed && !was_completed, "told once");
        let after = self.statuses();
        assert_eq!(after[stage], Status::Complete);
        let mut begun = 0;
        for other in (0..STEPS.len()).filter(|other| *other != stage && before[*other] != after[*other]) {
            match before[other] {
                Status::NotStarted => begun += 1,
                Status::NeedsRegeneration => assert!(unblocked.contains(&id(STEPS[other]))),
                status => panic!("{} was {status}", STEPS[other]),
            }
        }
        assert!(begun <= 1);
    }

    fn has_what_it_needs(&self, stage: usize) -> bool {
        let demanded = self.world.state.outline.steps[stage].artifact.is_some();
        self.world.step(STEPS[stage]).artifact.map_or(!demanded, |artifact| artifact.confirmed)
    }

    fn go_back(&mut self, stage: usize, over: bool) {
        let before = self.statuses();
        let possible = if over { before[stage] != Status::NotStarted } else { before[stage] == Status::Complete };
        let untouched = self.world.clone();
        let outcome = self.world.run(if over { reset(STEPS[stage]) } else { revise(STEPS[stage]) });
        assert_eq!(outcome.is_ok(), possible);
        if !possible {
            return;
        }
        self.saved.push(self.steps.clone());
        if over {
            self.steps[stage] = Seen::default();
        }
        let below = self.downstream(stage);
        for (other, status) in self.statuses().into_iter().enumerate() {
            let name = STEPS[other];
            if other == stage {
                assert_eq!(status, Status::InProgress);
            } else if below.contains(&other) && before[other] != Status::NotStarted {
                assert_eq!(status, Status::NeedsRegeneration);
                assert!(self.world.fence(&id(name)).generation > untouched.fence(&id(name)).generation);
            } else {
                assert_eq!(self.world.seen(name), untouched.seen(name), "not downstream, or not begun");
            }
        }
    }

    fn accept(&mut self, stage: usize) {
        let stale = self.world.status(STEPS[stage]) == Status::NeedsRegeneration;
        let accepted = self.world.run(accept(STEPS[stage])).is_ok();
        assert!(stale || !accepted);
        if accepted {
            self.saved.push(self.steps.clone());
            self.steps[stage].accepted = true;
        }
    }

    fn undo(&mut self, back: usize) {
        let Some(point) = self.saved.len().checked_sub(back + 1) else { return };
        let (now, saved) = (self.steps.clone(), self.saved[point].clone());
        let (before, affects) = (self.statuses(), self.world.undo_points[point].verb.affects.clone());
        self.world.undo(point);
        self.saved.push(now);
        for stage in 0..STEPS.len() {
            let became = self.world.status(STEPS[stage]) == Status::Complete && before[stage] != Status::Complete;
            if affects.contains(&id(STEPS[stage])) {
                self.steps[stage] = saved[stage].clone();
            } else if became && self.steps[stage].made_from != self.outputs_of_dependencies(stage) {
                // It did not settle by what it was made from, so it is again what it was then.
                assert_eq!(self.steps[stage].said, saved[stage].said);
                self.steps[stage] = saved[stage].clone();
            }
        }
    }

    fn check(&self) {
        for (stage, name) in STEPS.iter().enumerate() {
            let (step, seen) = (self.world.step(name), &self.steps[stage]);
            assert_eq!(self.world.said(name), seen.said, "{name}");
            assert_eq!(step.completed_at.is_some(), step.status == Status::Complete, "{name}");
            assert_eq!(step.stale.is_some(), step.status == Status::NeedsRegeneration, "{name}");
            if let Some(artifact) = step.artifact {
                assert!(artifact.confirmed || step.status != Status::Complete, "{name} is complete unconfirmed");
                assert!(artifact.version <= step.artifact_version);
                let bytes = self.world.content(&id(name), &artifact_path(artifact.version)).unwrap();
                assert_eq!(artifact.digest, Fingerprint::of(&[&bytes]), "{name}");
            }
            if step.status == Status::Complete && !seen.accepted {
                let now = self.outputs_of_dependencies(stage);
                assert!(now.iter().all(Option::is_some), "{name} is complete and was made from what is not");
                assert_eq!(now, seen.made_from, "{name} is complete and was made from something else");
            }
        }
        assert!(
            !self.world.state.is_idle() || self.world.state.status() == WorkshopStatus::Completed,
            "nothing to do, and not completed"
        );
        assert_eq!(self.world.replayed(), self.world.state);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// No step is ever complete on something it was not made from, unless a person said so; every message is seen just
    /// as long as its step was not reset; and the journal gives the state.
    #[test]
    fn any_sequence_keeps_what_is_complete_true(shape in any_shape(), ops in prop::collection::vec(any_op(), 1..60)) {
        let mut model = Model::new(&shape);
        for op in &ops {
            model.run(op);
            model.check();
        }
    }

    /// Whatever a verb did, undoing it at once gives back what every reader saw.
    #[test]
    fn an_undo_at_once_is_exact(shape in any_shape(), ops in prop::collection::vec(any_op(), 1..40)) {
        let mut model = Model::new(&shape);
        for op in &ops {
            let before = model.world.clone();
            let points = before.undo_points.len();
            model.run(op);
            if model.world.undo_points.len() > points && !matches!(op, Op::Undo(_)) {
                let mut again = model.world.clone();
                again.undo_last();
                for stage in STEPS {
                    prop_assert_eq!(again.seen(stage), before.seen(stage), "{}", stage);
                }
            }
        }
    }
}
