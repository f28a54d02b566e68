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
