//! What the library has to say to whoever runs it: on standard error, for people on a terminal, as JSON elsewhere.

use std::io;

use tracing_subscriber::EnvFilter;

/// Shows warnings and errors, or what `RUST_LOG` asks for.
pub(super) fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Refused only if the program that embeds this has its own already.
    let _ = if super::output::errors_are_seen() {
        logs.with_target(false).try_init()
    } else {
        logs.json().flatten_event(true).try_init()
    };
}
