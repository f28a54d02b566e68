//! Who may call the server: tokens of programs, sessions of browsers, and links that sign a browser in once.
//!
//! Nothing that opens a door is kept: of tokens, sessions and links there are SHA-256 digests only. Every change is
//! audited, and none can be undone: what was revoked stays revoked.

mod command;
mod denials;
pub mod limits;
mod role;
mod rules;
mod state;
#[cfg(test)]
mod tests;

pub use command::{Command, Denial, Event, Reply};
pub use denials::Denials;
pub use role::Role;
pub use state::{Access, Secret, Session, Standing, Token};

use super::{Decision, Entity, Generation, Input, Rejection, StageId, Target, Timestamp};

/// The id of the one entity of this kind.
pub const MAIN: &str = "main";

/// The kind of entity that keeps who may call. There is one, [`MAIN`].
#[derive(Clone, Debug)]
pub enum AccessKind {}

impl Entity for AccessKind {
    const KIND: &'static str = "access";

    type State = Access;
    type Command = Command;
    type Event = Event;
    type Reply = Reply;
    type Effect = ();

    fn target(_: &Command) -> Option<Target> {
        None
    }

    fn retarget(_: &mut Command, _: Generation) {}

    fn decide(state: &Access, command: &Command, input: &Input<'_>) -> Result<Decision<Self>, Rejection> {
        rules::decide(state, command, input)
    }

    fn apply(state: &mut Access, event: &Event, at: Timestamp) {
        state.apply(event, at);
    }

    fn restore(_: &mut Access, _: &Access, _: &[StageId], _: Timestamp) {}
}
