//! What is asked of an agent, and what it says.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A command to be started.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program and its arguments. Never read by a shell.
    pub command: Vec<String>,
    /// Where it works.
    pub worktree: PathBuf,
    /// Variables beyond the few that every agent gets.
    pub environment: BTreeMap<String, String>,
    /// Variables of our own environment that it gets too, by name: a key of a chat service, for instance.
    pub pass: Vec<String>,
    /// What it is to do.
    pub prompt: String,
    /// How it is told.
    pub prompt_by: PromptBy,
    /// What it is known by.
    pub mark: Mark,
    /// It is ended after this long.
    pub time_out: Duration,
    /// How long it has between being asked to end and being killed.
    pub grace: Duration,
    /// What it can't reach.
    pub sandbox: Sandbox,
    /// A folder for what it needs while it runs: a prompt file, a home. Removed at its end.
    pub scratch: PathBuf,
}

/// How an agent is told what to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PromptBy {
    /// On its standard input, which is then closed.
    #[default]
    Stdin,
    /// In a file, whose path is in `RESTAGE_PROMPT_FILE` and in place of `{prompt_file}` among the arguments.
    File,
}

/// What an agent can't reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sandbox {
    /// It runs as this user, with all that this user may.
    #[default]
    Off,
    /// It sees the system read-only, its worktree and the repository's objects and refs; with or without the network.
    Bubblewrap {
        /// The directory that all worktrees of the repository share.
        common: PathBuf,
        /// Whether it reaches the network.
        network: bool,
    },
}

/// What an agent and all its descendants are known by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mark {
    /// The data folder's id.
    pub store: String,
    /// The task.
    pub task: String,
    /// The run.
    pub run: u64,
}

impl Mark {
    /// The variable that holds it in the environment of an agent and of all that come of it.
    pub const VARIABLE: &'static str = "RESTAGE_RUN";
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.store, self.task, self.run)
    }
}

/// An agent that was started, as it is found again after a crash of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// Its process id.
    pub pid: u32,
    /// When it was started, in ticks since boot: no other process of the same id has the same.
    pub start_time: u64,
    /// The boot it was started in.
    pub boot: String,
}

/// Which stream a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Something that an agent said.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// A line for people to read.
    Text {
        /// Where it came from.
        stream: Stream,
        /// The line, without its end; bytes that are no text are U+FFFD.
        text: String,
        /// Whether it was longer than a line may be, and was cut.
        cut: bool,
    },
    /// A line of the protocol.
    Said(Said),
    /// Lines that were left out, because there were too many: how many bytes.
    Left(u64),
}

/// A line of the protocol: a JSON object with the key `restage`, on standard output.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// `{"restage":"todos","items":[{"text":"…","done":false}]}`: the whole list, in place of the one before.
    Todos(Vec<Todo>),
    /// `{"restage":"output","text":"…"}`: the stage's output, in place of the one before.
    Output(String),
    /// `{"restage":"handoff","text":"…"}`: what the next stage has to know.
    Handoff(String),
    /// `{"restage":"continue","text":"…"}`: what whoever goes on with this stage has to know, should this run end early.
    Continue(String),
    /// `{"restage":"session","id":"…"}`: under which id the agent can go on with its session.
    Session(String),
    /// `{"restage":"score","value":0.93}`: a review's score, 0 to 1.
    Score(f64),
    /// `{"restage":"result","passed":true}`: whether what was verified holds.
    Result(bool),
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Todo {
    /// What.
    pub text: String,
    /// Whether it is done.
    pub done: bool,
}

/// How an agent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// By itself, with this code.
    Exited(i32),
    /// By a signal that we did not send.
    Signal(i32),
    /// By us, since its time was over.
    TimedOut,
    /// By us, since it was asked for.
    Stopped,
}
