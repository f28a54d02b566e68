//! The rules, run by the engine over a store in memory, on simulated time.

mod claims;
mod finishing;
mod gates;
mod going_back;
mod model;
mod stuck;
mod templates;
mod tending;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::content::fold_into;
use super::*;
use crate::domain::stored::{decode, encode};
use crate::domain::{Digest, EntityId, Plan, PlanToken};
use crate::engine::{Answer, Ask, Failure, PageRange, Receipt, Terms, View};
use crate::testkit::Harness;

/// One workflow, the engine that it lives in, and what its queues were told.
pub(super) struct World {
    pub(super) harness: Harness<WorkflowKind>,
    /// Queues that have been told of work, and not that there is no more.
    pub(super) hints: BTreeSet<Domain>,
    /// The last revision that told each.
    told: BTreeMap<Domain, u64>,
}

/// Everything that going back has to give back.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) workflow: Workflow,
    pub(super) content: BTreeMap<StageId, BTreeMap<Vec<u8>, Vec<u8>>>,
}

/// At each so many turns everything is looked at.
const CHECKED_DEEPLY: u64 = 16;

pub(super) fn id() -> EntityId {
    EntityId::new("w1").unwrap()
}

pub(super) fn stage(name: &str) -> StageId {
    StageId::new(name).unwrap()
}

pub(super) fn domain(name: &str) -> Domain {
    Domain::new(name).unwrap()
}

pub(super) fn task_id(text: &str) -> TaskId {
    text.parse().unwrap()
}

pub(super) fn new_task(of: &str, priority: u8) -> NewTask {
    NewTask { priority, attempts_most: 2, timeout_seconds: 100, ..NewTask::new(domain(of), format!("a task for {of}")) }
}

pub(super) fn gate(name: &str, approval: bool, tasks: Vec<NewTask>) -> Gate {
    Gate { id: stage(name), name: name.to_uppercase(), phase: format!("phase of {name}"), approval, tasks }
}

/// `a` hands out two tasks for `fe` and an urgent one for `be`; `b` needs a task and a person; `c` needs nothing; `d` a task.
pub(super) fn template() -> Template {
    let gates = vec![
        gate("a", false, vec![new_task("fe", 5), new_task("fe", 5), new_task("be", 8)]),
        gate("b", true, vec![new_task("qa", 5)]),
        gate("c", false, Vec::new()),
        gate("d", false, vec![new_task("be", 5)]),
    ];
    Template { name: "small".into(), title: "A small one".into(), gates, safety_least: 0.85 }
}

pub(super) fn start() -> Command {
    start_with(template())
}

pub(super) fn start_with(template: Template) -> Command {
    Command::Start { title: "Mend the roof".into(), story: "s-1".into(), template: Box::new(template) }
}

pub(super) const RUN: Command = Command::Run { until: None };

pub(super) fn reset(to: Option<u16>, clear_tasks: bool, clear_results: bool) -> Command {
    Command::Reset { to, clear_tasks, clear_results }
}

pub(super) fn approve(name: &str) -> Command {
    Command::Approve { gate: stage(name), seen: None }
}

pub(super) fn done() -> TaskResult {
    TaskResult {
        status: ResultStatus::Completed,
        agent: "agent".into(),
        result: r#"{"it":"is done"}"#.into(),
        duration_ms: 7,
        safety_score: None,
        error: None,
        retryable: false,
    }
}

pub(super) fn failed(retryable: bool) -> TaskResult {
    TaskResult { status: ResultStatus::Failed, error: Some("it broke".into()), retryable, ..done() }
}

pub(super) fn scored(score: f64) -> TaskResult {
    TaskResult { safety_score: Some(score), ..done() }
}

pub(super) fn finish(grant: &Grant, result: TaskResult) -> Command {
    Command::Finish {
        task: grant.id.clone(),
        gate: grant.gate.clone(),
        generation: Some(grant.generation),
        claim: Some(grant.claim),
        result: Box::new(result),
    }
}

pub(super) fn beat(grant: &Grant) -> Command {
    Command::Heartbeat {
        task: grant.id.clone(),
        gate: grant.gate.clone(),
        generation: grant.generation,
        claim: grant.claim,
        progress: Some("half".into()),
    }
}

/// What is stored comes back equal.
pub(super) fn round_trip<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let bytes = encode("value", value).unwrap();
    assert_eq!(&decode::<T>("value", &bytes).unwrap(), value);
}

impl World {
    pub(super) fn empty() -> Self {
        Self { harness: Harness::in_memory(), hints: BTreeSet::new(), told: BTreeMap::new() }
    }

    pub(super) fn of(template: Template) -> Self {
        let mut world = Self::empty();
        world.ok(start_with(template));
        world
    }

