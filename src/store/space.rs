//! Room for turns that are decided and not committed yet, so that a full disk refuses a turn before it, never after.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::options::LogOptions;
use super::{StoreError, Urgency};

/// How long a look at the free space is believed while the disk is not full.
const CHECK_EVERY_MS: i64 = 1_000;

/// Counts bytes set aside against the zeroed room behind the head of the log.
#[derive(Debug, Default)]
pub(super) struct Space(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    room: u64,
    /// Bytes set aside, and for how many commits.
    admitted: u64,
    commits: u64,
    full: bool,
    /// When the free space was looked at.
    checked_ms: Option<i64>,
}

/// Whether a turn may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Its bytes are set aside.
    Admitted,
    /// Look at the disk first: with so much room it could go on.
    Look { room: u64 },
}

impl Space {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_full(&self) -> bool {
        self.lock().full
    }

    pub(super) fn set_full(&self, full: bool, now_ms: i64) {
        let mut state = self.lock();
        state.checked_ms = Some(now_ms);
        if state.full != full {
            state.full = full;
            match full {
                true => tracing::warn!("the disk is full: ordinary turns are refused until there is space"),
                false => tracing::info!("the disk has space again: ordinary turns are taken"),
            }
        }
    }

    pub(super) fn room(&self) -> u64 {
        self.lock().room
    }

    pub(super) fn set_room(&self, room: u64) {
        self.lock().room = room;
    }

    /// Bytes that are set aside.
    pub(super) fn admitted(&self) -> u64 {
        self.lock().admitted
    }

    /// Sets bytes aside if that needs no look at the disk.
    pub(super) fn admit(&self, bytes: u64, urgency: Urgency, options: &LogOptions, now_ms: i64) -> Admission {
        let mut state = self.lock();
        let needed = state.admitted.saturating_add(bytes);
        let fresh = state.checked_ms.is_some_and(|at| (at..at.saturating_add(CHECK_EVERY_MS)).contains(&now_ms));
        match urgency {
            Urgency::Ordinary if state.full => Admission::Look { room: needed.saturating_add(options.reserve_bytes) },
            Urgency::Ordinary if !fresh => Admission::Look { room: needed },
            _ if state.room < needed => Admission::Look { room: needed },
            _ => {
                state.admitted = needed;
                state.commits += 1;
                Admission::Admitted
            }
        }
    }

    /// Gives back what was set aside for commits that have been written, or never will be.
    pub(super) fn release(&self, bytes: u64, commits: u64) {
        let mut state = self.lock();
        state.commits = state.commits.saturating_sub(commits);
        // A commit may be smaller than what was asked for it, so the sum is right only when none is left.
        state.admitted = if state.commits == 0 { 0 } else { state.admitted.saturating_sub(bytes) };
    }

    /// The refusal of a turn.
    pub(super) fn refusal(&self, bytes: u64, urgency: Urgency, disk_free: u64, options: &LogOptions) -> StoreError {
        let state = self.lock();
        let needed_bytes = bytes.saturating_add(state.admitted);
        match urgency {
            Urgency::Ordinary => StoreError::DiskFull {
                free_bytes: disk_free,
                needed_bytes: needed_bytes.saturating_add(options.free_bytes_min),
            },
            Urgency::Reserved => StoreError::DiskFull { free_bytes: state.room, needed_bytes },
        }
    }
}
