//! Commands that are typed in one place and carried out in another: a server that holds the data folder runs the very
//! code that would run here, and what it says, asks, reads and writes goes over the connection.

mod client;
mod frame;
mod pipe;
mod session;

pub(super) use client::{Line, forward};
pub(super) use frame::{Data, Frame, Terminal, Want};
pub(super) use session::{Session, Stream};
