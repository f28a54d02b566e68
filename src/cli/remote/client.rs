//! The end where a command was typed: sends it to the server, and is its terminal and its files until it ends.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ArgMatches;
use clap::parser::ValueSource;
use futures_util::StreamExt as _;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::frame::{Data, FRAME_BYTES_MAX, Far, Frame, Want};
use crate::cli::args::{Command, Settings};
use crate::cli::exit::Exit;
use crate::cli::link::Link;
use crate::cli::output::{Output, Progress, terminal, typed_line};
use crate::cli::signals::EndSignals;
use crate::cli::stop::{Outcome, Stop};

/// Longest line that a server may send.
const LINE_BYTES_MAX: usize = 1 << 20;
/// How long until a part that the server had no room for is sent again.
const AGAIN_AFTER: Duration = Duration::from_millis(50);
/// Most parts of a file that were read and not sent.
const PARTS_READ_MAX: usize = 2;

/// A command as it was typed, and what it may touch here.
pub(in crate::cli) struct Line {
    arguments: Vec<String>,
    by: String,
    /// The folder it was typed in, where the server can see it.
    folder: Option<PathBuf>,
    reads: Vec<PathBuf>,
    writes: Option<PathBuf>,
}

impl Line {
    /// # Errors
    /// It can't be sent: it is not Unicode, or names what is the server's business.
    pub(in crate::cli) fn new(
        arguments: &[OsString],
        typed: &ArgMatches,
        command: &Command,
        settings: &Settings,
        link: &Link,
    ) -> Outcome<Self> {
        if is_typed(typed, "agents") {
            let what = "a server has agents of its own, so --agents can't be done";
            return Err(Stop::problem("usage", what, "see them: restage agent list"));
        }
        let texts: Option<Vec<String>> =
            arguments.iter().skip(1).map(|argument| argument.to_str().map(str::to_owned)).collect();
        let arguments = texts.ok_or_else(|| {
            let what = "a word of the command is not Unicode, and can't be sent to a server";
            Stop::problem("usage", what, "give the file another name")
        })?;
        let folder = if link.is_here() { std::env::current_dir().ok() } else { None };
        let writes = command.writes().map(Path::to_path_buf);
        Ok(Self { arguments, by: settings.by.clone(), folder, reads: command.reads(), writes })
    }
}

/// Whether an option was typed, with this verb or one it is below.
fn is_typed(typed: &ArgMatches, name: &str) -> bool {
    let known = typed.try_contains_id(name).is_ok();
    if known && typed.value_source(name) == Some(ValueSource::CommandLine) {
        return true;
    }
    typed.subcommand().is_some_and(|(_, below)| is_typed(below, name))
}

/// Has a command carried out by a server; ends as it ends there.
pub(in crate::cli) async fn forward(link: &Link, line: Line, output: &mut Output) -> Outcome {
    let request = json!({
        "arguments": line.arguments,
        "by": line.by,
        "folder": line.folder,
        "terminal": terminal(),
    });
    let mut signals = EndSignals::new()?;
    let response = link.send(link.request(Method::POST, "/v1/commands").json(&request)).await?;
    let (answers, to_send) = mpsc::channel(PARTS_READ_MAX);
    let mut running =
        Running { link, line, output, id: None, answers, files: HashMap::new(), bar: None, asked_to_end: None };
    let mut frames = Box::pin(response.bytes_stream());
    let mut bytes = Vec::new();
    let sending = send_answers(link.clone(), to_send);
    let mut sending = std::pin::pin!(sending);
    let mut sent = false;
    loop {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = bytes.drain(..=end).collect();
            if let Some(exit) = running.take(&line).await? {
                return running.ended(exit);
            }
        }
        tokio::select! {
            part = frames.next() => match part {
                Some(Ok(part)) if bytes.len() + part.len() <= LINE_BYTES_MAX => bytes.extend_from_slice(&part),
                Some(Ok(_)) => return Err(lost(link, "it sends a line without end")),
                Some(Err(error)) => return Err(lost(link, &error.to_string())),
                None => return Err(lost(link, "the connection was closed")),
            },
            exit = signals.next() => running.interrupt(exit).await?,
            refused = &mut sending, if !sent => {
                sent = true;
                refused?;
            }
        }
    }
}

