//! Who may call: tokens, links that sign browsers in, sessions.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::api::access::{self, limits};
use crate::api::{Access, Timestamp};
use crate::http::auth;
use crate::http::body::Body;
use crate::http::caller::{Admin, Caller, Reader};
use crate::http::page::{Page, Paging, PagingParameters};
use crate::http::problem::{Answer, Problem};
use crate::http::state::App;
use crate::http::wire::rfc3339;

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(me).service(create_token).service(list_tokens).service(revoke_token);
    config.service(create_link).service(end_sessions);
}

/// Who calls.
#[derive(Debug, Serialize, ToSchema)]
struct Me {
    /// The name that goes into histories and audits.
    name: String,
    role: Role,
    /// The address that is seen, and what was shown.
    from: String,
}

/// What a caller may do. Each role may do all that the ones before it may.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CallerRole)]
enum Role {
    Read,
    Write,
    Reset,
    Admin,
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewToken {
    role: Role,
    /// Who it is for: their name in histories and audits.
    #[schema(max_length = 100)]
    label: Option<String>,
    /// When it ends by itself; never, if that is not said.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Why: goes into the audit.
    #[schema(max_length = 2000)]
    reason: Option<String>,
}

/// A token, without what makes it one.
#[derive(Debug, Serialize, ToSchema)]
struct Token {
    #[schema(example = "3f9c01aa2b44")]
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    label: Option<String>,
    role: Role,
    standing: Standing,
    #[schema(format = DateTime)]
    created_at: String,
    created_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    revoked_at: Option<String>,
}

/// Whether a token opens anything.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TokenStanding)]
enum Standing {
    Live,
    Expired,
    Revoked,
}

/// A token that was made. This is the only time that it is shown.
#[derive(Debug, Serialize, ToSchema)]
struct MadeToken {
    /// The token itself.
    token: String,
    #[serde(flatten)]
    about: Token,
}

/// A link to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewLink {
    role: Role,
    /// Who it is for: their name in histories and audits. The caller's, if that is not said.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// Why: goes into the audit.
    #[schema(max_length = 2000)]
    reason: Option<String>,
}

/// A link that was made. This is the only time that it is shown.
#[derive(Debug, Serialize, ToSchema)]
struct MadeLink {
    /// Where a browser signs in with it, once.
    #[schema(format = "uri")]
    url: String,
    /// What it carries.
    link: String,
    /// When it can't be used any more.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Why something is asked.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reason {
    /// Why: goes into the audit.
    #[schema(max_length = 2000)]
    reason: Option<String>,
}

/// Nothing to say.
#[derive(Debug, Serialize, ToSchema)]
struct Ended {}

impl From<access::Role> for Role {
    fn from(role: access::Role) -> Self {
        match role {
            access::Role::Read => Self::Read,
            access::Role::Write => Self::Write,
            access::Role::Reset => Self::Reset,
            access::Role::Admin => Self::Admin,
        }
    }
}

impl From<Role> for access::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Read => Self::Read,
            Role::Write => Self::Write,
            Role::Reset => Self::Reset,
            Role::Admin => Self::Admin,
        }
    }
}

impl Token {
    fn of(token: access::Token, now: Timestamp) -> Self {
        let standing = match token.standing(now) {
            access::Standing::Live => Standing::Live,
            access::Standing::Expired => Standing::Expired,
            access::Standing::Revoked => Standing::Revoked,
        };
        Self {
            id: token.id,
            label: token.label,
            role: token.role.into(),
            standing,
            created_at: rfc3339(token.created_at),
            created_by: token.created_by,
            expires_at: token.expires_at.map(rfc3339),
            revoked_at: token.revoked_at.map(rfc3339),
        }
    }
}

/// Who you are.
///
/// The name and the role of whoever calls, and where they are seen to call from.
#[utoipa::path(
    tag = "access",
    security(("token" = ["read"]), ("session" = ["read"])),
    responses((status = 200, description = "The caller.", body = Me))
)]
#[get("/v1/me")]
async fn me(caller: Reader) -> Json<Me> {
    Json(Me { name: caller.name.clone(), role: caller.role.into(), from: caller.from.clone() })
}

