//! How fast the server is, over loopback, beside what it is made of and beside its peers; and what memory it takes.
//!
//! `cargo bench --bench server -- [--quick] [--json FILE] [--dir DIR] [--case NAME] [--peer NAME=PLACE]`
//!
//! The server is the program itself, as a process of its own. Redis and PostgreSQL are started beside it where they are
//! installed, with durable settings. Peers that can't be started here are named: `--peer restate=HOST:PORT` for an ingress
//! with a virtual object `Chat` whose handler `command` appends, `--peer bullmq=FOLDER` for a `node_modules` that has it.
//! Server, peers and load share the machine's cores: ratios travel, absolute figures don't.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

#[path = "shared/args.rs"]
mod args;
#[path = "server/child.rs"]
mod child;
#[path = "server/claims.rs"]
mod claims;
#[path = "server/commands.rs"]
mod commands;
#[path = "server/connection.rs"]
mod connection;
#[path = "server/events.rs"]
mod events;
#[path = "shared/load.rs"]
mod load;
#[path = "server/memory.rs"]
mod memory;
#[path = "server/peers.rs"]
mod peers;
#[path = "shared/process.rs"]
mod process;
#[path = "server/reset.rs"]
mod reset;
#[path = "shared/table.rs"]
mod table;

use std::path::Path;

use args::Args;
use table::Table;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

const CASES: &[&str] = &["commands", "claims", "reset", "events", "memory"];

fn main() -> Result<()> {
    let args = Args::parse(CASES)?;
    let dir = args.folder("server-")?;
    println!("{}", process::environment(dir.path())?);
    let mut table = Table::new("server", args.json.as_deref())?;
    // The load has one thread, so that it takes no more of the machine than it needs.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(run(&args, dir.path(), &mut table))?;
    table.finish();
    Ok(())
}

async fn run(args: &Args, dir: &Path, table: &mut Table) -> Result<()> {
    if args.wants("commands") {
        commands::run(&dir.join("commands"), args, table).await?;
    }
    if args.wants("claims") {
        claims::run(&dir.join("claims"), args, table).await?;
    }
    if args.wants("reset") {
        reset::run(&dir.join("reset"), args.quick, table).await?;
    }
    if args.wants("events") {
        events::run(&dir.join("events"), args.quick, table).await?;
    }
    if args.wants("memory") {
        memory::run(&dir.join("memory"), table).await?;
    }
    Ok(())
}
