//! The few pages of the server itself: where a browser is, and how it signs in and out. They load nothing and run nothing.

use std::sync::LazyLock;
use std::time::Duration;

use actix_web::cookie::time::Duration as Seconds;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, LOCATION, SET_COOKIE};
use actix_web::web::{self, Data, Form, Query};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use utoipa_actix_web::service_config::ServiceConfig;

use super::auth;
use super::problem::Answer;
use super::state::App;
use crate::api::Class;
use crate::api::access::limits::SESSION_LIFE;

/// What every page is sent as.
pub(in crate::http) const MEDIA_TYPE: &str = "text/html; charset=utf-8";

const STYLE: &str = "\
:root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}\
body{max-width:36rem;margin:10vh auto;padding:0 1rem}\
h1{font-size:1.5rem}\
button{font:inherit;padding:.4rem 1rem;cursor:pointer}\
code{font-family:ui-monospace,monospace}";

/// Nothing but the style above, and forms that go to this server.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
});

/// What a link to the page of signing in carries, and what the page sends.
#[derive(Deserialize)]
struct SignIn {
    link: String,
}

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.route("/", web::get().to(home));
    config.route("/sign-in", web::get().to(ask));
    config.route("/sign-in", web::post().to(sign_in));
    config.route("/sign-out", web::post().to(sign_out));
}

async fn home(app: Data<App>, request: HttpRequest) -> HttpResponse {
    let who = match auth::signed_in(&app, &request) {
        Some(identity) => format!(
            "<p>Signed in as <strong>{}</strong>, with the role <strong>{}</strong>.</p>\
             <form method=\"post\" action=\"/sign-out\"><button>Sign out</button></form>",
            escape(&identity.name),
            identity.role
        ),
        None => "<p>Nobody is signed in with this browser. On the machine of the server, \
                 <code>restage token link</code> prints a link that signs it in.</p>"
            .to_owned(),
    };
    let body = format!(
        "<p>This is a server of staged work that can be taken back: workshops, tasks and workflows.</p>{who}\
         <p>What programs can ask of it: <a href=\"/docs/\">the documentation of its API</a>.</p>"
    );
    page(StatusCode::OK, "restage", &body)
}

/// Asks first: who looks at a link before its user does, as chat programs do, must not use it up.
async fn ask(link: Query<SignIn>) -> HttpResponse {
    let body = format!(
        "<p>This link signs this browser in, once.</p><form method=\"post\" action=\"/sign-in\">\
         <input type=\"hidden\" name=\"link\" value=\"{}\"><button autofocus>Sign in</button></form>",
        escape(&link.link)
    );
    page(StatusCode::OK, "Sign in to restage", &body)
}

async fn sign_in(app: Data<App>, request: HttpRequest, form: Form<SignIn>) -> Answer<HttpResponse> {
    // Else a page of another site could sign its visitors in as somebody else.
    auth::check_sent_by_us(request.headers())?;
    let access = app.access.by("browser").from(auth::address(&request).to_string());
    match access.sign_in(&form.link).await {
        Ok((session, _)) => {
            let cookie = session_cookie(app.is_encrypted(), session.reveal(), SESSION_LIFE);
            Ok(to_home(&cookie))
        }
        Err(error) if error.class() == Class::Conflict => {
            auth::count_attempt(&app, &request)?;
            let body = format!("<p>It was not done: {}.</p><p>To do: {}.</p>", error, escape(&error.hint()));
            Ok(page(StatusCode::FORBIDDEN, "Not signed in", &body))
        }
        Err(error) => Err(error.into()),
    }
}

async fn sign_out(app: Data<App>, request: HttpRequest) -> Answer<HttpResponse> {
    auth::check_sent_by_us(request.headers())?;
    let name = auth::session_name(app.is_encrypted());
    if let Some(session) = request.cookie(name) {
        let by = auth::signed_in(&app, &request).map_or_else(|| "unknown".to_owned(), |who| who.name.clone());
        app.access.by(by).from(auth::address(&request).to_string()).sign_out(session.value()).await?;
    }
    Ok(to_home(&session_cookie(app.is_encrypted(), "", Duration::ZERO)))
}

fn session_cookie(secure: bool, value: &str, life: Duration) -> Cookie<'static> {
    let seconds = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
    Cookie::build(auth::session_name(secure), value.to_owned())
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(secure)
        .max_age(Seconds::seconds(seconds))
        .finish()
}

fn to_home(cookie: &Cookie<'_>) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, "/"))
        .insert_header((SET_COOKIE, cookie.encoded().to_string()))
        .finish()
}

fn page(status: StatusCode, title: &str, body: &str) -> HttpResponse {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head>\
         <body><main><h1>{title}</h1>{body}</main></body></html>\n"
    );
    HttpResponse::build(status)
        .insert_header((CONTENT_SECURITY_POLICY, POLICY.as_str()))
        .content_type(MEDIA_TYPE)
        .body(html)
}

/// Text that is shown as it is, wherever it stands.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_as_it_is() {
        assert_eq!(escape("<img src=x onerror='a()'>&\""), "&lt;img src=x onerror=&#39;a()&#39;&gt;&amp;&quot;");
        assert_eq!(escape("Zoë"), "Zoë");
    }

    #[test]
    fn over_tls_the_cookie_is_of_this_host_alone() {
        assert_eq!(
            session_cookie(true, "s", Duration::from_secs(60)).encoded().to_string(),
            "__Host-restage_session=s; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=60"
        );
        assert!(!session_cookie(false, "s", Duration::from_secs(60)).encoded().to_string().contains("Secure"));
    }
}
