//! A bar on standard error.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::remote::Session;

/// How far something is. Gone from the screen when it ends or is dropped.
#[derive(Clone)]
pub struct Progress(Shown);

#[derive(Clone)]
enum Shown {
    Nowhere,
    Here(ProgressBar),
    Elsewhere(Arc<Sent>),
}

/// What a caller elsewhere is shown.
struct Sent {
    caller: Arc<Session>,
    doing: &'static str,
    /// The last percentage that it was told.
    percent: AtomicU64,
}

impl Progress {
    pub(super) fn hidden() -> Self {
        Self(Shown::Nowhere)
    }

    pub(in crate::cli) fn shown(doing: impl Into<String>) -> Self {
        let bar = ProgressBar::no_length().with_message(doing.into());
        if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:30}] {percent:>3} % {eta}") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(Shown::Here(bar))
    }

    pub(super) fn sent(caller: Arc<Session>, doing: &'static str) -> Self {
        Self(Shown::Elsewhere(Arc::new(Sent { caller, doing, percent: AtomicU64::new(u64::MAX) })))
    }

    /// So much is done, of so much.
    pub fn at(&self, done: u64, total: u64) {
        match &self.0 {
            Shown::Nowhere => {}
            Shown::Here(bar) => {
                bar.set_length(total);
                bar.set_position(done);
            }
            Shown::Elsewhere(sent) => {
                let percent = done.saturating_mul(100).checked_div(total).unwrap_or(0);
                if sent.percent.swap(percent, Ordering::Relaxed) != percent {
                    sent.caller.far(sent.doing, done, total);
                }
            }
        }
    }

    /// It is over.
    pub fn end(&self) {
        match &self.0 {
            Shown::Nowhere => {}
            Shown::Here(bar) => bar.finish_and_clear(),
            Shown::Elsewhere(sent) => sent.caller.over(),
        }
    }
}
