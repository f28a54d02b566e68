//! The names that this server is called by. A page of another site can have its own name lead to this machine; its
//! requests come under that name, and so are told apart.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::{HOST, HeaderMap};
use actix_web::http::{StatusCode, Uri};

use crate::http::problem::{Answer, Problem};

/// The names that this server is called by.
#[derive(Debug)]
pub(super) struct Hosts {
    /// The address it listens on; `None` for all that the machine has.
    address: Option<IpAddr>,
    names: Vec<String>,
}

impl Hosts {
    pub(super) fn new(address: SocketAddr, names: &[String]) -> Self {
        Self { address: Some(address.ip()).filter(|ip| !ip.is_unspecified()), names: names.to_vec() }
    }

    pub(super) fn check(&self, headers: &HeaderMap, target: &Uri) -> Answer<()> {
        let host = only(headers).ok_or_else(|| {
            let problem = Problem::bad_request("host", "the request does not say once which server it is for");
            problem.hint("send one Host header")
        })?;
        let named_by_target = target.authority().map_or(host, |authority| authority.as_str());
        if self.has(host) && self.has(named_by_target) {
            return Ok(());
        }
        let problem = Problem::new(StatusCode::MISDIRECTED_REQUEST, "host", "this server is not called by that name");
        Err(problem.hint("call it by the address it listens on, or add the name to `hosts` in its configuration"))
    }

    /// Whether this server is called by `host`, which may end in a port.
    fn has(&self, host: &str) -> bool {
        let Some(name) = without_port(host) else { return false };
        if name.eq_ignore_ascii_case("localhost") || self.names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return true;
        }
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        // No page can have a name of its own lead here if there is no name.
        bare.parse::<IpAddr>().is_ok_and(|ip| {
            ip.is_loopback() || self.address.is_none_or(|address| address == ip.to_canonical() || address == ip)
        })
    }
}

/// The one `Host` header.
pub(super) fn only(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(HOST);
    let host = given.next()?.to_str().ok()?;
    given.next().is_none().then_some(host)
}

/// The name alone; none if it has no form that a host has.
fn without_port(host: &str) -> Option<&str> {
    let end = if host.starts_with('[') { host.find(']')? + 1 } else { host.find(':').unwrap_or(host.len()) };
    let (name, rest) = host.split_at(end);
    let is_port = |port: &str| port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    let is_good = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
    (is_good && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(address: &str) -> Hosts {
        Hosts::new(address.parse().unwrap(), &["Restage.example".into()])
    }

    #[test]
    fn a_server_is_called_by_loopback_names_its_address_and_names_it_was_given() {
        let of_one = hosts("192.168.1.5:7878");
        for good in ["localhost", "LOCALHOST:7878", "127.0.0.1:1", "127.9.9.9", "[::1]:7878", "192.168.1.5:7878"] {
            assert!(of_one.has(good), "{good}");
        }
        for good in ["restage.example", "RESTAGE.EXAMPLE:443"] {
            assert!(of_one.has(good), "{good}");
        }
        for bad in [
            "",
            ":80",
            "evil.com",
            "localhost.evil.com",
            "evil.com:7878",
            "localhost.",
            "localhost@evil.com",
            "localhost:80@evil.com",
            "restage.example.evil.com",
            "evil.com/restage.example",
            "192.168.1.6",
            "0.0.0.0",
            "[::1",
            "[::1]evil.com",
            "2130706433",
            "0x7f.1",
            "localhost:port",
            "127.0.0.1.evil.com",
        ] {
            assert!(!of_one.has(bad), "{bad}");
        }
    }

    #[test]
    fn a_server_on_all_addresses_is_called_by_any_address_and_by_no_other_name() {
        let of_all = hosts("0.0.0.0:7878");
        assert!(of_all.has("10.1.2.3:7878") && of_all.has("[2001:db8::1]:7878"));
        assert!(!of_all.has("evil.com"));
    }

    #[test]
    fn a_request_names_its_server_once() {
        let hosts = hosts("127.0.0.1:7878");
        let with = |given: &[&str]| {
            let mut headers = HeaderMap::new();
            given.iter().for_each(|host| headers.append(HOST, host.parse().unwrap()));
            headers
        };
        let (path, foreign) = (Uri::from_static("/"), Uri::from_static("http://evil.com/"));
        let code = |given: &[&str], uri: &Uri| hosts.check(&with(given), uri).err().map(|p| p.status().as_u16());
        assert_eq!(code(&["localhost"], &path), None);
        assert_eq!(code(&[], &path), Some(400));
        assert_eq!(code(&["localhost", "localhost"], &path), Some(400));
        assert_eq!(code(&["evil.com"], &path), Some(421));
        assert_eq!(code(&["localhost"], &foreign), Some(421));
        assert_eq!(code(&["localhost"], &Uri::from_static("http://localhost:7878/")), None);
    }
}
