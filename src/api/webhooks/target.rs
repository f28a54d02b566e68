//! Where webhooks may be: to hosts that somebody listed, and to no address that only what runs here can reach.

use std::net::IpAddr;

use reqwest::Url;

use super::address::is_public;
use crate::domain::Rejection;

/// Which hosts webhooks may be sent to. None by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookHosts {
    /// Names, as they stand in URLs: `hooks.example.org`, or `*.example.org` for all below. At public addresses only, and
    /// by https.
    pub public: Vec<String>,
    /// Names, or addresses, that may be anywhere: on this machine, in its own network. By http too.
    pub private: Vec<String>,
}

/// A URL that may be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) url: Url,
    /// Whether its addresses need not be public.
    pub(super) private: bool,
}

impl WebhookHosts {
    /// Takes a URL apart, and refuses one that may not be sent to.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] that says what to do.
    pub(super) fn check(&self, url: &str) -> Result<Target, Rejection> {
        let invalid = |problem: String| Rejection::invalid("url", problem);
        let parsed = Url::parse(url).map_err(|error| invalid(format!("it is none: {error}")))?;
        if !matches!(parsed.scheme(), "https" | "http") {
            return Err(invalid("it must begin with https://".into()));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(invalid(
                "a name or password in it is not sent: check the signature of deliveries instead".into(),
            ));
        }
        if parsed.fragment().is_some() {
            return Err(invalid("what is after # is not sent: leave it out".into()));
        }
        let host = parsed.host_str().unwrap_or_default().trim_end_matches('.').to_owned();
        let private = lists(&self.private, &host);
        if !private && !lists(&self.public, &host) {
            return Err(invalid(format!("the host {host} is not among `webhooks.hosts` in the server's settings")));
        }
        if !private && parsed.scheme() == "http" {
            return Err(invalid("http is for hosts in `webhooks.private_hosts`: use https".into()));
        }
        let target = Target { url: parsed, private };
        match target.address() {
            Some(address) if !target.may_be_at(address) => Err(invalid(not_public(&host, address))),
            _ => Ok(target),
        }
    }
}

impl Target {
    /// The address, where the URL has one in place of a name.
    fn address(&self) -> Option<IpAddr> {
        let host = self.url.host_str()?;
        host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    fn may_be_at(&self, address: IpAddr) -> bool {
        self.private || is_public(address)
    }
}

/// Why an address is not sent to.
pub(super) fn not_public(host: &str, address: IpAddr) -> String {
    format!("{host} is at {address}, which is no public address: list it in `webhooks.private_hosts` if that is meant")
}

fn lists(hosts: &[String], host: &str) -> bool {
    hosts.iter().map(|listed| listed.to_ascii_lowercase()).any(|listed| match listed.strip_prefix("*.") {
        Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        None => listed == host,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(public: &[&str], private: &[&str]) -> WebhookHosts {
        let own = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        WebhookHosts { public: own(public), private: own(private) }
    }

    #[test]
    fn without_a_list_nothing_is_sent_anywhere() {
        let nobody = WebhookHosts::default();
        for url in ["https://example.org", "https://1.1.1.1/", "http://localhost/"] {
            assert!(nobody.check(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_host_is_matched_as_a_whole() {
        let listed = hosts(&["hooks.example.org", "*.example.net"], &[]);
        for url in [
            "https://hooks.example.org/a?b=c",
            "https://HOOKS.example.org:8443/",
            "https://hooks.example.org./",
            "https://a.example.net",
            "https://a.b.example.net",
        ] {
            assert!(listed.check(url).is_ok(), "{url}");
        }
        for url in [
            "https://example.org",
            "https://xhooks.example.org",
            "https://hooks.example.org.evil.com",
            "https://evil.com/hooks.example.org",
            "https://hooks.example.org@evil.com",
            "https://evil.com#hooks.example.org",
            "https://hooks.example.org\\@evil.com",
            "https://example.net",
            "https://.example.net",
            "https://evilexample.net",
            "https://evil.com?hooks.example.org",
            "https://hooks.example.org%2eevil.com",
            "http://hooks.example.org",
        ] {
            let found = listed.check(url);
            assert!(
                found.is_err() || found.as_ref().is_ok_and(|t| t.url.host_str() == Some("hooks.example.org")),
                "{url}"
            );
        }
        assert!(listed.check("https://evil.com#hooks.example.org").is_err());
    }

    #[test]
    fn no_spelling_leads_to_an_address_that_is_not_public() {
        let listed = hosts(
            &["127.0.0.1", "[::1]", "[::ffff:7f00:1]", "169.254.169.254", "0.0.0.0", "localhost", "10.0.0.1"],
            &[],
        );
        for url in [
            "https://127.0.0.1",
            "https://127.1",
            "https://0x7f.1",
            "https://2130706433",
            "https://0177.0.0.1",
            "https://[::1]",
            "https://[::ffff:127.0.0.1]",
            "https://169.254.169.254/latest/meta-data",
            "https://0",
            "https://0x0a000001",
            "https://①②⑦.⓪.⓪.①",
        ] {
            let refused = listed.check(url).unwrap_err().to_string();
            assert!(refused.contains("no public address"), "{url}: {refused}");
        }
        assert!(hosts(&[], &["127.0.0.1"]).check("http://0x7f.1:9/").is_ok(), "it is meant");
    }

    #[test]
    fn nothing_but_the_web_is_sent_to_and_no_password_travels() {
        let listed = hosts(&["example.org"], &["localhost"]);
        for url in [
            "file:///etc/passwd",
            "gopher://example.org/",
            "ext::sh -c id",
            "ssh://-oProxyCommand=id/",
            "ftp://example.org",
            "data:text/plain,x",
            "javascript:alert(1)",
            "//example.org",
            "example.org",
            "",
            "https://",
            "unix:/run/x.sock",
            "https://user:pass@example.org",
            "https://user@example.org",
            "https://:pass@example.org",
            "http://user@localhost",
        ] {
            assert!(listed.check(url).is_err(), "{url}");
        }
        assert!(listed.check("http://localhost:8080/hook").is_ok_and(|target| target.private));
    }
}
