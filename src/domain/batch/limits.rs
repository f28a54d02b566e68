//! The most of everything that a batch takes in. The unit is in the name.

/// Most targets of one batch.
pub const TARGETS_MAX: usize = 10_000;
/// Targets that are stored together.
pub const TARGETS_PER_CHUNK: usize = 500;
/// Longest sentence about a target that failed; what is longer is cut.
pub const PROBLEM_BYTES_MAX: usize = 1_000;