/// Make a token.
///
/// It is shown in this answer and never again: only its digest is kept.
#[utoipa::path(
    tag = "access",
    security(("token" = ["admin"]), ("session" = ["admin"])),
    request_body = NewToken,
    responses((status = 201, description = "The token.", body = MadeToken))
)]
#[post("/v1/tokens")]
async fn create_token(app: Data<App>, caller: Admin, body: Body<NewToken>) -> Answer<HttpResponse> {
    let NewToken { role, label, expires_at, reason } = body.into_inner();
    let expires_at = expires_at.as_deref().map(time).transpose()?;
    let access = asked(&app, &caller, reason);
    let (token, about) = access.create_token(role.into(), label.as_deref(), expires_at).await?;
    let made = MadeToken { token: token.reveal().to_owned(), about: Token::of(about, access.now()) };
    Ok(HttpResponse::Created().json(made))
}

/// List tokens.
///
/// Oldest first, without what makes them tokens. Those that ended are listed too, while there is room for them.
#[utoipa::path(
    tag = "access",
    security(("token" = ["admin"]), ("session" = ["admin"])),
    params(PagingParameters),
    responses((status = 200, description = "A page of tokens.", body = Page<Token>))
)]
#[get("/v1/tokens")]
async fn list_tokens(app: Data<App>, _caller: Admin, paging: Paging) -> Page<Token> {
    let now = app.now();
    let after = paging.after.as_deref();
    let tokens = app.access.tokens();
    let begin = after.map_or(0, |after| tokens.iter().position(|token| token.id == after).map_or(0, |at| at + 1));
    let read = tokens.into_iter().skip(begin).take(paging.to_read()).map(|token| Token::of(token, now)).collect();
    paging.page(read, |token| token.id.clone())
}

/// End a token.
///
/// The next call with it is refused. Revoked again, it stays as it is.
#[utoipa::path(
    tag = "access",
    security(("token" = ["admin"]), ("session" = ["admin"])),
    params(("id" = String, Path, description = "The id of the token.")),
    request_body = Reason,
    responses((status = 200, description = "The token as it is now.", body = Token))
)]
#[post("/v1/tokens/{id}/revoke")]
async fn revoke_token(app: Data<App>, caller: Admin, id: Path<String>, body: Body<Reason>) -> Answer<Json<Token>> {
    let access = asked(&app, &caller, body.into_inner().reason);
    let token = access.revoke_token(&id).await?;
    Ok(Json(Token::of(token, access.now())))
}

/// Make a link that signs a browser in.
///
/// It can be used once, within 15 minutes.
#[utoipa::path(
    tag = "access",
    security(("token" = ["admin"]), ("session" = ["admin"])),
    request_body = NewLink,
    responses((status = 201, description = "The link.", body = MadeLink))
)]
#[post("/v1/links")]
async fn create_link(app: Data<App>, caller: Admin, request: HttpRequest, body: Body<NewLink>) -> Answer<HttpResponse> {
    let NewLink { role, name, reason } = body.into_inner();
    let access = asked(&app, &caller, reason);
    let expires_at = rfc3339(access.now().after(limits::LINK_LIFE));
    let link = access.make_link(name.as_deref().unwrap_or(&caller.name), role.into()).await?;
    let link = link.reveal().to_owned();
    let scheme = if app.is_encrypted() { "https" } else { "http" };
    // The name that the caller called this server by is one of its names.
    let url = format!("{scheme}://{}/sign-in?link={link}", auth::host(&request));
    Ok(HttpResponse::Created().json(MadeLink { url, link, expires_at }))
}

/// Sign all browsers out.
///
/// Every session ends, and every link that was not used.
#[utoipa::path(
    tag = "access",
    security(("token" = ["admin"]), ("session" = ["admin"])),
    request_body = Reason,
    responses((status = 200, description = "They are ended.", body = Ended))
)]
#[post("/v1/sessions/end")]
async fn end_sessions(app: Data<App>, caller: Admin, body: Body<Reason>) -> Answer<Json<Ended>> {
    asked(&app, &caller, body.into_inner().reason).end_sessions().await?;
    Ok(Json(Ended {}))
}

fn asked(app: &App, caller: &Caller, reason: Option<String>) -> Access {
    let access = app.access.by(&caller.name).from(&caller.from);
    match reason {
        Some(reason) => access.reason(reason),
        None => access,
    }
}

fn time(text: &str) -> Answer<Timestamp> {
    let time = text.parse::<jiff::Timestamp>().map(|time| Timestamp::from_millis(time.as_millisecond()));
    time.map_err(|_| {
        let problem =
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "expires_at is not valid: it is no time");
        problem.hint("send a time like 2026-12-31T00:00:00Z").with("field", "expires_at")
    })
}
