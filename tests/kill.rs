//! The real program and a mixed load are killed with signal 9 at random moments, while they start and recover too: what
//! was acknowledged is there, nothing is half there, and no start is refused.
//!
//! `RESTAGE_KILLS` says how often each.

#![cfg(feature = "cli")]

mod load;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use load::mix;
use restage::workshop::Template;
use restage::{EntityId, Restage, StageId};

/// Kills before a folder is given up for a new one.
const KILLS_PER_FOLDER: u64 = 20;
const STEP: &str = "challenge";
/// Bytes of a message of the mixed load.
const PAYLOAD: usize = 300;

fn kills(default: u64) -> u64 {
    env::var("RESTAGE_KILLS").map_or(default, |text| text.parse().expect("RESTAGE_KILLS is a number"))
}

fn content(id: &str, round: u64, nth: u64) -> String {
    let bytes = usize::try_from(mix(round, nth) % 3_000).unwrap();
    let mut text = format!("said as {id}: ");
    while text.len() < bytes {
        text.push_str(&format!("{:x} ", mix(nth, text.len() as u64)));
    }
    text
}

fn id(round: u64, nth: u64) -> String {
    format!("r{round}-{nth}")
}

/// What came of feeding messages to a program that was killed.
struct Fed {
    acknowledged: Vec<String>,
    /// Why it ended before it was killed, if it did.
    complaint: String,
}

/// Starts the program, feeds it messages, and kills it some time after its `after`-th answer.
fn feed_and_kill(folder: &Path, workshop: &str, round: u64, after: usize, delay: Duration) -> Fed {
    let mut child = Command::new(env!("CARGO_BIN_EXE_restage"))
        .args(["--json", "--data"])
        .arg(folder)
        .args(["workshop", "import", workshop, STEP, "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feeder = thread::spawn(move || {
        // Ends when nobody reads it any more.
        for nth in 0.. {
            let id = id(round, nth);
            let line = serde_json::json!({ "id": id, "role": "user", "content": content(&id, round, nth) });
            if writeln!(stdin, "{line}").is_err() {
                return;
            }
        }
    });
    let answers = Arc::new(Mutex::new(Vec::new()));
    let (stdout, heard) = (child.stdout.take().unwrap(), Arc::clone(&answers));
    let reader = thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        while stdout.read_line(&mut line).is_ok_and(|read| read > 0) && line.ends_with('\n') {
            let answer: serde_json::Value = serde_json::from_str(&line).unwrap();
            heard.lock().unwrap().push(answer["id"].as_str().expect("an answer names its message").to_owned());
            line.clear();
        }
    });
    while answers.lock().unwrap().len() < after && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(delay);
    let ended = child.try_wait().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    feeder.join().unwrap();
    reader.join().unwrap();
    let stderr = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    let complaint = ended.map(|status| format!("it ended with {status}: {stderr}")).unwrap_or_default();
    let acknowledged = answers.lock().unwrap().clone();
    Fed { acknowledged, complaint }
}

/// Everything acknowledged is there with its content, and of each round a beginning of what was fed.
fn check(folder: &Path, workshop: &EntityId, acknowledged: &[String]) -> usize {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let restage = Restage::open(folder).await.unwrap_or_else(|error| panic!("the start was refused: {error}"));
        let workshop = restage.workshops().unwrap().get(workshop);
        let found = workshop.conversation(&StageId::new(STEP).unwrap()).await.unwrap();
        let mut next: BTreeMap<u64, u64> = BTreeMap::new();
        for (ordinal, stored) in found.iter().enumerate() {
            assert_eq!(stored.ordinal, ordinal as u64);
            let (round, nth) = stored.message.id[1..].split_once('-').unwrap();
            let (round, nth): (u64, u64) = (round.parse().unwrap(), nth.parse().unwrap());
            assert_eq!(nth, *next.entry(round).or_default(), "of round {round} one is missing between others");
            next.insert(round, nth + 1);
            assert_eq!(stored.message.content, content(&stored.message.id, round, nth), "{}", stored.message.id);
        }
        let ids: std::collections::BTreeSet<&str> = found.iter().map(|stored| stored.message.id.as_str()).collect();
        for id in acknowledged {
            assert!(ids.contains(id.as_str()), "{id} was acknowledged and is lost");
        }
        restage.shutdown().await.unwrap();
        found.len()
    })
}

fn create(folder: &Path, workshop: &EntityId) {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let restage = Restage::open(folder).await.unwrap();
        let template = Template::built_in("design-thinking").unwrap();
        restage.workshops().unwrap().get(workshop).create("Killed often", &template).await.unwrap();
        restage.shutdown().await.unwrap();
    });
}

