//! The rules, run by the engine over a store in memory, with a host that has numbers in place of files.

mod approval;
mod creation;
mod dependencies;
mod going_back;
mod host;
mod model;
mod plans;
mod prompts;
mod running;
mod stuck;
mod tiers;
mod worktree;

use std::collections::BTreeMap;
use std::time::Duration;

use host::{Files, Repo, object};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::domain::stored::{decode, encode};
use crate::domain::{Digest, EntityId, Plan, PlanToken};
use crate::engine::{Answer, Ask, Failure, PageRange, Receipt, Terms, View};
use crate::testkit::Harness;

/// One task, the engine that it lives in, and its host.
pub(super) struct World {
    pub(super) harness: Harness<TaskKind>,
    pub(super) repo: Repo,
}

pub(super) fn id() -> EntityId {
    EntityId::new("t1").unwrap()
}

pub(super) fn stage(name: &str) -> StageId {
    StageId::new(name).unwrap()
}

pub(super) fn to(name: &str) -> Command {
    Command::Restart { to: Some(stage(name)) }
}

/// Everything that going back has to give back.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) task: Task,
    pub(super) content: Vec<BTreeMap<Vec<u8>, Vec<u8>>>,
    pub(super) files: Files,
}

/// At each so many turns everything is looked at.
const CHECKED_DEEPLY: u64 = 16;

pub(super) const APPROVE: Command = Command::Approve { seen: None };
pub(super) const RESTART_IN_FULL: Command = Command::Restart { to: None };

pub(super) fn reject() -> Command {
    Command::Reject { feedback: "not like this".into() }
}

/// What is stored comes back equal.
pub(super) fn round_trip<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let bytes = encode("value", value).unwrap();
    assert_eq!(&decode::<T>("value", &bytes).unwrap(), value);
}

pub(super) fn create(tier: &str) -> Command {
    create_with(Tier::built_in(tier).unwrap(), false)
}

pub(super) fn create_with(tier: Tier, auto: bool) -> Command {
    Command::Create {
        title: "Mend the roof".into(),
        brief: "It leaks.\nMend it.".into(),
        tier: Box::new(tier),
        repository: EntityId::new("house").unwrap(),
        from: None,
        depends_on: Vec::new(),
        auto,
    }
}

/// A report with everything in it.
pub(super) fn full_report(word: &str, stage: &StageId, generation: Generation) -> Report {
    let line = |text: String| LogLine {
        at: Timestamp::from_millis(7),
        source: LogSource::Out(stage.clone(), generation),
        text,
    };
    Report {
        lines: vec![line(format!("{word} begins")), line(format!("{word} ends"))],
        todos: Some(vec![Todo { text: word.into(), done: true }, Todo { text: "more".into(), done: false }]),
        session: Some(format!("session of {word}")),
        carry_over: Some(format!("left by {word}")),
        output: Some(format!("output of {word}")),
        handoff: Some(format!("hand-off of {word}")),
        score: Some(Score(930)),
        passed: Some(true),
    }
}

impl World {
    pub(super) fn empty() -> Self {
        Self { harness: Harness::in_memory(), repo: Repo::default() }
    }

    pub(super) fn of(create: Command) -> Self {
        let mut world = Self::empty();
        world.ok(create);
        world
    }

    pub(super) fn new(tier: &str) -> Self {
        Self::of(create(tier))
    }

    /// Started, with a worktree.
    pub(super) fn started(tier: &str) -> Self {
        let mut world = Self::new(tier);
        world.ok(Command::Start);
        world.operate();
        world
    }

    pub(super) fn request(&mut self, ask: Ask<TaskKind>, terms: Terms) -> Result<Receipt<Reply>, Rejection> {
        self.harness.set_now(self.harness.now().after(Duration::from_millis(1)));
        let outcome = self.harness.ask(&id(), ask, terms).map_err(|failure| match failure {
            Failure::Rejected(rejection) => rejection,
            other => panic!("not a refusal: {other}"),
        });
        self.check();
        outcome
    }

    pub(super) fn ask(&mut self, ask: Ask<TaskKind>) -> Result<Receipt<Reply>, Rejection> {
        self.request(ask, Terms { by: "ann".into(), reason: Some("because".into()), ..Terms::default() })
    }

