//! What goes over the wire: JSON forms of what the facade answers and takes. They change only by addition.

mod plan;
mod time;
mod why;

pub(in crate::http) use plan::Plan;
pub(in crate::http) use time::rfc3339;
pub(in crate::http) use why::Why;
