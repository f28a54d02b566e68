//! Drafts: a commit that waits, and everything that makes it wait no longer.

use std::time::Duration;

use super::notes::{Desk, line, line_under, page, reset};
use crate::domain::Rejection;
use crate::engine::Ask;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_draft_is_committed_after_two_seconds_of_quiet() {
    let mut desk = Desk::new();
    assert_eq!(desk.draft(line("a", 0, "x")).pending, 1);
    desk.pass(SECOND * 2 - Duration::from_millis(1));
    assert_eq!((desk.commits, desk.view().pending), (0, 1));
    desk.pass(Duration::from_millis(1));
    assert_eq!((desk.commits, desk.view().pending), (1, 0));
    assert_eq!(desk.lines("a"), ["x"]);
}

#[test]
fn drafts_without_a_pause_are_committed_after_ten_seconds() {
    let mut desk = Desk::new();
    let begin = desk.now();
    while desk.commits == 0 {
        desk.draft(line("a", 0, &"x".repeat(1 + usize::try_from(desk.now().since(begin).as_millis()).unwrap())));
        desk.pass(Duration::from_millis(500));
    }
    assert_eq!(desk.now().since(begin), SECOND * 10);
}

#[test]
fn a_thousand_drafts_a_second_are_a_commit_in_ten() {
    let mut desk = Desk::new();
    for n in 0..20_000_u64 {
        desk.draft(line("a", n % 50, &format!("{n}")));
        desk.pass(Duration::from_millis(1));
    }
    assert!(desk.commits <= 2, "{} commits in 20 s", desk.commits);
}

#[test]
fn what_is_held_counts_for_later_turns_and_is_not_shown_to_readers() {
    let mut desk = Desk::new();
    desk.draft(line("a", 0, "four"));
    assert_eq!(desk.view().state.get(&page("a")), None);
    // The reply is the length of what was there.
    assert_eq!(desk.draft(line("a", 0, "longer")).answer, crate::engine::Answer::Reply(4));
    assert_eq!(desk.view().pending, 1);
}

#[test]
fn any_other_turn_takes_held_drafts_along_in_its_own_batch() {
    let mut desk = Desk::new();
    desk.draft(line("a", 0, "draft"));
    let receipt = desk.send(line("b", 0, "turn"));
    assert_eq!((desk.commits, receipt.revision, desk.view().pending), (1, 2, 0));
    assert_eq!((desk.lines("a"), desk.lines("b")), (vec!["draft".to_owned()], vec!["turn".to_owned()]));
}

#[test]
fn a_reset_archives_held_drafts_and_undo_brings_them_back() {
    let mut desk = Desk::new();
    desk.draft(line("a", 0, "draft"));
    desk.send(reset("a"));
    desk.pass(SECOND * 20);
    assert_eq!(desk.lines("a"), Vec::<String>::new());
    desk.ask(Ask::Undo(None)).unwrap();
    assert_eq!(desk.lines("a"), ["draft"]);
}

#[test]
fn a_draft_for_an_older_generation_is_turned_away_at_once() {
    let mut desk = Desk::new();
    desk.send(line("a", 0, "x"));
    desk.send(reset("a"));
    let refused = desk.refused(Ask::Draft(line_under(1, "a", 1, "late")));
    assert!(matches!(refused, Rejection::Stale { orphan: Some(_), .. }), "{refused:?}");
    assert_eq!(desk.view().pending, 0);
}

#[test]
fn a_flush_commits_and_a_second_one_does_nothing() {
    let mut desk = Desk::new();
    desk.draft(line("a", 0, "x"));
    assert_eq!(desk.ask(Ask::Flush).unwrap().revision, 1);
    assert_eq!(desk.ask(Ask::Flush).unwrap().revision, 1);
    assert_eq!(desk.commits, 1);
}

#[test]
fn a_refused_turn_leaves_drafts_held() {
    let mut desk = Desk::new();
    desk.draft(line("a", 0, "x"));
    desk.refused(Ask::Command(line("a", 0, "")));
    assert_eq!((desk.commits, desk.view().pending), (0, 1));
}

#[test]
fn what_a_kill_takes_was_never_said_to_be_durable() {
    let mut desk = Desk::new();
    desk.send(line("a", 0, "durable"));
    assert_eq!(desk.draft(line("a", 1, "pending")).pending, 1);
    desk.restart();
    assert_eq!((desk.lines("a"), desk.view().pending), (vec!["durable".to_owned()], 0));
}

#[test]
fn many_drafts_are_committed_early() {
    let mut desk = Desk::new();
    for n in 0..=crate::domain::limits::DRAFTS_HELD_MAX as u64 {
        desk.draft(line("a", n, "x"));
        desk.pass(Duration::ZERO);
    }
    assert_eq!(desk.commits, 1);
}

#[test]
fn a_draft_that_does_more_than_change_content_is_committed_at_once() {
    let mut desk = Desk::new();
    desk.send(line("a", 0, "x"));
    let receipt = desk.draft(reset("a"));
    assert_eq!((desk.commits, desk.view().pending), (2, 0));
    assert!(receipt.undo_point.is_some());
    let at = desk.now();
    desk.draft(super::notes::Command::Remind { page: page("a"), at });
    assert_eq!(crate::engine::query::owed::<super::notes::Notes>(desk.store.as_ref(), 10).unwrap().len(), 1);
}

#[test]
fn what_is_too_large_to_be_held_is_committed_at_once() {
    let mut desk = Desk::new();
    let large = "x".repeat(crate::domain::limits::DRAFT_BYTES_HELD_MAX * 2 / 3);
    desk.draft(line("a", 0, &large));
    assert_eq!((desk.commits, desk.view().pending), (0, 1));
    desk.draft(line("a", 1, &large));
    assert_eq!((desk.commits, desk.view().pending, desk.lines("a").len()), (1, 0, 2));
    desk.draft(line("a", 2, &"x".repeat(crate::domain::limits::DRAFT_BYTES_HELD_MAX + 1)));
    assert_eq!((desk.commits, desk.view().pending, desk.lines("a").len()), (2, 0, 3));
}

#[test]
fn drafts_are_due_when_the_clock_was_set_back() {
    let mut desk = Desk::new();
    desk.draft(line("a", 0, "x"));
    let earlier = crate::domain::Timestamp::from_millis(desk.now().as_millis() - 3_600_000);
    let commit = desk.entity.commit_held(desk.store.as_ref(), Some(earlier)).unwrap();
    assert!(commit.is_some());
    desk.commit(commit);
}

#[test]
fn a_draft_takes_no_idempotency_key() {
    let mut desk = Desk::new();
    let terms = crate::engine::Terms { key: Some("k".into()), ..Default::default() };
    let refused = desk.request(Ask::Draft(line("a", 0, "x")), terms);
    assert!(matches!(refused, Err(crate::engine::Failure::Rejected(Rejection::Invalid { .. }))));
}

#[test]
fn of_timers_that_drafts_set_the_last_holds_and_no_key_is_left_over() {
    let mut desk = Desk::new();
    for n in 1..=3 {
        let at = desk.now().after(SECOND * 60 * n);
        desk.draft(super::notes::Command::Snooze { page: page("a"), number: n.into(), at });
    }
    desk.ask(Ask::Flush).unwrap();
    let timers = crate::engine::query::timers(desk.store.as_ref(), None, 10).unwrap();
    assert_eq!((timers.len(), timers[0].due), (1, desk.now().after(SECOND * 180)));
}
