//! Whole conversations into a step.

use std::collections::HashMap;

use super::error::Error;
use super::transcript::is_named_by_place;
use super::workshops::Workshop;
use crate::domain::limits::MESSAGE_BYTES_MAX;
use crate::domain::workshop::{Message, Outcome};
use crate::domain::{Rejection, StageId};

/// Most messages that are saved in one turn.
const MESSAGES_PER_TURN: usize = 64;
/// About the most bytes that are saved in one turn.
const BYTES_PER_TURN: usize = 8 << 20;

/// What became of an imported conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// What became of each message, in order.
    pub outcomes: Vec<(String, Outcome)>,
    /// The workshop's revision after the last of them.
    pub revision: u64,
}

impl Workshop {
    /// Saves a conversation that was [read](super::transcript::read) from a file, in as many turns as it needs. All of
    /// it goes to the generation that holds when it begins: if the step goes back meanwhile, the rest is turned away, and
    /// what is kept of it is an orphan. Imported again, what is there stays as it is.
    ///
    /// # Errors
    /// A message that is too large, or one without an id whose place in the file another one has in the step: nothing is
    /// saved then. As of [`save`](Self::save): what was saved before stays.
    pub async fn import(&self, step: &StageId, messages: Vec<Message>) -> Result<Imported, Error> {
        let view = self.view().await?;
        view.state.step(step)?;
        let to = if self.names_generation() { self.clone() } else { self.under(view.generation(step)) };
        to.check_import(step, &messages).await?;
        let mut imported = Imported { outcomes: Vec::new(), revision: view.revision };
        for turn in in_turns(messages) {
            let receipt = to.save(step, turn).await?;
            imported.outcomes.extend(receipt.reply);
            imported.revision = receipt.revision;
        }
        Ok(imported)
    }

    /// Refuses what can't be saved, and messages without ids of another file than the one that is there: the ids that
    /// they get by their place would stand for other messages.
    async fn check_import(&self, step: &StageId, messages: &[Message]) -> Result<(), Error> {
        if messages.iter().any(|message| message.content.len() > MESSAGE_BYTES_MAX) {
            return Err(Rejection::limit("bytes of a message", MESSAGE_BYTES_MAX).into());
        }
        if !messages.iter().any(is_named_by_place) {
            return Ok(());
        }
        let all = self.conversation(step).await?;
        let own = all.into_iter().filter(|stored| stored.session == self.session_name()).map(|stored| stored.message);
        let there: HashMap<_, _> = own.map(|message| (message.id, (message.role, message.content))).collect();
        let is_other = |message: &&Message| {
            let known = there.get(&message.id);
            known.is_some_and(|(role, content)| *role != message.role || *content != message.content)
        };
        match messages.iter().filter(|message| is_named_by_place(message)).find(is_other) {
            None => Ok(()),
            Some(message) => {
                let why = format!("{step} has another message {} already", message.id);
                let hint = "its messages have no ids: import it beside what is there, into a session of its own";
                Err(Rejection::conflict("importing the conversation", why, hint).into())
            }
        }
    }
}

/// Splits messages so that each part fits a turn.
fn in_turns(messages: Vec<Message>) -> Vec<Vec<Message>> {
    let mut turns: Vec<Vec<Message>> = Vec::new();
    let mut bytes = 0_usize;
    for message in messages {
        let source = message.source.as_ref().map_or(0, |s| s.before.len() + s.json.len() + s.after.len());
        let size = message.content.len().saturating_add(source);
        bytes = bytes.saturating_add(size);
        match turns.last_mut() {
            Some(turn) if bytes <= BYTES_PER_TURN && turn.len() < MESSAGES_PER_TURN => turn.push(message),
            _ => {
                turns.push(vec![message]);
                bytes = size;
            }
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_fits_a_turn_and_no_message_is_lost_or_moved() {
        let message = |n: usize, bytes| Message::user(format!("m{n}"), "x".repeat(bytes));
        let sizes = [3 << 20, 3 << 20, 3 << 20, 1, 9 << 20, 1].into_iter().chain(std::iter::repeat_n(1, 200));
        let messages: Vec<_> = sizes.enumerate().map(|(n, bytes)| message(n, bytes)).collect();
        let turns = in_turns(messages.clone());
        assert!(turns.iter().all(|turn| turn.len() <= MESSAGES_PER_TURN));
        let bytes = |turn: &Vec<Message>| turn.iter().map(|message| message.content.len()).sum::<usize>();
        assert!(turns.iter().all(|turn| turn.len() == 1 || bytes(turn) <= BYTES_PER_TURN));
        assert_eq!(turns.concat(), messages);
    }
}
