//! A worker's round trip: a task is handed out, claimed, and its result taken in.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::Mutex;

use crate::Result;
use crate::args::Args;
use crate::child::Server;
use crate::connection::Connection;
use crate::load::{Durable, Window, closed_loop};
use crate::peers::Redis;
use crate::process::rest;
use crate::table::{Goal, Table};

const LEVELS: [usize; 2] = [1, 16];

/// Each caller has a workflow of its own that hands out, and a worker that claims from its own queue.
struct RoundTrip(Vec<Mutex<(Connection, Connection)>>);

impl Durable for RoundTrip {
    async fn turn(&self, caller: usize, number: u64) -> Result<()> {
        let mut connections = self.0[caller].lock().await;
        let (giver, worker) = &mut *connections;
        let domain = format!("q{caller}");
        let task = json!({ "domain": domain, "title": "bench", "input": { "number": number } });
        let given = async { giver.ask(&format!("/v1/workflows/c{caller}/tasks"), &json!({ "tasks": [task] })).await };
        let done = async {
            let claim = json!({ "worker": domain, "wait_seconds": 30 });
            let claimed = worker.ask(&format!("/v1/queues/{domain}/claims"), &claim).await?;
            let token = claimed["lease"].as_str().ok_or("a claim without a lease")?;
            let result = json!({ "status": "completed", "agent_id": domain, "result": number });
            worker.ask("/v1/leases/finish", &json!({ "lease": token, "result": result })).await
        };
        let (given, done) = tokio::join!(given, done);
        given.and(done).map(drop)
    }
}

pub(crate) async fn run(dir: &Path, args: &Args, table: &mut Table) -> Result<()> {
    let measured = Duration::from_millis(if args.quick { 500 } else { 3_000 });
    let window = Window { warm: measured / 4, measured };
    let server = Server::start(&dir.join("ours"))?;
    let redis = Redis::start(&dir.join("redis"))?;
    let mut setup = server.connect().await?;
    for caller in 0..LEVELS[1] {
        let new = json!({ "id": format!("c{caller}"), "title": "Bench", "story": "bench" });
        setup.ask("/v1/workflows", &new).await?;
    }
    for (level, callers) in LEVELS.into_iter().enumerate() {
        let mut pairs = Vec::new();
        for _ in 0..callers {
            pairs.push(Mutex::new((server.connect().await?, server.connect().await?)));
        }
        rest().await;
        let from = (level as u64) << 32;
        let sample = closed_loop(&Arc::new(RoundTrip(pairs)), callers, from, window).await?;
        table.figure(&format!("{callers} workers, from task to result, p50"), sample.p50_us / 1e3, "ms")?;
        let name = format!("{callers} workers, round trips");
        let theirs = match (&redis, args.peer("bullmq")) {
            (Some(redis), Some(modules)) => Some(bullmq(redis, modules, callers, measured)?),
            _ => None,
        };
        match theirs {
            Some(theirs) => table.row(&format!("{name} beside BullMQ"), sample.per_second, theirs, "/s", Goal::None)?,
            None => table.figure(&name, sample.per_second, "/s")?,
        }
    }
    Ok(())
}

/// The same with BullMQ on a Redis that syncs every write, in one process of Node.
fn bullmq(redis: &Redis, modules: &str, callers: usize, measured: Duration) -> Result<f64> {
    let begun = Instant::now();
    let output = Command::new("node")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/server/bullmq.cjs"))
        .args([redis.address.as_str(), &callers.to_string(), &measured.as_millis().to_string()])
        .env("NODE_PATH", modules)
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    said.parse()
        .map_err(|_| format!("BullMQ, after {:?}: {}", begun.elapsed(), String::from_utf8_lossy(&output.stderr)).into())
}
