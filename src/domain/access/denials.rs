//! How many refused calls go into the audit: whoever calls a million times in vain does not fill the disk.

use super::limits::{DENIALS_MAX, DENIALS_PERIOD};
use crate::domain::Timestamp;

/// Counts refused calls.
#[derive(Clone, Debug, Default)]
pub struct Denials {
    since: Timestamp,
    told: u32,
    missed: u64,
}

impl Denials {
    /// Whether one that is refused now goes into the audit: then with how many before it did not.
    pub fn take(&mut self, now: Timestamp) -> Option<u64> {
        // A clock that was set back begins anew too.
        if now < self.since || now.since(self.since) >= DENIALS_PERIOD {
            (self.since, self.told) = (now, 0);
        }
        if self.told >= DENIALS_MAX {
            self.missed = self.missed.saturating_add(1);
            return None;
        }
        self.told += 1;
        Some(std::mem::take(&mut self.missed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_calls_beyond_the_limit_are_counted_and_told_with_the_next() {
        let mut denials = Denials::default();
        let start = Timestamp::from_millis(1_000_000);
        for _ in 0..DENIALS_MAX {
            assert_eq!(denials.take(start), Some(0));
        }
        for _ in 0..5 {
            assert_eq!(denials.take(start), None);
        }
        let later = start.after(DENIALS_PERIOD);
        assert_eq!((denials.take(later), denials.take(later)), (Some(5), Some(0)));
    }

    #[test]
    fn a_clock_that_is_set_back_stops_no_audit() {
        let mut denials = Denials::default();
        let start = Timestamp::from_millis(1_000_000_000);
        for _ in 0..=DENIALS_MAX {
            let _ = denials.take(start);
        }
        assert_eq!(denials.take(Timestamp::from_millis(5)), Some(1));
    }
}
