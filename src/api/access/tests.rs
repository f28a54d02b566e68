use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::*;
use crate::api::{Options, Restage};
use crate::runtime::Clock;

/// A time that the test moves.
#[derive(Debug)]
struct Hand(AtomicI64);

impl Hand {
    fn forward(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

async fn desk() -> (Restage, Access, Arc<Hand>) {
    let hand = Arc::new(Hand(AtomicI64::new(1_800_000_000_000)));
    let restage = Restage::in_memory(Options::default().clock(Arc::clone(&hand) as Arc<dyn Clock>)).unwrap();
    let access = restage.access().await.unwrap().by("ann");
    (restage, access, hand)
}

#[tokio::test]
async fn a_token_opens_until_its_time_is_over() {
    let (_restage, access, hand) = desk().await;
    let end = access.now().after(Duration::from_secs(60));
    let (token, made) = access.create_token(Role::Write, Some("ci"), Some(end)).await.unwrap();
    let caller = access.check(token.reveal()).unwrap();
    assert_eq!((caller.name.as_str(), caller.role, &caller.via), ("ci", Role::Write, &Via::Token(made.id)));
    assert!(token.reveal().starts_with("rs_") && token.reveal().len() == 3 + 12 + 1 + 43);
    hand.forward(Duration::from_secs(60));
    assert_eq!(access.check(token.reveal()), Err(Refusal::TokenExpired));
}

#[tokio::test]
async fn a_revoked_token_opens_nothing_from_the_answer_on() {
    let (restage, access, _) = desk().await;
    let (token, made) = access.create_token(Role::Admin, None, None).await.unwrap();
    let elsewhere = restage.access().await.unwrap();
    assert_eq!(elsewhere.check(token.reveal()).unwrap().name, format!("token {}", made.id));
    assert!(access.revoke_token(&made.id).await.unwrap().revoked_at.is_some());
    assert_eq!(elsewhere.check(token.reveal()), Err(Refusal::TokenRevoked));
    assert_eq!(access.revoke_token("000000000000").await.unwrap_err().code(), "not_found");
    let (token, _) = access.create_token(Role::Read, None, None).await.unwrap();
    access.revoke_token(token.reveal()).await.unwrap();
    assert_eq!(access.check(token.reveal()), Err(Refusal::TokenRevoked), "named by all of it");
}

#[tokio::test]
async fn what_only_looks_like_a_token_opens_nothing() {
    let (_restage, access, _) = desk().await;
    let (token, made) = access.create_token(Role::Read, None, None).await.unwrap();
    let token = token.reveal();
    access.revoke_token(&made.id).await.unwrap();
    let other_case: String = token.chars().map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c }).collect();
    let forged = format!("rs_{}_{}", made.id, "A".repeat(43));
    let long = format!("{token}{}", "A".repeat(1 << 20));
    for wrong in ["", "rs_", "rs__", "nothing", &forged, &other_case, &token[..58], &format!("{token} "), &long] {
        assert_eq!(access.check(wrong), Err(Refusal::TokenUnknown), "{:.80}", wrong);
        assert_eq!(access.check_session(wrong), Err(Refusal::SessionUnknown), "{:.80}", wrong);
    }
    assert_eq!(access.check_session(token), Err(Refusal::SessionUnknown), "a token is no session");
}

#[tokio::test]
async fn a_link_signs_in_once_and_the_session_ends() {
    let (_restage, access, hand) = desk().await;
    let link = access.first_link().await.unwrap().unwrap();
    let (session, begun) = access.sign_in(link.reveal()).await.unwrap();
    assert_eq!(access.sign_in(link.reveal()).await.unwrap_err().code(), "link_unknown");
    assert_ne!(session, link);
    assert_eq!(access.check_session(session.reveal()).unwrap().role, Role::Admin);
    assert_eq!(access.check(session.reveal()), Err(Refusal::TokenUnknown), "a session is no token");
    assert!(access.first_link().await.unwrap().is_none(), "somebody is signed in");
    hand.forward(begun.expires_at.since(begun.created_at));
    assert_eq!(access.check_session(session.reveal()), Err(Refusal::SessionExpired));
    let link = access.make_link("bob", Role::Read).await.unwrap();
    let (session, _) = access.sign_in(link.reveal()).await.unwrap();
    access.sign_out(session.reveal()).await.unwrap();
    assert_eq!(access.check_session(session.reveal()), Err(Refusal::SessionUnknown));
}

#[tokio::test]
async fn the_local_token_is_one_and_is_kept_nowhere() {
    let (_restage, access, _) = desk().await;
    let local = access.local_token().unwrap().unwrap();
    assert!(access.local_token().unwrap().is_none());
    assert_eq!(access.check(local.reveal()).unwrap().via, Via::Local);
    assert_eq!(access.check(&format!("rs_local_{}", "A".repeat(43))), Err(Refusal::TokenUnknown));
    assert!(access.tokens().is_empty() && !access.is_open_to_anybody());
}

#[tokio::test]
async fn keys_differ_by_purpose_and_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut keys = Vec::new();
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let restage = Restage::open(folder.path()).await.unwrap();
        let access = restage.access().await.unwrap();
        keys.push((access.key("lease"), access.key("cursor")));
        let (token, _) = access.create_token(Role::Read, None, None).await.unwrap();
        tokens.push(token);
        assert!(tokens.iter().all(|token| access.check(token.reveal()).is_ok()));
        drop(access);
        restage.shutdown().await.unwrap();
    }
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[0].0, keys[0].1);
}

#[tokio::test]
async fn every_change_and_every_refused_call_is_audited() {
    let (_restage, access, hand) = desk().await;
    let (_, made) = access.create_token(Role::Read, None, None).await.unwrap();
    access.revoke_token(&made.id).await.unwrap();
    let link = access.make_link("bob", Role::Read).await.unwrap();
    access.sign_in(link.reveal()).await.unwrap();
    access.end_sessions().await.unwrap();
    for _ in 0..limits::DENIALS_MAX + 40 {
        access.denied("POST /v1/tokens", "role read\r\nadmin is needed").await.unwrap();
    }
    hand.forward(limits::DENIALS_PERIOD);
    access.denied(&"x".repeat(500), "forged").await.unwrap();
    let audit = access.handle.audit(0, 500).await.unwrap();
    let verbs: Vec<&str> = audit.iter().map(|entry| entry.verb.as_str()).collect();
    assert_eq!(verbs[..5], ["create_token", "revoke_token", "make_link", "sign_in", "end_sessions"]);
    assert!(verbs[5..].iter().all(|verb| *verb == "denied"));
    assert_eq!(verbs.len() - 5, limits::DENIALS_MAX as usize + 1);
    assert!(audit.last().unwrap().lines[1].what.starts_with("40 calls"));
    assert!(audit.iter().all(|entry| entry.by == "ann" && entry.undo_point.is_none()));
    assert!(access.handle.view().await.unwrap().undo_points.is_empty());
}
