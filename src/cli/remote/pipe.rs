//! Frames on their way from a command, which has a thread of its own and waits when there is no room, to a connection,
//! which must never hold up the thread it is on.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// Most bytes that wait for the caller to read them.
const WAITING_BYTES_MAX: usize = 1 << 20;
/// How long a command waits for a caller that does not read.
const UNREAD_MOST: Duration = Duration::from_secs(60);

/// Lines from a command to its caller, in order and bounded.
#[derive(Default)]
pub(super) struct Pipe {
    lines: Mutex<Lines>,
    /// There is room, or nobody reads any more.
    room: Condvar,
    /// There is a line, or none will come.
    news: Notify,
    /// Nobody reads any more.
    closed: Notify,
}

#[derive(Default)]
struct Lines {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    /// The command has said all.
    ended: bool,
    /// Nobody reads any more.
    closed: bool,
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a line over; waits for room.
    ///
    /// # Errors
    /// Nobody reads any more, or not for a long time.
    pub(super) fn put(&self, line: Vec<u8>) -> io::Result<()> {
        let full = |lines: &mut Lines| !lines.closed && !lines.waiting.is_empty() && lines.bytes > WAITING_BYTES_MAX;
        let (mut lines, waited) =
            self.room.wait_timeout_while(self.lock(), UNREAD_MOST, full).unwrap_or_else(PoisonError::into_inner);
        if lines.closed || waited.timed_out() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        lines.bytes += line.len();
        lines.waiting.push_back(line);
        drop(lines);
        self.news.notify_one();
        Ok(())
    }

    /// The next line; nothing when the command has said all. One reads at a time.
    pub(super) async fn next(&self) -> Option<Vec<u8>> {
        loop {
            {
                let mut lines = self.lock();
                if let Some(line) = lines.waiting.pop_front() {
                    lines.bytes -= line.len();
                    drop(lines);
                    self.room.notify_one();
                    return Some(line);
                }
                if lines.ended {
                    return None;
                }
            }
            self.news.notified().await;
        }
    }

    /// The command has said all.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.news.notify_one();
    }

    /// Nobody reads any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.room.notify_all();
        self.closed.notify_one();
    }

    /// Waits until nobody reads any more.
    pub(super) async fn closed(&self) {
        while !self.lock().closed {
            self.closed.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn lines_come_in_order_and_a_command_that_says_much_waits_for_its_caller() {
        let pipe = Arc::new(Pipe::default());
        let says = Arc::clone(&pipe);
        let command = std::thread::spawn(move || {
            for n in 0..100_u8 {
                says.put(vec![n; 100_000]).unwrap();
                assert!(says.lock().bytes <= WAITING_BYTES_MAX + 100_000);
            }
            says.end();
        });
        for n in 0..100_u8 {
            assert_eq!(pipe.next().await, Some(vec![n; 100_000]));
        }
        assert_eq!(pipe.next().await, None);
        command.join().unwrap();
    }

    #[tokio::test]
    async fn a_command_whose_caller_went_away_is_told() {
        let pipe = Arc::new(Pipe::default());
        let says = Arc::clone(&pipe);
        let command = std::thread::spawn(move || {
            loop {
                if let Err(error) = says.put(vec![0; 100_000]) {
                    return error.kind();
                }
            }
        });
        assert!(pipe.next().await.is_some());
        pipe.close();
        pipe.closed().await;
        assert_eq!(command.join().unwrap(), io::ErrorKind::BrokenPipe);
    }
}
