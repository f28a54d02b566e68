//! Random histories of one task, with a host that answers late, twice or not at all and crashes anywhere, against a model
//! that knows of nothing but statuses and keeps whole copies for what goes back.

use proptest::prelude::*;

use super::*;

const STAGES: usize = 4;

#[derive(Clone, Debug)]
enum Op {
    Start,
    Run,
    Retry,
    Approve,
    Reject,
    Pause,
    Resume,
    /// To the stage of this place; in full without.
    Restart(Option<usize>),
    /// The undo point that is so far back.
    Undo(usize),
    Merge,
    CleanUp,
    /// Everything that it takes to complete a stage, so that histories get far.
    Complete,
    /// A restart, and the files are back.
    Back(Option<usize>),
    /// An undo, and the files are back.
    Forth(usize),
    /// The host answers what is under way.
    Operate,
    /// The host carries out what is under way, and its answer is late.
    OperateUnheard,
    /// The host can't do what is under way.
    Fail,
    /// The agent, or somebody, changes files.
    Work,
    Started,
    Report {
        draft: bool,
    },
    End(u8),
    /// The agent ends, and the word of it is late.
    EndUnheard(u8),
    /// Something that was said before is said again, or at last.
    Late(usize),
    /// The newest end of a run that is heard of late.
    LateEnd,
    Adopt,
    Crash,
}

fn any_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => Just(Op::Start),
        4 => Just(Op::Run),
        3 => Just(Op::Retry),
        4 => Just(Op::Approve),
        2 => Just(Op::Reject),
        1 => Just(Op::Pause),
        2 => Just(Op::Resume),
        4 => prop::option::weighted(0.8, 0..STAGES).prop_map(Op::Restart),
        5 => (0..3_usize).prop_map(Op::Undo),
        1 => Just(Op::Merge),
        1 => Just(Op::CleanUp),
        8 => Just(Op::Complete),
        5 => prop::option::weighted(0.8, 0..STAGES).prop_map(Op::Back),
        6 => (0..3_usize).prop_map(Op::Forth),
        12 => Just(Op::Operate),
        2 => Just(Op::OperateUnheard),
        2 => Just(Op::Fail),
        1 => Just(Op::Work),
        1 => Just(Op::Started),
        3 => any::<bool>().prop_map(|draft| Op::Report { draft }),
        5 => (0..4_u8).prop_map(Op::End),
        4 => (0..4_u8).prop_map(Op::EndUnheard),
        4 => (0..40_usize).prop_map(Op::Late),
        4 => Just(Op::LateEnd),
        4 => Just(Op::Adopt),
        2 => Just(Op::Crash),
    ]
}

/// Most ends are good, so that histories get far.
fn outcome(number: u8) -> Outcome {
    match number {
        0 => Outcome::Interrupted,
        1 => Outcome::Failed { code: "exit".into(), what: "it ended with 1".into() },
        _ => Outcome::Done,
    }
}

/// What is under way, as the model sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Create,
    Commit,
    Restart(Option<usize>),
    Undo(u64),
    Merge,
    CleanUp,
}

/// The task as the model sees it.
#[derive(Clone, Debug, PartialEq)]
struct Sketch {
    at: Option<usize>,
    stages: [StageStatus; STAGES],
    doing: Option<Doing>,
    paused: bool,
    blocked: bool,
    /// By counter: brainstorm, plan, impl.
    rejections: [u32; 3],
    placed: bool,
    cleaned_up: bool,
    merged: bool,
    auto: bool,
}

/// The counter of each stage.
const COUNTERS: [usize; STAGES] = [0, 1, 2, 2];

impl Sketch {
    fn status(&self) -> Option<StageStatus> {
        self.stages.get(self.at?).copied()
    }

    fn set(&mut self, status: StageStatus) {
        if let Some(place) = self.at {
            self.stages[place] = status;
        }
    }

    fn goes_on(&self) -> bool {
        self.doing.is_none() && !self.paused && !self.blocked
    }

    fn enter(&mut self, place: usize) {
        self.at = Some(place);
        if place < STAGES {
            self.set(StageStatus::Ready);
        }
        self.go_on_by_itself();
    }

