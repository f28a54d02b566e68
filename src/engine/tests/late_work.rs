//! Late writers: turned away, kept, adopted, discarded.

use super::notes::{Desk, SECOND, line, line_under, page, reset};
use crate::domain::limits::ORPHANS_MAX;
use crate::domain::{Generation, Rejection};
use crate::engine::{Ask, query};

fn after_reset() -> Desk {
    let mut desk = Desk::new();
    desk.send(line("a", 0, "old"));
    desk.send(reset("a"));
    desk
}

fn late(desk: &mut Desk, number: u64, text: &str) -> Option<u64> {
    match desk.refused(Ask::Command(line_under(1, "a", number, text))) {
        Rejection::Stale { given: Generation(1), current: Generation(2), orphan, .. } => orphan,
        other => panic!("{other:?}"),
    }
}

#[test]
fn late_work_changes_nothing_that_is_read_and_is_kept() {
    let mut desk = after_reset();
    let number = late(&mut desk, 0, "late").unwrap();
    desk.restart();
    assert_eq!(desk.lines("a"), Vec::<String>::new());
    let orphan = desk.view().orphans[0].clone();
    assert_eq!((orphan.number, orphan.stage, orphan.by.as_str()), (number, page("a"), "ann"));
    let command = query::orphan::<super::notes::Notes>(desk.store.as_ref(), desk.entity.id(), number).unwrap();
    assert_eq!(command, Some(line_under(1, "a", 0, "late")));
}

#[test]
fn of_versions_of_one_thing_only_the_better_is_kept() {
    let mut desk = after_reset();
    let number = late(&mut desk, 0, "lat");
    assert_eq!(late(&mut desk, 0, "late and longer"), number);
    assert_eq!(late(&mut desk, 0, "late"), number);
    assert_ne!(late(&mut desk, 1, "another"), number);
    let command = query::orphan::<super::notes::Notes>(desk.store.as_ref(), desk.entity.id(), number.unwrap());
    assert_eq!(command.unwrap(), Some(line_under(1, "a", 0, "late and longer")));
}

#[test]
fn an_adopted_orphan_is_written_under_the_current_generation() {
    let mut desk = after_reset();
    let number = late(&mut desk, 0, "late").unwrap();
    let receipt = desk.ask(Ask::Adopt(number)).unwrap();
    assert_eq!((desk.lines("a"), receipt.generation), (vec!["late".to_owned()], Some(Generation(2))));
    assert!(matches!(desk.refused(Ask::Adopt(number)), Rejection::NotFound { .. }));
}

#[test]
fn a_discarded_orphan_is_gone_and_audited() {
    let mut desk = after_reset();
    let number = late(&mut desk, 0, "late").unwrap();
    desk.ask(Ask::Discard(number)).unwrap();
    assert!(desk.view().orphans.is_empty());
    assert!(matches!(desk.refused(Ask::Adopt(number)), Rejection::NotFound { .. }));
    let audit = query::audit::<super::notes::Notes>(desk.store.as_ref(), desk.entity.id(), 0, 10).unwrap();
    assert_eq!(audit.last().unwrap().verb, "discard");
}

#[test]
fn there_is_a_most_of_orphans_and_beyond_it_late_work_is_refused_all_the_same() {
    let mut desk = after_reset();
    for n in 0..ORPHANS_MAX as u64 {
        assert!(late(&mut desk, n, "late").is_some());
    }
    assert_eq!(late(&mut desk, 5_000, "late"), None);
    assert_eq!(desk.lines("a"), Vec::<String>::new());
}

#[test]
fn generations_that_never_were_are_refused_as_such() {
    let mut desk = after_reset();
    for generation in [0, 3, u64::MAX] {
        let refused = desk.refused(Ask::Command(line_under(generation, "a", 0, "x")));
        assert!(matches!(refused, Rejection::Invalid { .. }), "{generation}: {refused:?}");
    }
    assert!(desk.view().orphans.is_empty());
}

#[test]
fn a_late_command_with_a_key_is_refused_each_time_and_kept_once() {
    let mut desk = after_reset();
    for _ in 0..3 {
        let terms = crate::engine::Terms { key: Some("k".into()), ..Default::default() };
        let refused = desk.request(Ask::Command(line_under(1, "a", 0, "late")), terms);
        assert!(matches!(refused, Err(crate::engine::Failure::Rejected(Rejection::Stale { orphan: Some(_), .. }))));
    }
    assert_eq!(desk.view().orphans.len(), 1);
}

fn superseded(desk: &mut Desk, ask: Ask<super::notes::Notes>) -> Option<u64> {
    match desk.refused(ask) {
        Rejection::Superseded { orphan, .. } => orphan,
        other => panic!("{other:?}"),
    }
}

#[test]
fn work_that_somebody_else_did_meanwhile_is_kept_as_late_work_is() {
    let mut desk = Desk::new();
    desk.send(line("a", 0, "first"));
    let second = || Ask::Command(line_under(1, "a", 0, &format!("{SECOND}x")));
    let number = superseded(&mut desk, second()).unwrap();
    assert_eq!(superseded(&mut desk, second()), Some(number), "it is kept once");
    desk.restart();
    assert_eq!((desk.lines("a"), desk.view().orphans.len()), (vec!["first".to_owned()], 1));
    // Adopted while that still holds, it stays where it is.
    assert_eq!(superseded(&mut desk, Ask::Adopt(number)), Some(number));
    assert_eq!(desk.view().orphans.len(), 1);
    desk.send(reset("a"));
    desk.ask(Ask::Adopt(number)).unwrap();
    assert_eq!((desk.lines("a"), desk.view().orphans.len()), (vec![format!("{SECOND}x")], 0));
}

#[test]
fn superseded_work_of_a_generation_that_never_was_is_not_kept() {
    let mut desk = Desk::new();
    desk.send(line("a", 0, "first"));
    let refused = desk.refused(Ask::Command(line_under(7, "a", 0, SECOND)));
    assert!(matches!(refused, Rejection::Invalid { .. }), "{refused:?}");
    assert!(desk.view().orphans.is_empty());
}