    pub(super) fn run(&mut self, command: Command) -> Result<Reply, Rejection> {
        round_trip(&command);
        let receipt = self.ask(Ask::Command(command))?;
        round_trip(&receipt.answer);
        match receipt.answer {
            Answer::Reply(reply) => Ok(reply),
            other => panic!("not a reply: {other:?}"),
        }
    }

    pub(super) fn ok(&mut self, command: Command) -> Reply {
        self.run(command).unwrap()
    }

    /// A refusal changes nothing.
    pub(super) fn refused(&mut self, command: Command) -> Rejection {
        let before = self.task();
        let refusal = self.run(command).unwrap_err();
        assert_eq!(self.task(), before, "refused with {refusal}");
        refusal
    }

    /// A refusal with a conflict, as one text.
    pub(super) fn conflict(&mut self, command: Command) -> String {
        match self.refused(command) {
            Rejection::Conflict { what, why, hint } => format!("{what}: {why}; {hint}"),
            other => panic!("no conflict: {other:?}"),
        }
    }

    pub(super) fn plan(&mut self, ask: Ask<TaskKind>) -> Plan {
        let before = self.task();
        let terms = Terms { by: "ann".into(), preview: true, ..Terms::default() };
        let receipt = self.request(ask, terms).unwrap();
        assert_eq!(self.task(), before, "a preview changes nothing");
        match receipt.answer {
            Answer::Plan(plan) => *plan,
            other => panic!("not a plan: {other:?}"),
        }
    }

    pub(super) fn with_token(&mut self, ask: Ask<TaskKind>, token: PlanToken) -> Result<Receipt<Reply>, Rejection> {
        self.request(ask, Terms { by: "ann".into(), plan: Some(token), ..Terms::default() })
    }

    pub(super) fn view(&mut self) -> View<TaskKind> {
        self.harness.view(&id()).unwrap()
    }

    pub(super) fn task(&mut self) -> Task {
        self.view().state
    }

    pub(super) fn stage(&mut self, name: &str) -> StageState {
        self.task().stage(&stage(name)).unwrap().clone()
    }

    /// The status of the stage that the task is in.
    pub(super) fn status(&mut self) -> StageStatus {
        self.task().current().unwrap().1.status
    }

    /// The name of the stage that the task is in.
    pub(super) fn at(&mut self) -> Option<String> {
        self.task().current().map(|(outline, _)| outline.id.to_string())
    }

    pub(super) fn owed(&self) -> BTreeMap<String, Effect> {
        self.harness.owed().unwrap().into_iter().map(|owed| (owed.key, owed.effect)).collect()
    }

    /// The host carries the operation out, and tells.
    pub(super) fn operate(&mut self) {
        let task = self.task();
        let answer = self.repo.carry_out(&task);
        self.answer(answer).unwrap();
    }

    /// The host answers the operation with this.
    pub(super) fn answer(&mut self, command: Command) -> Result<Receipt<Reply>, Rejection> {
        round_trip(&command);
        let owed = self.harness.owed().unwrap().into_iter().find(|owed| owed.key == "operate").unwrap();
        let answer = Ask::Answer { key: owed.key, revision: owed.revision, command: Some(command) };
        self.request(answer, Terms { by: "host".into(), ..Terms::default() })
    }

    /// The operation can't be done.
    pub(super) fn fail(&mut self) {
        let operation = self.task().operation.unwrap().number;
        let failed = Command::Failed {
            operation,
            code: "locked".into(),
            what: "the index is locked".into(),
            hint: "wait, and try again".into(),
        };
        self.answer(failed).unwrap();
    }

    /// How the active run's agent ends.
    pub(super) fn end(&mut self, outcome: Outcome) -> Command {
        let task = self.task();
        let run = task.run.unwrap();
        self.repo.work();
        let report = full_report(&format!("run {}", run.number), &run.stage, run.generation);
        let candidate = Some(self.repo.candidate());
        let finish = Box::new(Finish { run: run.number, outcome, report, candidate });
        Command::Finish { stage: run.stage, generation: run.generation, finish }
    }

    pub(super) fn done(&mut self) {
        let end = self.end(Outcome::Done);
        self.ok(end);
    }

