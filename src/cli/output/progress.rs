//! A bar on standard error.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How far something is. Gone from the screen when dropped.
#[derive(Clone, Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(super) fn hidden() -> Self {
        Self { bar: ProgressBar::hidden() }
    }

    pub(super) fn shown(doing: &'static str) -> Self {
        let bar = ProgressBar::no_length().with_message(doing);
        if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:30}] {percent:>3} % {eta}") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    /// So much is done, of so much.
    pub fn at(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
    }

    /// It is over.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}
