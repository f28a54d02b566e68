//! Going back, plans of it, and taking it back.

use super::notes::{Command, Desk, Notes, line, line_under, page, reset};
use crate::domain::{Fate, Rejection, Verb};
use crate::engine::keys::class;
use crate::engine::proposal::Proposal;
use crate::engine::{Ask, Change, Failure, Terms, query};
use crate::store::Urgency;

fn written() -> Desk {
    let mut desk = Desk::new();
    for n in 0..3 {
        desk.send(line("a", n, &format!("line {n}")));
    }
    desk
}

#[test]
fn a_reset_hides_everything_and_undo_gives_it_back_again_and_again() {
    let mut desk = written();
    let before = desk.lines("a");
    desk.send(reset("a"));
    assert_eq!((desk.lines("a").len(), desk.view().state[&page("a")]), (0, 0));
    for _ in 0..3 {
        desk.ask(Ask::Undo(None)).unwrap();
        assert_eq!((desk.lines("a"), desk.view().state[&page("a")]), (before.clone(), 3));
        desk.ask(Ask::Undo(None)).unwrap();
        assert_eq!((desk.lines("a").len(), desk.view().state[&page("a")]), (0, 0));
    }
}

#[test]
fn undo_of_a_revise_gives_back_what_was_overwritten_since() {
    let mut desk = written();
    let before = desk.lines("a");
    desk.send(Command::Revise { page: page("a") });
    desk.send(line("a", 1, "rewritten"));
    desk.send(line("a", 3, "added"));
    assert_eq!(desk.lines("a"), ["line 0", "rewritten", "line 2", "added"]);
    let plan = desk.plan(Ask::Undo(None));
    let terms = Terms { plan: Some(plan.token), ..Terms::default() };
    desk.request(Ask::Undo(None), terms).unwrap();
    assert_eq!(desk.lines("a"), before);
    desk.ask(Ask::Undo(None)).unwrap();
    assert_eq!(desk.lines("a"), ["line 0", "rewritten", "line 2", "added"]);
}

#[test]
fn undo_that_would_put_newer_work_aside_needs_a_plan_that_says_so() {
    let mut desk = written();
    desk.send(reset("a"));
    desk.send(line("a", 0, "newer"));
    let Rejection::PlanRequired { plan } = desk.refused(Ask::Undo(None)) else { panic!() };
    assert!(plan.lines.iter().any(|line| line.fate == Fate::Archived));
    desk.request(Ask::Undo(None), Terms { plan: Some(plan.token), ..Terms::default() }).unwrap();
    assert_eq!(desk.lines("a").len(), 3);
    desk.ask(Ask::Undo(None)).unwrap();
    assert_eq!(desk.lines("a"), ["newer"]);
}

#[test]
fn a_plan_is_refused_when_anything_moved_and_comes_back_fresh() {
    let mut desk = written();
    let plan = desk.plan(Ask::Command(reset("a")));
    assert_eq!(plan.lines[0].what, "3 lines");
    desk.send(line("b", 0, "elsewhere"));
    let terms = Terms { plan: Some(plan.token.clone()), ..Terms::default() };
    let Err(Failure::Rejected(Rejection::PlanMoved { plan: fresh })) = desk.request(Ask::Command(reset("a")), terms)
    else {
        panic!()
    };
    assert_ne!(fresh.token, plan.token);
    assert_eq!(desk.lines("a").len(), 3);
    desk.request(Ask::Command(reset("a")), Terms { plan: Some(fresh.token), ..Terms::default() }).unwrap();
    assert_eq!(desk.lines("a").len(), 0);
}

#[test]
fn a_plan_counts_drafts_and_moves_with_them() {
    let mut desk = written();
    desk.draft(line("a", 3, "draft"));
    let plan = desk.plan(Ask::Command(reset("a")));
    assert_eq!((plan.lines[0].what.as_str(), plan.drafts), ("4 lines", 1));
    desk.draft(line("a", 4, "another"));
    let terms = Terms { plan: Some(plan.token), ..Terms::default() };
    assert!(matches!(
        desk.request(Ask::Command(reset("a")), terms),
        Err(Failure::Rejected(Rejection::PlanMoved { .. }))
    ));
}

#[test]
fn a_preview_changes_nothing() {
    let mut desk = written();
    desk.draft(line("a", 3, "draft"));
    let (commits, revision) = (desk.commits, desk.view().revision);
    desk.plan(Ask::Command(reset("a")));
    assert_eq!((desk.commits, desk.view().revision, desk.view().pending), (commits, revision, 1));
}

#[test]
fn only_verbs_have_plans() {
    let mut desk = written();
    let terms = Terms { preview: true, ..Terms::default() };
    let refused = desk.request(Ask::Command(line("a", 0, "x")), terms);
    assert!(matches!(refused, Err(Failure::Rejected(Rejection::Invalid { .. }))));
}

#[test]
fn every_verb_has_its_audit_entry() {
    let mut desk = written();
    desk.request(
        Ask::Command(reset("a")),
        Terms { by: "ann".into(), reason: Some("wrong path".into()), ..Terms::default() },
    )
    .unwrap();
    desk.ask(Ask::Undo(None)).unwrap();
    let audit = query::audit::<super::notes::Notes>(desk.store.as_ref(), desk.entity.id(), 0, 10).unwrap();
    let told: Vec<_> = audit.iter().map(|entry| (entry.verb.as_str(), entry.by.as_str(), entry.revision)).collect();
    assert_eq!(told, [("reset", "ann", 4), ("undo", "ann", 5)]);
    assert_eq!(audit[0].reason.as_deref(), Some("wrong path"));
    assert_eq!(audit[0].generations[&page("a")].1.0, 2);
}

