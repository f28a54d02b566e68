//! Who calls, and what they may do. A handler takes exactly one of the extractors, and so says which role it needs.

use std::future::{Ready, ready};
use std::ops::Deref;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};

use super::auth;
use super::edge::Who;
use super::problem::{Answer, Problem};
use super::state::App;
use crate::api::access::{Identity, Role};

/// Who calls. Their name and role are those of the [`Identity`].
#[derive(Clone, Debug)]
pub(in crate::http) struct Caller {
    identity: Arc<Identity>,
    /// Where they call from: an address, and what they showed.
    pub(in crate::http) from: String,
}

impl Deref for Caller {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.identity
    }
}

impl Caller {
    /// Refuses who may not do what needs a role: for handlers that learn only from the body what is asked for. They count
    /// for themselves what goes back.
    pub(in crate::http) fn may(&self, request: &HttpRequest, role: Role) -> Answer<()> {
        check_role(&self.identity, role).inspect_err(|problem| note(request, Some(&self.identity), role, problem))
    }
}

macro_rules! callers {
    ($($(#[$doc:meta])* $name:ident: $role:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub(in crate::http) struct $name(Caller);

        impl Deref for $name {
            type Target = Caller;

            fn deref(&self) -> &Caller {
                &self.0
            }
        }

        impl FromRequest for $name {
            type Error = Problem;
            // Known at once: who may not ask is told so before anything is read of what they ask.
            type Future = Ready<Answer<Self>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                ready(caller(request, $role).map(Self))
            }
        }
    )*};
}

callers! {
    /// Someone who may look.
    Reader: Role::Read;
    /// Someone who may go forward.
    Writer: Role::Write;
    /// Someone who may go back, and does not do so too often.
    Resetter: Role::Reset;
    /// Someone who may do everything.
    Admin: Role::Admin;
}

/// Who sent the request, if they may do what needs this role.
fn caller(request: &HttpRequest, role: Role) -> Answer<Caller> {
    let app = request.app_data::<Data<App>>().ok_or_else(Problem::internal)?;
    let identity = auth::identify(app, request).inspect_err(|problem| note(request, None, role, problem))?;
    request.extensions_mut().insert(Who(identity.name.clone()));
    let checked = check_role(&identity, role).and_then(|()| {
        // What only says what would be done goes nowhere yet.
        let goes_back = role == Role::Reset && !request.method().is_safe() && !request.path().ends_with("/plan");
        if goes_back { auth::count_going_back(app, request, &identity) } else { Ok(()) }
    });
    checked.inspect_err(|problem| note(request, Some(&identity), role, problem))?;
    Ok(Caller { from: from(request, Some(&identity)), identity })
}

fn check_role(identity: &Identity, role: Role) -> Answer<()> {
    if identity.role >= role {
        return Ok(());
    }
    let detail = format!("this needs the role {role}, and {} has the role {}", identity.name, identity.role);
    let problem = Problem::new(StatusCode::FORBIDDEN, "role", detail).with("needs", role.name());
    Err(problem.hint("call with a token of that role"))
}

/// A call that was refused, and that the audit is to tell of.
struct Refused {
    by: String,
    from: String,
    why: String,
}

/// Has the audit tell of a refusal, where it was about going back or about more.
fn note(request: &HttpRequest, identity: Option<&Identity>, role: Role, problem: &Problem) {
    // Who shows nothing tried nothing.
    if role < Role::Reset || problem.code() == "token_missing" {
        return;
    }
    let by = identity.map_or("unknown", |identity| identity.name.as_str()).to_owned();
    request.extensions_mut().insert(Refused { by, from: from(request, identity), why: problem.to_string() });
}

/// Puts a refusal into the audit, if it belongs there, before it is answered.
pub(in crate::http) async fn audit_refusal(app: &App, request: &HttpRequest) {
    let Some(Refused { by, from, why }) = request.extensions_mut().remove() else { return };
    // Whoever asks to have a token ended may have named all of it.
    let parts = request.path().split('/').map(|part| if part.starts_with("rs_") { "rs_..." } else { part });
    let call = format!("{} {}", request.method(), parts.collect::<Vec<_>>().join("/"));
    if let Err(error) = app.access.by(by).from(from).denied(&call, &why).await {
        tracing::warn!(%error, "a refused call is not in the audit");
    }
}

/// The address that is seen, and what was shown.
fn from(request: &HttpRequest, identity: Option<&Identity>) -> String {
    let address = auth::address(request);
    identity.map_or_else(|| address.to_string(), |identity| format!("{address} {}", identity.via))
}
