//! The program as people and scripts use it: the real binary, on real folders.

#![expect(clippy::unwrap_used, reason = "a test that can't set up fails")]

mod conversation;
mod folders;
mod program;
mod served;
mod tasks;
mod tokens;
mod transcripts;
mod workers;
