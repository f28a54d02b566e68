//! Webhooks: addresses that events are sent to, in order and at least once.
//!
//! The entity remembers up to which event its receiver has everything, so that sending goes on there after a restart. One
//! whose receiver does not answer for days is disabled, and says why.

mod selection;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::text::check_line;
use super::{Decision, Entity, Generation, Input, Rejection, StageId, Target, Timestamp};

pub use selection::Selection;

/// Most webhooks of a data folder.
pub const WEBHOOKS_MAX: usize = 100;
/// Longest URL.
pub const URL_BYTES_MAX: usize = 2_000;
/// Longest sentence about why a receiver can't be reached; what is longer is cut.
pub const PROBLEM_BYTES_MAX: usize = 500;
/// How long sending is tried before the webhook is disabled.
pub const FAILING_MOST: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// The kind of entity that a webhook is.
#[derive(Clone, Debug)]
pub enum WebhookKind {}

/// Up to which event a receiver has everything: a frame of the log, and how many of its events.
pub type Reached = (u64, u32);

/// What deliveries are signed with. Shown once, to who made it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A webhook. The default is one that nobody has made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Where it is and what it wants; `None` for one that nobody has made, or that was removed.
    pub hook: Option<Hook>,
}

/// Where a webhook is, what it wants, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// Where events are sent to.
    pub url: String,
    /// What deliveries are signed with.
    pub secret: Secret,
    /// Which events it wants.
    pub selection: Selection,
    /// Whether events are sent.
    pub enabled: bool,
    /// Up to which event its receiver has everything.
    pub reached: Reached,
    /// Since when every delivery fails.
    pub failing_since: Option<Timestamp>,
    /// Why the last delivery failed, or it was disabled.
    pub problem: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What can be asked of a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Makes it.
    Create {
        /// Where events are sent to.
        url: String,
        /// What deliveries are signed with.
        secret: Secret,
        /// Which events it wants.
        selection: Selection,
        /// What happened up to here is not sent.
        after: Reached,
    },
    /// Changes what is named.
    Change {
        /// Where events are sent to.
        url: Option<String>,
        /// Which events it wants.
        selection: Option<Selection>,
        /// Whether events are sent. Enabled again, it goes on where it was.
        enabled: Option<bool>,
    },
    /// Gives it another secret.
    Rotate {
        /// What deliveries are signed with from now on.
        secret: Secret,
    },
    /// Removes it.
    Remove,
    /// Its receiver has everything up to here.
    Delivered {
        /// The last event.
        upto: Reached,
    },
    /// A delivery failed.
    Failed {
        /// Why.
        problem: String,
        /// Whether its receiver does not want any more, ever.
        for_good: bool,
    },
}

/// What happened to a webhook. An event sets what it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// It was made.
    Created(Box<Hook>),
    /// It is sent to another URL.
    Url(String),
    /// It wants other events.
    Selection(Selection),
    /// It has another secret.
    Rotated(Secret),
    /// It was enabled, or disabled: by a person, or for this reason.
    Enabled(bool, Option<String>),
    /// It was removed.
    Removed,
    /// Its receiver has everything up to here, and does not fail any more.
    Delivered(Reached),
    /// Deliveries fail since then, lately for this reason.
    Failing(Timestamp, String),
}

impl Entity for WebhookKind {
    const KIND: &'static str = "webhook";

    type State = Webhook;
    type Command = Command;
    type Event = Event;
    type Reply = ();
    type Effect = ();

    fn target(_: &Command) -> Option<Target> {
        None
    }

    fn retarget(_: &mut Command, _: Generation) {}

    fn decide(state: &Webhook, command: &Command, input: &Input<'_>) -> Result<Decision<Self>, Rejection> {
        let mut decision = Decision::reply(());
        decision.events = match (&state.hook, command) {
            (None, Command::Create { url, secret, selection, after }) if input.revision == 0 => {
                check_url(url)?;
                selection.check()?;
                vec![Event::Created(Box::new(Hook {
                    url: url.clone(),
                    secret: secret.clone(),
                    selection: selection.clone(),
                    enabled: true,
                    reached: *after,
                    failing_since: None,
                    problem: None,
                    created_at: input.now,
                }))]
            }
            (_, Command::Create { .. }) => return Err(Rejection::exists("webhook", input.id)),
            (None, _) => return Err(Rejection::not_found("webhook", input.id)),
            (Some(hook), command) => happens(hook, command, input.now)?,
        };
        Ok(decision)
    }

    fn apply(state: &mut Webhook, event: &Event, _: Timestamp) {
        if let Event::Created(hook) = event {
            state.hook = Some((**hook).clone());
        }
        let Some(hook) = &mut state.hook else { return };
        match event {
            Event::Created(_) => {}
            Event::Url(url) => hook.url.clone_from(url),
            Event::Selection(selection) => hook.selection.clone_from(selection),
            Event::Rotated(secret) => hook.secret.clone_from(secret),
            Event::Enabled(enabled, why) => {
                hook.enabled = *enabled;
                hook.failing_since = None;
                hook.problem.clone_from(why);
            }
            Event::Removed => state.hook = None,
            Event::Delivered(reached) => {
                hook.reached = *reached;
                hook.failing_since = None;
                hook.problem = None;
            }
            Event::Failing(since, why) => {
                hook.failing_since = Some(*since);
                hook.problem = Some(why.clone());
            }
        }
    }

    fn restore(_: &mut Webhook, _: &Webhook, _: &[StageId], _: Timestamp) {}
}

/// What a command comes to for a webhook that is there.
fn happens(hook: &Hook, command: &Command, now: Timestamp) -> Result<Vec<Event>, Rejection> {
    Ok(match command {
        Command::Create { .. } => Vec::new(),
        Command::Change { url, selection, enabled } => {
            if let Some(url) = url {
                check_url(url)?;
            }
            if let Some(selection) = selection {
                selection.check()?;
            }
            let url = url.iter().filter(|url| **url != hook.url).cloned().map(Event::Url);
            let selection = selection.iter().filter(|new| **new != hook.selection).cloned().map(Event::Selection);
            let enabled = enabled.filter(|enabled| *enabled != hook.enabled).map(|to| Event::Enabled(to, None));
            url.chain(selection).chain(enabled).collect()
        }
        Command::Rotate { secret } => vec![Event::Rotated(secret.clone())],
        Command::Remove => vec![Event::Removed],
        // One that was under way when the next had been told already.
        Command::Delivered { upto } if *upto <= hook.reached => Vec::new(),
        Command::Delivered { upto } => vec![Event::Delivered(*upto)],
        Command::Failed { .. } if !hook.enabled => Vec::new(),
        Command::Failed { problem, for_good } => {
            let problem = cut(problem);
            let since = hook.failing_since.unwrap_or(now);
            if *for_good || now.since(since) >= FAILING_MOST {
                vec![Event::Enabled(false, Some(problem))]
            } else if hook.failing_since.is_some() && hook.problem.as_ref() == Some(&problem) {
                Vec::new()
            } else {
                vec![Event::Failing(since, problem)]
            }
        }
    })
}

fn check_url(url: &str) -> Result<(), Rejection> {
    check_line("url", url, URL_BYTES_MAX)
}

fn cut(text: &str) -> String {
    let end = (0..=text.len().min(PROBLEM_BYTES_MAX)).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default().to_owned()
}
