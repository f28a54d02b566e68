//! Being asked to end.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

use super::exit::Exit;

/// Waits until somebody asks the program to end.
pub(super) async fn asked_to_end() -> io::Result<Exit> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(tokio::select! {
        _ = interrupt.recv() => Exit::Interrupted,
        _ = terminate.recv() => Exit::Terminated,
    })
}
