use std::collections::{BTreeMap, HashMap};

use super::*;
use crate::domain::EntityId;

const HOUR: i64 = 60 * 60 * 1_000;

fn ask(state: &mut Webhook, revision: u64, command: &Command, at_ms: i64) -> Result<Vec<Event>, Rejection> {
    let (id, fences, found) = (EntityId::new("chat").unwrap(), BTreeMap::new(), HashMap::new());
    let now = Timestamp::from_millis(at_ms);
    let input = Input { id: &id, by: "ann", reason: None, now, revision, fences: &fences, found: &found };
    let decision = WebhookKind::decide(state, command, &input)?;
    decision.events.iter().for_each(|event| WebhookKind::apply(state, event, now));
    Ok(decision.events)
}

fn create() -> Command {
    let (url, secret) = ("https://example.org/hook".to_owned(), Secret("s".to_owned()));
    Command::Create { url, secret, selection: Selection::default(), after: (7, u32::MAX) }
}

fn made() -> Webhook {
    let mut state = Webhook::default();
    ask(&mut state, 0, &create(), 0).unwrap();
    state
}

fn failed(problem: &str) -> Command {
    Command::Failed { problem: problem.to_owned(), for_good: false }
}

#[test]
fn one_that_was_removed_is_not_there_and_its_id_is_not_given_again() {
    let mut state = made();
    assert_eq!(ask(&mut state, 1, &create(), 0), Err(Rejection::exists("webhook", "chat")));
    ask(&mut state, 1, &Command::Remove, 0).unwrap();
    assert_eq!(state.hook, None);
    assert_eq!(ask(&mut state, 2, &Command::Remove, 0), Err(Rejection::not_found("webhook", "chat")));
    assert_eq!(ask(&mut state, 2, &create(), 0), Err(Rejection::exists("webhook", "chat")));
}

#[test]
fn what_was_delivered_is_never_taken_back() {
    let mut state = made();
    ask(&mut state, 1, &Command::Delivered { upto: (9, 2) }, 0).unwrap();
    for late in [(9, 2), (9, 1), (8, u32::MAX)] {
        assert_eq!(ask(&mut state, 2, &Command::Delivered { upto: late }, 0), Ok(Vec::new()), "{late:?}");
    }
    assert_eq!(state.hook.unwrap().reached, (9, 2));
}

#[test]
fn one_that_fails_for_three_days_is_disabled_and_says_why() {
    let mut state = made();
    assert_eq!(ask(&mut state, 1, &failed("refused"), HOUR).unwrap().len(), 1);
    assert_eq!(ask(&mut state, 2, &failed("refused"), 2 * HOUR), Ok(Vec::new()), "the same again is nothing new");
    assert!(ask(&mut state, 2, &failed("slow"), 72 * HOUR).is_ok());
    assert!(state.hook.as_ref().unwrap().enabled, "72 hours after the first, less one");
    let events = ask(&mut state, 3, &failed("slow"), 73 * HOUR).unwrap();
    assert_eq!(events, [Event::Enabled(false, Some("slow".into()))]);
    assert_eq!(ask(&mut state, 4, &failed("slow"), 74 * HOUR), Ok(Vec::new()));
    let enable = Command::Change { url: None, selection: None, enabled: Some(true) };
    ask(&mut state, 4, &enable, 80 * HOUR).unwrap();
    let hook = state.hook.unwrap();
    assert_eq!((hook.enabled, hook.failing_since, hook.problem, hook.reached), (true, None, None, (7, u32::MAX)));
}

#[test]
fn one_success_begins_the_three_days_anew() {
    let mut state = made();
    ask(&mut state, 1, &failed("refused"), 0).unwrap();
    ask(&mut state, 2, &Command::Delivered { upto: (8, 1) }, 70 * HOUR).unwrap();
    ask(&mut state, 3, &failed("refused"), 73 * HOUR).unwrap();
    assert!(state.hook.unwrap().enabled);
}

#[test]
fn a_receiver_that_is_gone_for_good_is_sent_nothing_more() {
    let mut state = made();
    let gone = Command::Failed { problem: "410".into(), for_good: true };
    assert_eq!(ask(&mut state, 1, &gone, 0), Ok(vec![Event::Enabled(false, Some("410".into()))]));
}

#[test]
fn a_secret_is_in_no_debug_output() {
    assert!(!format!("{:?}", made()).contains("\"s\""));
    let long = "ä".repeat(PROBLEM_BYTES_MAX);
    assert!(cut(&long).len() <= PROBLEM_BYTES_MAX);
}
