//! What happened, for those outside: each committed turn as events of a stable vocabulary, read and written out once for
//! all who follow.
//!
//! Every turn of every kind gives at least one event, so that a reader sees every revision. What they are called is told in
//! `docs/events.md`.

mod filter;
mod history;
mod hub;
mod offset;
mod task;
mod told;
mod webhook;
mod workflow;
mod workshop;

pub use filter::Filter;
pub use hub::{EventStream, Events};
pub use offset::Offset;
pub use told::{Event, Told};

#[cfg(test)]
mod tests;
