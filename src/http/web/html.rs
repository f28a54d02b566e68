//! Pages as answers: how they are sent, what a browser may do with them, and what stands in place of one that can't be shown.

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_SECURITY_POLICY, VARY};
use actix_web::{HttpRequest, HttpResponse, Responder};
use askama::Template;

use super::assets::{base, gzip, takes_gzip};
use crate::http::problem::{Answer, Problem};

/// What every page is sent as.
pub(in crate::http) const MEDIA_TYPE: &str = "text/html; charset=utf-8";
/// Shorter pages are sent as they are.
const GZIP_BYTES_LEAST: usize = 1_000;
/// A page that runs nothing.
const STILL: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                     frame-ancestors 'none'; base-uri 'none'";

/// A page, written.
#[derive(Debug)]
pub(in crate::http) struct Html {
    text: String,
    status: StatusCode,
    policy: String,
}

impl Html {
    /// A page that runs nothing.
    pub(super) fn still(template: &impl Template) -> Answer<Self> {
        Ok(Self { text: rendered(template)?, status: StatusCode::OK, policy: STILL.to_owned() })
    }

    /// A page with the scripts that carry this nonce. Nothing else runs, and nothing is fetched from elsewhere.
    pub(super) fn moving(template: &impl Template, nonce: &str) -> Answer<Self> {
        let policy = format!(
            "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; \
             trusted-types htmx"
        );
        Ok(Self { text: rendered(template)?, status: StatusCode::OK, policy })
    }

    /// The same page, with another status.
    #[must_use]
    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

fn rendered(template: &impl Template) -> Answer<String> {
    template.render().map_err(|error| {
        tracing::error!(%error, "a page can't be written: this is a defect");
        Problem::internal()
    })
}

impl Responder for Html {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status);
        answer.content_type(MEDIA_TYPE).insert_header((CONTENT_SECURITY_POLICY, self.policy));
        answer.insert_header((VARY, "accept-encoding"));
        if self.text.len() >= GZIP_BYTES_LEAST && takes_gzip(request) {
            return answer.insert_header((CONTENT_ENCODING, "gzip")).body(gzip(self.text.as_bytes()));
        }
        answer.body(self.text)
    }
}

/// Whether people ask for this, not programs.
pub(in crate::http) fn is_page(path: &str) -> bool {
    path == "/" || path == "/sign-in" || path == "/sign-out" || path == "/ui" || path.starts_with("/ui/")
}

/// What stands in place of a page that can't be shown.
#[derive(Template)]
#[template(path = "fault.html")]
struct Fault<'a> {
    assets: String,
    title: &'a str,
    detail: String,
    hint: String,
    /// Whether signing in would help.
    is_unknown: bool,
    request_id: &'a str,
}

/// A text that begins like a sentence.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Says to people what is wrong.
pub(in crate::http) fn fault(problem: &Problem, request: &HttpRequest, request_id: &str) -> HttpResponse {
    let status = problem.status();
    let title = match status {
        StatusCode::UNAUTHORIZED => "Nobody is signed in",
        StatusCode::FORBIDDEN => "This is not for you",
        StatusCode::NOT_FOUND => "There is nothing here",
        _ if status.is_client_error() => "This can't be shown",
        _ => "The server could not do this",
    };
    let (detail, hint) = match problem.code() {
        // What else is there is for programs.
        "no_such_route" => ("No page has this address", "Begin at the first page, or go back"),
        _ => (problem.detail(), problem.what_to_do()),
    };
    let fault = Fault {
        assets: base(),
        title,
        detail: sentence(detail),
        hint: sentence(hint),
        is_unknown: status == StatusCode::UNAUTHORIZED,
        request_id,
    };
    match Html::still(&fault) {
        Ok(page) => page.status(status).respond_to(request),
        Err(problem) => problem.response(request_id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_begins_with_a_capital_letter() {
        for (text, said) in [("", ""), ("there is none", "There is none"), ("élan", "Élan"), ("<b>", "<b>"), ("ẞ", "ẞ")]
        {
            assert_eq!(sentence(text), said);
        }
    }
}
