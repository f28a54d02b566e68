//! A queue picks the best, and holds hints that never outlive a newer word.

use super::*;
use crate::engine::{Answer, Ask, Failure, Terms};
use crate::testkit::Harness;

struct World(Harness<QueueKind>);

fn workflow(name: &str) -> EntityId {
    EntityId::new(name).unwrap()
}

fn offer(name: &str, priority: u8, revision: u64, since: i64) -> Command {
    Command::Offer { workflow: workflow(name), priority, revision, since: Timestamp::from_millis(since) }
}

fn withdraw(name: &str, revision: u64) -> Command {
    Command::Withdraw { workflow: workflow(name), revision }
}

impl World {
    fn new() -> Self {
        Self(Harness::in_memory())
    }

    fn id() -> EntityId {
        EntityId::new("fe").unwrap()
    }

    fn run(&mut self, command: Command) -> Result<Reply, Rejection> {
        match self.0.ask(&Self::id(), Ask::Command(command), Terms::default()) {
            Ok(receipt) => match receipt.answer {
                Answer::Reply(reply) => Ok(reply),
                other => panic!("not a reply: {other:?}"),
            },
            Err(Failure::Rejected(rejection)) => Err(rejection),
            Err(other) => panic!("not a refusal: {other}"),
        }
    }

    fn pick(&mut self, not: &[&str]) -> Option<String> {
        let revision = self.0.view(&Self::id()).unwrap().revision;
        let not = not.iter().map(|name| workflow(name)).collect();
        let Reply::Picked(picked) = self.run(Command::Pick { not }).unwrap() else { panic!("nothing is picked") };
        assert_eq!(self.0.view(&Self::id()).unwrap().revision, revision, "looking changes nothing");
        picked.map(|workflow| workflow.to_string())
    }
}

#[test]
fn the_highest_priority_goes_first_and_then_the_oldest() {
    let mut world = World::new();
    assert_eq!(world.pick(&[]), None);
    for command in [offer("a", 5, 1, 30), offer("b", 5, 1, 10), offer("c", 9, 1, 40), offer("d", 0, 1, 1)] {
        world.run(command).unwrap();
    }
    assert_eq!(world.pick(&[]).unwrap(), "c");
    assert_eq!(world.pick(&["c"]).unwrap(), "b");
    assert_eq!(world.pick(&["c", "b", "a"]).unwrap(), "d");
    assert_eq!(world.pick(&["c", "b", "a", "d"]), None);
    assert_eq!(world.0.view(&World::id()).unwrap().state.oldest(), Some(Timestamp::from_millis(1)));
}

#[test]
fn an_older_word_never_undoes_a_newer_one() {
    let mut world = World::new();
    world.run(offer("a", 5, 7, 10)).unwrap();
    world.run(withdraw("a", 6)).unwrap();
    world.run(offer("a", 9, 6, 5)).unwrap();
    let hint = world.0.view(&World::id()).unwrap().state.hints[&workflow("a")];
    assert_eq!(hint, Hint { priority: 5, revision: 7, since: Timestamp::from_millis(10) });
    world.run(offer("a", 9, 8, 5)).unwrap();
    assert_eq!(world.0.view(&World::id()).unwrap().state.hints[&workflow("a")].priority, 9);
    world.run(withdraw("a", 8)).unwrap();
    assert_eq!(world.pick(&[]), None);
    world.run(withdraw("a", 9)).unwrap();
}

#[test]
fn the_same_word_twice_is_one_turn() {
    let mut world = World::new();
    world.run(offer("a", 5, 7, 10)).unwrap();
    world.run(offer("a", 5, 7, 10)).unwrap();
    world.run(withdraw("b", 7)).unwrap();
    assert_eq!(world.0.view(&World::id()).unwrap().revision, 1);
}

#[test]
fn there_is_a_most_of_workflows_and_what_is_known_is_still_told_anew() {
    let mut world = World::new();
    let id = World::id();
    for n in 0..HINTS_MAX {
        drop(world.0.post(&id, Ask::Command(offer(&format!("w{n}"), 5, 1, 10)), Terms::default()));
    }
    world.0.settle();
    assert_eq!(world.run(offer("more", 5, 1, 10)).unwrap_err().code(), "queue_full");
    world.run(offer("w7", 6, 2, 10)).unwrap();
    assert_eq!(world.pick(&[]).unwrap(), "w7");
    world.run(withdraw("w7", 2)).unwrap();
    world.run(offer("more", 5, 1, 10)).unwrap();
    let not = vec![workflow("a"); PASSED_OVER_MAX + 1];
    assert_eq!(world.run(Command::Pick { not }).unwrap_err().code(), "limit");
}