    pub(super) fn new() -> Self {
        Self::of(template())
    }

    pub(super) fn running() -> Self {
        let mut world = Self::new();
        world.ok(RUN);
        world
    }

    pub(super) fn request(&mut self, ask: Ask<WorkflowKind>, terms: Terms) -> Result<Receipt<Reply>, Rejection> {
        self.harness.set_now(self.harness.now().after(Duration::from_millis(1)));
        let claims = match &ask {
            Ask::Command(Command::Claim { domain, .. }) => Some(domain.clone()),
            _ => None,
        };
        let outcome = self.harness.ask(&id(), ask, terms).map_err(|failure| match failure {
            Failure::Rejected(rejection) => rejection,
            other => panic!("not a refusal: {other}"),
        });
        self.hear();
        // As whoever asks for a worker does: a queue is told that there is no more, unless it was told otherwise since.
        if let (Some(domain), Ok(receipt)) = (claims, &outcome)
            && let Answer::Reply(Reply::Claimed { more: false, .. }) = receipt.answer
            && self.told.get(&domain).is_none_or(|told| *told <= receipt.revision)
        {
            self.hints.remove(&domain);
        }
        self.check();
        outcome
    }

    /// The queues are told what is owed to them.
    fn hear(&mut self) {
        for owed in self.harness.owed().unwrap() {
            let Effect::Offer { domain, .. } = owed.effect;
            if self.told.get(&domain).is_none_or(|told| *told < owed.revision) {
                self.told.insert(domain.clone(), owed.revision);
                self.hints.insert(domain);
            }
        }
    }

    pub(super) fn ask(&mut self, ask: Ask<WorkflowKind>) -> Result<Receipt<Reply>, Rejection> {
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
        let before = self.seen();
        let refusal = self.run(command).unwrap_err();
        assert_eq!(self.seen(), before, "refused with {refusal}");
        refusal
    }

    /// A refusal with a conflict, as one text.
    pub(super) fn conflict(&mut self, command: Command) -> String {
        match self.refused(command) {
            Rejection::Conflict { what, why, hint } => format!("{what}: {why}; {hint}"),
            other => panic!("no conflict: {other:?}"),
        }
    }

    /// Work that somebody else's came before: why, and the orphan that it is kept as.
    pub(super) fn superseded(&mut self, command: Command) -> (String, Option<u64>) {
        match self.refused(command) {
            Rejection::Superseded { why, orphan, .. } => (why, orphan),
            other => panic!("not superseded: {other:?}"),
        }
    }

    /// Work that going back has fenced: the orphan that it is kept as.
    pub(super) fn fenced(&mut self, command: Command) -> Option<u64> {
        match self.refused(command) {
            Rejection::Stale { orphan, .. } => orphan,
            other => panic!("not fenced: {other:?}"),
        }
    }

    pub(super) fn try_claim(&mut self, of: &str, worker: &str) -> (Option<Grant>, bool) {
        let claim = Command::Claim { domain: domain(of), worker: worker.into(), lease_seconds: 30 };
        match self.ok(claim) {
            Reply::Claimed { grant, more } => (grant.map(|grant| *grant), more),
            other => panic!("no answer to a claim: {other:?}"),
        }
    }

    pub(super) fn claim(&mut self, of: &str) -> Grant {
        self.try_claim(of, "w").0.unwrap_or_else(|| panic!("nothing for {of}"))
    }

    pub(super) fn finish(&mut self, grant: &Grant, result: TaskResult) -> Outcome {
        match self.ok(finish(grant, result)) {
            Reply::Finished(outcome) => outcome,
            other => panic!("no answer to a result: {other:?}"),
        }
    }

    /// A worker claims a task, and does it.
    pub(super) fn work(&mut self, of: &str) -> TaskId {
        let grant = self.claim(of);
        assert_eq!(self.finish(&grant, done()), Outcome::Landed);
        grant.id
    }

    /// Does everything of the gate `a`.
    pub(super) fn pass_a(&mut self) {
        for of in ["fe", "be", "fe"] {
            self.work(of);
        }
    }

    pub(super) fn add(&mut self, tasks: Vec<NewTask>) -> Vec<TaskId> {
        match self.ok(Command::Add { tasks }) {
            Reply::Added(ids) => ids,
            other => panic!("no ids: {other:?}"),
        }
    }

    pub(super) fn reset(&mut self, to: Option<u16>, clear_tasks: bool, clear_results: bool) -> ResetSummary {
        match self.ok(reset(to, clear_tasks, clear_results)) {
            Reply::Reset(summary) => summary,
            other => panic!("no summary: {other:?}"),
        }
    }

