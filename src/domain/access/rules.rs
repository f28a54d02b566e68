//! What happens to access, and what does not.

use super::AccessKind;
use super::command::{Command, Denial, Event, Reply};
use super::limits::{
    DENIAL_TEXT_BYTES_MAX, LINK_LIFE, LINKS_MAX, SESSION_LIFE, SESSIONS_MAX, TOKEN_ID_BYTES, TOKENS_MAX,
};
use super::state::{Access, Link, Session, Standing, Token};
use crate::domain::limits::ACTOR_NAME_BYTES_MAX;
use crate::domain::text::check_line;
use crate::domain::{Decision, Digest, Fate, Input, PlanLine, Rejection, Timestamp, Verb};

type Decided = Result<Decision<AccessKind>, Rejection>;

pub(super) fn decide(state: &Access, command: &Command, input: &Input<'_>) -> Decided {
    match command {
        Command::Establish { .. } if state.secret.is_some() => Ok(Decision::reply(Reply::Done)),
        Command::Establish { secret } => Ok(Decision::reply(Reply::Done).event(Event::Established(secret.clone()))),
        Command::CreateToken { id, label, role, digest, expires_at } => {
            let token = Token {
                id: id.clone(),
                label: label.clone(),
                role: *role,
                digest: *digest,
                created_at: input.now,
                created_by: input.by.to_owned(),
                expires_at: *expires_at,
                revoked_at: None,
            };
            create_token(state, token, input.now)
        }
        Command::RevokeToken { id } => revoke_token(state, id),
        Command::MakeLink { first: true, .. } if state.is_open_to_anybody(input.now) => {
            Ok(Decision::reply(Reply::NotFirst))
        }
        Command::MakeLink { digest, name, role, .. } => {
            let expires_at = input.now.after(LINK_LIFE);
            make_link(state, Link { digest: *digest, name: name.clone(), role: *role, expires_at }, input.now)
        }
        Command::SignIn { link, session } => sign_in(state, *link, *session, input.now),
        Command::SignOut { session } => Ok(sign_out(state, *session)),
        Command::EndSessions => Ok(end_sessions(state)),
        Command::Denied(denial) => denied(denial),
    }
}

fn create_token(state: &Access, token: Token, now: Timestamp) -> Decided {
    if token.id.len() != 2 * TOKEN_ID_BYTES || !token.id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        let problem = format!("it must be {} hexadecimal digits", 2 * TOKEN_ID_BYTES);
        return Err(Rejection::invalid("token id", problem));
    }
    if state.token(&token.id).is_some() {
        return Err(Rejection::exists("token", &token.id));
    }
    if let Some(label) = &token.label {
        check_line("label", label, ACTOR_NAME_BYTES_MAX)?;
    }
    if token.standing(now) != Standing::Live {
        return Err(Rejection::invalid("expiry", "it is not in the future"));
    }
    let mut decision = Decision::reply(Reply::Token(token.clone()));
    if state.tokens.len() >= TOKENS_MAX {
        let ended = state.tokens.iter().find(|token| token.standing(now) != Standing::Live);
        let ended = ended.ok_or_else(|| Rejection::limit("tokens", TOKENS_MAX))?;
        decision = decision.event(Event::TokenForgotten { id: ended.id.clone() });
    }
    let why = match token.expires_at {
        Some(end) => format!("it ends by itself in {} hours", end.since(now).as_secs().div_ceil(60 * 60)),
        None => "until it is revoked".into(),
    };
    let what = format!("{}, role {}, calls with token {}", token.holder(), token.role, token.id);
    let verb = Verb::for_good("create_token", vec![line(Fate::Kept, what, why)]);
    Ok(decision.event(Event::TokenCreated(token)).verb(verb))
}

fn revoke_token(state: &Access, id: &str) -> Decided {
    let token = state.token(id).ok_or_else(|| Rejection::not_found("token", id))?;
    if token.revoked_at.is_some() {
        return Ok(Decision::reply(Reply::Token(token.clone())));
    }
    let what = format!("{}, role {}, who calls with token {id}", token.holder(), token.role);
    let verb = Verb::for_good("revoke_token", vec![line(Fate::Fenced, what, "the token is revoked")]);
    Ok(Decision::reply(Reply::Token(token.clone())).event(Event::TokenRevoked { id: id.to_owned() }).verb(verb))
}

