//! Conversations in and out, byte for byte.

use std::collections::HashMap;
use std::io::{self, BufRead};
use std::path::Path;

use serde_json::json;
use tokio::sync::mpsc;

use super::talk::word;
use super::{Call, under};
use crate::api::limits::MESSAGE_BYTES_MAX;
use crate::api::transcript::{self, LineReader};
use crate::api::workshop::{MAIN_SESSION, Message, Outcome as Saved, Role};
use crate::api::{Generation, Rejection, StageId, Workshop};
use crate::cli::args::workshop::{ExportArgs, ImportArgs};
use crate::cli::call::count;
use crate::cli::site::Site;
use crate::cli::stop::{Outcome, Stop};

/// Most messages that are saved in one turn.
const MESSAGES_PER_TURN: usize = 64;
/// About the most bytes that are saved in one turn.
const BYTES_PER_TURN: usize = 8 << 20;

/// What messages from a stream are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrives {
    /// Each one once.
    Whole,
    /// Snapshots of messages that grow: an id may come again.
    AsDrafts,
}

pub(super) async fn import(call: &mut Call<'_>, args: ImportArgs) -> Outcome {
    let (workshop, step, _) = call.step(&args.step, None).await?;
    let session = args.session.as_deref().unwrap_or(MAIN_SESSION);
    let workshop = under(workshop, args.generation).session(session);
    let known = Known { workshop: &workshop, step: &step, session, messages: None };
    let mut outcomes = Vec::new();
    let done = if args.file == Path::new("-") {
        import_stream(call, known, &mut outcomes).await
    } else {
        import_file(call, known, &args.file, &mut outcomes).await
    };
    if done.is_err() && !outcomes.is_empty() {
        call.output.note(&format!("saved before that: {}", count(outcomes.len(), "message")));
    } else if done.is_ok() && !call.output.is_json() {
        call.output.data(&(), |_| told(&outcomes, &step))?;
    }
    done
}

/// All of a file, once all of it is known to be good.
async fn import_file(call: &mut Call<'_>, mut known: Known<'_>, file: &Path, outcomes: &mut Vec<Saved>) -> Outcome {
    let mut messages = transcript::read(&call.site.read(file).await?)?;
    known.check(&messages).await?;
    while !messages.is_empty() {
        let rest = messages.split_off(messages.len().min(MESSAGES_PER_TURN));
        save(call, &known, messages, outcomes).await?;
        messages = rest;
    }
    Ok(())
}

/// Messages from standard input: those that have come while others were saved go to disk together.
async fn import_stream(call: &mut Call<'_>, mut known: Known<'_>, outcomes: &mut Vec<Saved>) -> Outcome {
    let mut messages = incoming(call.site, "-".as_ref(), Arrives::Whole).await?;
    let mut batch = Vec::new();
    while messages.recv_many(&mut batch, MESSAGES_PER_TURN).await > 0 {
        let (good, problem) = until_problem(batch.drain(..));
        known.check(&good).await?;
        save(call, &known, good, outcomes).await?;
        if let Some(problem) = problem {
            return Err(problem);
        }
    }
    Ok(())
}

/// Saves messages, and says of each that it is on disk.
async fn save(call: &mut Call<'_>, to: &Known<'_>, messages: Vec<Message>, outcomes: &mut Vec<Saved>) -> Outcome {
    for turn in in_turns(messages) {
        let receipt = to.workshop.save(to.step, turn).await?;
        for (id, outcome) in receipt.reply {
            let answer = json!({ "id": id, "outcome": outcome, "revision": receipt.revision });
            call.output.data(&answer, |_| String::new())?;
            outcomes.push(outcome);
        }
    }
    Ok(())
}

fn told(outcomes: &[Saved], step: &StageId) -> String {
    let of = [Saved::Stored, Saved::Replaced, Saved::Unchanged, Saved::Kept, Saved::Skipped];
    let of = of.map(|outcome| (outcome, outcomes.iter().filter(|o| **o == outcome).count()));
    let parts: Vec<String> =
        of.iter().filter(|(_, n)| *n > 0).map(|(outcome, n)| format!("{n} {}", word(*outcome))).collect();
    format!("{} in {step}: {}", count(outcomes.len(), "message"), parts.join(", "))
}

/// Messages as they come from a file or standard input, read on a thread of its own that nobody waits for.
pub(super) async fn incoming(site: &Site, file: &Path, arrives: Arrives) -> Outcome<mpsc::Receiver<Outcome<Message>>> {
    let source = site.source(file).await?;
    let (send, receive) = mpsc::channel(MESSAGES_PER_TURN);
    let file = file.to_path_buf();
    std::thread::spawn(move || {
        let read = read_stream(source, &file, arrives, &mut |message| send.blocking_send(Ok(message)).is_ok());
        if let Err(problem) = read {
            let _ = send.blocking_send(Err(problem));
        }
    });
    Ok(receive)
}

