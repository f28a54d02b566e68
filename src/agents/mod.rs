//! What does a stage's work: a command in a session of its own, its output line by line, and its sure end.
//!
//! An agent is a program that the configuration names. It is given a prompt and a worktree, and says what it has to say in
//! lines. It may fork, leave its group, fill the disk, or never end: whatever it does, [`Agent`] and [`end_leftovers`] find
//! it and all that came of it. `docs/agents.md` says by what, and what is promised.
//!
//! | to know | read |
//! |---|---|
//! | what is asked of an agent and what it says | `types`, `protocol` |
//! | which agents there are | `config`, `built_in` |
//! | what one is started with | `start`, `program`, `environment`, `sandbox` |
//! | how it is followed | `agent`, `reader`, `output` |
//! | what answers in a conversation | `chat` |
//! | how it is ended, and who is it | `ending`, `trail`, `control_group`, `process` |

mod agent;
mod built_in;
#[cfg(feature = "http")]
pub mod chat;
mod config;
mod control_group;
mod ending;
mod environment;
mod error;
mod output;
mod process;
mod program;
mod protocol;
mod reader;
mod sandbox;
mod start;
#[cfg(test)]
mod tests;
mod trail;
mod types;

pub use agent::Agent;
pub use config::{AgentConfig, AgentSpec};
pub use ending::end_leftovers;
pub use error::AgentError;
pub use types::{Ended, Launch, Line, Mark, PromptBy, Said, Sandbox, Started, Stream, Todo};
