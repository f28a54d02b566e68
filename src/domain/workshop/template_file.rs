//! Reads template files.

use super::template::Template;
use crate::domain::Rejection;

pub(super) fn read(text: &str) -> Result<Template, Rejection> {
    Err(Rejection::invalid("template", format!("{} bytes", text.len())))
}
