//! Effects and timers: owed from the commit on, until they are answered or stopped.

use std::time::Duration;

use super::notes::{Command, Desk, Notes, OWING, line, page, reset};
use crate::engine::{Ask, query};

fn remind(desk: &mut Desk) -> u64 {
    let at = desk.now().after(Duration::from_secs(60));
    desk.send(Command::Remind { page: page("a"), at }).revision
}

fn answer(revision: u64) -> Ask<Notes> {
    Ask::Answer { key: "remind".into(), revision, command: Some(Command::Reminded { page: page("a") }) }
}

fn reminders(desk: &Desk) -> u64 {
    desk.view().state.get(&page("reminders")).copied().unwrap_or_default()
}

#[test]
fn an_effect_is_owed_until_it_is_answered_and_answered_once() {
    let mut desk = Desk::new();
    let revision = remind(&mut desk);
    desk.restart();
    let owed = query::owed::<Notes>(desk.store.as_ref(), 10).unwrap();
    assert_eq!((owed.len(), owed[0].revision, owed[0].effect.clone()), (1, revision, page("a")));
    for _ in 0..3 {
        desk.ask(answer(revision)).unwrap();
    }
    assert_eq!(reminders(&desk), 1);
    assert!(query::owed::<Notes>(desk.store.as_ref(), 10).unwrap().is_empty());
}

#[test]
fn the_answer_to_an_effect_that_was_replaced_changes_nothing() {
    let mut desk = Desk::new();
    let first = remind(&mut desk);
    let second = remind(&mut desk);
    desk.ask(answer(first)).unwrap();
    assert_eq!(reminders(&desk), 0);
    desk.ask(answer(second)).unwrap();
    assert_eq!(reminders(&desk), 1);
}

#[test]
fn a_timer_is_kept_over_a_restart_and_fires_once() {
    let mut desk = Desk::new();
    remind(&mut desk);
    desk.restart();
    let timer = query::timers(desk.store.as_ref(), None, 10).unwrap().remove(0);
    for _ in 0..2 {
        desk.ask(Ask::Timer { key: timer.key.clone(), due: timer.due }).unwrap();
    }
    assert_eq!(reminders(&desk), 1);
    assert!(query::timers(desk.store.as_ref(), None, 10).unwrap().is_empty());
}

#[test]
fn a_timer_set_anew_fires_at_its_new_time_only() {
    let mut desk = Desk::new();
    remind(&mut desk);
    let old = query::timers(desk.store.as_ref(), None, 10).unwrap().remove(0);
    desk.pass(Duration::from_secs(5));
    remind(&mut desk);
    desk.ask(Ask::Timer { key: old.key, due: old.due }).unwrap();
    assert_eq!(reminders(&desk), 0);
    assert_eq!(query::timers(desk.store.as_ref(), None, 10).unwrap().len(), 1);
}

#[test]
fn timers_of_undo_do_not_hide_those_of_the_kind() {
    let mut desk = Desk::new();
    desk.send(reset("a"));
    remind(&mut desk);
    let keys: Vec<_> =
        query::timers(desk.store.as_ref(), None, 10).unwrap().into_iter().map(|timer| timer.key).collect();
    assert_eq!(keys, ["remind", "restage.undo-expiry"]);
}

#[test]
fn what_an_undo_puts_back_owes_again_and_is_woken_again() {
    let mut desk = Desk::new();
    desk.send(line(OWING, 0, "x"));
    desk.send(reset(OWING));
    desk.plan(Ask::Undo(None));
    assert!(query::owed::<Notes>(desk.store.as_ref(), 10).unwrap().is_empty(), "a preview owes nothing");
    desk.ask(Ask::Undo(None)).unwrap();
    let owed = query::owed::<Notes>(desk.store.as_ref(), 10).unwrap();
    assert_eq!((owed.len(), owed[0].revision, &owed[0].effect), (1, 3, &page(OWING)));
    let timers = query::timers(desk.store.as_ref(), None, 10).unwrap();
    assert!(timers.iter().any(|timer| timer.key == "remind" && timer.due == desk.now().after(Duration::from_secs(60))));
    desk.ask(Ask::Undo(None)).unwrap();
    assert_eq!(
        query::owed::<Notes>(desk.store.as_ref(), 10).unwrap().len(),
        1,
        "the undo of the undo owes nothing new"
    );
}
