//! One entity, one turn: from a request to a batch, and from what is stored back to an entity.
//!
//! Everything here is synchronous, takes the time as an argument, and knows nothing of actors. The order of a turn is
//! told in [`turn`].

mod audit;
mod codec;
mod content;
mod held;
mod inflight;
mod instance;
mod keys;
mod orphan;
mod proposal;
pub mod query;
mod record;
mod request;
mod seal;
mod sweep;
mod turn;
mod undo;
mod verify;

pub use audit::Audit;
pub use codec::CodecError;
pub use content::{Page, PageRange};
pub use instance::{Commit, Handled, Instance, Owed};
pub use orphan::LateCommand;
pub use query::{Asked, Committed, DueTimer, Turn};
pub use record::{Change, Entry, Orphan, Record, UndoPoint};
pub use request::{Answer, Ask, EngineOptions, Failure, Receipt, Request, Terms, View};
pub use sweep::next_sweep;
pub use verify::Unsound;
pub(crate) use verify::verify;

#[cfg(test)]
mod tests;
