//! Text from people, agents, models and repositories, as HTML that only shows it.
//!
//! Nothing of it becomes markup, but for the Markdown that is allowed, and nothing of it is hidden: characters that control
//! a terminal, turn the direction of writing or can't be seen are shown by their numbers. All of it is bounded.

mod diff;
mod markdown;
mod plain;
mod safe;

#[cfg(test)]
mod tests;

pub(in crate::http) use diff::{FileDiff, Patch, patch, words};
pub(in crate::http) use markdown::markdown;
pub(in crate::http) use plain::{line, plain};
pub(in crate::http) use safe::{Safe, seen};
