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
