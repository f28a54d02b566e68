//! Saving messages: which version of a message stays, and where it lies.

use std::collections::HashMap;

use super::command::{Command, Event};
use super::content::{Mark, mark_path, message_path};
use super::message::{Message, Outcome, SESSION_BYTES_MAX, Source, StoredMessage};
use super::state::{Fingerprint, StepState, Workshop};
use super::turn::Turn;
use crate::domain::limits::{
    ACTOR_NAME_BYTES_MAX, MESSAGE_BYTES_MAX, MESSAGE_ID_BYTES_MAX, MESSAGES_PER_SAVE_MAX, TURN_BYTES_MAX,
};
use crate::domain::stored::{decode, encode};
use crate::domain::text::check_line;
use crate::domain::{Read, Rejection, StageId};

/// When a message takes the place of an earlier version of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Replace {
    /// When it is the better version: saving twice and late is harmless.
    Better,
    /// Whatever is there.
    Always,
}

/// The marks of messages that are to be saved. Names that will be refused are left out.
pub(super) fn reads(state: &Workshop, stage: &StageId, session: &str, messages: &[Message]) -> Vec<Read> {
    let valid = state.get(stage).is_some_and(StepState::is_begun)
        && check_session(session).is_ok()
        && messages.len() <= MESSAGES_PER_SAVE_MAX;
    let messages = if valid { messages } else { &[] };
    let named = messages.iter().filter(|message| check_line("id", &message.id, MESSAGE_ID_BYTES_MAX).is_ok());
    named.map(|message| Read::Content(stage.clone(), mark_path(session, &message.id))).collect()
}

/// Saves messages, each if it is new or takes the place of what is there.
pub(super) fn save(
    turn: &mut Turn<'_>,
    stage: &StageId,
    session: &str,
    messages: &[Message],
    replace: Replace,
) -> Result<Vec<(String, Outcome)>, Rejection> {
    let step = turn.open_step(stage, "saving messages")?;
    check_session(session)?;
    if messages.len() > MESSAGES_PER_SAVE_MAX {
        return Err(Rejection::limit("messages in one save", MESSAGES_PER_SAVE_MAX));
    }
    for message in messages {
        check(turn, stage, message)?;
    }
    let mut ordinal_next = step.messages;
    let mut marks: HashMap<&str, Mark> = HashMap::new();
    let mut outcomes = Vec::with_capacity(messages.len());
    for message in messages {
        let stored = turn.input.content(stage, &mark_path(session, &message.id));
        let stored = stored.map(|bytes| decode::<Mark>("message mark", bytes)).transpose()?;
        let old = marks.get(message.id.as_str()).copied().or(stored);
        let new = mark(message, old.map_or(ordinal_next, |old| old.ordinal));
        let outcome = outcome(old.as_ref(), &new, message, replace);
        if matches!(outcome, Outcome::Stored | Outcome::Replaced) {
            ordinal_next = ordinal_next.max(new.ordinal.saturating_add(1));
            marks.insert(&message.id, new);
            put(turn, stage, session, message, &new, &step)?;
        }
        outcomes.push((message.id.clone(), outcome));
    }
    Ok(outcomes)
}

/// Writes one message and its mark.
fn put(
    turn: &mut Turn<'_>,
    stage: &StageId,
    session: &str,
    message: &Message,
    mark: &Mark,
    step: &StepState,
) -> Result<(), Rejection> {
    let mut message = message.clone();
    message.sub_step = message.sub_step.or_else(|| step.sub_step.clone());
    let mark_at = mark_path(session, &message.id);
    let stored = StoredMessage { ordinal: mark.ordinal, session: session.to_owned(), at: turn.input.now, message };
    turn.write(stage, message_path(mark.ordinal), encode("message", &stored)?);
    turn.write(stage, mark_at, encode("message mark", mark)?);
    turn.happen(Event::Saved { stage: stage.clone(), ordinal: mark.ordinal });
    Ok(())
}

fn outcome(old: Option<&Mark>, new: &Mark, message: &Message, replace: Replace) -> Outcome {
    let Some(old) = old else {
        return if message.content.is_empty() { Outcome::Skipped } else { Outcome::Stored };
    };
    if message.content.is_empty() {
        Outcome::Skipped
    } else if old.digest == new.digest && old.finished == new.finished {
        Outcome::Unchanged
    } else if replace == Replace::Always || better(new, old) {
        Outcome::Replaced
    } else {
        Outcome::Kept
    }
}

/// Finished wins over unfinished, a longer snapshot over a shorter one; what is finished stays.
fn better(new: &Mark, old: &Mark) -> bool {
    !old.finished && (new.finished || new.bytes > old.bytes)
}

/// Whether `new` is the better version of the same message.
pub(super) fn supersedes(new: &Command, old: &Command) -> bool {
    match (single(new), single(old)) {
        (Some((_, _, new)), Some((_, _, old))) => !new.content.is_empty() && better(&mark(new, 0), &mark(old, 0)),
        _ => true,
    }
}

/// One message of one step and session is one thing, however often it is saved.
pub(super) fn draft_key(command: &Command) -> Option<Vec<u8>> {
    let (stage, session, message) = single(command)?;
    Some([stage.as_str(), session, &message.id].join("\0").into_bytes())
}

fn single(command: &Command) -> Option<(&StageId, &str, &Message)> {
    match command {
        Command::Save { stage, session, messages, .. } => match messages.as_slice() {
            [message] => Some((stage, session, message)),
            _ => None,
        },
        _ => None,
    }
}

fn mark(message: &Message, ordinal: u64) -> Mark {
    Mark {
        ordinal,
        finished: message.finished,
        bytes: u64::try_from(message.content.len()).unwrap_or(u64::MAX),
        digest: Fingerprint::of(&[message.role.name().as_bytes(), message.content.as_bytes()]),
    }
}

fn check_session(session: &str) -> Result<(), Rejection> {
    check_line("session", session, SESSION_BYTES_MAX)
}

fn check(turn: &Turn<'_>, stage: &StageId, message: &Message) -> Result<(), Rejection> {
    check_line("message id", &message.id, MESSAGE_ID_BYTES_MAX)?;
    if message.content.len() > MESSAGE_BYTES_MAX {
        return Err(Rejection::limit("bytes of a message", MESSAGE_BYTES_MAX));
    }
    if let Some(Source { before, json, after }) = &message.source {
        let bytes = before.len().saturating_add(json.len()).saturating_add(after.len());
        if bytes > TURN_BYTES_MAX / 2 {
            return Err(Rejection::limit("bytes that a message was imported from", TURN_BYTES_MAX / 2));
        }
    }
    if let Some(by) = &message.by {
        check_line("name of the writer", by, ACTOR_NAME_BYTES_MAX)?;
    }
    match &message.sub_step {
        Some(sub_step) => turn.state.check_sub_step(stage, sub_step),
        None => Ok(()),
    }
}

/// Replaces one message on purpose.
pub(super) fn edit(
    turn: &mut Turn<'_>,
    stage: &StageId,
    session: &str,
    message: &Message,
) -> Result<Vec<(String, Outcome)>, Rejection> {
    if message.content.is_empty() {
        return Err(Rejection::invalid("message", "an edit can't leave it without content"));
    }
    if !message.finished {
        return Err(Rejection::invalid("message", "an edit is a finished message"));
    }
    save(turn, stage, session, std::slice::from_ref(message), Replace::Always)
}
