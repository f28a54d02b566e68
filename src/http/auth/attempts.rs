//! How often an address may show what opens nothing.
//!
//! Tokens are too long to be guessed at any speed. The limit keeps guesses cheap, and lets them be seen; what opens a door
//! opens it though others behind the same address fail, or one forgotten program would lock out all others.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::StatusCode;

use crate::api::Timestamp;
use crate::http::problem::{Answer, Problem};

/// Most failed attempts of an address in a [`PERIOD`].
const ATTEMPTS_MAX: u32 = 20;
/// What [`ATTEMPTS_MAX`] is counted over.
const PERIOD: Duration = Duration::from_secs(60);
/// Most addresses that are counted each for itself; more are counted together.
const ADDRESSES_MAX: usize = 10_000;

/// Failed attempts, by address.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<HashMap<IpAddr, Window>>);

#[derive(Clone, Copy, Debug)]
struct Window {
    since: Timestamp,
    count: u32,
}

impl Window {
    /// A clock that was set back ends it too.
    fn is_over(self, now: Timestamp) -> bool {
        now < self.since || now.since(self.since) >= PERIOD
    }
}

impl Attempts {
    /// Counts one. When there are too many, that is what the caller is told instead of why it failed.
    pub(super) fn failed(&self, from: IpAddr, now: Timestamp) -> Answer<()> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut from = network(from);
        if windows.len() >= ADDRESSES_MAX && !windows.contains_key(&from) {
            windows.retain(|_, window| !window.is_over(now));
            if windows.len() >= ADDRESSES_MAX {
                from = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
            }
        }
        let window = windows.entry(from).or_insert(Window { since: now, count: 0 });
        if window.is_over(now) {
            *window = Window { since: now, count: 0 };
        }
        window.count = window.count.saturating_add(1);
        if window.count <= ATTEMPTS_MAX {
            return Ok(());
        }
        let wait = PERIOD.saturating_sub(now.since(window.since)).as_secs().max(1);
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "attempts", "too many tokens that open nothing");
        Err(problem.hint("wait, and look at the token").retry_after(u32::try_from(wait).unwrap_or(u32::MAX)))
    }
}

/// Who has one address of version 6 has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            const NETWORK: u128 = !0 << 64;
            std::net::Ipv6Addr::from_bits(address.to_bits() & NETWORK).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_fails_so_often_in_a_minute_and_others_are_not_touched() {
        let attempts = Attempts::default();
        for _ in 0..ATTEMPTS_MAX {
            assert!(attempts.failed(address("10.0.0.1"), START).is_ok());
        }
        let problem = attempts.failed(address("10.0.0.1"), START.after(Duration::from_secs(10))).unwrap_err();
        assert_eq!((problem.status().as_u16(), problem.code()), (429, "attempts"));
        assert!(attempts.failed(address("::ffff:10.0.0.1"), START).is_err(), "the same address, written otherwise");
        assert!(attempts.failed(address("10.0.0.2"), START).is_ok());
        assert!(attempts.failed(address("10.0.0.1"), START.after(PERIOD)).is_ok());
        assert!(attempts.failed(address("10.0.0.1"), Timestamp::from_millis(5)).is_ok(), "the clock was set back");
    }

    #[test]
    fn a_network_of_version_6_is_one_address() {
        let attempts = Attempts::default();
        for n in 0..ATTEMPTS_MAX {
            assert!(attempts.failed(address(&format!("2001:db8::{n:x}")), START).is_ok());
        }
        assert!(attempts.failed(address("2001:db8::ffff:1"), START).is_err());
        assert!(attempts.failed(address("2001:db8:0:1::1"), START).is_ok());
    }

    #[test]
    fn so_many_addresses_are_remembered_and_no_more() {
        let attempts = Attempts::default();
        let nth = |n: usize| IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(n).unwrap()));
        for n in 0..ADDRESSES_MAX + 50 {
            let _ = attempts.failed(nth(n), START);
        }
        assert_eq!(attempts.0.lock().unwrap().len(), ADDRESSES_MAX + 1);
        assert!(attempts.failed(nth(ADDRESSES_MAX + 60), START).is_err(), "the rest is counted together");
        assert!(attempts.failed(nth(ADDRESSES_MAX + 60), START.after(PERIOD)).is_ok());
        assert_eq!(attempts.0.lock().unwrap().len(), 1);
    }
}
