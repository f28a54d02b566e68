//! What a caller shows: a token, or the session of a browser.

use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderMap};

use super::unknown;
use crate::http::problem::{Answer, Problem};

/// What a caller shows.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Proof<'a> {
    None,
    Token(&'a str),
    Session(&'a str),
}

/// The name of the cookie. With TLS it is one that no other site of the domain can set.
pub(in crate::http) fn session_name(secure: bool) -> &'static str {
    if secure { "__Host-restage_session" } else { "restage_session" }
}

impl<'a> Proof<'a> {
    /// What the headers show. A token counts before a session, and nothing counts that is there twice: who reads the
    /// first and who reads the last must not come to different callers.
    pub(super) fn of(headers: &'a HeaderMap, secure: bool) -> Answer<Self> {
        let mut given = headers.get_all(AUTHORIZATION);
        match (given.next(), given.next()) {
            (None, _) => Self::session(headers, secure),
            (Some(value), None) => {
                let token = value.to_str().ok().and_then(bearer);
                token.map(Self::Token).ok_or_else(|| malformed("the Authorization header holds no token"))
            }
            (Some(_), Some(_)) => Err(malformed("there is more than one Authorization header")),
        }
    }

    fn session(headers: &'a HeaderMap, secure: bool) -> Answer<Self> {
        let name = session_name(secure);
        let pairs = headers.get_all(COOKIE).filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
        let mut sessions = pairs.filter_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='));
        match (sessions.next(), sessions.next()) {
            (None, _) => Ok(Self::None),
            (Some(session), None) => Ok(Self::Session(session)),
            (Some(_), Some(_)) => Err(malformed("there is more than one session cookie")),
        }
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains([' ', ','])).then_some(token)
}

fn malformed(detail: &str) -> Problem {
    unknown("token_malformed", detail).hint("send one header: Authorization: Bearer TOKEN")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(given: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(actix_web::http::header::HeaderName::from_static(name), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn one_token_is_shown_as_bearer_and_nothing_else_is_one() {
        for (value, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer abc", Some("abc")),
            ("BEARER   abc ", Some("abc")),
            ("Bearer", None),
            ("Bearer ", None),
            ("Bearer a b", None),
            ("Bearer a,Bearer b", None),
            ("Basic YTpi", None),
            ("Token abc", None),
            ("abc", None),
            ("", None),
        ] {
            let headers = headers(&[("authorization", value)]);
            match (Proof::of(&headers, false), token) {
                (Ok(proof), Some(token)) => assert_eq!(proof, Proof::Token(token)),
                (Err(problem), None) => assert_eq!(problem.code(), "token_malformed", "{value:?}"),
                (other, _) => panic!("{value:?}: {other:?}"),
            }
        }
        let twice = headers(&[("authorization", "Bearer a"), ("authorization", "Bearer a")]);
        assert!(Proof::of(&twice, false).is_err());
    }

    #[test]
    fn a_session_is_the_one_cookie_of_its_name() {
        let of = |given: &[(&'static str, &str)], secure| match Proof::of(&headers(given), secure) {
            Ok(Proof::Session(session)) => Ok(session.to_owned()),
            Ok(other) => Err(format!("{other:?}")),
            Err(problem) => Err(problem.code().to_owned()),
        };
        assert_eq!(of(&[("cookie", "a=b; restage_session=s; c=d")], false), Ok("s".into()));
        assert_eq!(of(&[("cookie", "xrestage_session=s; restage_sessions=s")], false), Err("None".into()));
        assert_eq!(of(&[("cookie", "restage_session=s")], true), Err("None".into()), "not set over TLS");
        assert_eq!(of(&[("cookie", "__Host-restage_session=s")], true), Ok("s".into()));
        let twice = "restage_session=mine; restage_session=theirs";
        assert_eq!(of(&[("cookie", twice)], false), Err("token_malformed".into()));
        let both = [("cookie", "restage_session=s"), ("authorization", "Bearer t")];
        assert_eq!(of(&both, false), Err("Token(\"t\")".into()), "a token counts first");
    }
}