fn make_link(state: &Access, link: Link, now: Timestamp) -> Decided {
    check_line("name", &link.name, ACTOR_NAME_BYTES_MAX)?;
    let mut decision = Decision::reply(Reply::Done);
    let (over, waiting): (Vec<_>, Vec<_>) = state.links.iter().partition(|link| link.expires_at <= now);
    let too_many = (waiting.len() + 1).saturating_sub(LINKS_MAX);
    for gone in over.into_iter().chain(waiting.into_iter().take(too_many)) {
        decision = decision.event(Event::LinkGone(gone.digest));
    }
    let what = format!("a link that signs {} in once, role {}", link.name, link.role);
    let verb = Verb::for_good("make_link", vec![line(Fate::Kept, what, "for 15 minutes")]);
    Ok(decision.event(Event::LinkMade(link)).verb(verb))
}

fn sign_in(state: &Access, link: Digest, session: Digest, now: Timestamp) -> Decided {
    let hint = "make another one: restage token link";
    let known = state.links.iter().find(|known| known.digest == link);
    let known = known.ok_or_else(|| {
        Rejection::refused("link_unknown", "this link was used already, or there never was such a link", hint)
    })?;
    if known.expires_at <= now {
        return Err(Rejection::refused("link_expired", "this link is too old", hint));
    }
    let mut decision = Decision::reply(Reply::Done).event(Event::LinkGone(link));
    let (over, open): (Vec<_>, Vec<_>) = state.sessions.iter().partition(|session| session.expires_at <= now);
    let too_many = (open.len() + 1).saturating_sub(SESSIONS_MAX);
    for gone in over.into_iter().chain(open.into_iter().take(too_many)) {
        decision = decision.event(Event::SessionEnded(gone.digest));
    }
    let session = Session {
        digest: session,
        name: known.name.clone(),
        role: known.role,
        created_at: now,
        expires_at: now.after(SESSION_LIFE),
    };
    let what = format!("a session of {}, role {}", session.name, session.role);
    decision.reply = Reply::SignedIn(session.clone());
    let verb = Verb::for_good("sign_in", vec![line(Fate::Kept, what, "a link was used")]);
    Ok(decision.event(Event::SessionBegun(session)).verb(verb))
}

fn sign_out(state: &Access, session: Digest) -> Decision<AccessKind> {
    let decision = Decision::reply(Reply::Done);
    let Some(session) = state.sessions.iter().find(|known| known.digest == session) else { return decision };
    let what = format!("the session of {}, role {}", session.name, session.role);
    let verb = Verb::for_good("sign_out", vec![line(Fate::Fenced, what, "it was ended")]);
    decision.event(Event::SessionEnded(session.digest)).verb(verb)
}

fn end_sessions(state: &Access) -> Decision<AccessKind> {
    let mut decision = Decision::reply(Reply::Done);
    decision.events.extend(state.sessions.iter().map(|session| Event::SessionEnded(session.digest)));
    decision.events.extend(state.links.iter().map(|link| Event::LinkGone(link.digest)));
    if decision.events.is_empty() {
        return decision;
    }
    let what = format!("{} sessions and {} links", state.sessions.len(), state.links.len());
    decision.verb(Verb::for_good("end_sessions", vec![line(Fate::Fenced, what, "all were ended")]))
}

fn denied(denial: &Denial) -> Decided {
    check_line("call", &denial.call, DENIAL_TEXT_BYTES_MAX)?;
    check_line("why", &denial.why, DENIAL_TEXT_BYTES_MAX)?;
    let mut lines = vec![line(Fate::Fenced, denial.call.clone(), denial.why.clone())];
    if denial.missed > 0 {
        let what = format!("{} calls before it", denial.missed);
        lines.push(line(Fate::Fenced, what, "they were refused too, and are in no entry of their own"));
    }
    Ok(Decision::reply(Reply::Done).verb(Verb::for_good("denied", lines)))
}

fn line(fate: Fate, what: impl Into<String>, why: impl Into<String>) -> PlanLine {
    PlanLine { fate, stage: None, what: what.into(), why: why.into() }
}
