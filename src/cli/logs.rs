//! What the library has to say to whoever runs it: on standard error, for people on a terminal, as JSON elsewhere.

use std::io;
use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;

/// Sets what is shown.
type Set = Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>;

/// There is one log, as there is one standard error; it is ours only if nobody had one before.
static SET: OnceLock<Set> = OnceLock::new();

/// Shows warnings and errors, or what `RUST_LOG` asks for.
pub(super) fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    // A log that can't be written is let go: saying so on the same stream would only panic.
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).log_internal_errors(false);
    // Refused only if the program that embeds this has its own already.
    if super::output::errors_are_seen() {
        let logs = logs.with_target(false).with_filter_reloading();
        let handle = logs.reload_handle();
        if logs.try_init().is_ok() {
            let _ = SET.set(Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string())));
        }
    } else {
        let logs = logs.json().flatten_event(true).with_filter_reloading();
        let handle = logs.reload_handle();
        if logs.try_init().is_ok() {
            let _ = SET.set(Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string())));
        }
    }
}

/// Shows from now on what this level or filter lets through. What `RUST_LOG` asks for goes before.
///
/// # Errors
/// It is no level and no filter.
pub(super) fn set(level: &str) -> Result<(), String> {
    let filter = filter(level)?;
    let asked = EnvFilter::try_from_default_env().ok();
    SET.get().map_or(Ok(()), |set| set(asked.unwrap_or(filter)))
}

/// Whether this is a level or a filter.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check(level: &str) -> Result<(), String> {
    filter(level).map(drop)
}

/// A level is that of this program; what it is made of says no more than warnings.
fn filter(level: &str) -> Result<EnvFilter, String> {
    let is_level = ["trace", "debug", "info", "warn", "error", "off"].contains(&level);
    let text = if is_level { format!("{},restage={level}", level_of_others(level)) } else { level.to_owned() };
    EnvFilter::try_new(text).map_err(|error| error.to_string())
}

fn level_of_others(level: &str) -> &str {
    match level {
        "error" | "off" => level,
        _ => "warn",
    }
}
