//! How a request is to be taken: once under a key, only at a revision, by whom, why, and under which plan.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, IF_MATCH};
use actix_web::{FromRequest, HttpRequest};

use super::caller::Caller;
use super::problem::{Answer, Problem};
use super::state::App;
use super::wire::Why;
use crate::api::{Batch, Entity, EntityId, Handle, PlanToken, Task, Workflow, Workshop, limits};

/// The header that gives a request a key.
pub(in crate::http) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What the headers of a request say about how it is to be taken: `Idempotency-Key`, and `If-Match: "<revision>"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct Terms {
    /// Asked again with the same key, it has its effect once, and the same answer.
    pub(in crate::http) key: Option<String>,
    /// Done only if the entity is still at this revision.
    pub(in crate::http) revision: Option<u64>,
}

/// What can be told by whom and how it is asked: handles of every kind.
pub(in crate::http) trait Asked: Sized {
    fn by(&self, name: &str) -> Self;
    fn reason(&self, reason: &str) -> Self;
    fn key(&self, key: &str) -> Self;
    fn plan(&self, token: PlanToken) -> Self;
    fn from(&self, place: &str) -> Self;
    fn expect(&self, revision: u64) -> Self;
}

/// The builders that every handle of the facade has.
macro_rules! asked {
    ($handle:ty $(, $entity:ident: $bound:ident)?) => {
        impl$(<$entity: $bound>)? Asked for $handle {
            fn by(&self, name: &str) -> Self {
                <$handle>::by(self, name)
            }

            fn reason(&self, reason: &str) -> Self {
                <$handle>::reason(self, reason)
            }

            fn key(&self, key: &str) -> Self {
                <$handle>::key(self, key)
            }

            fn plan(&self, token: PlanToken) -> Self {
                <$handle>::plan(self, token)
            }

            fn from(&self, place: &str) -> Self {
                <$handle>::from(self, place)
            }

            fn expect(&self, revision: u64) -> Self {
                <$handle>::expect(self, revision)
            }
        }
    };
}

asked!(Handle<E>, E: Entity);
asked!(Workshop);
asked!(Task);
asked!(Workflow);
asked!(Batch);

impl Terms {
    /// The handle, asked by this caller under these terms.
    pub(in crate::http) fn handle<H: Asked>(&self, handle: &H, caller: &Caller) -> H {
        let mut handle = handle.by(&caller.name).from(&caller.from);
        if let Some(key) = &self.key {
            handle = handle.key(key);
        }
        match self.revision {
            Some(revision) => handle.expect(revision),
            None => handle,
        }
    }

    /// The handle, asked by this caller under these terms, for a reason and under a plan.
    pub(in crate::http) fn verb<H: Asked>(&self, handle: &H, caller: &Caller, why: &Why) -> H {
        let mut handle = self.handle(handle, caller);
        if let Some(reason) = &why.reason {
            handle = handle.reason(reason);
        }
        if let Some(token) = &why.plan {
            handle = handle.plan(PlanToken(token.clone()));
        }
        handle
    }

    /// The id of something that is to be made: the one that was given, else one that the key always leads to, so that
    /// asking again makes no second one, else a new one.
    pub(in crate::http) fn new_id(
        &self,
        app: &App,
        kind: &str,
        given: Option<&str>,
        caller: &Caller,
    ) -> Answer<EntityId> {
        let seed = self.key.as_ref().map(|key| format!("{}\0{key}", caller.name));
        match given {
            Some(id) => Ok(EntityId::new(id)?),
            None => Ok(app.restage.new_id(kind, seed.as_deref())?),
        }
    }

    fn of(headers: &HeaderMap) -> Answer<Self> {
        Ok(Self { key: key(headers)?, revision: revision(headers)? })
    }
}

impl FromRequest for Terms {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request.headers()))
    }
}

fn key(headers: &HeaderMap) -> Answer<Option<String>> {
    let most = limits::IDEMPOTENCY_KEY_BYTES_MAX;
    let refused = || {
        let detail = format!("the Idempotency-Key must be given once, with 1 to {most} visible ASCII characters");
        Problem::bad_request("idempotency_key", detail)
    };
    let mut given = headers.get_all(IDEMPOTENCY_KEY);
    match (given.next(), given.next()) {
        (None, _) => Ok(None),
        (Some(key), None) => {
            let key = key.to_str().map_err(|_| refused())?;
            let is_good = (1..=most).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
            if is_good { Ok(Some(key.to_owned())) } else { Err(refused()) }
        }
        (Some(_), Some(_)) => Err(refused()),
    }
}

fn revision(headers: &HeaderMap) -> Answer<Option<u64>> {
    let refused = || {
        let problem = Problem::bad_request("if_match", "If-Match does not hold the revision of an entity");
        problem.hint("send the ETag of the answer that you saw, like \"7\"")
    };
    let mut given = headers.get_all(IF_MATCH);
    match (given.next(), given.next()) {
        (None, _) => Ok(None),
        (Some(tag), None) => {
            let number = tag.to_str().ok().and_then(|tag| tag.strip_prefix('"')?.strip_suffix('"'));
            let number = number.filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
            Ok(Some(number.and_then(|number| number.parse().ok()).ok_or_else(refused)?))
        }
        (Some(_), Some(_)) => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn terms(headers: &[(&str, &str)]) -> Answer<Terms> {
        let mut request = TestRequest::get();
        for header in headers {
            request = request.append_header(*header);
        }
        Terms::of(request.to_http_request().headers())
    }

    #[test]
    fn keys_and_revisions_are_taken_as_they_are() {
        let taken = terms(&[("idempotency-key", "a-1"), ("if-match", "\"7\"")]).unwrap();
        assert_eq!(taken, Terms { key: Some("a-1".into()), revision: Some(7) });
        assert_eq!(terms(&[]).unwrap(), Terms::default());
        assert!(terms(&[("idempotency-key", &"x".repeat(200))]).is_ok());
    }

    #[test]
    fn what_is_no_key_and_no_revision_is_refused() {
        for key in ["", "a b", "\u{e9}", &"x".repeat(201)] {
            assert_eq!(terms(&[("idempotency-key", key)]).unwrap_err().code(), "idempotency_key", "{key}");
        }
        for tag in
            ["7", "\"x\"", "W/\"7\"", "*", "\"7\", \"8\"", "\"-7\"", "\"+7\"", "\"\"", "\"99999999999999999999\""]
        {
            assert_eq!(terms(&[("if-match", tag)]).unwrap_err().code(), "if_match", "{tag}");
        }
        assert!(terms(&[("idempotency-key", "a"), ("idempotency-key", "b")]).is_err());
        assert!(terms(&[("if-match", "\"1\""), ("if-match", "\"1\"")]).is_err());
    }
}
