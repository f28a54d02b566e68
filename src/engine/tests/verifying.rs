//! What is kept for an entity is whole, and every way in which it is not is found.

use super::notes::{Desk, Notes, line, line_under, reset};
use crate::engine::keys::EntityKeys;
use crate::engine::{Ask, verify};
use crate::store::{Batch, Store, Urgency, batch_bytes};

/// Two lines, a reset, late work.
fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.send(line("a", 0, "one"));
    desk.send(line("a", 1, "two"));
    desk.send(reset("a"));
    desk.refused(Ask::Command(line_under(1, "a", 2, "late")));
    desk
}

/// Goes on until the record is written as a whole, and gives that.
fn until_a_snapshot(desk: &mut Desk) -> Vec<u8> {
    let snapshot = EntityKeys::new("notes", desk.entity.id().clone()).snapshot();
    for number in 0..10_000 {
        desk.send(line("a", number, "more"));
        if let Some(bytes) = desk.store.get(&snapshot).unwrap() {
            return bytes;
        }
    }
    panic!("there is no snapshot after 10,000 turns");
}

fn problems(desk: &Desk) -> Vec<String> {
    let (count, found) = verify::<Notes>(desk.store.as_ref(), |_| {}).unwrap();
    assert_eq!(count, 1);
    found.into_iter().map(|unsound| unsound.problem).collect()
}

/// Changes stored bytes behind the engine's back.
fn damage(desk: &Desk, change: impl FnOnce(&EntityKeys, &mut Batch)) {
    let mut batch = Batch::default();
    change(&EntityKeys::new("notes", desk.entity.id().clone()), &mut batch);
    desk.store.admit(batch_bytes(&batch), Urgency::Reserved).unwrap();
    desk.store.commit(batch, Box::new(|stored| assert!(stored.is_ok())));
}

#[test]
fn what_the_engine_writes_is_whole() {
    let mut desk = desk();
    assert_eq!(problems(&desk), Vec::<String>::new());
    until_a_snapshot(&mut desk);
    desk.ask(Ask::Undo(None)).unwrap_err();
    desk.ask(Ask::Purge).unwrap();
    assert_eq!(problems(&desk), Vec::<String>::new(), "with a snapshot, and after a purge");
}

#[test]
fn every_damage_is_found_and_named() {
    type Damage = fn(&EntityKeys, &mut Batch);
    let cases: [(Damage, &str); 6] = [
        (|keys, batch| batch.delete(keys.journal(2)), "turns 2 to 2 are missing"),
        (|keys, batch| batch.put(keys.journal(2), b"nothing"), "turn 2 can't be read"),
        (|keys, batch| batch.delete(keys.audit(3)), "turn 3 raised a to generation 2 without an audit entry"),
        (|keys, batch| batch.put(keys.audit(3), b"nothing"), "the audit entry of turn 3 can't be read"),
        (|keys, batch| batch.delete(keys.undo(1)), "the state of undo point 1: it is missing"),
        (|keys, batch| batch.delete(keys.orphan(2)), "orphan 2: it is missing"),
    ];
    for (change, expected) in cases {
        let desk = desk();
        damage(&desk, change);
        let found = problems(&desk);
        assert!(found.iter().any(|problem| problem.contains(expected)), "{expected:?} is not in {found:?}");
    }
}

#[test]
fn a_snapshot_that_says_something_else_is_found() {
    let (desk, mut other) = (desk(), Desk::new());
    let bytes = until_a_snapshot(&mut other);
    damage(&desk, |keys, batch| batch.put(keys.snapshot(), bytes));
    assert!(problems(&desk).iter().any(|problem| problem.contains("the snapshot has other revision")));
}
