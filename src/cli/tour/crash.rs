//! `kill -9` of the program itself, while it saves; then what it acknowledged is looked for.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;
use std::{env, thread};

use serde::Deserialize;

use super::{claim, moment, tell};
use crate::api::workshop::Template;
use crate::api::{EntityId, Restage, StageId};
use crate::cli::output::Output;
use crate::cli::stop::{Outcome, Stop};

/// Acknowledgements after which the process is killed.
const ACKNOWLEDGED_BEFORE: usize = 300;
/// More than are ever sent.
const MESSAGES_MOST: usize = 1_000_000;
const SIGKILL: i32 = 9;

/// How it came out.
pub(super) struct Crash {
    /// Messages that were said to be on disk.
    pub(super) acknowledged: usize,
    /// Messages that were there afterwards.
    pub(super) there: usize,
    /// How long it took to open the folder again.
    pub(super) recovery: Duration,
}

/// What the importing process says of a message.
#[derive(Deserialize)]
struct Acknowledged {
    id: String,
}

pub(super) async fn run(folder: &Path, output: &mut Output) -> Outcome<Crash> {
    tell(output, "\n4. kill -9, while it saves")?;
    let (id, step) = (EntityId::new("crash")?, StageId::new("challenge")?);
    let restage = Restage::open(folder).await?;
    let template = Template::built_in("design-thinking")?;
    restage.workshops()?.get(&id).by("ann").create("Crash", &template).await?;
    restage.shutdown().await?;

    let data = folder.to_path_buf();
    let killed = tokio::task::spawn_blocking(move || kill_in_the_middle(&data)).await;
    let acknowledged = killed.map_err(|error| failed(&error))??;
    tell(output, &format!("   the process was killed; it had acknowledged {} messages", acknowledged.len()))?;

    let before = moment();
    let restage = Restage::open(folder).await?;
    let recovery = moment().since(before);
    let stored = restage.workshops()?.get(&id).conversation(&step).await?;
    restage.shutdown().await?;
    let there: HashMap<&str, &str> =
        stored.iter().map(|stored| (stored.message.id.as_str(), stored.message.content.as_str())).collect();
    let lost = acknowledged.iter().filter(|id| there.get(id.as_str()) != Some(&content(id).as_str())).count();
    claim(lost == 0, "every acknowledged message is there after kill -9")?;
    let whole = stored.iter().enumerate().all(|(place, stored)| stored.message.id == name(place));
    claim(whole, "and nothing but a beginning of what was sent, without gaps")?;
    tell(output, &format!("   opened again in {} ms: {} there, {lost} lost", recovery.as_millis(), stored.len()))?;

    let report = Restage::verify(folder, |_, _| {}).await?;
    claim(report.findings.is_empty(), "the folder is sound")?;
    tell(output, &format!("   verified: {} frames, {} keys, sound", report.frames, report.keys))?;
    Ok(Crash { acknowledged: acknowledged.len(), there: stored.len(), recovery })
}

/// Has this very program import messages from a pipe, and kills it in the middle. Gives the ids that it acknowledged.
fn kill_in_the_middle(folder: &Path) -> Outcome<Vec<String>> {
    let program = env::current_exe().map_err(|error| failed(&error))?;
    let mut child = Command::new(program)
        .args(["workshop", "import", "crash", "challenge", "-", "--json", "--by", "ann", "--data"])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&error))?;
    let input = child.stdin.take();
    let sender = thread::spawn(move || input.map(send_until_refused));
    let acknowledged = read_and_kill(&mut child);
    // Whatever was read, the process does not outlive the tour.
    let _ = child.kill();
    let status = child.wait().map_err(|error| failed(&error))?;
    let _ = sender.join();
    let acknowledged = acknowledged?;
    claim(status.signal() == Some(SIGKILL), "the process was ended by SIGKILL")?;
    claim(acknowledged.len() >= ACKNOWLEDGED_BEFORE, "it was killed in the middle of its work")?;
    Ok(acknowledged)
}

fn send_until_refused(mut input: ChildStdin) {
    for place in 0..MESSAGES_MOST {
        let id = name(place);
        let line = serde_json::json!({ "id": id, "role": "user", "content": content(&id) });
        if writeln!(input, "{line}").is_err() {
            return;
        }
    }
}

/// Reads acknowledgements, kills, and reads those that were on their way.
fn read_and_kill(child: &mut Child) -> Outcome<Vec<String>> {
    let answers = child.stdout.take().ok_or_else(|| failed(&"its answers can't be read"))?;
    let mut acknowledged = Vec::new();
    for line in BufReader::new(answers).lines() {
        let line = line.map_err(|error| failed(&error))?;
        // The last line may be cut short: then it said nothing.
        let Ok(Acknowledged { id }) = serde_json::from_str(&line) else { break };
        acknowledged.push(id);
        if acknowledged.len() == ACKNOWLEDGED_BEFORE {
            child.kill().map_err(|error| failed(&error))?;
        }
    }
    Ok(acknowledged)
}

fn name(place: usize) -> String {
    format!("m{place:06}")
}

fn content(id: &str) -> String {
    format!("What was said under {id}, and is on disk when it is acknowledged.")
}

fn failed(why: &dyn std::fmt::Display) -> Stop {
    Stop::problem("tour_failed", format!("the tour can't go on: {why}"), "")
}
