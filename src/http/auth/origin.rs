//! Where a browser sends a request from. Only pages of this server may have one sent that could change something.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, ORIGIN};

use super::hosts;
use crate::http::problem::{Answer, Problem};

/// Says how the page that sends a request is related to the server; browsers let no page set it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses what a page of another server sends. Programs say nothing of a page.
pub(super) fn check(headers: &HeaderMap, secure: bool) -> Answer<()> {
    let mut given = headers.get_all(ORIGIN);
    match (given.next(), given.next()) {
        (None, _) => Ok(()),
        (Some(origin), None) if origin.to_str().is_ok_and(|origin| is_ours(origin, headers, secure)) => Ok(()),
        _ => Err(Problem::new(StatusCode::FORBIDDEN, "origin", "a page of another site may not ask for this")),
    }
}

/// Refuses what comes with a cookie, unless the browser says that a page of this server sent it, or the user.
pub(in crate::http) fn check_sent_by_us(headers: &HeaderMap) -> Answer<()> {
    let by_us = match headers.get(SEC_FETCH_SITE) {
        Some(site) => site == "same-origin" || site == "none",
        // An older browser. A foreign one was refused before.
        None => headers.contains_key(ORIGIN),
    };
    if by_us {
        return Ok(());
    }
    let problem = Problem::new(StatusCode::FORBIDDEN, "csrf", "the browser does not say that this site asks for it");
    Err(problem.hint("programs send a token instead of a cookie"))
}

/// Whether an origin is the server that the request is sent to.
fn is_ours(origin: &str, headers: &HeaderMap, secure: bool) -> bool {
    let host = match origin.strip_prefix("https://") {
        Some(host) => Some(host),
        // With TLS of its own a server has no other pages.
        None => origin.strip_prefix("http://").filter(|_| !secure),
    };
    host.zip(hosts::only(headers)).is_some_and(|(origin, host)| origin.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(given: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.append(actix_web::http::header::HOST, "localhost:7878".parse().unwrap());
        for (name, value) in given {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_a_page_of_this_server_may_ask_for_changes() {
        for (origin, ours) in [
            ("http://localhost:7878", true),
            ("https://localhost:7878", true),
            ("http://LOCALHOST:7878", true),
            ("http://localhost", false),
            ("http://localhost:7879", false),
            ("http://localhost:7878.evil.com", false),
            ("http://localhost.evil.com:7878", false),
            ("http://localhost:7878@evil.com", false),
            ("http://localhost:7878/", false),
            ("ftp://localhost:7878", false),
            ("localhost:7878", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(check(&headers(&[("origin", origin)]), false).is_ok(), ours, "{origin}");
        }
        let twice = [("origin", "http://localhost:7878"), ("origin", "http://localhost:7878")];
        assert!(check(&headers(&twice), false).is_err());
        assert!(check(&headers(&[]), false).is_ok(), "programs say nothing of it");
        assert!(check(&headers(&[("origin", "http://localhost:7878")]), true).is_err(), "of a server with TLS");
        assert!(check(&headers(&[("origin", "https://localhost:7878")]), true).is_ok());
    }

    #[test]
    fn a_cookie_counts_only_with_the_word_of_the_browser() {
        let origin = ("origin", "http://localhost:7878");
        for (given, ours) in [
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![("sec-fetch-site", "none")], true),
            (vec![("sec-fetch-site", "same-site"), origin], false),
            (vec![("sec-fetch-site", "cross-site"), origin], false),
            (vec![("sec-fetch-site", ""), origin], false),
            (vec![origin], true),
            (vec![], false),
        ] {
            assert_eq!(check_sent_by_us(&headers(&given)).is_ok(), ours, "{given:?}");
        }
    }
}