/// The connection broke before the command said how it ended.
fn lost(link: &Link, why: &str) -> Stop {
    let what = format!("the server at {} does not say any more how the command ended", link.url());
    let hint = "see whether it was done; with --key it can be asked again, and is done once";
    Stop::problem("unreachable", what, hint).map(|problem| problem.why = Some(why.to_owned()))
}

/// A part of what the server wants.
struct Answer {
    command: String,
    number: u64,
    part: u64,
    body: Value,
}

/// A command that is carried out elsewhere.
struct Running<'a> {
    link: &'a Link,
    line: Line,
    output: &'a mut Output,
    /// Its name at the server.
    id: Option<String>,
    answers: mpsc::Sender<Answer>,
    /// Files that are being written.
    files: HashMap<u64, io::Result<File>>,
    bar: Option<Progress>,
    /// The signal that was passed on.
    asked_to_end: Option<Exit>,
}

impl Running<'_> {
    /// Takes a line of the server's; gives the command's end.
    async fn take(&mut self, line: &[u8]) -> Outcome<Option<Exit>> {
        if line.trim_ascii().is_empty() {
            return Ok(None);
        }
        let frame = serde_json::from_slice(line)
            .map_err(|error| lost(self.link, &format!("it says what is not understood here: {error}")))?;
        match frame {
            Frame::Command(id) => self.id = Some(id),
            Frame::Out(data) => self.output.passed_on(&data.0)?,
            Frame::Err(data) => self.output.passed_on_beside(&data.0),
            Frame::Progress(far) => self.progress(far),
            Frame::Want { number, what: Want::File(name) } => self.read(number, &name),
            Frame::Want { number, what: Want::Line } => self.ask(number),
            Frame::Write { number, file, data, end } => self.write(number, &file, &data.0, end).await?,
            Frame::Exit(number) => return Ok(Some(Exit::of_number(number))),
        }
        Ok(None)
    }

    fn ended(self, exit: Exit) -> Outcome {
        match (exit, self.asked_to_end) {
            (Exit::Done, _) => Ok(()),
            (Exit::Interrupted, Some(asked)) => Err(Stop::Signal(asked)),
            (exit, _) => Err(Stop::Told(exit)),
        }
    }

    /// Passes a signal on; a second one ends this end at once.
    async fn interrupt(&mut self, exit: Exit) -> Outcome {
        let (Some(id), None) = (&self.id, self.asked_to_end) else { return Err(Stop::Signal(exit)) };
        self.asked_to_end = Some(exit);
        self.link.send(self.link.request(Method::DELETE, &format!("/v1/commands/{id}"))).await?;
        Ok(())
    }

    fn progress(&mut self, far: Option<Far>) {
        match far {
            Some(Far { doing, done, total }) => {
                self.bar.get_or_insert_with(|| Progress::shown(doing)).at(done, total);
            }
            None => self.bar.take().iter().for_each(Progress::end),
        }
    }

    fn replies(&self, number: u64) -> Replies {
        Replies { command: self.id.clone().unwrap_or_default(), number, part: 0, answers: self.answers.clone() }
    }

    /// Sends a file that the command was given; no other one, whatever the server wants.
    fn read(&self, number: u64, name: &str) {
        let mut replies = self.replies(number);
        let path = PathBuf::from(name);
        let may = self.line.reads.contains(&path);
        // A thread of its own: standard input may never end, and nobody waits for this one.
        std::thread::spawn(move || {
            let source: io::Result<Box<dyn io::Read>> = match name_of(&path, may) {
                Err(error) => Err(error),
                Ok(None) => Ok(Box::new(io::stdin())),
                Ok(Some(file)) => File::open(file).map(|file| Box::new(file) as Box<dyn io::Read>),
            };
            let done = source.and_then(|mut source| replies.copy(&mut *source));
            if let Err(error) = done {
                replies.failed(&error);
            }
        });
    }

    /// Has whoever sits here answer.
    fn ask(&self, number: u64) {
        let mut replies = self.replies(number);
        tokio::spawn(async move {
            let typed = typed_line().await;
            std::thread::spawn(move || match typed {
                Ok(line) => replies.data(line.into_bytes()),
                Err(error) => replies.failed(&error),
            });
        });
    }

    /// Writes a part of the file that the command was to write; no other one, whatever the server wants.
    async fn write(&mut self, number: u64, name: &str, data: &[u8], end: bool) -> Outcome {
        let may = self.line.writes.as_deref() == Some(Path::new(name));
        let file = self
            .files
            .entry(number)
            .or_insert_with(|| if may { File::create(name) } else { Err(io::ErrorKind::PermissionDenied.into()) });
        if let Ok(open) = file
            && let Err(error) = open.write_all(data)
        {
            *file = Err(error);
        }
        if !end {
            return Ok(());
        }
        let mut replies = self.replies(number);
        let written = self.files.remove(&number);
        std::thread::spawn(move || match written {
            Some(Err(error)) => replies.failed(&error),
            _ => replies.end(),
        });
        Ok(())
    }
}

