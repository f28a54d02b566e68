//! Random histories of one workflow, with workers that are late, hand in twice or vanish, clocks that jump and crashes
//! anywhere, against a model that knows tasks by name, and keeps whole copies for what goes back.

use proptest::prelude::*;

use super::*;

const DOMAINS: [&str; 4] = ["fe", "be", "qa", "human"];
const GATES: u16 = 4;

#[derive(Clone, Debug)]
enum Op {
    Run,
    Stop,
    Add(usize, u8),
    /// The gate that it stands before.
    Approve,
    Reject,
    Claim(usize),
    /// Claims and does what there is, so that histories get far.
    Work(usize),
    /// What was granted so many grants ago is handed in: done, done otherwise, failed, failed for good, not safe.
    Finish(usize, u8),
    Beat(usize),
    Release(usize),
    Retry(usize),
    Cancel(usize),
    Reset(u16, bool, bool),
    /// The undo point that is so far back.
    Undo(usize),
    Adopt,
    Pass(u64),
    /// The clock is set back, or jumps ahead, by so many seconds.
    Jump(i64),
    Crash,
}

fn any_op() -> impl Strategy<Value = Op> {
    let of = 0..DOMAINS.len();
    prop_oneof![
        3 => Just(Op::Run),
        1 => Just(Op::Stop),
        3 => (of.clone(), 4..7_u8).prop_map(|(of, priority)| Op::Add(of, priority)),
        3 => Just(Op::Approve),
        1 => Just(Op::Reject),
        8 => of.clone().prop_map(Op::Claim),
        10 => of.prop_map(Op::Work),
        12 => (0..6_usize, 0..5_u8).prop_map(|(back, how)| Op::Finish(back, how)),
        3 => (0..6_usize).prop_map(Op::Beat),
        2 => (0..4_usize).prop_map(Op::Release),
        3 => (0..40_usize).prop_map(Op::Retry),
        2 => (0..40_usize).prop_map(Op::Cancel),
        4 => (0..GATES + 1, any::<bool>(), any::<bool>()).prop_map(|(to, tasks, results)| Op::Reset(to, tasks, results)),
        4 => (0..4_usize).prop_map(Op::Undo),
        4 => Just(Op::Adopt),
        5 => (1..60_u64).prop_map(Op::Pass),
        1 => (-100..2_000_i64).prop_map(Op::Jump),
        2 => Just(Op::Crash),
    ]
}

/// What has become of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Open,
    Done,
    Cancelled,
}

/// The workflow as the model sees it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Sketch {
    tasks: BTreeMap<TaskId, Fate>,
    results: BTreeMap<TaskId, String>,
    /// Gates whose tasks of the template were handed out.
    handed_out: BTreeSet<u16>,
    /// How many gates are passed.
    passed: u16,
    /// The results that a gate was approved for.
    approved: BTreeMap<u16, BTreeMap<TaskId, String>>,
    run: Option<(u64, RunStatus)>,
}

impl Sketch {
    fn of_gate(&self, gate: u16) -> BTreeMap<TaskId, String> {
        self.results
            .iter()
            .filter(|(id, _)| id.lane.gate == gate)
            .map(|(id, text)| (id.clone(), text.clone()))
            .collect()
    }

    fn runs(&self) -> bool {
        matches!(self.run, Some((_, RunStatus::Running)))
    }

    fn end_run(&mut self, status: RunStatus) {
        if let Some(run) = self.run.as_mut().filter(|run| run.1 == RunStatus::Running) {
            run.1 = status;
        }
    }

    fn is_done(&self, gate: u16) -> bool {
        self.tasks.iter().all(|(id, fate)| id.lane.gate != gate || *fate != Fate::Open)
    }

    fn is_approved(&self, gate: u16) -> bool {
        self.approved.get(&gate) == Some(&self.of_gate(gate))
    }
}

/// What an undo point has to give back, and of which gates; of one of them only the results, where something was adopted.
#[derive(Clone, Debug)]
struct Saved {
    sketch: Sketch,
    gates: std::ops::Range<u16>,
    adopted: bool,
    undone: bool,
}

