//! Waiting: for a condition, never for a time.

use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

/// Longest that anything is waited for. A loaded machine is slow; a test that passes never waits for long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Until a condition is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

/// Waits for a future. The tests are plain functions, so that what a browser has to do at its end can be waited for too.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.block_on(future)
}

/// Looks until something is there, and returns it.
#[track_caller]
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, look).unwrap_or_else(|| panic!("it never came that {what}"))
}

/// Looks until something is there, for this long.
pub fn within<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        let found = look();
        if found.is_some() || Instant::now() > end {
            return found;
        }
        thread::sleep(LOOK_AGAIN);
    }
}