    fn go_on_by_itself(&mut self) {
        if self.auto && self.placed && self.goes_on() && self.status() == Some(StageStatus::Ready) {
            self.run();
        }
    }

    fn run(&mut self) {
        self.set(StageStatus::Running);
        self.cleaned_up = false;
    }

    fn may_go_back(&self) -> bool {
        matches!(self.doing, None | Some(Doing::Create | Doing::Commit)) && !self.merged
    }

    fn begin_to_go_back(&mut self, doing: Doing) {
        match self.status() {
            Some(StageStatus::Running) => self.set(StageStatus::Interrupted),
            Some(StageStatus::Committing) => self.set(StageStatus::ToApprove),
            _ => {}
        }
        self.doing = Some(doing);
    }

    /// Does what a person asks for, or says that it can't be done.
    fn ask(&mut self, op: &Op) -> bool {
        use StageStatus as S;
        let status = self.status();
        let possible = match op {
            Op::Start => self.at.is_none() && self.doing.is_none(),
            Op::Run => self.goes_on() && matches!(status, Some(S::Ready | S::Rejected)),
            Op::Retry => self.goes_on() && matches!(status, Some(S::Failed | S::Interrupted)),
            Op::Approve => self.goes_on() && status == Some(S::ToApprove),
            Op::Reject => self.goes_on() && matches!(status, Some(S::ToApprove | S::Failed)),
            Op::Pause => self.doing.is_none() && status.is_some(),
            Op::Resume => self.doing.is_none(),
            Op::Restart(to) => {
                let reached = to.is_none_or(|to| self.stages[to] != S::NotReached);
                self.at.is_some() && reached && self.may_go_back()
            }
            Op::Merge => self.at == Some(STAGES) && self.doing.is_none() && !self.merged,
            Op::CleanUp => self.doing.is_none() && status != Some(S::Running) && self.placed && !self.cleaned_up,
            _ => unreachable!("nobody asks for {op:?}"),
        };
        if !possible {
            return false;
        }
        match op {
            Op::Start => {
                if !self.placed {
                    self.doing = Some(Doing::Create);
                }
                self.enter(0);
            }
            Op::Run | Op::Retry => self.run(),
            Op::Approve => {
                self.set(S::Committing);
                self.doing = Some(Doing::Commit);
            }
            Op::Reject => {
                self.set(S::Rejected);
                let count = &mut self.rejections[COUNTERS[self.at.unwrap()]];
                *count += 1;
                self.blocked = *count == 3;
            }
            Op::Pause => {
                self.paused = true;
                if status == Some(S::Running) {
                    self.set(S::Interrupted);
                }
            }
            Op::Resume => self.paused = false,
            Op::Restart(to) => self.begin_to_go_back(Doing::Restart(*to)),
            Op::Merge => self.doing = Some(Doing::Merge),
            Op::CleanUp => self.doing = Some(Doing::CleanUp),
            _ => {}
        }
        true
    }

    fn end(&mut self, outcome: &Outcome) {
        use StageStatus as S;
        match outcome {
            Outcome::Done if self.auto => {
                self.set(S::Committing);
                self.doing = Some(Doing::Commit);
            }
            Outcome::Done => self.set(S::ToApprove),
            Outcome::Failed { .. } => self.set(S::Failed),
            Outcome::Interrupted => self.set(S::Interrupted),
        }
    }

    fn restarted(&mut self, to: Option<usize>) {
        for (place, counter) in COUNTERS.iter().enumerate().skip(to.unwrap_or_default()) {
            self.stages[place] = StageStatus::NotReached;
            self.rejections[*counter] = 0;
        }
        (self.paused, self.blocked, self.cleaned_up, self.placed) = (false, false, false, true);
        self.at = to;
        self.set(StageStatus::Ready);
    }