    pub(super) fn failing(&mut self) {
        let end = self.end(Outcome::Failed { code: "exit".into(), what: "it ended with 1".into() });
        self.ok(end);
    }

    /// Runs the stage, approves it and has it committed.
    pub(super) fn complete(&mut self) {
        self.ok(Command::Run);
        self.done();
        self.ok(APPROVE);
        self.operate();
    }

    /// Goes on until the stage of this place is ready; or the task done.
    pub(super) fn advance_to(&mut self, place: usize) {
        while usize::from(self.task().at.unwrap()) < place {
            self.complete();
        }
    }

    pub(super) fn restart(&mut self, command: Command) {
        self.ok(command);
        self.operate();
        self.check_deeply();
    }

    /// Takes the newest verb back, looking at the plan first.
    pub(super) fn undo(&mut self) {
        let token = self.plan(Ask::Undo(None)).token;
        self.with_token(Ask::Undo(None), token).unwrap();
        if self.task().operation.is_some() {
            self.operate();
        }
        self.check_deeply();
    }

    pub(super) fn content(&mut self, stage: &StageId) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.harness.page(&id(), stage, &PageRange::under("")).unwrap().into_iter().collect()
    }

    pub(super) fn log(&mut self) -> Vec<LogLine> {
        let mut lines: Vec<LogLine> = Vec::new();
        let (chunks, mut after) = (PageRange { prefix: LOG_PREFIX.to_vec(), after: None, most: 500 }, None);
        loop {
            let range = PageRange { after: after.clone(), ..chunks.clone() };
            let page = self.harness.page(&id(), &stage(TASK_STAGE), &range).unwrap();
            for (path, bytes) in &page {
                assert_eq!(*path, log_path(lines.len() as u64), "each line has its number");
                lines.extend(log_from_bytes(bytes).unwrap());
            }
            match page.into_iter().next_back() {
                Some((path, _)) => after = Some(path),
                None => return lines,
            }
        }
    }

    pub(super) fn has_logged(&mut self, text: &str) -> bool {
        self.log().iter().any(|line| line.text.contains(text))
    }

    /// The task as going back has to give it back.
    pub(super) fn seen(&mut self) -> Seen {
        let mut task = self.task();
        // What only grows, and what the beginning of going back ends.
        (task.operations, task.runs, task.log, task.cleaned_up) = (0, 0, 0, false);
        (task.run, task.operation) = (None, None);
        for stage in &mut task.stages {
            match stage.status {
                StageStatus::Running => stage.status = StageStatus::Interrupted,
                StageStatus::Committing => (stage.status, stage.approval) = (StageStatus::ToApprove, None),
                _ => {}
            }
        }
        let stages: Vec<StageId> = task.tier.stages.iter().map(|outline| outline.id.clone()).collect();
        let content = stages.iter().map(|stage| self.content(stage)).collect();
        Seen { task, content, files: self.repo.files.clone() }
    }

    /// What holds always.
    pub(super) fn check(&mut self) {
        let view = self.view();
        let task = view.state.clone();
        if !task.exists() {
            return;
        }
        if view.revision.is_multiple_of(CHECKED_DEEPLY) {
            self.check_deeply();
        }
        assert!(task.run.is_none() || task.operation.is_none(), "no agent while files are moved");
        let owed = self.owed();
        let run = task.run.as_ref().map(|run| Effect::Run { run: run.number });
        assert_eq!(owed.get("run"), run.as_ref(), "a run is owed as long as there is one");
        let operation = task.operation.as_ref().map(|operation| Effect::Operate { operation: operation.number });
        assert_eq!(owed.get("operate"), operation.as_ref(), "an operation is owed as long as it is under way");
        assert_eq!(task.done_at.is_some(), task.is_done());
        assert_eq!(task.is_done(), task.done().is_some());
        assert!(task.paused.is_none() || task.current().is_some());
        for count in task.rejections.values() {
            assert!((1..=limits::REJECTIONS_MAX).contains(count));
            assert!(*count < limits::REJECTIONS_MAX || task.blocked.is_some());
        }
        let committing = matches!(task.operation.as_ref().map(|o| &o.kind), Some(OperationKind::Commit { .. }));
        let mut running = 0;
        for (place, (outline, stage)) in task.stages().enumerate() {
            let at = task.at.map(usize::from);
            match stage.status {
                StageStatus::Complete => assert!(at > Some(place) && stage.commit.is_some()),
                StageStatus::NotReached => {
                    assert!(at < Some(place) && *stage == StageState::default());
                }
                _ => assert_eq!(at, Some(place), "{} is {}", outline.id, stage.status),
            }
            let approved = matches!(stage.status, StageStatus::Committing | StageStatus::Complete);
            assert_eq!(stage.approval.is_some(), approved);
            let named = stage.approval.as_ref().map(|approval| (&approval.tree, approval.output));
            let made = stage.candidate.as_ref().map(|candidate| (&candidate.tree, stage.output));
            assert!(named.is_none() || named == made, "an approval names what was approved");
            assert_eq!(stage.status == StageStatus::Committing, committing && at == Some(place));
            if stage.status == StageStatus::Running {
                running += 1;
                let run = task.run.as_ref().unwrap();
                assert_eq!((&run.stage, run.number), (&outline.id, stage.last_run));
                assert_eq!(run.generation, view.generation(&outline.id));
            }
        }
        assert_eq!(running, usize::from(task.run.is_some()));
    }

    /// What is looked at less often, for it takes longer.
    pub(super) fn check_deeply(&mut self) {
        let task = self.task();
        assert_eq!(self.harness.reread(&id()).unwrap().state, task, "the journal gives the state");
        round_trip(&task);
        assert_eq!(self.log().len() as u64, task.log, "each line of the log is there once");
        for (outline, stage) in task.stages() {
            self.check_content(&outline.id, stage);
        }
    }

    /// What the state says of a stage's content is so.
    fn check_content(&mut self, id: &StageId, stage: &StageState) {
        let content = self.content(id);
        assert_eq!(stage.output, content.get(OUTPUT_PATH).map(|output| Digest::of(output)));
        assert_eq!(stage.handoff, content.contains_key(HANDOFF_PATH));
        assert_eq!(stage.feedback, content.contains_key(FEEDBACK_PATH));
        let todos = content.get(TODOS_PATH).map(|bytes| todos_from_bytes(bytes).unwrap()).unwrap_or_default();
        let done = todos.iter().filter(|todo| todo.done).count();
        assert_eq!((stage.todos.0 as usize, stage.todos.1 as usize), (done, todos.len()));
    }
}