    pub(super) fn plan(&mut self, ask: Ask<WorkflowKind>) -> Plan {
        let before = self.seen();
        let terms = Terms { by: "ann".into(), preview: true, ..Terms::default() };
        let receipt = self.request(ask, terms).unwrap();
        assert_eq!(self.seen(), before, "a preview changes nothing");
        match receipt.answer {
            Answer::Plan(plan) => *plan,
            other => panic!("not a plan: {other:?}"),
        }
    }

    pub(super) fn with_token(&mut self, ask: Ask<WorkflowKind>, token: PlanToken) -> Result<Receipt<Reply>, Rejection> {
        self.request(ask, Terms { by: "ann".into(), plan: Some(token), ..Terms::default() })
    }

    /// Takes the newest verb back, looking at the plan first.
    pub(super) fn undo(&mut self) {
        let token = self.plan(Ask::Undo(None)).token;
        self.with_token(Ask::Undo(None), token).unwrap();
        self.check_deeply();
    }

    /// Takes the newest undo back.
    pub(super) fn undo_the_undo(&mut self) {
        let last = self.view().undo_points.last().unwrap().number;
        let token = self.plan(Ask::Undo(Some(last))).token;
        self.with_token(Ask::Undo(Some(last)), token).unwrap();
        self.check_deeply();
    }

    pub(super) fn pass(&mut self, seconds: u64) {
        let end = self.now().after(Duration::from_secs(seconds));
        // Each timer when it is due, for one may lead to another.
        for _ in 0..1_000 {
            let Some(due) = self.workflow().next_due().filter(|due| *due <= end) else { break };
            self.harness.pass(due.since(self.now())).unwrap();
        }
        self.harness.pass(end.since(self.now())).unwrap();
        self.hear();
        let now = self.harness.now();
        assert!(self.workflow().next_due().is_none_or(|due| due > now), "what was due has happened");
        self.check();
    }

    pub(super) fn now(&self) -> Timestamp {
        self.harness.now()
    }

    pub(super) fn view(&mut self) -> View<WorkflowKind> {
        self.harness.view(&id()).unwrap()
    }

    pub(super) fn workflow(&mut self) -> Workflow {
        self.view().state
    }

    pub(super) fn status(&mut self) -> Status {
        self.workflow().status()
    }

    pub(super) fn entry(&mut self, task: &TaskId) -> UnderWay {
        self.workflow().under_way[task].clone()
    }

    pub(super) fn orphans(&mut self) -> Vec<u64> {
        self.view().orphans.iter().map(|orphan| orphan.number).collect()
    }

