//! The one place that prints: data to standard output, everything else to standard error.

mod escape;
mod progress;
mod table;

#[cfg(test)]
mod tests;

use std::io::{self, BufRead as _, IsTerminal as _, Write};
use std::sync::Arc;
use std::thread;

use serde::Serialize;
use serde_json::json;
use tokio::sync::oneshot;

pub use escape::{block, line};
pub use progress::Progress;
pub use table::{Cell, Table, Tone};

use super::exit::Exit;
use super::plan::Shown;
use super::remote::{Frame, Session, Stream, Terminal};

/// Widest that text runs, where the terminal does not say.
const WIDTH_DEFAULT: u16 = 100;

/// Where the program's words go. Texts may have colours; on the way out they are taken away where nobody sees them.
pub struct Output {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    /// Whether data may have colours.
    coloured: bool,
    json: bool,
    quiet: bool,
    /// Columns of the terminal; `None` when data goes to a file or another program.
    width: Option<u16>,
    audience: Audience,
}

/// Who looks at what is not data.
enum Audience {
    /// Nobody.
    Nobody,
    /// Whoever sits at this terminal. Says whether there is a keyboard too.
    Here(bool),
    /// Whoever sits at the terminal of a caller elsewhere. Says whether there is a keyboard too.
    Elsewhere(Arc<Session>, bool),
}

/// What went wrong, for a person and for a program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// A stable word for programs.
    pub code: String,
    /// What can't be done.
    pub what: String,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The sort of thing that is not there, if that is what is wrong.
    #[serde(skip)]
    pub missing: Option<String>,
    /// The plan as it is now, if it is not what was confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Box<Shown>>,
}

impl Problem {
    /// How the program ends with it.
    pub fn exit(&self) -> Exit {
        Exit::of_code(&self.code)
    }
}

/// Whether the reader of our output went away: the program then ends quietly.
pub fn is_closed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// Whether standard error is a terminal.
pub fn errors_are_seen() -> bool {
    io::stderr().is_terminal()
}

/// What the standard streams are.
pub(super) fn terminal() -> Terminal {
    let (out, err) = (io::stdout(), io::stderr());
    let coloured = |choice| choice != anstream::ColorChoice::Never;
    let width = comfy_table::Table::new().width().unwrap_or(WIDTH_DEFAULT);
    Terminal {
        width: out.is_terminal().then_some(width),
        coloured: coloured(anstream::AutoStream::choice(&out)),
        coloured_errors: coloured(anstream::AutoStream::choice(&err)),
        is_seen: err.is_terminal(),
        asks: io::stdin().is_terminal() && err.is_terminal(),
    }
}

impl Output {
    /// The standard streams. Colours are shown on a terminal, unless `NO_COLOR` says no.
    pub fn standard(json: bool, quiet: bool) -> Self {
        let Terminal { width, coloured, is_seen, asks, .. } = terminal();
        let audience = if is_seen { Audience::Here(asks) } else { Audience::Nobody };
        Self { coloured, out: Box::new(io::stdout()), err: Box::new(anstream::stderr()), json, quiet, width, audience }
    }

    /// The streams of a caller elsewhere.
    pub(super) fn elsewhere(caller: &Arc<Session>, terminal: &Terminal, json: bool, quiet: bool) -> Self {
        let stream = |frame| Stream { caller: Arc::clone(caller), frame };
        let err: Box<dyn Write + Send> = Box::new(stream(Frame::Err));
        let err = if terminal.coloured_errors { err } else { Box::new(anstream::StripStream::new(err)) };
        let audience =
            if terminal.is_seen { Audience::Elsewhere(Arc::clone(caller), terminal.asks) } else { Audience::Nobody };
        let (coloured, width) = (terminal.coloured, terminal.width);
        Self { coloured, out: Box::new(stream(Frame::Out)), err, json, quiet, width, audience }
    }

    /// Other streams than the standard ones, and nobody to ask.
    pub fn to(out: Box<dyn Write + Send>, err: Box<dyn Write + Send>, json: bool, quiet: bool) -> Self {
        Self { out, err, coloured: false, json, quiet, width: None, audience: Audience::Nobody }
    }

