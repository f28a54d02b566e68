//! Commands that are typed in one place and carried out in another: a server that holds the data folder runs the very
//! code that would run here, and what it says, asks, reads and writes goes over the connection.

mod client;
mod frame;
mod pipe;
#[cfg(feature = "http")]
mod server;
mod session;

pub(super) use client::{Line, forward};
pub(super) use frame::{Frame, Terminal};
#[cfg(feature = "http")]
pub(super) use server::CommandServer;
pub(super) use session::{Session, Stream};
