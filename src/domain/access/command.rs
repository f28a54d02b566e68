//! What can be asked of access, what then happened, and what the asker is told.

use serde::{Deserialize, Serialize};

use super::role::Role;
use super::state::{Link, Secret, Session, Token};
use crate::domain::{Digest, Timestamp};

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Gives the folder its secret, if it has none.
    Establish {
        /// Random.
        secret: Secret,
    },
    /// Lets whoever holds a token call.
    CreateToken {
        /// Random: twelve hexadecimal digits.
        id: String,
        /// Who it is for.
        label: Option<String>,
        /// What its holder may do.
        role: Role,
        /// Of the token.
        digest: Digest,
        /// When it ends; `None` for never.
        expires_at: Option<Timestamp>,
    },
    /// Ends a token.
    RevokeToken {
        /// Which.
        id: String,
    },
    /// Makes a link that signs a browser in, once.
    MakeLink {
        /// Of the link.
        digest: Digest,
        /// Who it is for.
        name: String,
        /// What the browser may do.
        role: Role,
        /// Only if nobody may call yet.
        first: bool,
    },
    /// Uses a link up, and begins a session.
    SignIn {
        /// Of the link.
        link: Digest,
        /// Of the session.
        session: Digest,
    },
    /// Ends a session.
    SignOut {
        /// Of the session.
        session: Digest,
    },
    /// Ends every session.
    EndSessions,
    /// Puts into the audit that a call was refused.
    Denied(Denial),
}

/// A call that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    /// What was called: method and route.
    pub call: String,
    /// Why it was refused.
    pub why: String,
    /// Refused calls before it that are in no audit entry, since there were too many.
    pub missed: u64,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The folder has a secret.
    Established(Secret),
    /// There is a new token.
    TokenCreated(Token),
    /// A token ended.
    TokenRevoked {
        /// Which.
        id: String,
    },
    /// A token that had ended is kept no longer.
    TokenForgotten {
        /// Which.
        id: String,
    },
    /// There is a new link.
    LinkMade(Link),
    /// A link was used, or is kept no longer.
    LinkGone(Digest),
    /// A session began.
    SessionBegun(Session),
    /// A session ended.
    SessionEnded(Digest),
}

/// What the asker is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// It is done.
    Done,
    /// There is a new token.
    Token(Token),
    /// The browser is signed in.
    SignedIn(Session),
    /// Somebody may call already, so no first link was made.
    NotFirst,
}
