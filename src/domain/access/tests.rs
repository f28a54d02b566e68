use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::limits::{LINK_LIFE, LINKS_MAX, SESSION_LIFE, SESSIONS_MAX, TOKENS_MAX};
use super::*;
use crate::domain::{Digest, EntityId};

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const MINUTE: Duration = Duration::from_secs(60);

/// Access at a time that the test says.
struct Desk {
    state: Access,
    now: Timestamp,
}

impl Desk {
    fn new() -> Self {
        Self { state: Access::default(), now: START }
    }

    fn decide(&self, command: &Command) -> Result<Decision<AccessKind>, Rejection> {
        let (id, fences, found) = (EntityId::new(MAIN).unwrap(), BTreeMap::new(), HashMap::new());
        let input =
            Input { id: &id, by: "ann", reason: None, now: self.now, revision: 1, fences: &fences, found: &found };
        AccessKind::decide(&self.state, command, &input)
    }

    /// The verb that is audited, if one is, and what the asker is told.
    fn ask(&mut self, command: &Command) -> Result<(Option<&'static str>, Reply), Rejection> {
        let decision = self.decide(command)?;
        let verb = decision.verb.map(|verb| {
            assert!(verb.for_good && !verb.lines.is_empty(), "{command:?}");
            verb.name
        });
        assert!(verb.is_some() || decision.events.iter().all(|event| matches!(event, Event::Established(_))));
        decision.events.iter().for_each(|event| self.state.apply(event, self.now));
        Ok((verb, decision.reply))
    }

    fn refused(&mut self, command: &Command) -> String {
        let before = self.state.clone();
        let code = self.ask(command).unwrap_err().code().to_owned();
        assert_eq!(self.state, before);
        code
    }
}

fn digest(n: usize) -> Digest {
    Digest::of(&n.to_be_bytes())
}

fn token(n: usize, expires_at: Option<Timestamp>) -> Command {
    let id = format!("{n:012x}");
    Command::CreateToken { id, label: Some("ci".into()), role: Role::Write, digest: digest(n), expires_at }
}

fn link(n: usize) -> Command {
    Command::MakeLink { digest: digest(n), name: "ann".into(), role: Role::Admin, first: false }
}

fn sign_in(link: usize, session: usize) -> Command {
    Command::SignIn { link: digest(link), session: digest(session) }
}

fn revoke(n: usize) -> Command {
    Command::RevokeToken { id: format!("{n:012x}") }
}

#[test]
fn a_token_lives_until_it_expires_or_is_revoked() {
    let mut desk = Desk::new();
    assert_eq!(desk.ask(&token(1, None)).unwrap().0, Some("create_token"));
    desk.ask(&token(2, Some(START.after(MINUTE)))).unwrap();
    let standing = |desk: &Desk| desk.state.tokens.iter().map(|token| token.standing(desk.now)).collect::<Vec<_>>();
    assert_eq!(standing(&desk), [Standing::Live, Standing::Live]);
    desk.now = START.after(MINUTE);
    assert_eq!(standing(&desk), [Standing::Live, Standing::Expired], "the minute is over when it is over");
    assert_eq!(desk.ask(&revoke(1)).unwrap().0, Some("revoke_token"));
    assert_eq!(standing(&desk), [Standing::Revoked, Standing::Expired]);
    desk.now = START.after(MINUTE * 2);
    assert_eq!(desk.ask(&revoke(1)).unwrap().0, None, "revoked again, nothing happens");
    assert_eq!(desk.state.tokens[0].revoked_at, Some(START.after(MINUTE)));
}

#[test]
fn a_token_that_can_not_be_is_refused() {
    let mut desk = Desk::new();
    desk.ask(&token(1, None)).unwrap();
    let with = |change: fn(&mut String, &mut Option<String>, &mut Option<Timestamp>)| {
        let mut command = token(2, None);
        let Command::CreateToken { id, label, expires_at, .. } = &mut command else { unreachable!() };
        change(id, label, expires_at);
        command
    };
    for (command, code) in [
        (token(1, None), "exists"),
        (with(|id, _, _| *id = "00_000000000".into()), "invalid"),
        (with(|id, _, _| *id = "00000000000A".into()), "invalid"),
        (with(|id, _, _| id.clear()), "invalid"),
        (with(|_, label, _| *label = Some(" ".into())), "invalid"),
        (with(|_, label, _| *label = Some("a\nb".into())), "invalid"),
        (with(|_, label, _| *label = Some("x".repeat(101))), "limit"),
        (with(|_, _, end| *end = Some(START)), "invalid"),
        (revoke(9), "not_found"),
    ] {
        assert_eq!(desk.refused(&command), code, "{command:?}");
    }
}

#[test]
fn tokens_that_ended_make_room_and_those_that_live_do_not() {
    let mut desk = Desk::new();
    (0..TOKENS_MAX).for_each(|n| drop(desk.ask(&token(n, None)).unwrap()));
    assert_eq!(desk.refused(&token(TOKENS_MAX, None)), "limit");
    desk.ask(&revoke(500)).unwrap();
    desk.ask(&token(TOKENS_MAX, None)).unwrap();
    assert_eq!(desk.state.tokens.len(), TOKENS_MAX);
    assert!(desk.state.token(&format!("{:012x}", 500)).is_none());
}

