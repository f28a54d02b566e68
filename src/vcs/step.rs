//! Where a crash may come: every step of what is done in steps passes here by name.
//!
//! With the feature `testkit`, the environment variable `RESTAGE_CRASH_AT` names a step, and a passing of it if that is
//! not the first (`snapshot-kept`, `file-unlinked:3`): the process kills itself there, as hard as the system can.

/// All steps, in the order in which they come.
#[cfg(any(test, feature = "testkit"))]
pub(crate) const STEPS: &[&str] = &[
    "create-claimed",
    "create-based",
    "create-branched",
    "create-linked",
    "create-filled",
    "create-included",
    "create-done",
    "commit-begun",
    "commit-written",
    "commit-kept",
    "commit-on-branch",
    "commit-indexed",
    "back-begun",
    "place-made",
    "place-filled",
    "back-mended",
    "snapshot-written",
    "snapshot-kept",
    "back-settled",
    "back-detached",
    "file-unlinked",
    "back-unlinked",
    "back-files",
    "extra-kept",
    "back-verified",
    "back-indexed",
    "back-on-branch",
    "back-head",
    "back-durable",
    "merge-begun",
    "merge-written",
    "merge-on-base",
    "merge-file-unlinked",
    "merge-brought-up",
    "cleanup-begun",
    "cleanup-saved",
    "cleanup-aside",
    "cleanup-unregistered",
    "cleanup-deleted",
];

/// Passes a step.
#[cfg(feature = "testkit")]
pub(crate) fn step(name: &'static str) {
    use std::sync::atomic::{AtomicU64, Ordering};
    static PASSED: AtomicU64 = AtomicU64::new(0);

    debug_assert!(STEPS.contains(&name), "{name} is not in the list of steps");
    let Ok(wanted) = std::env::var("RESTAGE_CRASH_AT") else { return };
    let (step, passing) = wanted.split_once(':').unwrap_or((&wanted, "1"));
    if step == name && (PASSED.fetch_add(1, Ordering::Relaxed) + 1).to_string() == passing {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Passes a step.
#[cfg(not(feature = "testkit"))]
pub(crate) fn step(_: &'static str) {}
