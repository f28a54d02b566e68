//! The rules of tasks.
