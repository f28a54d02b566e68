//! The program: all of it is in the library's command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    restage::cli::run(std::env::args_os())
}