/// Hands out each message of JSON Lines at once, those of a document at its end. `hand_out` says whether to go on.
fn read_stream(
    mut source: impl BufRead,
    file: &Path,
    arrives: Arrives,
    hand_out: &mut dyn FnMut(Message) -> bool,
) -> Outcome {
    let failed = |error: io::Error| Stop::file("reading", file, &error);
    let mut reader = match arrives {
        Arrives::Whole => LineReader::default(),
        Arrives::AsDrafts => LineReader::of_drafts(),
    };
    let mut line = Vec::new();
    let mut begun = false;
    while source.read_until(b'\n', &mut line).map_err(failed)? > 0 {
        if !begun && arrives == Arrives::Whole && transcript::begins_document(&line) {
            source.read_to_end(&mut line).map_err(failed)?;
            let _ = transcript::read(&line)?.into_iter().all(hand_out);
            return Ok(());
        }
        begun |= !line.trim_ascii().is_empty();
        if let Some(mut message) = reader.feed(&line)? {
            if arrives == Arrives::AsDrafts {
                message.source = None;
            }
            if !hand_out(message) {
                return Ok(());
            }
        }
        line.clear();
    }
    Ok(())
}

fn until_problem(batch: impl Iterator<Item = Outcome<Message>>) -> (Vec<Message>, Option<Stop>) {
    let mut good = Vec::new();
    for message in batch {
        match message {
            Ok(message) => good.push(message),
            Err(problem) => return (good, Some(problem)),
        }
    }
    (good, None)
}

/// Splits messages so that each part fits a turn.
fn in_turns(messages: Vec<Message>) -> Vec<Vec<Message>> {
    let mut turns: Vec<Vec<Message>> = Vec::new();
    let mut bytes = usize::MAX;
    for message in messages {
        let source = message.source.as_ref().map_or(0, |s| s.before.len() + s.json.len() + s.after.len());
        let size = message.content.len() + source;
        bytes = bytes.saturating_add(size);
        match turns.last_mut() {
            Some(turn) if bytes <= BYTES_PER_TURN => turn.push(message),
            _ => {
                turns.push(vec![message]);
                bytes = size;
            }
        }
    }
    turns
}

/// What is in the step already, read when it is first needed.
struct Known<'a> {
    workshop: &'a Workshop,
    step: &'a StageId,
    session: &'a str,
    messages: Option<HashMap<String, (Role, String)>>,
}

impl Known<'_> {
    /// Refuses what can't be saved, and messages without ids of another file than the one that is there: the ids that
    /// they get by their place would stand for other messages.
    async fn check(&mut self, messages: &[Message]) -> Outcome {
        for message in messages {
            if message.content.len() > MESSAGE_BYTES_MAX {
                let mut problem = Stop::from(Rejection::limit("bytes of a message", MESSAGE_BYTES_MAX));
                if let Stop::Problem(problem) = &mut problem {
                    problem.what = format!("message {} has {} bytes", message.id, message.content.len());
                    problem.why = Some(format!("the most is {MESSAGE_BYTES_MAX}"));
                    problem.hint = Some("split it into several".into());
                }
                return Err(problem);
            }
            if !transcript::is_named_by_place(message) {
                continue;
            }
            let there = self.there().await?.get(&message.id);
            if there.is_some_and(|(role, content)| *role != message.role || *content != message.content) {
                let what = format!("{} has another message {} already", self.step, message.id);
                let hint = "its messages have no ids: import it beside what is there, with --session NAME";
                return Err(Stop::problem("conflict", what, hint));
            }
        }
        Ok(())
    }

    async fn there(&mut self) -> Outcome<&HashMap<String, (Role, String)>> {
        if self.messages.is_none() {
            let all = self.workshop.conversation(self.step).await?;
            let own = all.into_iter().filter(|stored| stored.session == self.session).map(|stored| stored.message);
            self.messages = Some(own.map(|message| (message.id, (message.role, message.content))).collect());
        }
        Ok(self.messages.get_or_insert_default())
    }
}

pub(super) async fn export(call: &mut Call<'_>, args: ExportArgs) -> Outcome {
    let (workshop, step, _) = call.step(&args.step, None).await?;
    let session = args.session.as_deref().unwrap_or(MAIN_SESSION);
    let all = match args.generation {
        Some(generation) => workshop.archived(&step, Generation(generation)).await?,
        None => workshop.conversation(&step).await?,
    };
    let messages: Vec<_> =
        all.iter().filter(|stored| stored.session == session).map(|stored| &stored.message).collect();
    let number = messages.len();
    let bytes = transcript::write(messages);
    if args.file == Path::new("-") {
        return Ok(call.output.bytes(&bytes)?);
    }
    call.site.write(&args.file, &bytes).await?;
    let answer = json!({ "file": args.file, "messages": number, "bytes": bytes.len() });
    let text = |_| format!("{}: {}, {} bytes", args.file.display(), count(number, "message"), bytes.len());
    Ok(call.output.data(&answer, text)?)
}
