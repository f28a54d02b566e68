//! What is kept for an entity is whole, and every way in which it is not is found.

use super::notes::{Desk, Notes, line, line_under, reset};
use crate::domain::{Digest, Timestamp};
use crate::engine::codec::{self, Tag};
use crate::engine::keys::EntityKeys;
use crate::engine::{Ask, Audit, query, verify};
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
    let cases: [(Damage, &str); 7] = [
        (|keys, batch| batch.delete(keys.journal(2)), "turns 2 to 2 are missing"),
        (|keys, batch| batch.put(keys.journal(2), b"nothing"), "turn 2 can't be read"),
        (|keys, batch| batch.delete(keys.audit(3)), "turn 3 raised a to generation 2 without an audit entry"),
        (|keys, batch| batch.put(keys.audit(3), b"nothing"), "the audit entry of turn 3 can't be read"),
        (|keys, batch| batch.delete(keys.audit(3)), "the audit entry of turn 3 is missing"),
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

/// Four audit entries: of turns 3, 5, 6 and 7.
fn audited() -> Desk {
    let mut desk = desk();
    desk.send(reset("a"));
    desk.send(reset("a"));
    desk.ask(Ask::Discard(2)).unwrap();
    assert_eq!(problems(&desk), Vec::<String>::new());
    desk
}

fn entry(desk: &Desk, revision: u64) -> Audit {
    let all = query::audit::<Notes>(desk.store.as_ref(), desk.entity.id(), 0, 10).unwrap();
    all.into_iter().find(|audit| audit.revision == revision).unwrap()
}

/// Writes an audit entry with a checksum of its own, as somebody would who knows the stored form.
fn forge(desk: &Desk, at: u64, audit: &Audit) {
    damage(desk, |keys, batch| batch.put(keys.audit(at), codec::encode(Tag::Audit, audit).unwrap()));
}

#[test]
fn an_audit_entry_that_was_changed_is_found() {
    type Change = fn(&mut Audit);
    let changes: [Change; 6] = [
        |audit| audit.by = "eve".into(),
        |audit| audit.at = Timestamp::from_millis(1),
        |audit| audit.from = Some("10.0.0.9:1".into()),
        |audit| audit.lines.clear(),
        |audit| audit.revision = 4,
        |audit| audit.previous = None,
    ];
    for change in changes {
        let desk = audited();
        let mut audit = entry(&desk, 5);
        change(&mut audit);
        forge(&desk, 5, &audit);
        assert_eq!(problems(&desk), ["the audit entry of turn 5 was changed: the turn made another"]);
    }
}

#[test]
fn an_audit_entry_that_was_removed_is_found_wherever_it_was() {
    for revision in [5, 6, 7] {
        let desk = audited();
        damage(&desk, |keys, batch| batch.delete(keys.audit(revision)));
        assert!(problems(&desk).contains(&format!("the audit entry of turn {revision} is missing")));
    }
}

#[test]
fn an_audit_entry_that_was_put_in_is_found() {
    let desk = audited();
    let mut audit = entry(&desk, 5);
    audit.revision = 4;
    audit.verb = "purge".into();
    forge(&desk, 4, &audit);
    assert_eq!(problems(&desk), ["the audit entry of turn 4 was put in: the turn made none"]);
}

#[test]
fn every_changed_byte_of_an_audit_entry_is_found() {
    let desk = audited();
    let keys = EntityKeys::new("notes", desk.entity.id().clone());
    let whole = desk.store.get(&keys.audit(5)).unwrap().unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        damage(&desk, |keys, batch| batch.put(keys.audit(5), bytes));
        assert!(problems(&desk).iter().any(|problem| problem.contains("the audit entry of turn 5")), "byte {at}");
    }
    damage(&desk, |keys, batch| batch.put(keys.audit(5), whole));
    assert_eq!(problems(&desk), Vec::<String>::new());
}

#[test]
fn a_line_of_the_audit_hashes_to_what_the_next_one_names() {
    let desk = audited();
    let lines: Vec<String> =
        query::audit::<Notes>(desk.store.as_ref(), desk.entity.id(), 0, 10).unwrap().iter().map(Audit::line).collect();
    let mut previous = serde_json::Value::Null;
    for line in &lines {
        let told: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(told["previous"], previous);
        let (hashed, hash) = line.rsplit_once(",\"hash\":\"").unwrap();
        assert_eq!(Digest::of(format!("{hashed}}}").as_bytes()).to_string(), hash.trim_end_matches("\"}"));
        previous = told["hash"].clone();
    }
    assert_eq!(lines.len(), 4);
    assert_eq!(
        lines[0],
        concat!(
            r#"{"at":"1970-01-01T00:16:40.000Z","kind":"notes","id":"n","revision":3,"verb":"reset","stage":"a","#,
            r#""by":"ann","from":null,"reason":null,"undo_point":1,"generations":{"a":{"from":1,"to":2}},"#,
            r#""lines":[{"fate":"cleared","stage":"a","what":"2 lines","why":"reset"}],"previous":null,"#,
            r#""hash":"d58ad7d919e89ed934e04ff7907f6a78a5310b8e10ab85fd0689b43e119d5c08"}"#,
        )
    );
}
