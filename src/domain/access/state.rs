//! What access knows, and how what happened is folded into it.

use serde::{Deserialize, Serialize};

use super::command::Event;
use super::role::Role;
use crate::domain::{Digest, Timestamp};

/// Who may call. The default lets nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The secret of the folder; `None` before it has one.
    pub secret: Option<Secret>,
    /// Tokens, oldest first: those that ended too, for as long as there is room.
    pub tokens: Vec<Token>,
    /// Links that were not used, oldest first.
    pub links: Vec<Link>,
    /// Sessions, oldest first.
    pub sessions: Vec<Session>,
}

/// Random bytes that only the server knows: what it hands out and takes back is signed with keys made of them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub [u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A token, without what makes it one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its id: a part of the token that may be shown.
    pub id: String,
    /// Who it is for, if that was said.
    pub label: Option<String>,
    /// What its holder may do.
    pub role: Role,
    /// Of the whole token.
    pub digest: Digest,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When it ends by itself; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// When it was ended, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// Whether a token opens anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Live,
    /// Its time is over.
    Expired,
    /// Somebody ended it.
    Revoked,
}

impl Token {
    /// Whether it opens anything at this time.
    pub fn standing(&self, now: Timestamp) -> Standing {
        match (self.revoked_at, self.expires_at) {
            (Some(_), _) => Standing::Revoked,
            (None, Some(end)) if end <= now => Standing::Expired,
            _ => Standing::Live,
        }
    }

    /// Who calls with it, for histories and audits.
    pub fn holder(&self) -> String {
        self.label.clone().unwrap_or_else(|| format!("token {}", self.id))
    }
}

/// A link that signs a browser in once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Of the link.
    pub digest: Digest,
    /// Who it is for.
    pub name: String,
    /// What the browser may do.
    pub role: Role,
    /// When it can't be used any more.
    pub expires_at: Timestamp,
}

/// A browser that is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Of what the browser shows.
    pub digest: Digest,
    /// Who is signed in.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

impl Access {
    /// A token by its id.
    pub fn token(&self, id: &str) -> Option<&Token> {
        self.tokens.iter().find(|token| token.id == id)
    }

    /// Whether anybody may call at this time.
    pub fn is_open_to_anybody(&self, now: Timestamp) -> bool {
        self.tokens.iter().any(|token| token.standing(now) == Standing::Live)
            || self.sessions.iter().any(|session| session.expires_at > now)
    }

    pub(super) fn apply(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::Established(secret) => self.secret = Some(secret.clone()),
            Event::TokenCreated(token) => self.tokens.push(token.clone()),
            Event::TokenRevoked { id } => {
                if let Some(token) = self.tokens.iter_mut().find(|token| token.id == *id) {
                    token.revoked_at.get_or_insert(at);
                }
            }
            Event::TokenForgotten { id } => self.tokens.retain(|token| token.id != *id),
            Event::LinkMade(link) => self.links.push(link.clone()),
            Event::LinkGone(digest) => self.links.retain(|link| link.digest != *digest),
            Event::SessionBegun(session) => self.sessions.push(session.clone()),
            Event::SessionEnded(digest) => self.sessions.retain(|session| session.digest != *digest),
        }
    }
}
