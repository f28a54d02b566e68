//! The git program, as the baseline: with nothing of the user's configuration.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::Result;

/// Runs git, and says how long it took, in milliseconds.
pub(crate) fn git(at: &Path, args: &[&str]) -> Result<f64> {
    let began = Instant::now();
    output(at, args)?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

/// Runs git, and gives what it said.
pub(crate) fn output(at: &Path, args: &[&str]) -> Result<String> {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
    let identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.invalid"];
    let output = command
        .current_dir(at)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args(identity)
        .args(args)
        .output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(format!("git {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr)).into())
}
