//! Durable commands over HTTP: about 200 bytes to one of 1,000 entities, beside the same command in process, and beside
//! peers that do as much.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use restage::workshop::Message;
use restage::{EntityId, Restage, StageId, Workshop};
use tokio::sync::Mutex;

use crate::Result;
use crate::args::Args;
use crate::child::Server;
use crate::connection::Connection;
use crate::load::{Durable, Sample, Window, closed_loop};
use crate::peers::{self, Postgres, Redis};
use crate::process::rest;
use crate::table::{Goal, Table, median};

/// Entities that commands go to.
pub(crate) const ENTITIES: usize = 1_000;
const LEVELS: [usize; 3] = [1, 16, 256];
const NUMBERS_PER_ROUND: u64 = 1 << 32;
/// What a command says, so that its body has some 200 bytes.
const TEXT_BYTES: usize = 120;

/// Which entity a command goes to.
pub(crate) fn entity(caller: usize, number: u64) -> u64 {
    (caller as u64 * 7_919 + (number % NUMBERS_PER_ROUND) * 104_729) % ENTITIES as u64
}

/// Over HTTP, one connection a caller.
struct Http(Vec<Mutex<Connection>>);

impl Durable for Http {
    async fn turn(&self, caller: usize, number: u64) -> Result<()> {
        let path = format!("/v1/workshops/w{}/steps/talk/messages", entity(caller, number));
        let text = "m".repeat(TEXT_BYTES);
        let body = format!(r#"{{"messages":[{{"id":"{caller}-{number}","role":"user","content":"{text}"}}]}}"#);
        self.0[caller].lock().await.post(&path, &body).await.map(drop)
    }
}

/// In this process.
struct InProcess(Vec<Workshop>, StageId);

impl Durable for InProcess {
    async fn turn(&self, caller: usize, number: u64) -> Result<()> {
        let message = Message::user(format!("{caller}-{number}"), "m".repeat(TEXT_BYTES));
        let workshop = usize::try_from(entity(caller, number))?;
        self.0[workshop].save(&self.1, vec![message]).await?;
        Ok(())
    }
}

async fn http(server: &Server, callers: usize) -> Result<Http> {
    let mut connections = Vec::new();
    for _ in 0..callers {
        connections.push(Mutex::new(server.connect().await?));
    }
    Ok(Http(connections))
}

/// Makes the workshops that commands go to.
pub(crate) async fn fill(server: &Server) -> Result<()> {
    let mut connection = server.connect().await?;
    for number in 0..ENTITIES {
        let new = serde_json::json!({ "id": format!("w{number}"), "title": "Bench", "template_file": crate::reset::TEMPLATE });
        connection.ask("/v1/workshops", &new).await?;
    }
    Ok(())
}

async fn in_process(restage: &Restage) -> Result<InProcess> {
    let (workshops, template) = (restage.workshops()?, crate::reset::template()?);
    let mut all = Vec::new();
    for number in 0..ENTITIES {
        let workshop = workshops.get(&EntityId::new(format!("w{number}"))?);
        workshop.create("Bench", &template).await?;
        all.push(workshop);
    }
    Ok(InProcess(all, StageId::new("talk")?))
}

/// What is measured beside ours, with the least that ours has to be of it at 1, 16 and 256 callers.
struct Beside {
    name: &'static str,
    goals: [Goal; 3],
    samples: Vec<Sample>,
}

impl Beside {
    fn new(name: &'static str, goals: [Goal; 3]) -> Self {
        Self { name, goals, samples: Vec::new() }
    }
}

fn middle(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    median(samples.iter().map(of))
}

pub(crate) async fn run(dir: &Path, args: &Args, table: &mut Table) -> Result<()> {
    let (rounds, measured) = if args.quick { (3, 500) } else { (5, 2_000) };
    let window = Window { warm: Duration::from_millis(measured / 4), measured: Duration::from_millis(measured) };
    let server = Server::start(&dir.join("http"))?;
    fill(&server).await?;
    let redis = Redis::start(&dir.join("redis"))?;
    let postgres = Postgres::start(&dir.join("postgres"))?;
    let restate = args.peer("restate");
    let mut from = 0;
    for (level, callers) in LEVELS.into_iter().enumerate() {
        let none = Goal::None;
        let mut ours = Vec::new();
        let mut own = Beside::new("in process", [none, none, Goal::AtLeast(0.5)]);
        let mut others = [
            Beside::new("Redis", [none, Goal::AtLeast(0.8), Goal::AtLeast(0.8)]),
            Beside::new("PostgreSQL", [none, Goal::MoreThan(1.0), Goal::MoreThan(1.0)]),
            Beside::new("Restate", [Goal::AtLeast(8.0); 3]),
        ];
        let http = Arc::new(http(&server, callers).await?);
        for _ in 0..rounds {
            from += NUMBERS_PER_ROUND;
            rest().await;
            ours.push(closed_loop(&http, callers, from, window).await?);
            rest().await;
            own.samples.push(in_process_sample(&dir.join("own"), callers, from, window).await?);
            if let Some(redis) = &redis {
                others[0].samples.push(closed_loop(&redis.load(callers).await?, callers, from, window).await?);
            }
            if let Some(postgres) = &postgres {
                others[1].samples.push(postgres.sample(callers, window.measured).await?);
            }
            if let Some(restate) = restate {
                let load = peers::restate(restate, callers).await?;
                others[2].samples.push(closed_loop(&load, callers, from, window).await?);
            }
        }
        let rate = middle(&ours, |sample| sample.per_second);
        table.figure(&format!("{callers} connections, commands"), rate, "/s")?;
        table.figure(&format!("{callers} connections, p50"), middle(&ours, |s| s.p50_us) / 1e3, "ms")?;
        table.figure(&format!("{callers} connections, p99"), middle(&ours, |s| s.p99_us) / 1e3, "ms")?;
        for beside in std::iter::once(own).chain(others).filter(|beside| !beside.samples.is_empty()) {
            let theirs = middle(&beside.samples, |sample| sample.per_second);
            let name = format!("{callers} connections beside {}", beside.name);
            table.row(&name, rate, theirs, "/s", beside.goals[level])?;
        }
    }
    Ok(())
}

/// In a process that has more threads than the load: as a program would embed it.
async fn in_process_sample(dir: &Path, callers: usize, from: u64, window: Window) -> Result<Sample> {
    let restage = Restage::open(dir.join(from.to_string())).await?;
    let own = Arc::new(in_process(&restage).await?);
    let sample = closed_loop(&own, callers, from, window).await?;
    restage.shutdown().await?;
    Ok(sample)
}
