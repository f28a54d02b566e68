//! The command line: arguments, output, exit codes.

pub mod args;
pub mod exit;
pub mod output;
pub mod time;