#[test]
fn what_was_undone_is_not_undone_again() {
    let mut desk = written();
    let point = desk.send(reset("a")).undo_point.unwrap();
    let second = desk.ask(Ask::Undo(Some(point))).unwrap().undo_point.unwrap();
    let refused = desk.refused(Ask::Undo(Some(point)));
    assert!(refused.hint().contains(&second.to_string()), "{refused:?}");
    assert!(matches!(desk.refused(Ask::Undo(Some(99))), Rejection::NotFound { .. }));
}

#[test]
fn undo_leaves_other_pages_alone() {
    let mut desk = written();
    desk.send(line("b", 0, "before"));
    desk.send(reset("a"));
    desk.send(line("b", 1, "after"));
    desk.ask(Ask::Undo(None)).unwrap();
    assert_eq!((desk.lines("a").len(), desk.lines("b").len(), desk.view().state[&page("b")]), (3, 2, 2));
}

#[test]
fn undo_points_end_with_their_retention_and_their_content_is_swept() {
    let mut desk = written();
    let receipt = desk.send(reset("a"));
    let due = desk.view().undo_points[0].until;
    assert_eq!(due.since(desk.now()), desk.options.undo_retention);
    desk.pass(desk.options.undo_retention);
    let timers = query::timers(desk.store.as_ref(), None, 10).unwrap();
    assert_eq!((timers.len(), timers[0].due), (1, due));
    desk.ask(Ask::Timer { key: timers[0].key.clone(), due }).unwrap();
    assert!(desk.view().undo_points.is_empty());
    assert!(matches!(desk.refused(Ask::Undo(receipt.undo_point)), Rejection::NotFound { .. }));
    assert_eq!(desk.keys_of(class::CONTENT), 3);
    desk.sweep();
    assert_eq!((desk.keys_of(class::CONTENT), desk.keys_of(class::GARBAGE), desk.keys_of(class::TIMER)), (0, 0, 0));
}

#[test]
fn purge_deletes_archives_for_good_and_nothing_that_is_read() {
    let mut desk = written();
    desk.send(reset("a"));
    desk.send(line("a", 0, "new"));
    desk.refused(Ask::Command(line_under(1, "a", 9, "late")));
    let plan = desk.plan(Ask::Purge);
    assert!(plan.undo_until.is_none() && plan.lines.iter().all(|line| line.fate == Fate::Deleted));
    desk.ask(Ask::Purge).unwrap();
    desk.sweep();
    assert_eq!((desk.lines("a"), desk.keys_of(class::CONTENT)), (vec!["new".to_owned()], 1));
    assert_eq!((desk.keys_of(class::ORPHAN), desk.keys_of(class::UNDO)), (0, 0));
    assert!(matches!(desk.refused(Ask::Undo(None)), Rejection::NotFound { .. }));
    assert!(matches!(desk.refused(Ask::Purge), Rejection::Conflict { .. }));
    desk.restart();
    assert_eq!(desk.lines("a"), ["new"]);
}

#[test]
fn the_oldest_undo_point_makes_room_for_a_new_one() {
    let mut desk = written();
    for _ in 0..=crate::domain::limits::UNDO_POINTS_MAX {
        desk.send(reset("a"));
    }
    assert_eq!(desk.view().undo_points.len(), crate::domain::limits::UNDO_POINTS_MAX);
    assert_eq!(desk.keys_of(class::UNDO), crate::domain::limits::UNDO_POINTS_MAX);
    desk.sweep();
    assert_eq!(desk.keys_of(class::CONTENT), 0);
}

#[test]
fn undo_puts_no_draft_aside_without_a_plan_that_says_so() {
    let mut desk = written();
    desk.send(reset("a"));
    desk.draft(line("a", 0, "draft"));
    assert!(matches!(desk.refused(Ask::Undo(None)), Rejection::PlanRequired { .. }));
    assert_eq!(desk.view().pending, 1);
}

#[test]
fn adopting_and_discarding_can_be_looked_at_before() {
    let mut desk = written();
    desk.send(reset("a"));
    desk.refused(Ask::Command(line_under(1, "a", 9, "late")));
    let number = desk.view().orphans[0].number;
    for (ask, verb) in [(Ask::Adopt(number), "adopt"), (Ask::Discard(number), "discard")] {
        let plan = desk.plan(ask);
        assert_eq!((plan.verb.as_str(), plan.undo_until), (verb, None));
    }
    desk.ask(Ask::Adopt(number)).unwrap();
    let audit = query::audit::<super::notes::Notes>(desk.store.as_ref(), desk.entity.id(), 0, 10).unwrap();
    assert_eq!(audit.last().unwrap().verb, "adopt");
}

#[test]
fn what_leaves_nothing_but_a_line_in_the_audit_does_not_use_the_reserve_up() {
    let urgency = |for_good, change: Option<Change<Notes>>| {
        let verb = Verb { for_good, ..Verb::for_good("denied", Vec::new()) };
        let changes = change.into_iter().collect();
        Proposal::<Notes> { for_good, changes, verb: Some(verb), ..Proposal::nothing() }.urgency()
    };
    assert_eq!(urgency(true, None), Urgency::Ordinary);
    assert_eq!(urgency(true, Some(Change::OrphanGone(1))), Urgency::Reserved);
    assert_eq!(urgency(false, None), Urgency::Reserved);
}
