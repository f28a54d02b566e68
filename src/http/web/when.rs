//! Points in time, as pages show them.

use std::fmt;

use askama::filters::HtmlSafe;

use crate::api::Timestamp;
use crate::http::wire::rfc3339;

/// A point in time. In universal time as it comes; the page's script tells how long ago it is, and the local time on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct When(pub(super) Timestamp);

/// The day of a point in time, for one that is far ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day(Timestamp);

impl When {
    /// The day that it is on.
    pub(super) fn day(self) -> Day {
        Day(self.0)
    }
}

impl HtmlSafe for When {}
impl HtmlSafe for Day {}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = rfc3339(self.0);
        let short = exact.get(..16).unwrap_or(&exact).replace('T', " ");
        write!(f, "<time datetime=\"{exact}\">{short} UTC</time>")
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = rfc3339(self.0);
        let day = exact.get(..10).unwrap_or(&exact);
        write!(f, "<time datetime=\"{exact}\" data-as=\"date\">{day} UTC</time>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_exact_for_programs_and_short_for_people() {
        let when = When(Timestamp::from_millis(1_795_295_395_307)).to_string();
        assert_eq!(when, "<time datetime=\"2026-11-21T21:09:55.307Z\">2026-11-21 21:09 UTC</time>");
        let day = When(Timestamp::from_millis(1_795_295_395_307)).day().to_string();
        assert_eq!(day, "<time datetime=\"2026-11-21T21:09:55.307Z\" data-as=\"date\">2026-11-21 UTC</time>");
    }
}
