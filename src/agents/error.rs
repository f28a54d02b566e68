//! What can go wrong with an agent, and what to do about it.

use std::path::PathBuf;

use thiserror::Error;

/// An agent that could not be started, or could not be ended.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The program is not there.
    #[error("there is no program {0:?}")]
    NoProgram(String),
    /// The program can't be started.
    #[error("{program:?} can't be started: {why}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        why: String,
    },
    /// A sandbox is asked for and there is none: why.
    #[error("the agent is to run in a sandbox, and {0}")]
    NoSandbox(String),
    /// Processes of the agent are still there after all was tried.
    #[error("processes of the agent can't be ended: {0:?}")]
    Alive(Vec<u32>),
    /// The configuration can't be used.
    #[error("{}: {problem}", .file.display())]
    Config {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Reading or writing failed.
    #[error("{doing} {}: {why}", .path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        why: String,
    },
}

impl AgentError {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoProgram(_) => "no_program",
            Self::Start { .. } => "agent_start",
            Self::NoSandbox(_) => "no_sandbox",
            Self::Alive(_) => "agent_alive",
            Self::Config { .. } => "agent_config",
            Self::Io { .. } => "io",
        }
    }

    /// What to do about it, as a sentence.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoProgram(_) => "install it, or name another agent in the configuration: restage agent list",
            Self::Start { .. } => "check that it may be run, and run it by hand",
            Self::NoSandbox(_) => "install bubblewrap, or set sandbox = false for this agent",
            Self::Alive(_) => "end them by hand, then ask again",
            Self::Config { .. } => "correct the file; restage agent list shows what is understood",
            Self::Io { .. } => "check the permissions, and whether the disk is full",
        }
    }
}
