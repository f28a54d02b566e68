//! Text that comes from outside, checked where it is taken in.

use super::rejection::Rejection;

/// Checks one line of text: not empty, no control characters, not too long.
///
/// # Errors
/// [`Rejection::Invalid`] or [`Rejection::Limit`] that names the field.
pub(super) fn check_line(field: &str, text: &str, bytes_max: usize) -> Result<(), Rejection> {
    if text.trim().is_empty() {
        return Err(Rejection::invalid(field, "it is empty"));
    }
    if text.len() > bytes_max {
        return Err(Rejection::limit(format!("bytes of {field}"), bytes_max));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(Rejection::invalid(field, format!("the control character {c:?} is not allowed"))),
        None => Ok(()),
    }
}

/// Checks text of many lines: not empty, and nothing in it may steer whatever shows or sends it.
///
/// # Errors
/// [`Rejection::Invalid`] that names the field.
pub(super) fn check_text(field: &str, text: &str) -> Result<(), Rejection> {
    if text.trim().is_empty() {
        return Err(Rejection::invalid(field, "it is empty"));
    }
    match text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        Some(c) => Err(Rejection::invalid(field, format!("the control character {c:?} is not allowed"))),
        None => Ok(()),
    }
}

/// The beginning of a text, if it is longer than it may be.
pub(super) fn cut(text: &str, bytes_max: usize) -> String {
    const CUT: &str = " […]";
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let most = bytes_max.saturating_sub(CUT.len());
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    format!("{}{CUT}", text.get(..end).unwrap_or_default())
}
