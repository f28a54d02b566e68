//! Command lines that are typed elsewhere and carried out here. What can be done, and how, is not this server's to say:
//! whoever starts it hands that in.

use std::fmt::Debug;
use std::path::PathBuf;
use std::pin::Pin;

use futures_util::Stream;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::access::Role;

/// Carries command lines out.
pub trait Commands: Debug + Send + Sync + 'static {
    /// What a caller has to be allowed to have these arguments carried out.
    ///
    /// # Errors
    /// They can't be carried out by a server, and why.
    fn role(&self, arguments: &[String]) -> Result<Role, String>;

    /// Begins. Ends as if interrupted when what it says is dropped.
    ///
    /// # Errors
    /// Too many are under way.
    fn start(&self, line: CommandLine) -> Result<Lines, CommandError>;

    /// Takes what a command wanted of its caller, who is named.
    ///
    /// # Errors
    /// Why not.
    fn input(&self, caller: &str, command: &str, input: CommandInput) -> Result<(), CommandError>;

    /// Has a command end, as Ctrl-C does.
    ///
    /// # Errors
    /// There is none of this name and caller.
    fn interrupt(&self, caller: &str, command: &str) -> Result<(), CommandError>;
}

/// What a command says, as lines of JSON.
pub type Lines = Pin<Box<dyn Stream<Item = Vec<u8>> + Send>>;

/// A command line, and who typed it where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandLine {
    /// The arguments, without the program.
    pub arguments: Vec<String>,
    /// Who calls: a name that is told by what they showed.
    pub caller: String,
    /// Who asks, for histories.
    pub by: String,
    /// Where they ask from.
    pub from: String,
    /// What they may do.
    pub role: Role,
    /// Whether what goes back is done only when its plan was seen: `--yes` says nothing then.
    pub confirm: bool,
    /// The folder it was typed in, if that is on this machine.
    pub folder: Option<PathBuf>,
    /// What the standard streams are there.
    pub terminal: Terminal,
}

/// What the standard streams of a caller are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Terminal {
    /// Columns, where people see what is answered.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 65_535)]
    pub width: Option<u16>,
    /// Whether what is answered may have colours.
    #[serde(default)]
    pub coloured: bool,
    /// Whether notes and errors may.
    #[serde(default)]
    pub coloured_errors: bool,
    /// Whether people see notes and errors.
    #[serde(default)]
    pub is_seen: bool,
    /// Whether somebody is there to be asked.
    #[serde(default)]
    pub asks: bool,
}

/// What a command wanted of its caller, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandInput {
    /// The number under which it was wanted.
    pub number: u64,
    /// Which part this is, from 0.
    pub part: u64,
    /// The part.
    pub what: CommandPart,
}

/// A part of what a command wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandPart {
    /// Some bytes.
    Data(Vec<u8>),
    /// There are no more.
    End,
    /// It can't be had, for this error of the caller's system.
    Failed(i32),
}

/// Why a command, or something for it, is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// As many as may are under way.
    #[error("too many commands are under way")]
    TooMany,
    /// There is none of this name, or it has ended.
    #[error("there is no such command under way")]
    Unknown,
    /// It does not want this.
    #[error("the command does not want this")]
    Unwanted,
    /// A part before this one is missing.
    #[error("a part before this one is missing")]
    OutOfOrder,
    /// It has to read first what it was sent.
    #[error("the command has not read yet what it was sent")]
    Busy,
}
