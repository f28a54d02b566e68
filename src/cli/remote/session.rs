//! A caller elsewhere, as a command sees it: where its words go, and its files, terminal and wishes come from.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};

use super::frame::{Data, FRAME_BYTES_MAX, Far, Frame, Want};
use super::pipe::Pipe;
use crate::cli::exit::Exit;

/// Most parts of a file that wait to be read.
const PARTS_WAITING_MAX: usize = 4;
/// Most things that are wanted of a caller at the same time.
const WANTS_MAX: usize = 16;

/// A part of what was wanted.
#[derive(Debug)]
pub(in crate::cli) enum Part {
    /// Some bytes.
    Data(Vec<u8>),
    /// There are no more.
    End,
    /// It can't be had: the number of the system's error.
    Failed(i32),
}

/// Why an answer of the caller's is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum NotTaken {
    /// Nothing of this number is wanted.
    Unwanted,
    /// A part before it is missing.
    OutOfOrder,
    /// There is no room yet: it is to be sent again.
    Busy,
}

/// One command for one caller.
#[derive(Default)]
pub(in crate::cli) struct Session {
    pipe: Pipe,
    wants: Mutex<Wants>,
    asked_to_end: Notify,
}

#[derive(Default)]
struct Wants {
    last: u64,
    open: HashMap<u64, Wanted>,
}

/// Something that is wanted of the caller.
struct Wanted {
    /// The number of the next part.
    part: u64,
    send: mpsc::Sender<Part>,
}

impl Session {
    /// Says something; waits while the caller does not read.
    ///
    /// # Errors
    /// The caller went away.
    pub(in crate::cli) fn say(&self, frame: &Frame) -> io::Result<()> {
        let mut line = serde_json::to_vec(frame)?;
        line.push(b'\n');
        self.pipe.put(line)
    }

    /// The command has said all.
    pub(in crate::cli) fn end(&self) {
        self.pipe.end();
        self.wants().open.clear();
    }

    /// The next line for the caller.
    pub(in crate::cli) async fn next(&self) -> Option<Vec<u8>> {
        self.pipe.next().await
    }

    /// The caller went away.
    pub(in crate::cli) fn close(&self) {
        self.pipe.close();
        self.wants().open.clear();
    }

    /// The caller wants it to end, as with Ctrl-C.
    pub(in crate::cli) fn interrupt(&self) {
        self.asked_to_end.notify_one();
    }

    /// Waits until the caller wants it to end, or went away.
    pub(in crate::cli) async fn asked_to_end(&self) -> Exit {
        tokio::select! {
            () = self.asked_to_end.notified() => Exit::Interrupted,
            () = self.pipe.closed() => Exit::Interrupted,
        }
    }

    /// Takes a part of what was wanted from the caller. Sent again, it is not taken twice.
    ///
    /// # Errors
    /// Why not.
    pub(in crate::cli) fn take(&self, number: u64, at: u64, part: Part) -> Result<(), NotTaken> {
        let mut wants = self.wants();
        let wanted = wants.open.get_mut(&number).ok_or(NotTaken::Unwanted)?;
        if at < wanted.part {
            return Ok(());
        }
        if at > wanted.part {
            return Err(NotTaken::OutOfOrder);
        }
        let is_last = !matches!(part, Part::Data(_));
        match wanted.send.try_send(part) {
            Ok(()) => wanted.part += 1,
            Err(mpsc::error::TrySendError::Full(_)) => return Err(NotTaken::Busy),
            // Nobody reads on: the rest is of no use.
            Err(mpsc::error::TrySendError::Closed(_)) => {
                wants.open.remove(&number);
                return Err(NotTaken::Unwanted);
            }
        }
        if is_last {
            wants.open.remove(&number);
        }
        Ok(())
    }

