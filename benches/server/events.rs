//! How long it takes from a commit to those who follow the events.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Barrier;

use crate::Result;
use crate::child::Server;
use crate::commands::{entity, fill};
use crate::connection::Connection;
use crate::table::{Goal, Table};

const READERS: usize = 100;
const PER_SECOND: u64 = 1_000;
/// Connections that the commands come by.
const WRITERS: u64 = 8;

/// What names one event: the workshop and the revision it came to.
type Name = (u64, u64);

pub(crate) async fn run(dir: &Path, quick: bool, table: &mut Table) -> Result<()> {
    let seconds = if quick { 2 } else { 10 };
    let server = Server::start(dir)?;
    fill(&server).await?;
    let expected = usize::try_from(PER_SECOND * seconds)?;
    let begin = Arc::new(Barrier::new(READERS + 1));
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let mut connection = server.connect().await?;
        connection.listen("/v1/events?after=now&kind=workshop").await?;
        let begin = Arc::clone(&begin);
        readers.push(tokio::spawn(async move {
            begin.wait().await;
            read(&mut connection, expected).await
        }));
    }
    begin.wait().await;
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let connection = server.connect().await?;
        writers.push(tokio::spawn(write(connection, writer, PER_SECOND * seconds / WRITERS)));
    }
    let mut answered = HashMap::new();
    for writer in writers {
        answered.extend(writer.await??);
    }
    let mut late = Vec::new();
    for reader in readers {
        for (name, at) in reader.await?? {
            let committed: &Instant = answered.get(&name).ok_or("an event of a turn that nobody made")?;
            late.push(at.saturating_duration_since(*committed).as_secs_f64() * 1e3);
        }
    }
    late.sort_unstable_by(f64::total_cmp);
    let at = |part: usize| late.get(late.len() * part / 1_000).copied().unwrap_or(f64::NAN);
    table.figure(&format!("{READERS} readers, {PER_SECOND} events/s, p50"), at(500), "ms")?;
    table.row(&format!("{READERS} readers, {PER_SECOND} events/s, p99"), at(990), 10.0, "ms", Goal::AtMost(1.0))
}

/// Makes one turn every so often, and says when each was answered.
async fn write(mut connection: Connection, writer: u64, turns: u64) -> Result<Vec<(Name, Instant)>> {
    let mut answered = Vec::new();
    let mut pace = tokio::time::interval(Duration::from_micros(1_000_000 * WRITERS / PER_SECOND));
    for number in 0..turns {
        pace.tick().await;
        let workshop = entity(usize::try_from(writer)?, number);
        let message = serde_json::json!({ "id": format!("{writer}-{number}"), "role": "user", "content": "An event." });
        let path = format!("/v1/workshops/w{workshop}/steps/talk/messages");
        let answer = connection.ask(&path, &serde_json::json!({ "messages": [message] })).await?;
        let revision = answer["revision"].as_u64().ok_or("an answer without a revision")?;
        answered.push(((workshop, revision), Instant::now()));
    }
    Ok(answered)
}

/// Reads so many events, and says when each came.
async fn read(connection: &mut Connection, events: usize) -> Result<Vec<(Name, Instant)>> {
    let mut came = Vec::with_capacity(events);
    while came.len() < events {
        let line = connection.next_line().await?;
        let Some(data) = line.strip_prefix("data:") else { continue };
        let at = Instant::now();
        came.push((name_of(data).ok_or("an event without a name")?, at));
    }
    Ok(came)
}

/// Found in the text: a parser would cost more than what is measured.
fn name_of(data: &str) -> Option<Name> {
    let after = |name: &str| data.split_once(name).map(|(_, rest)| rest);
    let workshop = after(r#""id":"w"#)?.split('"').next()?.parse().ok()?;
    let revision = after(r#""revision":"#)?.split([',', '}']).next()?.parse().ok()?;
    Some((workshop, revision))
}