/// Damages or removes what sled has. Says what it did.
fn spoil_index(folder: &Path, how: u64) -> &'static str {
    let index = folder.join("index");
    let Ok(entries) = fs::read_dir(&index) else { return "nothing: there is none" };
    let files: Vec<_> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    match how % 4 {
        0 => {
            fs::remove_dir_all(&index).unwrap();
            "removed"
        }
        1 => {
            for file in &files {
                let mut bytes = fs::read(file).unwrap();
                for at in (0..bytes.len()).step_by(97) {
                    bytes[at] ^= 0x41;
                }
                fs::write(file, bytes).unwrap();
            }
            "turned bytes over"
        }
        2 => {
            for file in &files {
                let half = fs::metadata(file).unwrap().len() / 2;
                fs::OpenOptions::new().write(true).open(file).unwrap().set_len(half).unwrap();
            }
            "cut in half"
        }
        _ => {
            for file in files.iter().filter(|file| file.file_name().is_some_and(|name| name != "conf")) {
                fs::remove_file(file).unwrap();
            }
            "emptied"
        }
    }
}

#[test]
fn the_program_killed_under_load_loses_nothing_and_starts_again() {
    let kills = kills(200);
    let (mut messages, mut acknowledgements, mut early, mut spoilt) = (0, 0, 0, 0);
    let workshop = EntityId::new("garden").unwrap();
    let mut folder = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..kills {
        if round % KILLS_PER_FOLDER == 0 {
            folder = tempfile::tempdir().unwrap();
            acknowledged.clear();
            create(folder.path(), &workshop);
        }
        let dice = mix(round, 77);
        // Some while it starts, the others some time after an answer.
        let (after, most) = if dice % 4 == 0 { (0, 60_000) } else { (1 + usize::try_from(dice % 150).unwrap(), 9_000) };
        let delay = Duration::from_micros(mix(dice, 1) % most);
        let fed = feed_and_kill(folder.path(), workshop.as_str(), round, after, delay);
        assert_eq!(fed.complaint, "", "round {round}");
        early += u64::from(fed.acknowledged.is_empty());
        acknowledgements += fed.acknowledged.len();
        acknowledged.extend(fed.acknowledged);
        // Often the next start is the program's own, over what the last one left.
        if round % 3 == 0 || (round + 1) % KILLS_PER_FOLDER == 0 {
            if round % 2 == 0 {
                spoil_index(folder.path(), dice >> 8);
                spoilt += 1;
            }
            let before = check(folder.path(), &workshop, &acknowledged);
            messages += before;
            if round % 4 == 0 {
                let how = spoil_index(folder.path(), dice >> 16);
                spoilt += 1;
                assert_eq!(check(folder.path(), &workshop, &acknowledged), before, "after the index was {how}");
            }
        }
    }
    println!(
        "{kills} kills, {early} of them before the first answer; {acknowledgements} acknowledgements, {messages} \
         messages compared, the index spoilt {spoilt} times"
    );
    assert!(acknowledgements as u64 > kills * 10, "only {acknowledgements} messages were acknowledged");
}

#[test]
fn a_mixed_load_killed_anywhere_loses_nothing_and_starts_again() {
    load::be_the_load();
    let kills = kills(200) / 2;
    let mut acknowledgements = 0;
    let mut folder = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeMap::new();
    for round in 0..kills {
        if round % KILLS_PER_FOLDER == 0 {
            folder = tempfile::tempdir().unwrap();
            acknowledged.clear();
        }
        let dice = mix(round, 99);
        let running =
            load::start("a_mixed_load_killed_anywhere_loses_nothing_and_starts_again", folder.path(), PAYLOAD);
        if dice % 4 != 0 {
            running.wait_for(1 + dice % 200, Duration::from_secs(30));
        }
        thread::sleep(Duration::from_micros(mix(dice, 1) % 20_000));
        let heard = running.kill();
        assert_eq!(heard.ended, None, "round {round}");
        acknowledgements += heard.count;
        load::remember(&mut acknowledged, &heard);
        if round % 10 == 3 {
            spoil_index(folder.path(), dice >> 8);
        }
        if round % 2 == 0 || (round + 1) % KILLS_PER_FOLDER == 0 {
            load::open_and_check(folder.path(), PAYLOAD, &mut acknowledged);
        }
    }
    println!("{kills} kills of a mixed load, {acknowledgements} acknowledgements");
    assert!(acknowledgements > kills * 5, "only {acknowledgements} operations were acknowledged");
}
