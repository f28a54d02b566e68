//! The server: routes, JSON, who may do what, limits, the event stream. Names the facade, and nothing below it.

mod address;
mod answer;
mod auth;
mod body;
mod caller;
mod commands;
mod confirm;
mod docs;
mod edge;
mod health;
mod metrics;
mod openapi;
mod options;
mod page;
mod problem;
mod routes;
mod server;
mod state;
mod streams;
mod terms;
mod tls;
mod web;
mod wire;

pub use commands::{CommandError, CommandInput, CommandLine, CommandPart, Commands, Lines, Terminal};
pub use options::{Adjustable, Limits, ServerOptions};
pub use server::{RunningServer, Server, ServerError, StopError};
pub use tls::{TlsError, TlsFiles};
