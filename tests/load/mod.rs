//! A load that can be stopped at any moment and checked afterwards: a process that works on several workshops at once and
//! says what was acknowledged, and what each workshop has to be at each revision.
//!
//! Every operation makes exactly one revision, and which one it is follows from the workshop and the revision alone. So
//! whoever comes later can tell from its revision what a workshop has to be, byte for byte.

#![allow(dead_code, unreachable_pub, reason = "each test that has this as a module uses a part of it")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, thread};

use restage::workshop::{Message, Role, Template};
use restage::{EntityId, Error, Restage, StageId, Workshop};

/// How many workshops are worked on at once.
pub const WORKSHOPS: u64 = 6;

const FOLDER: &str = "RESTAGE_TEST_LOAD_FOLDER";
const PAYLOAD: &str = "RESTAGE_TEST_LOAD_PAYLOAD";

/// What is done to a workshop to make a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Create,
    Save,
    SaveWithKey,
    DraftAndFlush,
    Reset,
    Undo,
}

/// Messages with their ids, in order.
pub type Conversation = Vec<(String, String)>;

pub fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_add(0x1234_5678_9abc_def1);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The operation that makes this revision, and what is said by it.
fn operation(workshop: u64, revision: u64) -> Operation {
    match (revision, mix(workshop, revision) % 20) {
        (1, _) => Operation::Create,
        (_, 0..=9) => Operation::Save,
        (_, 10..=13) => Operation::SaveWithKey,
        (_, 14..=16) => Operation::DraftAndFlush,
        (_, 17) => Operation::Reset,
        // What there is to undo is known from the revisions before.
        _ => Operation::Undo,
    }
}

/// What is said in a revision: about `payload` bytes that no other revision has.
fn said(workshop: u64, revision: u64, payload: usize) -> (String, String) {
    let mut text = format!("workshop {workshop}, revision {revision}: ");
    let mut state = mix(revision, workshop);
    while text.len() < payload {
        state = mix(state, 1);
        text.push_str(&format!("{state:016x}"));
    }
    (format!("m{revision}"), text)
}

/// What a workshop is at each revision, from the first on.
pub struct Expected {
    workshop: u64,
    payload: usize,
    revision: u64,
    now: Conversation,
    /// What undo points go back to, and whether they did.
    points: Vec<(Conversation, bool)>,
}

impl Expected {
    pub fn new(workshop: u64, payload: usize) -> Self {
        Self { workshop, payload, revision: 0, now: Vec::new(), points: Vec::new() }
    }

    /// What is done next. Where there is nothing to undo, something is saved.
    fn next(&self) -> Operation {
        match operation(self.workshop, self.revision + 1) {
            Operation::Undo if self.points.iter().all(|(_, undone)| *undone) => Operation::Save,
            operation => operation,
        }
    }

    fn go_on(&mut self) {
        let operation = self.next();
        self.revision += 1;
        match operation {
            Operation::Create => {}
            Operation::Save | Operation::SaveWithKey | Operation::DraftAndFlush => {
                self.now.push(said(self.workshop, self.revision, self.payload));
            }
            Operation::Reset => self.points.push((std::mem::take(&mut self.now), false)),
            Operation::Undo => {
                let Some((saved, undone)) = self.points.iter_mut().rev().find(|(_, undone)| !undone) else { return };
                *undone = true;
                let saved = saved.clone();
                self.points.push((std::mem::replace(&mut self.now, saved), false));
            }
        }
    }

    /// Goes on to a revision, and says what the workshop has then.
    pub fn at(&mut self, revision: u64) -> &Conversation {
        while self.revision < revision {
            self.go_on();
        }
        &self.now
    }
}

fn name(workshop: u64) -> EntityId {
    EntityId::new(format!("w{workshop}")).unwrap()
}

fn step() -> StageId {
    StageId::new("talk").unwrap()
}

fn message((id, content): (String, String)) -> Message {
    Message { id, role: Role::User, content, finished: true, sub_step: None, by: None, source: None }
}

async fn perform(workshop: &Workshop, number: u64, expected: &Expected) -> Result<u64, Error> {
    let revision = expected.revision + 1;
    let messages = || vec![message(said(number, revision, expected.payload))];
    Ok(match expected.next() {
        Operation::Create => {
            let template =
                Template::from_toml("name='t'\ntitle='T'\n[[steps]]\nid='talk'\ntitle='Talk'\nprompt='p'").unwrap();
            workshop.create("A title", &template).await?.revision
        }
        Operation::Save => workshop.save(&step(), messages()).await?.revision,
        Operation::SaveWithKey => {
            let keyed = workshop.key(format!("k{revision}"));
            let first = keyed.save(&step(), messages()).await?;
            let second = keyed.save(&step(), messages()).await?;
            assert!(second.replayed && second.revision == first.revision, "a key has its effect once");
            first.revision
        }
        Operation::DraftAndFlush => {
            workshop.auto_save(&step(), messages()).await?;
            workshop.flush().await?.revision
        }
        Operation::Reset => workshop.reset(&step()).await?.revision,
        Operation::Undo => {
            let plan = workshop.handle().preview_undo(None).await?;
            workshop.handle().plan(plan.token).undo(None).await?.revision
        }
    })
}