struct Model {
    world: World,
    template: Template,
    sketch: Sketch,
    /// The claim whose worker may still hand in, by task.
    holders: BTreeMap<TaskId, u64>,
    grants: Vec<Grant>,
    points: BTreeMap<u64, Saved>,
    /// The last number of each lane: none is used twice.
    numbers: BTreeMap<LaneId, u64>,
}

impl Model {
    fn new() -> Self {
        let template = template();
        Self {
            world: World::of(template.clone()),
            template,
            sketch: Sketch::default(),
            holders: BTreeMap::new(),
            grants: Vec::new(),
            points: BTreeMap::new(),
            numbers: BTreeMap::new(),
        }
    }

    fn hand_out(&mut self, gate: u16, tasks: &[NewTask]) {
        for task in tasks {
            let lane = LaneId { gate, domain: task.domain.clone(), priority: task.priority };
            let number = self.numbers.entry(lane.clone()).or_default();
            *number += 1;
            self.sketch.tasks.insert(TaskId { lane, number: *number }, Fate::Open);
        }
    }

    fn go_on(&mut self) {
        while self.sketch.runs() {
            let gate = self.sketch.passed;
            let of_gate = self.template.gates[usize::from(gate)].clone();
            if self.sketch.handed_out.insert(gate) {
                self.hand_out(gate, &of_gate.tasks);
            }
            if !self.sketch.is_done(gate) || (of_gate.approval && !self.sketch.is_approved(gate)) {
                break;
            }
            self.sketch.passed += 1;
            if self.sketch.passed == GATES {
                self.sketch.end_run(RunStatus::Completed);
            }
        }
    }

