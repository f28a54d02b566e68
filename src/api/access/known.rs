//! Access as it is checked: in memory, by id and by digest.

use std::collections::HashMap;
use std::sync::Arc;

use subtle::ConstantTimeEq as _;
use thiserror::Error;

use super::plain::{TOKEN_BYTES_MAX, TOKEN_PREFIX, VALUE_BYTES};
use crate::domain::access::{Access, AccessKind, Role, Standing};
use crate::domain::{Digest, Timestamp};
use crate::engine::View;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Their name, for histories and audits.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// What they showed.
    pub via: Via,
}

/// What a caller showed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// The token of this id.
    Token(String),
    /// The session of this digest.
    Session(Digest),
    /// The token that is kept in memory only.
    Local,
}

impl std::fmt::Display for Via {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Token(id) => write!(f, "token {id}"),
            Self::Session(_) => f.write_str("browser"),
            Self::Local => f.write_str("this machine"),
        }
    }
}

/// Why what was shown opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There never was such a token, or it is no longer kept.
    #[error("this token is not known")]
    TokenUnknown,
    /// Its time is over.
    #[error("this token has expired")]
    TokenExpired,
    /// Somebody ended it.
    #[error("this token was revoked")]
    TokenRevoked,
    /// There never was such a session, or it ended.
    #[error("this session is not known")]
    SessionUnknown,
    /// Its time is over.
    #[error("this session has expired")]
    SessionExpired,
}

impl Refusal {
    /// A stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::TokenUnknown => "token_unknown",
            Self::TokenExpired => "token_expired",
            Self::TokenRevoked => "token_revoked",
            Self::SessionUnknown => "session_unknown",
            Self::SessionExpired => "session_expired",
        }
    }

    /// What to do about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::TokenUnknown | Self::TokenExpired | Self::TokenRevoked => {
                "use a token of this server; one is made with: restage token create --role ROLE"
            }
            Self::SessionUnknown | Self::SessionExpired => "sign in again; a link is made with: restage token link",
        }
    }
}

/// Access as it was at a revision.
#[derive(Debug)]
pub(super) struct Known {
    revision: u64,
    state: Access,
    /// By id: the place in the state, and who holds it.
    tokens: HashMap<String, (usize, Arc<Identity>)>,
    /// By digest: when it ends, and whose it is.
    sessions: HashMap<Digest, (Timestamp, Arc<Identity>)>,
}

impl Known {
    pub(super) fn of(view: &View<AccessKind>) -> Self {
        let state = view.state.clone();
        let tokens = state.tokens.iter().enumerate().map(|(place, token)| {
            let identity = Identity { name: token.holder(), role: token.role, via: Via::Token(token.id.clone()) };
            (token.id.clone(), (place, Arc::new(identity)))
        });
        let sessions = state.sessions.iter().map(|session| {
            let via = Via::Session(session.digest);
            let identity = Identity { name: session.name.clone(), role: session.role, via };
            (session.digest, (session.expires_at, Arc::new(identity)))
        });
        let (tokens, sessions) = (tokens.collect(), sessions.collect());
        Self { revision: view.revision, state, tokens, sessions }
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn state(&self) -> &Access {
        &self.state
    }

    pub(super) fn token(&self, token: &str, now: Timestamp) -> Result<Arc<Identity>, Refusal> {
        let id = id_of(token).ok_or(Refusal::TokenUnknown)?;
        let (place, identity) = self.tokens.get(id).ok_or(Refusal::TokenUnknown)?;
        let known = self.state.tokens.get(*place).ok_or(Refusal::TokenUnknown)?;
        // How a token ended is told to who has it, not to who knows its id.
        if !same(&known.digest, token) {
            return Err(Refusal::TokenUnknown);
        }
        match known.standing(now) {
            Standing::Live => Ok(Arc::clone(identity)),
            Standing::Expired => Err(Refusal::TokenExpired),
            Standing::Revoked => Err(Refusal::TokenRevoked),
        }
    }

    pub(super) fn session(&self, session: &str, now: Timestamp) -> Result<Arc<Identity>, Refusal> {
        if session.len() != VALUE_BYTES {
            return Err(Refusal::SessionUnknown);
        }
        // Looked up by its digest: how long that takes tells nothing about the session itself.
        let known = self.sessions.get(&Digest::of(session.as_bytes()));
        let (expires_at, identity) = known.ok_or(Refusal::SessionUnknown)?;
        if *expires_at <= now { Err(Refusal::SessionExpired) } else { Ok(Arc::clone(identity)) }
    }
}

/// Who calls, if it is with the token that is kept in memory only.
pub(super) fn local(digest: &Digest, token: &str) -> Option<Arc<Identity>> {
    let is_local = id_of(token) == Some("local") && same(digest, token);
    is_local.then(|| Arc::new(Identity { name: "local".into(), role: Role::Admin, via: Via::Local }))
}

/// The part of a token that may be shown.
pub(super) fn id_of(token: &str) -> Option<&str> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    token.strip_prefix(TOKEN_PREFIX)?.split_once('_').map(|(id, _)| id)
}

/// Compares in a time that does not depend on where they differ.
fn same(digest: &Digest, token: &str) -> bool {
    digest.0.ct_eq(&Digest::of(token.as_bytes()).0).into()
}
