//! What a batch takes in, and what not.

use std::collections::{BTreeMap, HashMap};

use super::*;
use crate::domain::EntityId;

/// A batch, its effect, and its content by stage and path.
#[derive(Default)]
struct Job {
    state: Batch,
    owed: Option<Effect>,
    content: BTreeMap<(String, Vec<u8>), Vec<u8>>,
}

impl Job {
    fn ask(&mut self, command: &Command) -> Result<(), Rejection> {
        let (id, fences, found) = (EntityId::new("b").unwrap(), BTreeMap::new(), HashMap::new());
        let now = Timestamp::from_millis(7);
        let input = Input { id: &id, by: "ann", reason: Some("why"), now, revision: 1, fences: &fences, found: &found };
        let decision = BatchKind::decide(&self.state, command, &input)?;
        decision.events.iter().for_each(|event| BatchKind::apply(&mut self.state, event, now));
        decision.effects.into_iter().for_each(|(_, effect)| self.owed = effect);
        for (stage, path, bytes) in decision.content {
            self.content.insert((stage.to_string(), path), bytes);
        }
        Ok(())
    }

    fn begun(count: usize) -> Self {
        let mut job = Self::default();
        job.ask(&start((0..count).map(|n| target(&format!("w{n}"), None)).collect())).unwrap();
        job
    }

    fn step(&mut self, place: u64, done: bool) -> Result<(), Rejection> {
        let result = match done {
            true => StepResult::Done { revision: 5, undo_point: Some(2) },
            false => StepResult::Failed { code: "not_found".into(), problem: "ä".repeat(PROBLEM_BYTES_MAX) },
        };
        let target = EntityId::new(format!("w{place}")).unwrap();
        self.ask(&Command::Step { place, target, result })
    }
}

fn target(id: &str, undo_point: Option<u64>) -> Target {
    Target { id: EntityId::new(id).unwrap(), undo_point }
}

fn reset() -> Work {
    Work::ResetWorkflows { to: Some(1), clear_tasks: true, clear_results: true }
}

fn start(targets: Vec<Target>) -> Command {
    Command::Start { work: reset(), targets }
}

#[test]
fn each_target_is_dealt_with_in_order_and_then_it_is_completed() {
    let mut job = Job::begun(3);
    assert_eq!(job.owed, Some(Effect::Step { place: 0 }));
    job.step(0, true).unwrap();
    assert_eq!(job.owed, Some(Effect::Step { place: 1 }));
    job.step(1, false).unwrap();
    job.step(2, true).unwrap();
    let Batch { status, total, done, failed, ended_at, .. } = job.state;
    assert_eq!((status, total, done, failed), (Status::Completed, 3, 2, 1));
    assert_eq!((ended_at, job.owed), (Some(Timestamp::from_millis(7)), None));
    let outcome = &job.content[&(OUTCOMES_STAGE.into(), outcome_path(1))];
    let outcome = Outcome::from_bytes(outcome).unwrap();
    assert!(matches!(&outcome.result, StepResult::Failed { problem, .. } if problem.len() == PROBLEM_BYTES_MAX));
}

#[test]
fn a_step_is_taken_in_once_and_only_when_its_turn_is() {
    let mut job = Job::begun(2);
    assert!(job.step(1, true).is_err());
    job.step(0, true).unwrap();
    assert!(job.step(0, true).is_err());
    assert_eq!((job.state.done, job.state.failed), (1, 0));
    assert!(Job::default().step(0, true).is_err());
}

#[test]
fn a_long_list_is_stored_in_chunks_and_every_place_is_found() {
    let job = Job::begun(TARGETS_MAX);
    for place in [0, 499, 500, 9_999] {
        let chunk = &job.content[&(TARGETS_STAGE.into(), targets_path(place))];
        let targets = targets_from_bytes(chunk).unwrap();
        assert_eq!(targets[place_in_chunk(place)].id.as_str(), format!("w{place}"));
    }
    assert_eq!(job.content.len(), TARGETS_MAX / TARGETS_PER_CHUNK);
}

#[test]
fn one_that_is_cancelled_takes_in_what_was_under_way_and_does_no_more() {
    let mut job = Job::begun(3);
    job.step(0, true).unwrap();
    job.ask(&Command::Cancel).unwrap();
    assert_eq!(job.owed, Some(Effect::Step { place: 1 }), "it may be done already");
    job.step(1, true).unwrap();
    assert_eq!((job.state.status, job.state.done, job.owed.clone()), (Status::Cancelled, 2, None));
    assert!(!job.state.under_way && job.step(2, true).is_err());
    job.ask(&Command::Cancel).unwrap();
    assert_eq!(job.state.status, Status::Cancelled);
}

#[test]
fn what_can_t_be_is_refused_and_nothing_is_begun() {
    let undo = Work::Undo { batch: EntityId::new("other").unwrap(), of: Of::Workflows };
    let many = (0..=TARGETS_MAX).map(|n| target(&format!("w{n}"), None)).collect();
    let table = [
        (start(Vec::new()), "invalid"),
        (start(many), "limit"),
        (start(vec![target("a", None), target("b", None), target("a", None)]), "invalid"),
        (start(vec![target("a", Some(1))]), "invalid"),
        (Command::Start { work: undo, targets: vec![target("a", None)] }, "invalid"),
        (Command::Cancel, "not_found"),
    ];
    for (command, code) in table {
        let mut job = Job::default();
        assert_eq!(job.ask(&command).unwrap_err().code(), code);
        assert!(job.state.work.is_none() && job.content.is_empty());
    }
    let mut job = Job::begun(1);
    assert_eq!(job.ask(&start(vec![target("x", None)])).unwrap_err().code(), "exists");
    job.step(0, true).unwrap();
    assert_eq!(job.ask(&Command::Cancel).unwrap_err().code(), "conflict");
}

#[test]
fn one_target_with_several_undo_points_is_undone_several_times() {
    let work = Work::Undo { batch: EntityId::new("other").unwrap(), of: Of::Workflows };
    let mut job = Job::default();
    let targets = vec![target("a", Some(2)), target("a", Some(1))];
    job.ask(&Command::Start { work, targets }).unwrap();
    assert_eq!(job.state.total, 2);
}