    /// The answer: as JSON if that was asked for, else as text.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn data(&mut self, data: &impl Serialize, text: impl FnOnce(Option<u16>) -> String) -> io::Result<()> {
        let mut shown = if self.json { escape::json(&serde_json::to_string(data)?) } else { text(self.width) };
        if !shown.is_empty() && !shown.ends_with('\n') {
            shown.push('\n');
        }
        if !self.coloured {
            shown = anstream::adapter::strip_str(&shown).to_string();
        }
        self.bytes(shown.as_bytes())
    }

    /// Data that is not ours to change: a file that is written to standard output.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    /// A line of JSON whose bytes count: as it is for files and programs, safe to look at on a terminal.
    ///
    /// # Errors
    /// When it can't be written.
    pub(super) fn exact(&mut self, line: &str) -> io::Result<()> {
        let line = if self.width.is_some() { escape::json(line) } else { line.to_owned() };
        self.bytes((line + "\n").as_bytes())
    }

    /// Something that is good to know and is not the answer.
    pub fn note(&mut self, text: &str) {
        if !self.quiet && !self.json {
            self.say(text);
        }
    }

    /// Shows how far something is that may take long, where somebody looks.
    pub fn progress(&self, doing: &'static str) -> Progress {
        match &self.audience {
            _ if self.quiet || self.json => Progress::hidden(),
            Audience::Nobody => Progress::hidden(),
            Audience::Here(_) => Progress::shown(doing),
            Audience::Elsewhere(caller, _) => Progress::sent(Arc::clone(caller), doing),
        }
    }

    /// Whether somebody looks at what is not data.
    pub fn is_seen(&self) -> bool {
        !matches!(self.audience, Audience::Nobody)
    }

    /// Whether the answer is asked for as JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// What went wrong: what, why, and what to do.
    pub fn problem(&mut self, problem: &Problem) {
        if self.json {
            self.say(&escape::json(&json!({ "error": problem }).to_string()));
            return;
        }
        self.say(&format!("\x1b[1;31merror:\x1b[0m {}", block(&problem.what)));
        if let Some(why) = &problem.why {
            self.say(&format!("  \x1b[1mwhy:\x1b[0m {}", block(why)));
        }
        if let Some(hint) = problem.hint.as_ref().filter(|hint| !hint.is_empty()) {
            self.say(&format!(" \x1b[1mhint:\x1b[0m {}", block(hint)));
        }
    }

    /// Asks, and takes `y` and `yes` for a yes. `None` when nobody is there to answer.
    ///
    /// # Errors
    /// When the question can't be written or the answer can't be read.
    pub async fn ask(&mut self, question: &str) -> io::Result<Option<bool>> {
        let answer = match &self.audience {
            Audience::Nobody | Audience::Here(false) | Audience::Elsewhere(_, false) => return Ok(None),
            Audience::Here(true) => None,
            Audience::Elsewhere(caller, true) => Some(Arc::clone(caller)),
        };
        self.err.write_all(format!("{question} [y/N] ").as_bytes())?;
        self.err.flush()?;
        let answer = match answer {
            Some(caller) => caller.line().await?,
            None => typed_line().await?,
        };
        Ok(Some(["y", "yes"].contains(&answer.trim().to_lowercase().as_str())))
    }

    /// What a command that is carried out elsewhere has for standard output: as it is, but for what a terminal would obey.
    ///
    /// # Errors
    /// When it can't be written.
    pub(super) fn passed_on(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.width.is_none() {
            return self.bytes(bytes);
        }
        self.bytes(escape::coloured(&String::from_utf8_lossy(bytes)).as_bytes())
    }

    /// The same, for standard error.
    pub(super) fn passed_on_beside(&mut self, bytes: &[u8]) {
        let _ = match self.audience {
            Audience::Here(_) => self.err.write_all(escape::coloured(&String::from_utf8_lossy(bytes)).as_bytes()),
            Audience::Nobody | Audience::Elsewhere(..) => self.err.write_all(bytes),
        };
    }

    /// One line to standard error. If nobody can read that either, there is nobody to tell.
    pub fn say(&mut self, text: &str) {
        let _ = self.err.write_all(format!("{text}\n").as_bytes());
    }
}

/// A line from standard input.
pub(super) async fn typed_line() -> io::Result<String> {
    // On a thread of its own that nobody waits for: whoever is asked may want to end the program instead.
    let (send, receive) = oneshot::channel();
    thread::spawn(move || {
        let mut answer = String::new();
        let _ = send.send(io::stdin().lock().read_line(&mut answer).map(|_| answer));
    });
    receive.await.unwrap_or_else(|_| Err(io::ErrorKind::UnexpectedEof.into()))
}