#[test]
fn only_what_agents_say_is_fenced_and_only_their_end_is_kept_when_it_is_late() {
    let mut world = World::started("L1");
    world.ok(Command::Run);
    let mut end = world.end(Outcome::Done);
    let generation = world.task().run.unwrap().generation;
    let target = Target { stage: stage("plan"), generation: Some(generation), work: true };
    assert_eq!(TaskKind::target(&end), Some(target));
    TaskKind::retarget(&mut end, Generation(9));
    assert_eq!(TaskKind::target(&end).unwrap().generation, Some(Generation(9)));
    let report = Command::Report { stage: stage("plan"), generation, report: Box::default() };
    assert!(!TaskKind::target(&report).unwrap().work);
    for command in [Command::Start, Command::Run, APPROVE, to("plan"), Command::Pause] {
        assert_eq!(TaskKind::target(&command), None);
    }
}

#[test]
fn the_end_of_a_run_that_tells_something_stays_when_a_later_one_tells_nothing() {
    let finish = |outcome| Command::Finish {
        stage: stage("plan"),
        generation: Generation(2),
        finish: Box::new(Finish { run: 4, outcome, report: Report::default(), candidate: None }),
    };
    let (done, interrupted) = (finish(Outcome::Done), finish(Outcome::Interrupted));
    assert_eq!(TaskKind::draft_key(&done), TaskKind::draft_key(&interrupted));
    assert!(TaskKind::supersedes(&done, &interrupted) && TaskKind::supersedes(&done, &done));
    assert!(!TaskKind::supersedes(&interrupted, &done) && TaskKind::supersedes(&interrupted, &interrupted));
}

#[test]
fn nothing_can_be_asked_of_a_task_that_nobody_created() {
    for command in [Command::Start, Command::Run, APPROVE, Command::Pause, RESTART_IN_FULL, Command::CleanUp] {
        assert!(matches!(World::empty().run(command), Err(Rejection::NotFound { what, .. }) if what == "task"));
    }
}