    /// What the host answers, happens.
    fn answered(&mut self, doing: Doing, answer: &Command) {
        self.doing = None;
        match (doing, answer) {
            (Doing::Create, _) => {
                self.placed = true;
                self.go_on_by_itself();
            }
            (Doing::Commit, Command::Committed { .. }) => {
                self.set(StageStatus::Complete);
                self.enter(self.at.unwrap() + 1);
            }
            (Doing::Commit, _) => self.set(StageStatus::ToApprove),
            (Doing::Restart(to), _) => self.restarted(to),
            (Doing::Merge, _) => self.merged = true,
            (Doing::CleanUp, _) => self.cleaned_up = true,
            (Doing::Undo(_), _) => {}
        }
    }

    fn failed(&mut self) {
        if self.doing.take() == Some(Doing::Commit) {
            self.set(StageStatus::ToApprove);
        }
        if !self.placed {
            self.set(StageStatus::NotReached);
            self.at = None;
        }
    }
}

/// What an undo point has to give back.
#[derive(Clone, Debug)]
struct Saved {
    sketch: Sketch,
    seen: Seen,
    undone: bool,
}

struct Model {
    world: World,
    sketch: Sketch,
    points: BTreeMap<u64, Saved>,
    /// Everything that the host ever said or was about to say.
    said: Vec<Command>,
    /// What only grows: operations, runs, lines of the log.
    counts: [u64; 3],
}

fn command_of(op: &Op) -> Command {
    let name = |place: usize| Tier::built_in("L2").unwrap().stages[place].outline.id.clone();
    match op {
        Op::Start => Command::Start,
        Op::Run => Command::Run,
        Op::Retry => Command::Retry,
        Op::Approve => APPROVE,
        Op::Reject => reject(),
        Op::Pause => Command::Pause,
        Op::Resume => Command::Resume,
        Op::Restart(to) => Command::Restart { to: to.map(name) },
        Op::Merge => Command::Merge,
        Op::CleanUp => Command::CleanUp,
        _ => unreachable!("{op:?} is no command"),
    }
}

