//! One delivery: signed, to a checked address, with an end.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hmac::{Hmac, Mac};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use sha2::Sha256;

use super::address::is_public;
use super::target::{Target, not_public};
use crate::domain::Timestamp;
use crate::domain::webhook::Secret;

/// How long a receiver has to take a delivery in.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How much of an answer is read. Nothing is done with it, but a connection whose answer was read can be used again.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Connections that are kept, for each host.
const IDLE_MOST: usize = 1;

/// Who makes deliveries. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Sender {
    /// For hosts at public addresses, and for those that may be anywhere: made when first used.
    clients: Arc<[OnceLock<reqwest::Client>; 2]>,
}

/// Why a delivery failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Undelivered {
    /// In a sentence.
    pub(super) problem: String,
    /// Whether the receiver wants nothing more, ever.
    pub(super) for_good: bool,
}

impl Undelivered {
    fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), for_good: false }
    }
}

/// What is delivered.
pub(super) struct Delivery<'a> {
    pub(super) id: &'a str,
    pub(super) body: &'a str,
    pub(super) secret: &'a Secret,
    pub(super) at: Timestamp,
}

impl Sender {
    /// Hands a delivery over; the receiver's status.
    pub(super) async fn send(&self, target: &Target, delivery: &Delivery<'_>) -> Result<u16, Undelivered> {
        let client = self.client(target.private)?;
        let signature = sign(delivery.secret, delivery.at, delivery.body);
        let request = client
            .post(target.url.clone())
            .header("content-type", "application/json")
            .header("restage-delivery", delivery.id)
            .header("restage-signature", signature)
            .body(delivery.body.to_owned());
        let mut answer = request.send().await.map_err(|error| Undelivered::new(reason(&error)))?;
        let status = answer.status();
        let mut read = 0;
        while read < ANSWER_BYTES_MAX
            && let Ok(Some(chunk)) = answer.chunk().await
        {
            read += chunk.len();
        }
        match status.as_u16() {
            code if status.is_success() => Ok(code),
            410 => Err(Undelivered { problem: "the receiver is gone for good (410)".into(), for_good: true }),
            code if status.is_redirection() => {
                Err(Undelivered::new(format!("the receiver answered {code}: redirects are not followed")))
            }
            code => Err(Undelivered::new(format!("the receiver answered {code}"))),
        }
    }

    fn client(&self, private: bool) -> Result<&reqwest::Client, Undelivered> {
        let place = &self.clients[usize::from(private)];
        if let Some(client) = place.get() {
            return Ok(client);
        }
        // Taken only where the program has chosen none: there is one for the process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .dns_resolver(Arc::new(Checked { private }))
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .timeout(ANSWER_WITHIN)
            .pool_max_idle_per_host(IDLE_MOST)
            .user_agent(concat!("restage/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Undelivered::new(reason(&error)))?;
        Ok(place.get_or_init(|| client))
    }
}

/// What went wrong, with what is beneath it, and without the URL: that may hold a secret.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("the receiver did not answer within {} s", ANSWER_WITHIN.as_secs());
    }
    let mut source = std::error::Error::source(error);
    let mut deepest = None;
    while let Some(error) = source {
        deepest = Some(error.to_string());
        source = error.source();
    }
    let what = if error.is_connect() { "the receiver can't be reached" } else { "the delivery failed" };
    deepest.map_or_else(|| what.to_owned(), |why| format!("{what}: {why}"))
}

/// Names are looked up for each connection, and it goes to the addresses that were checked: no second look-up can answer
/// otherwise.
#[derive(Debug)]
struct Checked {
    private: bool,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            Ok(allowed(&host, found, private)?)
        })
    }
}

/// All addresses of a host, or none if one of them is not public.
fn allowed(host: &str, found: Vec<SocketAddr>, private: bool) -> Result<Addrs, std::io::Error> {
    match found.iter().find(|address| !private && !is_public(address.ip())) {
        Some(address) => Err(std::io::Error::other(not_public(host, address.ip()))),
        None => Ok(Box::new(found.into_iter())),
    }
}

/// The value of `Restage-Signature`: the time, and the keyed digest of time and body.
pub(super) fn sign(secret: &Secret, at: Timestamp, body: &str) -> String {
    let seconds = at.as_millis().div_euclid(1_000);
    // Any length of key will do, so this never fails.
    let mac = Hmac::<Sha256>::new_from_slice(secret.0.as_bytes()).map(|mut mac| {
        mac.update(format!("{seconds}.{body}").as_bytes());
        mac.finalize().into_bytes()
    });
    let hex: String = mac.map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect()).unwrap_or_default();
    format!("t={seconds},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_any_other_program_computes() {
        // printf '%s' '1700000000.{}' | openssl dgst -sha256 -hmac secret
        let signature = sign(&Secret("secret".into()), Timestamp::from_millis(1_700_000_000_999), "{}");
        assert_eq!(signature, "t=1700000000,v1=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163");
    }

    #[test]
    fn a_name_with_one_address_that_is_not_public_is_not_connected_to() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let mixed = vec![at("1.1.1.1:0"), at("127.0.0.1:0")];
        let refused = allowed("rebound.example.org", mixed.clone(), false).err().unwrap().to_string();
        assert!(refused.contains("rebound.example.org is at 127.0.0.1"), "{refused}");
        assert_eq!(allowed("listed.example.org", mixed, true).unwrap().count(), 2);
        assert_eq!(allowed("example.org", vec![at("1.1.1.1:0")], false).unwrap().count(), 1);
    }
}