    /// A file of the caller's, or its standard input. The reader blocks: it is for a thread of its own.
    ///
    /// # Errors
    /// The caller can't open it, or went away.
    pub(in crate::cli) async fn read(self: &Arc<Self>, file: &Path) -> io::Result<impl Read + Send + use<>> {
        let (number, mut receive) = self.open()?;
        let name = file.to_string_lossy().into_owned();
        self.say(&Frame::Want { number, what: Want::File(name) })?;
        let first = match receive.recv().await.ok_or(io::ErrorKind::UnexpectedEof)? {
            Part::Data(bytes) => Some(bytes),
            Part::End => None,
            Part::Failed(error) => return Err(io::Error::from_raw_os_error(error)),
        };
        let (over, rest) = (first.is_none(), io::Cursor::new(first.unwrap_or_default()));
        Ok(Incoming { receive, rest, over })
    }

    /// Has the caller write a file.
    ///
    /// # Errors
    /// The caller can't, or went away.
    pub(in crate::cli) async fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        let (number, mut receive) = self.open()?;
        let file = file.to_string_lossy().into_owned();
        let mut parts = bytes.chunks(FRAME_BYTES_MAX).peekable();
        loop {
            let data = Data(parts.next().unwrap_or_default().to_vec());
            let end = parts.peek().is_none();
            self.say(&Frame::Write { number, file: file.clone(), data, end })?;
            if end {
                break;
            }
        }
        match receive.recv().await.ok_or(io::ErrorKind::UnexpectedEof)? {
            Part::Failed(error) => Err(io::Error::from_raw_os_error(error)),
            Part::Data(_) | Part::End => Ok(()),
        }
    }

    /// A line from whoever sits at the caller's terminal.
    ///
    /// # Errors
    /// The caller went away.
    pub(in crate::cli) async fn line(&self) -> io::Result<String> {
        let (number, mut receive) = self.open()?;
        self.say(&Frame::Want { number, what: Want::Line })?;
        match receive.recv().await.ok_or(io::ErrorKind::UnexpectedEof)? {
            Part::Data(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Part::End => Ok(String::new()),
            Part::Failed(error) => Err(io::Error::from_raw_os_error(error)),
        }
    }

    /// Shows the caller how far something is.
    pub(in crate::cli) fn far(&self, doing: &str, done: u64, total: u64) {
        // Whoever went away needs no progress.
        let _ = self.say(&Frame::Progress(Some(Far { doing: doing.to_owned(), done, total })));
    }

    /// It is over.
    pub(in crate::cli) fn over(&self) {
        let _ = self.say(&Frame::Progress(None));
    }

    fn wants(&self) -> MutexGuard<'_, Wants> {
        self.wants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> io::Result<(u64, mpsc::Receiver<Part>)> {
        let mut wants = self.wants();
        wants.open.retain(|_, wanted| !wanted.send.is_closed());
        if wants.open.len() >= WANTS_MAX {
            return Err(io::Error::other("too much is wanted of the caller at the same time"));
        }
        let (send, receive) = mpsc::channel(PARTS_WAITING_MAX);
        wants.last += 1;
        let number = wants.last;
        wants.open.insert(number, Wanted { part: 0, send });
        Ok((number, receive))
    }
}

/// What the caller sends of a file.
struct Incoming {
    receive: mpsc::Receiver<Part>,
    rest: io::Cursor<Vec<u8>>,
    over: bool,
}

impl Read for Incoming {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.rest.read(into)?;
            if read > 0 || into.is_empty() || self.over {
                return Ok(read);
            }
            match self.receive.blocking_recv().ok_or(io::ErrorKind::UnexpectedEof)? {
                Part::Data(bytes) => self.rest = io::Cursor::new(bytes),
                Part::End => self.over = true,
                Part::Failed(error) => return Err(io::Error::from_raw_os_error(error)),
            }
        }
    }
}

/// One of the caller's two streams.
pub(in crate::cli) struct Stream {
    pub(in crate::cli) caller: Arc<Session>,
    pub(in crate::cli) frame: fn(Data) -> Frame,
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.chunks(FRAME_BYTES_MAX) {
            self.caller.say(&(self.frame)(Data(part.to_vec())))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
