//! Points in time: RFC 3339, UTC, to the millisecond.

use crate::api::Timestamp;

/// The time as text. One that no calendar has is the last that has a form.
pub(in crate::http) fn rfc3339(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(time.as_millis()).unwrap_or(jiff::Timestamp::MAX);
    format!("{time:.3}")
}
