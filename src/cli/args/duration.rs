//! Lengths of time, as people write them.

use std::time::Duration;

/// Longest that is understood: what is longer was not meant.
const SECONDS_MAX: u64 = 366 * 24 * 3_600;

/// A length of time like `90s`, `2m`, `12h` or `30d`.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let form = || "give it like 90s, 2m, 12h or 30d".to_owned();
    let unit = text.chars().next_back().ok_or_else(form)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 24 * 3_600,
        _ => return Err(form()),
    };
    let digits = text.strip_suffix(unit).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let number: u64 = digits.and_then(|digits| digits.parse().ok()).ok_or_else(form)?;
    match number.checked_mul(seconds) {
        Some(all @ 1..=SECONDS_MAX) => Ok(Duration::from_secs(all)),
        _ => Err("give it between 1s and 366d".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_understood() {
        for (text, seconds) in [("1s", 1), ("90s", 90), ("2m", 120), ("12h", 43_200), ("30d", 2_592_000)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "s", "0s", "5", "-1s", "1.5h", "2 m", "1w", "367d", "99999999999999999999d", "1é"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
