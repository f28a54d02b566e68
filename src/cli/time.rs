//! Points in time, as people and programs read them: RFC 3339, UTC.

use jiff::Timestamp;

/// Milliseconds since the start of 1970, as `2026-11-21T12:05:06.070Z`: always of the same length, so that columns line up.
///
/// A time that no calendar has is shown as its number of milliseconds.
pub fn rfc3339(ms: i64) -> String {
    crate::api::Timestamp::from_millis(ms).to_string()
}

/// The milliseconds since the start of 1970 of a time like `2026-11-21T12:05:06Z`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn parse(text: &str) -> Result<i64, String> {
    text.parse::<Timestamp>().map(Timestamp::as_millisecond).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_in_utc() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_795_262_706_000, "2026-11-21T12:05:06.000Z"),
            (1_795_262_706_070, "2026-11-21T12:05:06.070Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (i64::MAX, "9223372036854775807 ms"),
        ] {
            assert_eq!(rfc3339(ms), text);
        }
        assert_eq!(parse("2026-11-21T12:05:06.070Z"), Ok(1_795_262_706_070));
        assert!(parse("noon").is_err());
    }
}