/// A file that may be read, or nothing for standard input.
fn name_of(path: &Path, may: bool) -> io::Result<Option<&Path>> {
    match may {
        false => Err(io::ErrorKind::PermissionDenied.into()),
        true if path == Path::new("-") => Ok(None),
        true => Ok(Some(path)),
    }
}

/// What is sent under one number, in parts.
struct Replies {
    command: String,
    number: u64,
    part: u64,
    answers: mpsc::Sender<Answer>,
}

impl Replies {
    /// Sends a part; waits for room. Nobody takes it where the command has ended: then there is nothing to do.
    fn send(&mut self, body: Value) {
        let (command, number, part) = (self.command.clone(), self.number, self.part);
        self.part += 1;
        let _ = self.answers.blocking_send(Answer { command, number, part, body });
    }

    fn data(&mut self, bytes: Vec<u8>) {
        self.send(json!({ "data": Data(bytes) }));
    }

    fn end(&mut self) {
        self.send(json!({ "end": true }));
    }

    fn failed(&mut self, error: &io::Error) {
        const EACCES: i32 = 13;
        const EIO: i32 = 5;
        let denied = error.kind() == io::ErrorKind::PermissionDenied;
        let number = error.raw_os_error().unwrap_or(if denied { EACCES } else { EIO });
        self.send(json!({ "os_error": number }));
    }

    /// Sends all that there is, as it comes.
    fn copy(&mut self, source: &mut dyn io::Read) -> io::Result<()> {
        let mut bytes = vec![0; FRAME_BYTES_MAX];
        while !self.answers.is_closed() {
            match source.read(&mut bytes) {
                Ok(0) => {
                    self.end();
                    break;
                }
                Ok(read) => self.data(bytes.get(..read).unwrap_or_default().to_vec()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Sends what the server wants, in order. Does not end before the command does, unless something is refused.
async fn send_answers(link: Link, mut answers: mpsc::Receiver<Answer>) -> Outcome {
    while let Some(Answer { command, number, part, mut body }) = answers.recv().await {
        if let Value::Object(body) = &mut body {
            body.insert("number".into(), number.into());
            body.insert("part".into(), part.into());
        }
        let path = format!("/v1/commands/{command}/input");
        loop {
            let request = link.request(Method::POST, &path).json(&body);
            let response = request.send().await.map_err(|error| link.unreachable(&error))?;
            match response.status() {
                StatusCode::SERVICE_UNAVAILABLE => tokio::time::sleep(AGAIN_AFTER).await,
                // The command does not want it any more; its own words say why.
                _ => break,
            }
        }
    }
    std::future::pending().await
}
