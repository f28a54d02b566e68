//! Points in time, as people and programs outside read them: RFC 3339, UTC.

/// Milliseconds since the start of 1970, as `2026-11-21T12:05:06.070Z`. A time that no calendar has is shown as its number
/// of milliseconds.
pub(crate) fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| format!("{ms} ms"), |time| format!("{time:.3}"))
}