    /// An approval falls for good when results change.
    fn land(&mut self, id: &TaskId, text: String) {
        self.sketch.results.insert(id.clone(), text);
        self.sketch.approved.remove(&id.lane.gate);
        if let Some(fate) = self.sketch.tasks.get_mut(id) {
            *fate = Fate::Done;
        }
        self.go_on();
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Claim(of) => drop(self.claim(DOMAINS[*of])),
            Op::Work(of) => {
                if let Some(grant) = self.claim(DOMAINS[*of]) {
                    self.finish(&grant, 0);
                }
            }
            Op::Finish(back, how) => {
                if let Some(grant) = self.grants.iter().rev().nth(*back).cloned() {
                    self.finish(&grant, *how);
                }
            }
            Op::Beat(back) => {
                if let Some(grant) = self.grants.iter().rev().nth(*back).cloned() {
                    let held = self.holders.get(&grant.id) == Some(&grant.claim);
                    let outcome = self.world.run(beat(&grant));
                    // The clock of the world goes on by a little with each request.
                    assert_eq!(outcome.is_ok(), held && self.world.now() < grant.deadline, "{outcome:?}");
                }
            }
            Op::Reset(to, tasks, results) => self.reset(*to, *tasks, *results),
            Op::Undo(back) => self.undo(*back),
            Op::Adopt => self.adopt(),
            Op::Pass(seconds) => self.world.pass(*seconds),
            Op::Jump(seconds) => {
                let now = self.world.now().as_millis();
                self.world.harness.set_now(Timestamp::from_millis(now + seconds * 1_000));
                self.world.pass(0);
            }
            Op::Crash => self.world.harness.kill(),
            Op::Release(nth) | Op::Retry(nth) | Op::Cancel(nth) => self.tend(op, *nth),
            asked => self.asked(asked),
        }
    }

    /// What people ask of the workflow as a whole.
    fn asked(&mut self, op: &Op) {
        let gate = self.sketch.passed;
        let open = gate < GATES;
        let approval = open && self.template.gates[usize::from(gate)].approval;
        let id = self.template.gates[usize::from(gate.min(GATES - 1))].id.clone();
        let (command, possible) = match op {
            Op::Run => (RUN, open && !self.sketch.runs()),
            Op::Stop => (Command::Stop, self.sketch.runs()),
            Op::Add(of, priority) => (Command::Add { tasks: vec![new_task(DOMAINS[*of], *priority)] }, open),
            Op::Approve => (Command::Approve { gate: id, seen: None }, approval),
            Op::Reject => (Command::Reject { gate: id }, approval),
            other => unreachable!("{other:?} is not asked of a workflow"),
        };
        let outcome = self.world.run(command);
        assert_eq!(outcome.is_ok(), possible, "{op:?}: {outcome:?}");
        if !possible {
            return;
        }
        match op {
            Op::Run => {
                let number = self.sketch.run.map_or(0, |(number, _)| number) + 1;
                assert_eq!(outcome.unwrap(), Reply::Run(number), "no run has the number of another");
                self.sketch.run = Some((number, RunStatus::Running));
            }
            Op::Stop => self.sketch.end_run(RunStatus::Stopped),
            Op::Add(of, priority) => self.hand_out(gate, &[new_task(DOMAINS[*of], *priority)]),
            Op::Approve => drop(self.sketch.approved.insert(gate, self.sketch.of_gate(gate))),
            _ => drop(self.sketch.approved.remove(&gate)),
        }
        self.go_on();
    }

    fn claim(&mut self, of: &str) -> Option<Grant> {
        let before = self.world.workflow();
        let (grant, more) = self.world.try_claim(of, "w");
        let granted = self.sketch.run.is_none() || self.sketch.runs();
        let is_free = |(id, fate): &(&TaskId, &Fate)| {
            let entry = before.under_way.get(*id);
            let goes_to = entry.map_or(id.lane.domain.clone(), |entry| entry.domain(id));
            let free = entry.is_none_or(|entry| entry.standing == Standing::Queued);
            **fate == Fate::Open && id.lane.gate == self.sketch.passed && goes_to.as_str() == of && free
        };
        let free: Vec<&TaskId> =
            self.sketch.tasks.iter().filter(is_free).filter(|_| granted).map(|(id, _)| id).collect();
        assert_eq!(grant.is_some(), !free.is_empty(), "{of}: {free:?}");
        assert_eq!(more, free.len() > 1);
        let grant = grant?;
        assert!(free.contains(&&grant.id), "{} is of {free:?}", grant.id);
        assert!(free.iter().all(|id| id.lane.priority <= grant.id.lane.priority), "the most urgent goes first");
        assert!(self.grants.iter().all(|other| other.claim < grant.claim), "no claim has the number of another");
        self.holders.insert(grant.id.clone(), grant.claim);
        self.grants.push(grant.clone());
        Some(grant)
    }

    fn finish(&mut self, grant: &Grant, how: u8) {
        let text = |word: &str| TaskResult { result: format!("\"{word} {}\"", grant.claim), ..done() };
        let result = match how {
            0 => text("done"),
            1 => text("done otherwise"),
            2 => failed(true),
            3 => failed(false),
            _ => TaskResult { safety_score: Some(0.1), ..text("not safe") },
        };
        let before = self.world.seen();
        let human = before.workflow.under_way.get(&grant.id).is_some_and(|entry| entry.human);
        let last_word = human || grant.id.lane.domain.as_str() == Domain::HUMAN;
        let held = self.holders.get(&grant.id) == Some(&grant.claim);
        let outcome = self.world.run(finish(grant, result.clone()));
        if !held {
            assert_eq!(self.world.seen(), before, "who was followed changes nothing");
            let landed = self.sketch.results.get(&grant.id) == Some(&result.result);
            match outcome {
                Ok(Reply::Finished(Outcome::AlreadyLanded)) => {
                    assert!(landed && result.status == ResultStatus::Completed);
                }
                Ok(Reply::Finished(told)) => assert!(how >= 2 && told != Outcome::Landed),
                Ok(other) => panic!("no answer to a result: {other:?}"),
                Err(Rejection::Stale { orphan, .. } | Rejection::Superseded { orphan, .. }) => {
                    assert_eq!(orphan.is_some(), result.status == ResultStatus::Completed);
                }
                Err(other) => panic!("{other}"),
            }
            return;
        }
        self.holders.remove(&grant.id);
        match outcome.unwrap() {
            Reply::Finished(Outcome::Landed) => {
                assert!(how < 2 || (how == 4 && last_word));
                self.land(&grant.id, result.result);
            }
            Reply::Finished(Outcome::AlreadyLanded) => panic!("it had not landed"),
            other => assert!(how > 1, "{other:?}"),
        }
    }

    fn tend(&mut self, op: &Op, nth: usize) {
        let Some((id, fate)) = self.sketch.tasks.iter().nth(nth % self.sketch.tasks.len().max(1)) else { return };
        let (id, fate) = (id.clone(), *fate);
        let before = self.world.workflow();
        let leased = before.under_way.get(&id).is_some_and(|entry| entry.leased().is_some());
        let met = before.under_way.contains_key(&id);
        let (command, possible) = match op {
            Op::Release(_) => (Command::Release { task: id.clone() }, leased),
            Op::Cancel(_) => (Command::Cancel { task: id.clone() }, fate == Fate::Open),
            _ => {
                let cancelled = fate == Fate::Cancelled && id.lane.gate >= self.sketch.passed;
                (Command::Retry { task: id.clone() }, (met && !leased) || cancelled)
            }
        };
        let outcome = self.world.run(command);
        assert_eq!(outcome.is_ok(), possible, "{op:?} of {id}, which is {fate:?}: {outcome:?}");
        if possible {
            self.holders.remove(&id);
            let fate = if matches!(op, Op::Cancel(_)) { Fate::Cancelled } else { Fate::Open };
            self.sketch.tasks.insert(id, fate);
            if fate == Fate::Cancelled {
                self.go_on();
            }
        }
    }

    fn reset(&mut self, to: u16, clear_tasks: bool, clear_results: bool) {
        let outcome = self.world.run(reset(Some(to), clear_tasks, clear_results));
        assert_eq!(outcome.is_ok(), to <= self.sketch.passed.min(GATES - 1), "{outcome:?}");
        let Ok(Reply::Reset(summary)) = outcome else { return };
        self.went_back(to..GATES, false);
        let sketch = &mut self.sketch;
        let count = |cleared: bool, number: usize| if cleared { number as u64 } else { 0 };
        let tasks = sketch.tasks.keys().filter(|id| id.lane.gate >= to).count();
        let results = sketch.results.keys().filter(|id| id.lane.gate >= to).count();
        assert_eq!((summary.tasks, summary.results), (count(clear_tasks, tasks), count(clear_results, results)));
        sketch.tasks.retain(|id, _| id.lane.gate < to || !clear_tasks);
        sketch.results.retain(|id, _| id.lane.gate < to || !clear_results);
        if clear_results {
            sketch.tasks.iter_mut().filter(|(id, _)| id.lane.gate >= to).for_each(|(_, fate)| *fate = Fate::Open);
        }
        sketch.handed_out.retain(|gate| *gate < to || !clear_tasks);
        sketch.approved.retain(|gate, _| *gate < to);
        sketch.passed = to;
        sketch.end_run(RunStatus::Cancelled);
    }

    /// A verb left an undo point, and nobody who worked at these gates may hand in any more.
    fn went_back(&mut self, gates: std::ops::Range<u16>, adopted: bool) {
        let number = self.world.view().undo_points.last().unwrap().number;
        let saved = Saved { sketch: self.sketch.clone(), gates: gates.clone(), adopted, undone: false };
        assert!(self.points.insert(number, saved).is_none());
        if !adopted {
            self.holders.retain(|id, _| !gates.contains(&id.lane.gate));
        }
    }

    fn undo(&mut self, back: usize) {
        let Some((number, point)) = self.points.iter().rev().nth(back).map(|(number, point)| (*number, point.clone()))
        else {
            return;
        };
        // What was adopted stays when its gate went back since.
        let later = self.points.range(number + 1..);
        let moved = point.adopted
            && later.into_iter().any(|(_, other)| !other.adopted && other.gates.contains(&point.gates.start));
        let ask = || Ask::Undo(Some(number));
        let terms = Terms { by: "ann".into(), preview: true, ..Terms::default() };
        let planned = self.world.request(ask(), terms);
        assert_eq!(planned.is_ok(), !point.undone && !moved, "{planned:?}");
        let Ok(Receipt { answer: Answer::Plan(plan), .. }) = planned else { return };
        self.world.with_token(ask(), plan.token).unwrap();
        self.points.get_mut(&number).unwrap().undone = true;
        self.went_back(point.gates.clone(), point.adopted);
        self.holders.retain(|id, _| !point.gates.contains(&id.lane.gate));
        self.give_back(&point);
    }

    fn give_back(&mut self, point: &Saved) {
        let (now, saved) = (&mut self.sketch, &point.sketch);
        let is_in = |gate: u16| point.gates.contains(&gate);
        if point.adopted {
            // Tasks that were added since are there still.
            for (id, fate) in now.tasks.iter_mut().filter(|(id, _)| is_in(id.lane.gate)) {
                *fate = saved.tasks.get(id).copied().unwrap_or(Fate::Open);
            }
        } else {
            now.tasks.retain(|id, _| !is_in(id.lane.gate));
            now.tasks
                .extend(saved.tasks.iter().filter(|(id, _)| is_in(id.lane.gate)).map(|(id, fate)| (id.clone(), *fate)));
            now.handed_out.retain(|gate| !is_in(*gate));
            now.handed_out.extend(saved.handed_out.iter().filter(|gate| is_in(**gate)));
        }
        now.results.retain(|id, _| !is_in(id.lane.gate));
        now.results.extend(
            saved.results.iter().filter(|(id, _)| is_in(id.lane.gate)).map(|(id, text)| (id.clone(), text.clone())),
        );
        now.approved.retain(|gate, _| !is_in(*gate));
        now.approved
            .extend(saved.approved.iter().filter(|(gate, _)| is_in(**gate)).map(|(gate, of)| (*gate, of.clone())));
        let is_passed = |gate: u16| gate < if is_in(gate) { saved.passed } else { now.passed };
        now.passed = (0..GATES).find(|gate| !is_passed(*gate)).unwrap_or(GATES);
        let same = saved.run.filter(|was| now.run.is_some_and(|run| run.0 == was.0));
        match same {
            Some(was) => {
                now.run = Some(was);
                now.end_run(RunStatus::Stopped);
            }
            None => now.end_run(RunStatus::Cancelled),
        }
    }

    fn adopt(&mut self) {
        let Some(number) = self.world.orphans().first().copied() else { return };
        let Some(Command::Finish { task, result, .. }) = self.world.harness.orphan(&id(), number).unwrap() else {
            panic!("only results are kept")
        };
        self.world.ask(Ask::Adopt(number)).unwrap();
        self.went_back(task.lane.gate..task.lane.gate + 1, true);
        self.holders.remove(&task);
        self.land(&task, result.result);
        assert!(!self.world.orphans().contains(&number));
    }

    fn check(&mut self) {
        let workflow = self.world.workflow();
        assert_eq!(workflow.gate, self.sketch.passed);
        assert_eq!(workflow.run.as_ref().map(|run| (run.number, run.status)), self.sketch.run);
        let tasks: u64 = (0..GATES).map(|gate| workflow.tasks_of(gate)).sum();
        assert_eq!(tasks, self.sketch.tasks.len() as u64);
        for (id, fate) in &self.sketch.tasks {
            let over = workflow.task(id).map(|standing| standing == TaskStanding::Over);
            assert_eq!(over, Some(*fate != Fate::Open), "{id} is {fate:?}");
        }
        for gate in 0..GATES {
            let results = self.world.results(gate).into_iter().map(|(id, stored)| (id, stored.result.result)).collect();
            assert_eq!(self.sketch.of_gate(gate), results);
            let state = &workflow.gates[usize::from(gate)];
            assert_eq!(state.is_approved(), self.sketch.approved.contains_key(&gate));
            assert_eq!(state.handed_out, self.sketch.handed_out.contains(&gate));
        }
        for (id, claim) in &self.holders {
            let lease = workflow.under_way.get(id).and_then(|entry| entry.lease.as_ref());
            assert_eq!(lease.map(|lease| lease.claim), Some(*claim), "{id}");
        }
        let leases = workflow.under_way.values().filter(|entry| entry.lease.is_some()).count();
        assert_eq!(leases, self.holders.len(), "nobody else holds anything");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_history_is_as_the_model_has_it(ops in prop::collection::vec(any_op(), 1..80)) {
        let mut model = Model::new();
        for op in &ops {
            model.apply(op);
            model.check();
        }
        model.world.check_deeply();
    }
}
