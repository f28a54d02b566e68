//! Who may call, and who is turned away: by the name they call the server by, by where a browser sends them from, by what
//! they show, by their role, and by how often they go back.

mod attempts;
mod hosts;
mod origin;
mod proof;
mod quota;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use actix_web::HttpMessage as _;
use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

use super::options::ServerOptions;
use super::problem::{Answer, Problem};
use super::state::App;
use crate::api::access::{Identity, Refusal, Via};
use crate::api::limits::ACTOR_NAME_BYTES_MAX;
use attempts::Attempts;
use hosts::Hosts;
use proof::Proof;
use quota::Quotas;

pub(in crate::http) use origin::check_sent_by_us;
pub(in crate::http) use proof::session_name;
pub(in crate::http) use quota::Quota;

/// What callers are checked against.
#[derive(Debug)]
pub(in crate::http) struct Gate {
    hosts: Hosts,
    attempts: Attempts,
    quotas: Quotas,
}

impl Gate {
    /// The gate of a server that listens on an address.
    pub(in crate::http) fn new(options: &ServerOptions, address: SocketAddr) -> Self {
        let hosts = Hosts::new(address, &options.hosts);
        Self { hosts, attempts: Attempts::default(), quotas: Quotas::default() }
    }
}

/// Checks what every request must have, whatever it asks for: a name that this server is called by, and, where it could
/// change something, no foreign page that sent it.
pub(in crate::http) fn admit(app: &App, request: &ServiceRequest) -> Answer<()> {
    app.gate.hosts.check(request.headers(), request.uri())?;
    if request.method().is_safe() {
        return Ok(());
    }
    origin::check(request.headers(), app.is_encrypted())
}

/// Who calls: by the token they show, else by the session of their browser.
pub(in crate::http) fn identify(app: &App, request: &HttpRequest) -> Answer<Arc<Identity>> {
    match Proof::of(request.headers(), app.is_encrypted())? {
        Proof::None => Err(unknown("token_missing", "this needs a token")
            .hint("send one: Authorization: Bearer TOKEN; one is made with: restage token create --role ROLE")),
        Proof::Token(token) => {
            let identity = app.access.check(token).map_err(|refusal| refused(app, request, refusal))?;
            named_by_themselves(identity, request.headers())
        }
        Proof::Session(session) => {
            let identity = app.access.check_session(session).map_err(|refusal| refused(app, request, refusal))?;
            if !request.method().is_safe() {
                check_sent_by_us(request.headers())?;
                check_json(request.headers())?;
            }
            Ok(identity)
        }
    }
}

/// Whoever is signed in with this browser, for pages that greet them.
pub(in crate::http) fn signed_in(app: &App, request: &HttpRequest) -> Option<Arc<Identity>> {
    match Proof::of(request.headers(), app.is_encrypted()) {
        Ok(Proof::Session(session)) => app.access.check_session(session).ok(),
        _ => None,
    }
}

/// Counts a call that goes back; too many are refused.
pub(in crate::http) fn count_going_back(app: &App, request: &HttpRequest, identity: &Identity) -> Answer<()> {
    let quota = app.gate.quotas.take(&app.adjustable(), &identity.via)?;
    request.extensions_mut().insert(quota);
    Ok(())
}

/// The address that a request comes from. What proxies say of it is not believed.
pub(in crate::http) fn address(request: &HttpRequest) -> IpAddr {
    request.peer_addr().map_or(Ipv4Addr::UNSPECIFIED.into(), |address| address.ip())
}

/// What the caller calls this server by: one of its names. What proxies say of it is not believed.
pub(in crate::http) fn host(request: &HttpRequest) -> &str {
    hosts::only(request.headers()).unwrap_or("localhost")
}

/// Counts one that showed what opens nothing; too many are refused as such.
pub(in crate::http) fn count_attempt(app: &App, request: &HttpRequest) -> Answer<()> {
    app.gate.attempts.failed(address(request), app.now())
}

fn refused(app: &App, request: &HttpRequest, refusal: Refusal) -> Problem {
    match count_attempt(app, request) {
        Ok(()) => unknown(refusal.code(), refusal.to_string()).hint(refusal.hint()),
        Err(problem) => problem,
    }
}

fn unknown(code: &'static str, detail: impl Into<String>) -> Problem {
    let problem = Problem::new(StatusCode::UNAUTHORIZED, code, detail);
    problem.header("WWW-Authenticate", "Bearer realm=\"restage\"")
}

/// Programs of this machine call with one token, on behalf of people: they may say of whom.
fn named_by_themselves(identity: Arc<Identity>, headers: &HeaderMap) -> Answer<Arc<Identity>> {
    let Some(name) = headers.get("restage-by").filter(|_| identity.via == Via::Local) else { return Ok(identity) };
    let name = name.to_str().ok().filter(|name| (1..=ACTOR_NAME_BYTES_MAX).contains(&name.len()));
    let refused = || Problem::bad_request("by", format!("Restage-By must have 1 to {ACTOR_NAME_BYTES_MAX} characters"));
    let name = name.ok_or_else(refused)?.to_owned();
    Ok(Arc::new(Identity { name, ..Identity::clone(&identity) }))
}

/// A page of another site can send forms with a cookie, but no JSON.
fn check_json(headers: &HeaderMap) -> Answer<()> {
    let is_json = |of: &HeaderValue| of.to_str().is_ok_and(super::body::is_json);
    if headers.get_all(header::CONTENT_TYPE).all(is_json) {
        return Ok(());
    }
    let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type", "the body is not JSON");
    Err(problem.hint("send Content-Type: application/json"))
}