    pub(super) fn content(&mut self, stage: &StageId) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.harness.page(&id(), stage, &PageRange::under("")).unwrap().into_iter().collect()
    }

    pub(super) fn results(&mut self, gate: u16) -> BTreeMap<TaskId, StoredResult> {
        let results = self.workflow().gate_at(gate).unwrap().0.results.clone();
        let read = |(path, bytes): (Vec<u8>, Vec<u8>)| {
            (task_at(gate, &path).unwrap(), StoredResult::from_bytes(&bytes).unwrap())
        };
        self.content(&results).into_iter().map(read).collect()
    }

    pub(super) fn seen(&mut self) -> Seen {
        let workflow = self.workflow();
        let stages: Vec<StageId> =
            workflow.outline.gates.iter().flat_map(|gate| [gate.id.clone(), gate.results.clone()]).collect();
        let content = stages.into_iter().map(|stage| (stage.clone(), self.content(&stage))).collect();
        Seen { workflow, content }
    }

    /// What holds always.
    pub(super) fn check(&mut self) {
        let view = self.view();
        let workflow = view.state.clone();
        if !workflow.exists() {
            return;
        }
        if view.revision.is_multiple_of(CHECKED_DEEPLY) {
            self.check_deeply();
        }
        let passed = workflow.gates.iter().take_while(|gate| gate.passed_at.is_some()).count();
        assert_eq!(usize::from(workflow.gate), passed, "it stands before the first gate that is not passed");
        assert!(workflow.gates[passed..].iter().all(|gate| gate.passed_at.is_none()));
        for (place, _) in workflow.gates.iter().enumerate().take(passed) {
            assert!(workflow.has_nothing_to_do(u16::try_from(place).unwrap()), "what is passed has nothing to do");
        }
        for lane in workflow.lanes.values() {
            assert!(lane.first <= lane.next && lane.next <= lane.end);
            assert!(lane.head().is_none_or(|head| lane.is_ahead(head)));
            assert!(lane.over.iter().all(|number| *number > lane.next && lane.has(*number)));
        }
        let mut claims = BTreeSet::new();
        for (id, entry) in &workflow.under_way {
            let lane = &workflow.lanes[&id.lane];
            assert!(lane.has(id.number) && id.number < lane.next && id.lane.gate >= workflow.gate);
            assert!(entry.standing != Standing::Leased || entry.lease.is_some());
            let claim = entry.lease.as_ref().map(|lease| lease.claim);
            assert!(
                claim.is_none_or(|claim| claim <= workflow.claims && claims.insert(claim)),
                "a claim is of one task"
            );
        }
        for domain in workflow.domains_waiting().keys() {
            assert!(self.hints.contains(domain), "the queue {domain} was told");
        }
        if workflow.is_running() {
            let (outline, gate) = workflow.current().unwrap();
            let waits = outline.approval && !gate.is_approved();
            assert!(waits || !workflow.has_nothing_to_do(workflow.gate), "a run goes on as far as it can");
            assert!(gate.opened_at.is_some() && gate.handed_out);
        }
    }

    /// What is looked at less often, for it takes longer.
    pub(super) fn check_deeply(&mut self) {
        let workflow = self.workflow();
        assert_eq!(self.harness.reread(&id()).unwrap().state, workflow, "the journal gives the state");
        round_trip(&workflow);
        for place in 0..u16::try_from(workflow.gates.len()).unwrap() {
            self.check_gate(&workflow, place);
        }
    }

    /// What the state says of a gate's content is so.
    fn check_gate(&mut self, workflow: &Workflow, place: u16) {
        let (outline, gate) = workflow.gate_at(place).unwrap();
        let lanes = workflow.lanes_of(place);
        let numbers = |(lane, state): (&LaneId, &Lane)| {
            let (lane, state) = (lane.clone(), state.clone());
            (state.first..state.end)
                .filter(move |n| state.has(*n))
                .map(move |number| TaskId { lane: lane.clone(), number })
        };
        let expected: BTreeSet<TaskId> = lanes.flat_map(numbers).collect();
        let stored: BTreeSet<TaskId> =
            self.content(&outline.id).keys().map(|path| task_at(place, path).unwrap()).collect();
        assert_eq!(stored, expected, "tasks of {}", outline.id);
        assert_eq!(workflow.tasks_of(place), expected.len() as u64);
        let results = self.results(place);
        let mut fingerprint = Digest::default();
        results.iter().for_each(|(id, stored)| fold_into(&mut fingerprint, id, &stored.result).unwrap());
        assert_eq!((gate.results, gate.fingerprint), (results.len() as u64, fingerprint), "results of {}", outline.id);
        let is_over = |id: &&TaskId| workflow.task(id) == Some(TaskStanding::Over);
        let given_up = expected.iter().filter(is_over).filter(|id| !results.contains_key(id)).count();
        assert_eq!(gate.given_up, given_up as u64, "cancelled tasks of {}", outline.id);
        for id in expected.iter().filter(|id| !is_over(id)) {
            assert!(!results.contains_key(id), "{id} is to be done, and has a result");
        }
        let ahead: u64 = workflow.lanes_of(place).map(|(_, lane)| lane.ahead()).sum();
        let counted = expected.iter().filter(|id| workflow.task(id) == Some(TaskStanding::Ahead)).count();
        assert_eq!(ahead, counted as u64);
    }
}

#[test]
fn only_what_workers_hand_in_is_fenced_and_only_what_is_done_is_kept_when_it_is_late() {
    let mut world = World::running();
    let grant = world.claim("fe");
    let target = |work| Some(Target { stage: stage("a"), generation: Some(Generation(1)), work });
    assert_eq!(WorkflowKind::target(&finish(&grant, done())), target(true));
    assert_eq!(WorkflowKind::target(&finish(&grant, failed(true))), target(false));
    assert_eq!(WorkflowKind::target(&beat(&grant)), target(false));
    for command in [start(), RUN, Command::Stop, approve("b"), reset(None, true, true), Command::Tick] {
        assert_eq!(WorkflowKind::target(&command), None);
    }
    let mut late = finish(&grant, done());
    WorkflowKind::retarget(&mut late, Generation(9));
    let expected = Command::Finish {
        task: grant.id,
        gate: stage("a"),
        generation: Some(Generation(9)),
        claim: None,
        result: Box::new(done()),
    };
    assert_eq!(late, expected);
}

#[test]
fn nothing_can_be_asked_of_a_workflow_that_nobody_started() {
    let task = task_id("0-fe-5-1");
    for command in [RUN, Command::Stop, approve("a"), reset(None, true, true), Command::Retry { task }] {
        assert!(matches!(World::empty().run(command), Err(Rejection::NotFound { what, .. }) if what == "workflow"));
    }
}
