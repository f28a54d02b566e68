//! The server: routes, JSON, who may do what, limits, the event stream. Names the facade, and nothing below it.

mod answer;
mod body;
mod caller;
mod commands;
mod edge;
mod health;
mod openapi;
mod options;
mod page;
mod problem;
mod routes;
mod server;
mod state;
mod terms;
mod wire;

pub use commands::{CommandError, CommandInput, CommandLine, CommandPart, Commands, Lines, Terminal};
pub use options::{Adjustable, Limits, ServerOptions};
pub use server::{RunningServer, Server, ServerError, StopError};
