//! The most of everything that a queue takes in.

/// Most workflows that wait in one queue.
pub const HINTS_MAX: usize = 10_000;
/// Most workflows that a worker passes over in one look.
pub const PASSED_OVER_MAX: usize = 1_000;
