//! How a browser signs in and out.

use std::time::Duration;

use actix_web::cookie::time::Duration as Seconds;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, SET_COOKIE};
use actix_web::web::{self, Data, Form, Query};
use actix_web::{HttpRequest, HttpResponse, Responder as _};
use askama::Template;
use serde::Deserialize;
use utoipa_actix_web::service_config::ServiceConfig;

use super::assets::base;
use super::html::{Html, sentence};
use crate::api::Class;
use crate::api::access::limits::SESSION_LIFE;
use crate::http::auth;
use crate::http::problem::Answer;
use crate::http::state::App;

/// What a link to the page of signing in carries.
#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    link: String,
}

/// What the page sends.
#[derive(Deserialize)]
struct SignIn {
    link: String,
}

/// Asks whether this browser is to be signed in.
#[derive(Template)]
#[template(path = "sign_in.html")]
struct Ask {
    assets: String,
    link: String,
}

/// The link opens nothing any more, or there was none.
#[derive(Template)]
#[template(path = "not_signed_in.html")]
struct NotSignedIn {
    assets: String,
    why: String,
}

pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.route("/sign-in", web::get().to(ask));
    config.route("/sign-in", web::post().to(sign_in));
    config.route("/sign-out", web::post().to(sign_out));
}

/// Asks first: who looks at a link before its user does, as chat programs do, must not use it up.
async fn ask(asked: Query<Asked>) -> Answer<Html> {
    let link = asked.into_inner().link;
    match link.is_empty() {
        true => Html::still(&NotSignedIn { assets: base(), why: String::new() }),
        false => Html::still(&Ask { assets: base(), link }),
    }
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
            let page = NotSignedIn { assets: base(), why: sentence(&error.to_string()) };
            Ok(Html::still(&page)?.status(StatusCode::FORBIDDEN).respond_to(&request))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_tls_the_cookie_is_of_this_host_alone() {
        assert_eq!(
            session_cookie(true, "s", Duration::from_secs(60)).encoded().to_string(),
            "__Host-restage_session=s; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=60"
        );
        assert!(!session_cookie(false, "s", Duration::from_secs(60)).encoded().to_string().contains("Secure"));
    }
}