/// Works on one workshop until the process ends or something fails.
async fn work(restage: Restage, number: u64, payload: usize) -> Result<(), Error> {
    let workshop = restage.workshops()?.get(&name(number));
    let mut expected = Expected::new(number, payload);
    expected.at(workshop.handle().view().await?.revision);
    if expected.revision > 0 && operation(number, expected.revision) == Operation::SaveWithKey {
        // Its answer may have been lost with the process before: asked again, it is the same one.
        let messages = vec![message(said(number, expected.revision, payload))];
        let again = workshop.key(format!("k{}", expected.revision)).save(&step(), messages).await?;
        assert!(again.replayed && again.revision == expected.revision, "a key is known after a restart");
    }
    loop {
        let revision = perform(&workshop, number, &expected).await?;
        assert_eq!(revision, expected.revision + 1, "an operation makes one revision");
        let mut out = std::io::stdout().lock();
        if writeln!(out, "\nack {number} {revision}").and_then(|()| out.flush()).is_err() {
            return Ok(());
        }
        drop(out);
        expected.go_on();
    }
}

/// To be called first by the test that [`start`] names: in the process that it starts this never returns.
pub fn be_the_load() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let payload = env::var(PAYLOAD).unwrap().parse().unwrap();
    let failed = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let restage = match Restage::open(Path::new(&folder)).await {
            Ok(restage) => restage,
            Err(error) => return format!("refused {} {error}", error.code()),
        };
        let tasks: Vec<_> = (0..WORKSHOPS).map(|number| tokio::spawn(work(restage.clone(), number, payload))).collect();
        for task in tasks {
            match task.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return format!("failed {} {error}", error.code()),
                Err(panic) => return format!("panicked {panic}"),
            }
        }
        "ended".to_owned()
    });
    println!("\n{failed}");
    std::process::exit(0);
}

/// What a load has said so far.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// The last revision acknowledged, by workshop.
    pub acknowledged: BTreeMap<u64, u64>,
    pub count: u64,
    /// Why it ended by itself, if it did.
    pub ended: Option<String>,
}

/// A running load.
pub struct Load {
    pub child: Child,
    heard: Arc<Mutex<Heard>>,
    reader: thread::JoinHandle<()>,
}

/// Starts the load on a folder: this executable again, with the test of that name alone.
pub fn start(test: &str, folder: &Path, payload: usize) -> Load {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]);
    start_command(command, folder, payload)
}

/// The same, with another program around it.
pub fn start_command(mut command: Command, folder: &Path, payload: usize) -> Load {
    command.env(FOLDER, folder).env(PAYLOAD, payload.to_string());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let heard = Arc::new(Mutex::new(Heard::default()));
    let (stdout, hear) = (child.stdout.take().unwrap(), Arc::clone(&heard));
    let reader = thread::spawn(move || {
        let mut reader = BufReader::new(stdout);
        let mut line = String::new();
        // A line without its end was cut off: it says nothing.
        while reader.read_line(&mut line).is_ok_and(|read| read > 0) && line.ends_with('\n') {
            let words: Vec<&str> = line.split_whitespace().collect();
            let mut heard = hear.lock().unwrap();
            match words.as_slice() {
                ["ack", workshop, revision] => {
                    heard.acknowledged.insert(workshop.parse().unwrap(), revision.parse().unwrap());
                    heard.count += 1;
                }
                ["refused" | "failed" | "panicked" | "ended", ..] => heard.ended = Some(line.trim().to_owned()),
                _ => {}
            }
            drop(heard);
            line.clear();
        }
    });
    Load { child, heard, reader }
}

impl Load {
    /// What it has said up to now.
    pub fn heard(&self) -> Heard {
        self.heard.lock().unwrap().clone()
    }

    /// Waits until it has acknowledged so many operations, has ended by itself, or the time is over.
    pub fn wait_for(&self, count: u64, most: Duration) -> Heard {
        let until = Instant::now() + most;
        loop {
            let heard = self.heard();
            if heard.count >= count || heard.ended.is_some() || Instant::now() > until {
                return heard;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Kills it, and says all that it has said.
    pub fn kill(mut self) -> Heard {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.reader.join().unwrap();
        let heard = self.heard.lock().unwrap();
        heard.clone()
    }
}

/// Takes in what was heard: what counts is the highest revision of each workshop.
pub fn remember(acknowledged: &mut BTreeMap<u64, u64>, heard: &Heard) {
    for (workshop, revision) in &heard.acknowledged {
        let known = acknowledged.entry(*workshop).or_default();
        *known = (*known).max(*revision);
    }
}

/// Checks everything in an open store: each workshop stands at the last revision that was acknowledged or the one after, and is
/// what it has to be there. From then on that counts as acknowledged, as it was seen.
pub async fn check(restage: &Restage, payload: usize, acknowledged: &mut BTreeMap<u64, u64>) {
    for number in 0..WORKSHOPS {
        let workshop = restage.workshops().unwrap().get(&name(number));
        let revision = workshop.handle().view().await.unwrap().revision;
        let least = acknowledged.get(&number).copied().unwrap_or_default();
        assert!(revision >= least, "workshop {number} is at revision {revision}, {least} was acknowledged");
        acknowledged.insert(number, revision);
        if revision == 0 {
            continue;
        }
        let found = workshop.conversation(&step()).await.unwrap();
        let found: Conversation = found.into_iter().map(|stored| (stored.message.id, stored.message.content)).collect();
        let mut expected = Expected::new(number, payload);
        let expected = expected.at(revision);
        let ids = |conversation: &Conversation| conversation.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&found), ids(expected), "workshop {number} at revision {revision}");
        assert!(found == *expected, "workshop {number} at revision {revision} has other content");
    }
}

/// Opens a folder and checks it, and leaves it in order.
pub fn open_and_check(folder: &Path, payload: usize, acknowledged: &mut BTreeMap<u64, u64>) {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let restage = Restage::open(folder).await.unwrap_or_else(|error| panic!("the start was refused: {error}"));
        check(&restage, payload, acknowledged).await;
        restage.shutdown().await.unwrap();
    });
}