#[test]
fn a_link_signs_in_once_and_not_after_its_time() {
    let mut desk = Desk::new();
    desk.ask(&link(1)).unwrap();
    let (verb, reply) = desk.ask(&sign_in(1, 10)).unwrap();
    let Reply::SignedIn(session) = reply else { panic!("{reply:?}") };
    assert_eq!((verb, session.role, session.name.as_str()), (Some("sign_in"), Role::Admin, "ann"));
    assert_eq!(session.expires_at, START.after(SESSION_LIFE));
    assert_eq!(desk.refused(&sign_in(1, 11)), "link_unknown", "used");
    assert_eq!(desk.refused(&sign_in(2, 11)), "link_unknown", "never made");
    desk.ask(&link(3)).unwrap();
    desk.now = START.after(LINK_LIFE);
    assert_eq!(desk.refused(&sign_in(3, 11)), "link_expired");
    desk.ask(&link(4)).unwrap();
    assert_eq!(desk.state.links.len(), 1, "what is too old goes with the next");
}

#[test]
fn the_oldest_link_and_the_oldest_session_make_room() {
    let mut desk = Desk::new();
    (0..LINKS_MAX + 5).for_each(|n| drop(desk.ask(&link(n)).unwrap()));
    assert_eq!((desk.state.links.len(), desk.state.links[0].digest), (LINKS_MAX, digest(5)));
    for n in 0..SESSIONS_MAX + 5 {
        desk.ask(&link(5_000 + n)).unwrap();
        desk.ask(&sign_in(5_000 + n, 10_000 + n)).unwrap();
    }
    assert_eq!((desk.state.sessions.len(), desk.state.sessions[0].digest), (SESSIONS_MAX, digest(10_005)));
    desk.now = START.after(SESSION_LIFE);
    desk.ask(&link(4_000)).unwrap();
    desk.ask(&sign_in(4_000, 4_001)).unwrap();
    assert_eq!(desk.state.sessions.len(), 1, "sessions that are over go with the next");
}

#[test]
fn sessions_end_one_by_one_or_all_at_once() {
    let mut desk = Desk::new();
    for n in 0..3 {
        desk.ask(&link(n)).unwrap();
        desk.ask(&sign_in(n, 10 + n)).unwrap();
    }
    desk.ask(&link(3)).unwrap();
    let out = Command::SignOut { session: digest(10) };
    assert_eq!(desk.ask(&out).unwrap().0, Some("sign_out"));
    assert_eq!(desk.ask(&out).unwrap().0, None);
    assert_eq!(desk.state.sessions.len(), 2);
    assert_eq!(desk.ask(&Command::EndSessions).unwrap().0, Some("end_sessions"));
    assert!(desk.state.sessions.is_empty() && desk.state.links.is_empty());
    assert_eq!(desk.ask(&Command::EndSessions).unwrap().0, None);
}

#[test]
fn a_first_link_is_made_only_while_nobody_may_call() {
    let first = Command::MakeLink { digest: digest(1), name: "ann".into(), role: Role::Admin, first: true };
    let made = |desk: &mut Desk| desk.ask(&first).unwrap().1 == Reply::Done;
    let mut desk = Desk::new();
    assert!(made(&mut desk) && made(&mut desk), "one that was not used is no reason");
    desk.ask(&sign_in(1, 2)).unwrap();
    assert!(!made(&mut desk), "somebody is signed in");
    desk.now = START.after(SESSION_LIFE);
    assert!(made(&mut desk), "nobody is any more");
    desk.ask(&token(1, Some(desk.now.after(MINUTE)))).unwrap();
    assert!(!made(&mut desk), "there is a token");
    desk.now = desk.now.after(MINUTE);
    assert!(made(&mut desk), "it expired");
}

#[test]
fn the_secret_is_given_once_and_shown_nowhere() {
    let mut desk = Desk::new();
    for n in 1..=2 {
        desk.ask(&Command::Establish { secret: Secret([n; 32]) }).unwrap();
    }
    assert_eq!(desk.state.secret, Some(Secret([1; 32])));
    assert_eq!(format!("{:?}", desk.state.secret), "Some(Secret(..))");
}

#[test]
fn a_refused_call_is_audited_and_changes_nothing() {
    let mut desk = Desk::new();
    let denial = |call: &str, missed| {
        Command::Denied(Denial { call: call.into(), why: "role read, reset is needed".into(), missed })
    };
    assert_eq!(desk.decide(&denial("POST /v1/tokens", 0)).unwrap().verb.unwrap().lines.len(), 1);
    assert_eq!(desk.decide(&denial("POST /v1/tokens", 7)).unwrap().verb.unwrap().lines.len(), 2);
    assert_eq!(desk.ask(&denial("POST /v1/tokens", 7)).unwrap().0, Some("denied"));
    assert_eq!(desk.state, Access::default());
    assert_eq!(desk.refused(&denial("GET /\n", 0)), "invalid");
    assert_eq!(desk.refused(&denial(&"x".repeat(201), 0)), "limit");
}

#[test]
fn roles_are_ordered_and_have_names() {
    assert!(Role::ALL.windows(2).all(|pair| pair[0] < pair[1]));
    for role in Role::ALL {
        assert_eq!(role.name().parse(), Ok(role));
    }
    for other in ["", "Admin", "root", "admin "] {
        assert!(other.parse::<Role>().is_err(), "{other:?}");
    }
}
