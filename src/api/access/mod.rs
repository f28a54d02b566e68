//! Who may call a server of this data folder: tokens of programs, and sessions of browsers.
//!
//! Of what opens a door the folder keeps digests only, so it is shown once, when it is made. A call is checked in memory,
//! without a turn; every change is a turn, audited, and holds for the next call.

mod known;
mod plain;

use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use hmac::{Hmac, Mac as _};

use super::error::Error;
use super::handle::Handle;
use super::kind::Kind;
use crate::domain::access::limits::TOKEN_ID_BYTES;
use crate::domain::access::{AccessKind, Command, Denial, Denials, MAIN, Reply, Secret};
use crate::domain::{Digest, EntityId, Timestamp};
use crate::runtime::random_bytes;
use crate::store::StoreError;
use known::Known;

pub use crate::domain::access::{Role, Session, Standing, Token, limits};
pub use known::{Identity, Refusal, Via};
pub use plain::Plain;

/// Who may call. Cheap to clone. Who asks and why is said on the way, as with a [`Handle`].
#[derive(Clone)]
pub struct Access {
    shared: Arc<Shared>,
    kind: Kind<AccessKind>,
    handle: Handle<AccessKind>,
}

/// What all clones share.
struct Shared {
    known: RwLock<Arc<Known>>,
    /// Of the token that is kept in memory only.
    local: OnceLock<Digest>,
    denials: Mutex<Denials>,
    secret: Secret,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl Access {
    pub(super) async fn open(kind: Kind<AccessKind>) -> Result<Self, Error> {
        let handle = kind.entity(&EntityId::new(MAIN)?).by("restage");
        if handle.view().await?.state.secret.is_none() {
            handle.send(Command::Establish { secret: Secret(random()?) }).await?;
        }
        let view = handle.view().await?;
        let secret = view.state.secret.clone().ok_or_else(Error::unexpected)?;
        let known = RwLock::new(Arc::new(Known::of(&view)));
        let shared = Shared { known, local: OnceLock::new(), denials: Mutex::default(), secret };
        Ok(Self { shared: Arc::new(shared), kind, handle })
    }

    /// The kind below, for what this facade does not name.
    pub fn kind(&self) -> &Kind<AccessKind> {
        &self.kind
    }

    /// Says who asks.
    #[must_use]
    pub fn by(&self, name: impl Into<String>) -> Self {
        Self { handle: self.handle.by(name), ..self.clone() }
    }

    /// Says where from: an address, and what was shown.
    #[must_use]
    pub fn from(&self, place: impl Into<String>) -> Self {
        Self { handle: self.handle.from(place), ..self.clone() }
    }

    /// Says why.
    #[must_use]
    pub fn reason(&self, reason: impl Into<String>) -> Self {
        Self { handle: self.handle.reason(reason), ..self.clone() }
    }

    /// The time that tokens are checked against.
    pub fn now(&self) -> Timestamp {
        self.handle.now()
    }

    /// A key for one purpose, that nobody can know who does not have the folder. Always the same.
    pub fn key(&self, purpose: &str) -> [u8; 32] {
        // Keys of any length are taken.
        let Ok(mut mac) = Hmac::<sha2::Sha256>::new_from_slice(&self.shared.secret.0) else { return [0; 32] };
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Who calls with a token.
    ///
    /// # Errors
    /// Why it opens nothing.
    pub fn check(&self, token: &str) -> Result<Arc<Identity>, Refusal> {
        let local = self.shared.local.get();
        if let Some(identity) = local.and_then(|digest| known::local(digest, token)) {
            return Ok(identity);
        }
        self.known().token(token, self.now())
    }

    /// Who is signed in with a session.
    ///
    /// # Errors
    /// Why it opens nothing.
    pub fn check_session(&self, session: &str) -> Result<Arc<Identity>, Refusal> {
        self.known().session(session, self.now())
    }

    /// Whether anybody may call: there is a token or a session that opens something.
    pub fn is_open_to_anybody(&self) -> bool {
        self.known().state().is_open_to_anybody(self.now())
    }

    /// All tokens, oldest first, without what makes them tokens. Those that ended too, while there is room for them.
    pub fn tokens(&self) -> Vec<Token> {
        self.known().state().tokens.clone()
    }

    /// Makes a token.
    ///
    /// # Errors
    /// A label or a time that can't be, too many tokens, and as of [`Handle::send`].
    pub async fn create_token(
        &self,
        role: Role,
        label: Option<&str>,
        expires_at: Option<Timestamp>,
    ) -> Result<(Plain, Token), Error> {
        let id = plain::hex(&random::<TOKEN_ID_BYTES>()?);
        let token = Plain::token(&id, &random()?);
        let (label, digest) = (label.map(str::to_owned), token.digest());
        match self.change(Command::CreateToken { id, label, role, digest, expires_at }).await? {
            Reply::Token(made) => Ok((token, made)),
            _ => Err(Error::unexpected()),
        }
    }

    /// Ends a token: the next call with it is refused. It is named by its id, or by all of it.
    ///
    /// # Errors
    /// [`Rejection::NotFound`](crate::Rejection::NotFound), and as of [`Handle::send`].
    pub async fn revoke_token(&self, id: &str) -> Result<Token, Error> {
        let id = known::id_of(id).unwrap_or(id);
        self.change(Command::RevokeToken { id: id.to_owned() }).await?;
        let token = self.known().state().token(id).cloned();
        token.ok_or_else(Error::unexpected)
    }

    /// A token with every role that is kept nowhere and ends with this process: for programs that may read what this
    /// one writes for them. There is one: asked again, none.
    ///
    /// # Errors
    /// The system has no random bytes to give.
    pub fn local_token(&self) -> Result<Option<Plain>, Error> {
        let token = Plain::token("local", &random()?);
        Ok(self.shared.local.set(token.digest()).is_ok().then_some(token))
    }

    /// Makes a link that signs a browser in, once, within [`LINK_LIFE`](limits::LINK_LIFE).
    ///
    /// # Errors
    /// A name that can't be, and as of [`Handle::send`].
    pub async fn make_link(&self, name: &str, role: Role) -> Result<Plain, Error> {
        self.link(name, role, false).await?.ok_or_else(Error::unexpected)
    }

    /// A link for whoever comes first, with every role; none if somebody may call already.
    ///
    /// # Errors
    /// As of [`make_link`](Self::make_link).
    pub async fn first_link(&self) -> Result<Option<Plain>, Error> {
        self.link("admin", Role::Admin, true).await
    }

    async fn link(&self, name: &str, role: Role, first: bool) -> Result<Option<Plain>, Error> {
        let link = Plain::random(&random()?);
        let command = Command::MakeLink { digest: link.digest(), name: name.to_owned(), role, first };
        let made = self.change(command).await? != Reply::NotFirst;
        Ok(made.then_some(link))
    }

    /// Uses a link up, and begins a session.
    ///
    /// # Errors
    /// Codes `link_unknown` and `link_expired`, and as of [`Handle::send`].
    pub async fn sign_in(&self, link: &str) -> Result<(Plain, Session), Error> {
        let plain = Plain::random(&random()?);
        let command = Command::SignIn { link: Digest::of(link.as_bytes()), session: plain.digest() };
        match self.change(command).await? {
            Reply::SignedIn(session) => Ok((plain, session)),
            _ => Err(Error::unexpected()),
        }
    }

    /// Ends a session. One that is not there is ended already.
    ///
    /// # Errors
    /// As of [`Handle::send`].
    pub async fn sign_out(&self, session: &str) -> Result<(), Error> {
        self.change(Command::SignOut { session: Digest::of(session.as_bytes()) }).await.map(drop)
    }

    /// Ends all sessions, and all links that were not used.
    ///
    /// # Errors
    /// As of [`Handle::send`].
    pub async fn end_sessions(&self) -> Result<(), Error> {
        self.change(Command::EndSessions).await.map(drop)
    }

    /// Puts into the audit that a call was refused: so many in a minute, and then how many more there were.
    ///
    /// # Errors
    /// As of [`Handle::send`].
    pub async fn denied(&self, call: &str, why: &str) -> Result<(), Error> {
        let taken = self.shared.denials.lock().unwrap_or_else(PoisonError::into_inner).take(self.now());
        let Some(missed) = taken else { return Ok(()) };
        let denial = Denial { call: plain::one_line(call), why: plain::one_line(why), missed };
        self.handle.send(Command::Denied(denial)).await.map(drop)
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.shared.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks for a turn, and goes by what it made of access. It is carried through though the caller goes away: a token
    /// that was revoked must not go on to open doors because nobody waited for the answer.
    async fn change(&self, command: Command) -> Result<Reply, Error> {
        let access = self.clone();
        let changed = tokio::spawn(async move {
            let sent = access.handle.send(command).await;
            // Of one that was not answered in time nobody knows, so that is looked at too.
            let looked = access.look_again().await;
            let receipt = sent?;
            looked.map(|()| receipt.reply)
        });
        changed.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    async fn look_again(&self) -> Result<(), Error> {
        let view = self.handle.view().await?;
        let mut known = self.shared.known.write().unwrap_or_else(PoisonError::into_inner);
        if view.revision > known.revision() {
            *known = Arc::new(Known::of(&view));
        }
        Ok(())
    }
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    random_bytes().map_err(|error| StoreError::io("getting random bytes for", "access", error).into())
}

#[cfg(test)]
mod tests;
