//! `restage events`: what happened, as it is kept; and what happens, from a server, for as long as somebody looks.

mod stream;

use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};

use self::stream::{Message, Parser};
use super::args::EventsArgs;
use super::link::{Failure, Link, Pause};
use super::output::{Output, line};
use super::signals;
use super::site::Site;
use super::stop::{Outcome, Stop};
use crate::api::access::Role;
use crate::api::events::{Filter, Offset};
use crate::api::{Position, Restage, StoreError};

/// How long is waited for events that nobody is told of, before it is looked whether all were read.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// A server gives a sign of life more often than this.
const SILENT_MOST: Duration = Duration::from_secs(60);
/// Longest answer that is shown of what an event says.
const SHOWN_MAX: usize = 400;

/// Shows what happened and is kept.
pub(super) async fn run(args: &EventsArgs, site: &Site, output: &mut Output) -> Outcome {
    let restage = site.open(false).await?;
    let done = tokio::select! {
        done = Box::pin(kept(args, &restage, site.may(Role::Admin), output)) => done,
        exit = site.asked_to_end() => Err(exit.map_or_else(Stop::Output, Stop::Signal)),
    };
    let closed = site.close(restage).await;
    done?;
    closed
}

async fn kept(args: &EventsArgs, restage: &Restage, admin: bool, output: &mut Output) -> Outcome {
    let mut filter = Filter { admin, ..Filter::default() };
    filter.selection.kinds.extend(args.kind.iter().cloned());
    filter.selection.ids.extend(args.id.iter().cloned());
    filter.selection.types.extend(args.types.iter().cloned());
    filter.selection.check()?;
    let mut after = match &args.after {
        Some(text) => text.parse::<Offset>()?,
        None => Offset::end_of(Position(0)),
    };
    let end = restage.durable();
    let mut stream = restage.events().after(after, filter.clone())?;
    while stream.offset().position() < end {
        match tokio::time::timeout(LOOK_AGAIN, stream.next()).await {
            Ok(Ok(told)) => {
                for told in told.iter().filter(|told| told.offset.position() <= end) {
                    show(&serde_json::from_str(&told.json).unwrap_or_default(), output)?;
                }
            }
            Ok(Err(error)) => match error.store() {
                // All that is kept was asked for, and that begins later.
                Some(StoreError::Gone { oldest }) if args.after.is_none() && after.position() < *oldest => {
                    after = Offset::end_of(Position(oldest.0.saturating_sub(1).max(after.position().0 + 1)));
                    stream = restage.events().after(after, filter.clone())?;
                }
                _ => return Err(error.into()),
            },
            Err(_) => {}
        }
    }
    Ok(())
}

/// Shows what happens, until somebody asks for the end. A server that is gone is waited for; nothing is missed.
pub(super) async fn follow(args: &EventsArgs, link: &Link, output: &mut Output) -> Outcome {
    tokio::select! {
        done = Box::pin(follow_on(args, link, output)) => done,
        exit = signals::asked_to_end() => Err(exit.map_or_else(Stop::Output, Stop::Signal)),
    }
}

async fn follow_on(args: &EventsArgs, link: &Link, output: &mut Output) -> Outcome {
    let mut last = args.after.clone();
    let mut pause = Pause::default();
    loop {
        match one_connection(args, link, &mut last, &mut pause, output).await? {
            Failure::Refused(refusal) if !refusal.passes() => return Err(refusal.stop()),
            failure => {
                if pause.is_first() {
                    output.note(&format!("{}; waiting for it", failure.what()));
                }
                tokio::time::sleep(pause.next()).await;
            }
        }
    }
}

/// Shows events until the connection ends, and says why it did.
async fn one_connection(
    args: &EventsArgs,
    link: &Link,
    last: &mut Option<String>,
    pause: &mut Pause,
    output: &mut Output,
) -> Outcome<Failure> {
    let all = [("kind", &args.kind), ("id", &args.id), ("type", &args.types)];
    let query: Vec<(&str, &str)> =
        all.into_iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value.as_str()))).collect();
    // Only what follows the host is of interest: the host is the link's.
    let url = reqwest::Url::parse_with_params("http://server/v1/events", &query);
    let path = url.map_or_else(|_| "/v1/events".to_owned(), |url| format!("/v1/events?{}", url.query().unwrap_or("")));
    let mut request = link.request(Method::GET, &path);
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last.as_str());
    }
    let response = match link.ask(request).await {
        Ok(response) => response,
        Err(failure) => return Ok(failure),
    };
    let mut parts = response.bytes_stream();
    let mut parser = Parser::default();
    loop {
        let part = match tokio::time::timeout(SILENT_MOST, parts.next()).await {
            Ok(Some(Ok(part))) => part,
            Ok(Some(Err(error))) => return Ok(link.broken(&error)),
            Ok(None) => return Ok(link.ended("it ended the stream")),
            Err(_) => return Ok(link.ended("it says nothing any more")),
        };
        if !parser.feed(&part) {
            return Ok(link.ended("it sends an event without end"));
        }
        while let Some(Message { id, event, data }) = parser.next() {
            pause.is_over();
            // Once it was shown: a message without data only says how far all was sent.
            let seen = id.or_else(|| last.clone());
            match event.as_deref() {
                _ if data.is_empty() => {}
                None => show(&serde_json::from_str(&data).unwrap_or_default(), output)?,
                Some("reset") => {
                    let from = seen.as_deref().unwrap_or_default();
                    let text =
                        || format!("events are missing: the log does not go back so far. It goes on after {from}");
                    output.data(&json!({ "reset": from }), |_| text())?;
                }
                Some("bye") => return Ok(link.ended("it stops")),
                Some(_) => {}
            }
            *last = seen;
        }
    }
}

/// One event.
fn show(event: &Value, output: &mut Output) -> Outcome {
    let text = |_| {
        let of = |name: &str| event.get(name).and_then(Value::as_str).map(line).unwrap_or_default();
        let mut text = format!("{}  {}  {}  {}/{}", of("position"), of("at"), of("type"), of("kind"), of("id"));
        for (name, before) in [("stage", "  "), ("by", "  by "), ("reason", ": ")] {
            let value = of(name);
            if !value.is_empty() {
                text.push_str(before);
                text.push_str(&value);
            }
        }
        let data = event.get("data").filter(|data| data.as_object().is_some_and(|data| !data.is_empty()));
        if let Some(data) = data {
            let data: String = data.to_string().chars().take(SHOWN_MAX).collect();
            text.push_str(&format!("  {}", line(&data)));
        }
        text
    };
    Ok(output.data(&event, text)?)
}
