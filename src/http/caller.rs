//! Who calls, and what they may do. A handler takes exactly one of the extractors, and so says which role it needs.

use std::future::{Ready, ready};
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest};

use super::problem::Problem;
use crate::api::access::Role;

/// Who calls.
#[derive(Clone, Debug)]
pub(in crate::http) struct Caller {
    /// The name that goes into journal and audit.
    pub(in crate::http) name: String,
    /// What they may do.
    pub(in crate::http) role: Role,
    /// Where they call from: an address, and the label of a token.
    pub(in crate::http) from: String,
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
            type Future = Ready<Result<Self, Problem>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                ready(caller(request, $role).map($name))
            }
        }
    )*};
}

callers! {
    /// Someone who may look.
    Reader: Role::Read;
    /// Someone who may go forward.
    Writer: Role::Write;
    /// Someone who may go back.
    Resetter: Role::Reset;
    /// Someone who may do everything.
    Admin: Role::Admin;
}

/// Who sent the request, if they may do what needs this role. Without any way to know somebody, nobody may.
fn caller(_: &HttpRequest, _: Role) -> Result<Caller, Problem> {
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "token_missing", "this needs a token");
    Err(problem.hint("send one: Authorization: Bearer TOKEN").header("WWW-Authenticate", "Bearer"))
}
