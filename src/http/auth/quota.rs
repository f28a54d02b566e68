//! How often one caller may go back. A storm of resets, by mistake or not, changes no more than this allows.

use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{RateLimiter, RateLimiter as Limiter};

use crate::api::access::Via;
use crate::http::options::Adjustable;
use crate::http::problem::{Answer, Problem};

type Keyed = RateLimiter<Via, DefaultKeyedStateStore<Via>, DefaultClock, StateInformationMiddleware>;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// Callers are forgotten that have all of their quota again, once there are more than this.
const CALLERS_MAX: usize = 4_096;

/// What is left to each caller.
#[derive(Debug, Default)]
pub(super) struct Quotas(RwLock<Option<Arc<Limits>>>);

#[derive(Debug)]
struct Limits {
    rate: Rate,
    keyed: Keyed,
}

/// How often: so many at once, and then one every `each`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rate {
    burst: NonZeroU32,
    each: Duration,
}

/// What is left to the caller of a request, for the headers of its answer.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Quota {
    rate: Rate,
    left: u32,
}

impl Quotas {
    /// Takes one.
    pub(super) fn take(&self, adjustable: &Adjustable, caller: &Via) -> Answer<Quota> {
        let limits = self.limits(Rate::of(adjustable));
        let rate = limits.rate;
        match limits.keyed.check_key(caller) {
            Ok(state) => Ok(Quota { rate, left: state.remaining_burst_capacity() }),
            Err(until) => {
                let wait = until.wait_time_from(limits.keyed.clock().now());
                let seconds = u32::try_from(wait.as_millis().div_ceil(1_000).max(1)).unwrap_or(u32::MAX);
                let detail = "this caller goes back too often";
                let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "going_back_rate", detail);
                let quota = Quota { rate, left: 0 };
                Err(problem
                    .hint("wait, or have the limit raised: resets_per_minute in the server's configuration")
                    .retry_after(seconds)
                    .header("ratelimit", quota.left_text())
                    .header("ratelimit-policy", quota.policy_text()))
            }
        }
    }

    /// The limits of this rate: counted anew where it was changed.
    fn limits(&self, rate: Rate) -> Arc<Limits> {
        if let Some(limits) = &*self.0.read().unwrap_or_else(PoisonError::into_inner)
            && limits.rate == rate
            && limits.keyed.len() <= CALLERS_MAX
        {
            return Arc::clone(limits);
        }
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(limits) = current.as_ref().filter(|limits| limits.rate == rate) {
            limits.keyed.retain_recent();
            return Arc::clone(limits);
        }
        Arc::clone(current.insert(Arc::new(Limits { rate, keyed: rate.limiter() })))
    }
}

impl Rate {
    fn of(adjustable: &Adjustable) -> Self {
        let each = Duration::from_secs(60) / adjustable.resets_per_minute.max(1);
        Self { burst: NonZeroU32::new(adjustable.resets_burst).unwrap_or(NonZeroU32::MIN), each }
    }

    fn limiter(self) -> Keyed {
        let one_by_one = governor::Quota::with_period(self.each);
        let quota = one_by_one.unwrap_or_else(|| governor::Quota::per_second(NonZeroU32::MAX)).allow_burst(self.burst);
        Limiter::keyed(quota).with_middleware()
    }
}

impl Quota {
    /// Tells the caller in the headers of an answer.
    pub(in crate::http) fn tell(&self, headers: &mut HeaderMap) {
        for (name, text) in [(LIMIT, self.left_text()), (POLICY, self.policy_text())] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(name, value);
            }
        }
    }

    fn left_text(&self) -> String {
        format!("\"going_back\";r={};t={}", self.left, self.rate.each.as_secs().max(1))
    }

    fn policy_text(&self) -> String {
        let window = (self.rate.each * self.rate.burst.get()).as_secs().max(1);
        format!("\"going_back\";q={};w={window}", self.rate.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adjustable(burst: u32) -> Adjustable {
        let mut adjustable = Adjustable::default();
        (adjustable.resets_per_minute, adjustable.resets_burst) = (1, burst);
        adjustable
    }

    #[test]
    fn each_caller_has_a_quota_of_its_own() {
        let quotas = Quotas::default();
        let (ann, bob) = (Via::Token("ann".into()), Via::Token("bob".into()));
        let left: Vec<u32> = (0..3).map(|_| quotas.take(&adjustable(3), &ann).unwrap().left).collect();
        assert_eq!(left, [2, 1, 0]);
        let problem = quotas.take(&adjustable(3), &ann).unwrap_err();
        assert_eq!((problem.status().as_u16(), problem.code()), (429, "going_back_rate"));
        assert!(quotas.take(&adjustable(3), &bob).is_ok());
    }

    #[test]
    fn a_rate_that_is_changed_holds_at_once() {
        let quotas = Quotas::default();
        assert!(quotas.take(&adjustable(1), &Via::Local).is_ok());
        assert!(quotas.take(&adjustable(1), &Via::Local).is_err());
        assert!(quotas.take(&adjustable(5), &Via::Local).is_ok());
        let none = adjustable(0);
        assert!(quotas.take(&none, &Via::Local).is_ok(), "no quota at all is one of 1");
        assert!(quotas.take(&none, &Via::Local).is_err());
    }

    #[test]
    fn quotas_are_told_in_headers() {
        let mut headers = HeaderMap::new();
        let rate = Rate::of(&Adjustable::default());
        Quota { rate, left: 7 }.tell(&mut headers);
        assert_eq!(headers.get(&LIMIT).unwrap(), "\"going_back\";r=7;t=1");
        assert_eq!(headers.get(&POLICY).unwrap(), "\"going_back\";q=20;w=20");
    }
}
