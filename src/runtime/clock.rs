//! The only place that reads a clock or makes randomness.

use std::fmt::Debug;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::domain::Timestamp;

/// Where time comes from. Injected, so that a program can run on a time of its own.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The time of day. It may jump; nothing but what people read and what is due depends on it.
    fn now(&self) -> Timestamp;
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A point that deadlines and idle times are measured from: it never jumps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(Instant);

impl Moment {
    pub(super) fn current() -> Self {
        Self(Instant::now())
    }

    pub(super) fn ago(self) -> Duration {
        self.0.elapsed()
    }

    pub(super) fn after(self, duration: Duration) -> Self {
        const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        Self(self.0.checked_add(duration.min(FAR)).unwrap_or(self.0))
    }

    pub(super) fn is_over(self) -> bool {
        Instant::now() >= self.0
    }

    pub(super) fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    pub(super) fn instant(self) -> tokio::time::Instant {
        self.0.into()
    }
}

/// Measures how long something takes.
#[cfg(feature = "http")]
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Moment);

#[cfg(feature = "http")]
impl Stopwatch {
    /// Begins to measure.
    pub fn start() -> Self {
        Self(Moment::current())
    }

    /// The time since it began.
    pub fn time(&self) -> Duration {
        self.0.ago()
    }
}

/// Sixteen random bytes, to tell one store from every other.
///
/// # Errors
/// The system has none to give.
pub fn random_id() -> std::io::Result<[u8; 16]> {
    random_bytes()
}

/// Random bytes that nobody can guess.
///
/// # Errors
/// The system has none to give.
pub fn random_bytes<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < bytes.len() {
        filled += rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(bytes)
}