impl Model {
    fn new(auto: bool) -> Self {
        let mut world = World::of(create_with(Tier::built_in("L2").unwrap(), auto));
        world.ok(Command::Awaited { by: EntityId::new("w").unwrap() });
        let sketch = Sketch {
            at: None,
            stages: [StageStatus::NotReached; STAGES],
            doing: None,
            paused: false,
            blocked: false,
            rejections: [0; 3],
            placed: false,
            cleaned_up: false,
            merged: false,
            auto,
        };
        Self { world, sketch, points: BTreeMap::new(), said: Vec::new(), counts: [0; 3] }
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Complete => {
                for op in [Op::Start, Op::Operate, Op::Resume, Op::Run, Op::Retry, Op::End(3), Op::Approve, Op::Operate]
                {
                    self.apply(&op);
                }
            }
            Op::Back(to) => [Op::Restart(*to), Op::Operate].iter().for_each(|op| self.apply(op)),
            Op::Forth(back) => [Op::Undo(*back), Op::Operate].iter().for_each(|op| self.apply(op)),
            Op::Undo(back) => self.undo(*back),
            Op::Operate => drop(self.operate()),
            Op::OperateUnheard => {
                let task = self.world.task();
                if task.operation.is_some() {
                    let answer = self.world.repo.carry_out(&task);
                    self.said.push(answer);
                }
            }
            Op::Fail => self.fail(),
            Op::Work => {
                if self.sketch.doing.is_none() {
                    self.world.repo.work();
                }
            }
            Op::Started | Op::Report { .. } => self.say(op),
            Op::End(number) => {
                if let Some(end) = self.end_of(*number) {
                    self.hear(&end);
                }
            }
            Op::EndUnheard(number) => drop(self.end_of(*number)),
            Op::Late(back) => {
                if let Some(place) = self.said.len().checked_sub(back + 1) {
                    self.hear(&self.said[place].clone());
                }
            }
            Op::LateEnd => {
                let is_end = |said: &&Command| matches!(said, Command::Finish { .. });
                if let Some(end) = self.said.iter().rev().find(is_end).cloned() {
                    self.hear(&end);
                }
            }
            Op::Adopt => self.adopt(),
            Op::Crash => self.world.harness.kill(),
            asked => {
                let possible = self.sketch.ask(asked);
                let asked = command_of(asked);
                let outcome = self.world.run(asked.clone());
                assert_eq!(outcome.is_ok(), possible, "{asked:?}: {outcome:?}");
            }
        }
    }

    fn undo(&mut self, back: usize) {
        let points: Vec<u64> = self.points.keys().copied().collect();
        let Some(point) = points.len().checked_sub(back + 1).map(|place| points[place]) else { return };
        let possible = self.sketch.may_go_back() && !self.points[&point].undone;
        let ask = || Ask::Undo(Some(point));
        let terms = Terms { by: "ann".into(), preview: true, ..Terms::default() };
        let planned = self.world.request(ask(), terms);
        assert_eq!(planned.is_ok(), possible, "{planned:?}");
        let Ok(Receipt { answer: Answer::Plan(plan), .. }) = planned else { return };
        self.world.with_token(ask(), plan.token).unwrap();
        self.sketch.begin_to_go_back(Doing::Undo(point));
    }

    fn operate(&mut self) -> Option<()> {
        let task = self.world.task();
        task.operation.as_ref()?;
        let answer = self.world.repo.carry_out(&task);
        self.said.push(answer.clone());
        self.answer(&answer);
        Some(())
    }

    /// The operation that is under way is answered with this.
    fn answer(&mut self, answer: &Command) {
        let (doing, task) = (self.sketch.doing.unwrap(), self.world.task());
        let goes_back = matches!(doing, Doing::Restart(_) | Doing::Undo(_));
        let mut before = self.world.seen();
        if goes_back {
            before.files = self.world.repo.snapshots[&task.operation.unwrap().number].clone();
        }
        let sketch = Sketch { doing: None, cleaned_up: false, ..self.sketch.clone() };
        self.world.answer(answer.clone()).unwrap();
        self.sketch.answered(doing, answer);
        if let Doing::Undo(point) = doing {
            let saved = self.points.get_mut(&point).unwrap();
            saved.undone = true;
            let Saved { sketch: was, mut seen, .. } = saved.clone();
            // A place stays, once there is one.
            seen.task.place = self.world.task().place;
            self.sketch = Sketch { placed: self.sketch.placed, merged: self.sketch.merged, ..was };
            assert_eq!(self.world.seen(), seen, "undo gives back what was there");
        }
        if goes_back {
            let number = self.world.view().undo_points.last().unwrap().number;
            self.points.insert(number, Saved { sketch, seen: before, undone: false });
        }
    }

    fn fail(&mut self) {
        // What was carried out can't fail any more.
        let task = self.world.task();
        let Some(operation) = task.operation else { return };
        if !self.world.repo.is_answered(operation.number) {
            self.world.fail();
            self.sketch.failed();
        }
    }

    /// The end of the run that is under way.
    fn end_of(&mut self, number: u8) -> Option<Command> {
        self.world.task().run?;
        let end = self.world.end(outcome(number));
        self.said.push(end.clone());
        Some(end)
    }

    fn say(&mut self, op: &Op) {
        let Some(run) = self.world.task().run else { return };
        let (stage, generation) = (run.stage.clone(), run.generation);
        let command = match op {
            Op::Started => {
                let process = (4711, run.number, "b00t".into());
                Command::Started { stage, generation, agent: "claude".into(), process }
            }
            _ => {
                let report = Box::new(full_report(&format!("line {}", self.said.len()), &stage, generation));
                Command::Report { stage, generation, report }
            }
        };
        self.said.push(command.clone());
        let draft = matches!(op, Op::Report { draft: true });
        let ask = if draft { Ask::Draft(command) } else { Ask::Command(command) };
        self.world.ask(ask).unwrap();
    }

    /// The host says something, of which it does not know whether it still matters.
    fn hear(&mut self, command: &Command) {
        // What is held is not late: it is written down first.
        self.world.ask(Ask::Flush).unwrap();
        let view = self.world.view();
        let (task, before, log) = (view.state.clone(), self.world.seen(), self.world.log());
        match command {
            Command::Finish { stage, generation, finish } => {
                let active = task.run.as_ref().is_some_and(|run| run.number == finish.run);
                let outcome = self.world.run(command.clone());
                if active {
                    outcome.unwrap();
                    self.sketch.end(&finish.outcome);
                } else if *generation < view.generation(stage) {
                    assert!(matches!(outcome, Err(Rejection::Stale { orphan: Some(_), .. })));
                    assert_eq!((self.world.seen(), self.world.log()), (before, log), "a late end changes nothing");
                }
            }
            Command::Started { stage, generation, .. } | Command::Report { stage, generation, .. } => {
                let active = task.run.as_ref().is_some_and(|run| (&run.stage, run.generation) == (stage, *generation));
                let outcome = self.world.run(command.clone());
                assert_eq!(outcome.is_ok(), active, "{outcome:?}");
                if !active {
                    assert_eq!((self.world.seen(), self.world.log()), (before, log), "a late line changes nothing");
                }
            }
            answer => {
                let number = host::operation_of(answer);
                if task.operation.is_some_and(|operation| operation.number == number) {
                    self.answer(answer);
                } else {
                    assert!(self.world.run(answer.clone()).is_err());
                    assert_eq!((self.world.seen(), self.world.log()), (before, log), "a late answer changes nothing");
                }
            }
        }
    }

    /// What is taken in late is never approved by it, and moves no status.
    fn adopt(&mut self) {
        let Some(orphan) = self.world.view().orphans.first().map(|orphan| orphan.number) else { return };
        let candidates = |task: &Task| -> Vec<_> { task.stages.iter().map(|stage| stage.candidate.clone()).collect() };
        let before = candidates(&self.world.task());
        let adopted = self.world.ask(Ask::Adopt(orphan)).is_ok();
        assert_eq!(candidates(&self.world.task()), before);
        assert_eq!(self.world.view().orphans.iter().any(|other| other.number == orphan), !adopted);
    }

    fn check(&mut self) {
        let task = self.world.task();
        let doing = task.operation.as_ref().map(|operation| match &operation.kind {
            OperationKind::Create => Doing::Create,
            OperationKind::Commit { .. } => Doing::Commit,
            OperationKind::Restart { to, .. } => Doing::Restart(to.as_ref().map(|to| task.place_of(to).unwrap())),
            OperationKind::Undo { point, .. } => Doing::Undo(*point),
            OperationKind::Merge { .. } => Doing::Merge,
            OperationKind::CleanUp => Doing::CleanUp,
        });
        let stages: Vec<StageStatus> = task.stages.iter().map(|stage| stage.status).collect();
        let is = Sketch {
            at: task.at.map(usize::from),
            stages: stages.try_into().unwrap(),
            doing,
            paused: task.paused.is_some(),
            blocked: task.blocked.is_some(),
            rejections: ["brainstorm", "plan", "impl"].map(|name| task.rejections.get(name).copied().unwrap_or(0)),
            placed: task.place.is_some(),
            cleaned_up: task.cleaned_up,
            merged: task.merged.is_some(),
            auto: task.auto,
        };
        assert_eq!(is, self.sketch);
        let counts = [task.operations, task.runs, task.log];
        assert!(counts.iter().zip(self.counts).all(|(now, before)| *now >= before), "no number is used twice");
        self.counts = counts;
        let told = Effect::Tell { to: EntityId::new("w").unwrap(), done: task.done().cloned() };
        assert_eq!(self.world.owed().get("tell/w"), Some(&told), "who waits knows how the task stands");
        let undone: BTreeMap<u64, bool> =
            self.world.view().undo_points.iter().map(|point| (point.number, point.undone_by.is_some())).collect();
        let expected: BTreeMap<u64, bool> = self.points.iter().map(|(number, saved)| (*number, saved.undone)).collect();
        assert_eq!(undone, expected, "exactly what went back can be taken back");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_history_is_as_the_model_has_it(auto in prop::bool::weighted(0.3), ops in prop::collection::vec(any_op(), 1..60)) {
        let mut model = Model::new(auto);
        for op in &ops {
            model.apply(op);
            model.check();
        }
        model.world.check_deeply();
    }
}
