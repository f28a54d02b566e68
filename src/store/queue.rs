//! What waits to be committed, in order.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Batch, Done};

/// Something handed over to the committing thread.
pub(super) enum Submission {
    /// A batch, and its size as [`batch_bytes`](super::batch_bytes) has it.
    Commit { batch: Batch, bytes: usize, done: Done },
    /// Nothing, but everything before it.
    Barrier { done: Done },
}

/// The queue in front of the committing thread. Its length is bounded by who submits: each actor has its own bound.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Submission>,
    /// The committing thread sleeps: whoever brings something wakes it.
    asleep: bool,
    closed: bool,
}

/// Why the committing thread goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    /// Something waits.
    Work,
    /// Nothing came for as long as it was to wait.
    Idle,
    /// Nothing waits, and nothing more will come.
    Closed,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands something over; back it comes when the queue is closed.
    pub(super) fn push(&self, submission: Submission) -> Result<(), Submission> {
        let mut state = self.lock();
        if state.closed {
            return Err(submission);
        }
        state.waiting.push_back(submission);
        let wake = std::mem::take(&mut state.asleep);
        drop(state);
        if wake {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Takes what waits, up to so many commits and so many bytes, but at least one.
    pub(super) fn take(&self, turns: usize, bytes: usize) -> Vec<Submission> {
        let mut state = self.lock();
        let mut sum = 0usize;
        let fitting = state.waiting.iter().take(turns.max(1)).take_while(|submission| {
            let first = sum == 0;
            if let Submission::Commit { bytes, .. } = submission {
                sum = sum.saturating_add(*bytes);
            }
            first || sum <= bytes
        });
        let count = fitting.count();
        state.waiting.drain(..count).collect()
    }

    /// Takes nothing more.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.asleep = false;
        drop(state);
        self.arrived.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Sleeps until there is work; not longer than `most`, if that is given.
    pub(super) fn wait(&self, most: Option<Duration>) -> Wake {
        let mut state = self.lock();
        loop {
            if !state.waiting.is_empty() {
                return Wake::Work;
            }
            if state.closed {
                return Wake::Closed;
            }
            state.asleep = true;
            match most {
                None => state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(most) => {
                    let (back, timeout) =
                        self.arrived.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner);
                    state = back;
                    if timeout.timed_out() && state.waiting.is_empty() && !state.closed {
                        state.asleep = false;
                        return Wake::Idle;
                    }
                }
            }
        }
    }
}
