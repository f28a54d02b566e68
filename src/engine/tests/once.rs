//! The same idempotency key: one effect, and the same answer each time.

use std::time::Duration;

use super::notes::{Command, Desk, line, reset};
use crate::domain::Rejection;
use crate::engine::keys::class;
use crate::engine::{Ask, Failure, Receipt, Terms};

fn keyed(desk: &mut Desk, key: &str, command: Command) -> Result<Receipt<u64>, Failure> {
    desk.request(Ask::Command(command), Terms { key: Some(key.into()), ..Terms::default() })
}

#[test]
fn a_repeated_turn_has_its_effect_once_also_after_a_restart() {
    let mut desk = Desk::new();
    let first = keyed(&mut desk, "k", reset("a")).unwrap();
    assert!(!first.replayed);
    for restart in [false, true] {
        if restart {
            desk.restart();
        }
        let again = keyed(&mut desk, "k", reset("a")).unwrap();
        assert_eq!(again, Receipt { replayed: true, ..first.clone() });
        assert_eq!(desk.view().revision, 1);
    }
}

#[test]
fn the_answer_stays_the_same_after_a_reset_and_adds_nothing() {
    let mut desk = Desk::new();
    let first = keyed(&mut desk, "k", line("a", 0, "x")).unwrap();
    desk.send(reset("a"));
    let again = keyed(&mut desk, "k", line("a", 0, "x")).unwrap();
    assert_eq!((again.revision, again.replayed), (first.revision, true));
    assert!(desk.lines("a").is_empty());
}

#[test]
fn a_key_used_for_something_else_is_refused() {
    let mut desk = Desk::new();
    keyed(&mut desk, "k", line("a", 0, "x")).unwrap();
    let refused = keyed(&mut desk, "k", line("a", 0, "y"));
    assert!(matches!(refused, Err(Failure::Rejected(Rejection::KeyReused { .. }))));
    assert_eq!(desk.lines("a"), ["x"]);
}

#[test]
fn a_refused_command_uses_no_key_up() {
    let mut desk = Desk::new();
    assert!(keyed(&mut desk, "k", line("a", 0, "")).is_err());
    assert!(keyed(&mut desk, "k", line("a", 0, "x")).is_ok());
}

#[test]
fn answers_are_forgotten_after_their_retention() {
    let mut desk = Desk::new();
    keyed(&mut desk, "old", line("a", 0, "x")).unwrap();
    desk.pass(desk.options.answer_retention);
    keyed(&mut desk, "new", line("a", 1, "x")).unwrap();
    desk.pass(Duration::from_millis(1));
    desk.sweep();
    assert_eq!((desk.keys_of(class::ANSWER), desk.keys_of(class::ANSWER_AGE)), (1, 1));
    assert!(keyed(&mut desk, "new", line("a", 1, "x")).unwrap().replayed);
}

#[test]
fn terms_that_can_t_be_are_refused() {
    let mut desk = Desk::new();
    let long = "x".repeat(3_000);
    let bad = [
        Terms { key: Some(String::new()), ..Terms::default() },
        Terms { key: Some(long.clone()), ..Terms::default() },
        Terms { by: long.clone(), ..Terms::default() },
        Terms { from: Some("x".repeat(201)), ..Terms::default() },
        Terms { from: Some("a\nb".into()), ..Terms::default() },
        Terms { by: "a\nb".into(), ..Terms::default() },
        Terms { reason: Some(long), ..Terms::default() },
        Terms { reason: Some("\u{1b}[31m".into()), ..Terms::default() },
    ];
    for terms in bad {
        let refused = desk.request(Ask::Command(line("a", 0, "x")), terms);
        assert!(matches!(refused, Err(Failure::Rejected(Rejection::Invalid { .. }))));
    }
    assert_eq!(desk.view().revision, 0);
}

#[test]
fn a_turn_that_changes_nothing_uses_its_key_too() {
    let mut desk = Desk::new();
    desk.send(line("a", 0, "x"));
    let first = keyed(&mut desk, "k", line("a", 0, "x")).unwrap();
    desk.send(line("a", 0, "y"));
    let again = keyed(&mut desk, "k", line("a", 0, "x")).unwrap();
    assert_eq!((again.revision, again.replayed, desk.lines("a")), (first.revision, true, vec!["y".to_owned()]));
}

fn expecting(desk: &mut Desk, expected: u64, ask: Ask<super::notes::Notes>) -> Result<u64, Rejection> {
    match desk.request(ask, Terms { expected: Some(expected), ..Terms::default() }) {
        Ok(receipt) => Ok(receipt.revision),
        Err(Failure::Rejected(rejection)) => Err(rejection),
        Err(other) => panic!("not a refusal: {other}"),
    }
}

#[test]
fn what_is_asked_for_another_revision_is_refused_before_anything_else() {
    let mut desk = Desk::new();
    let write = |text: &str| Ask::Command(line("a", 0, text));
    assert_eq!(expecting(&mut desk, 0, write("x")), Ok(1));
    let moved = |expected, actual| Err(Rejection::RevisionMoved { expected, actual });
    assert_eq!(expecting(&mut desk, 0, write("y")), moved(0, 1));
    assert_eq!(expecting(&mut desk, 7, write("")), moved(7, 1), "before the rules");
    assert_eq!(expecting(&mut desk, 0, Ask::Undo(None)), moved(0, 1));
    assert_eq!((desk.lines("a"), desk.view().revision), (vec!["x".to_owned()], 1));
    assert_eq!(expecting(&mut desk, 1, write("y")), Ok(2));
}

#[test]
fn an_expected_revision_is_the_one_that_readers_see_whatever_drafts_are_held() {
    let mut desk = Desk::new();
    desk.send(line("a", 0, "x"));
    assert_eq!(expecting(&mut desk, 1, Ask::Draft(line("a", 1, "y"))), Ok(1));
    assert_eq!(expecting(&mut desk, 1, Ask::Draft(line("a", 1, "yy"))), Ok(1));
    assert_eq!(expecting(&mut desk, 1, Ask::Command(line("a", 2, "z"))), Ok(3));
}

#[test]
fn the_answer_to_a_known_key_is_given_again_although_the_revision_moved() {
    let mut desk = Desk::new();
    let terms = Terms { key: Some("k".into()), expected: Some(0), ..Terms::default() };
    for replayed in [false, true] {
        let receipt = desk.request(Ask::Command(line("a", 0, "x")), terms.clone()).unwrap();
        assert_eq!((receipt.replayed, receipt.revision), (replayed, 1));
    }
}
