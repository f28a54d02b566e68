//! How fast durable turns are, beside what the same disk does without the runtime; and what memory they take.
//!
//! `cargo bench --bench turns -- [--quick] [--json FILE] [--dir DIR] [--case NAME]`
//!
//! Every figure of ours stands beside a baseline that was measured in the same run, on the same disk, in turns with it:
//! absolute figures belong to a machine, ratios travel.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

#[path = "turns/alloc.rs"]
mod alloc;
#[path = "shared/args.rs"]
mod args;
#[path = "turns/auto_save.rs"]
mod auto_save;
#[path = "turns/baselines.rs"]
mod baselines;
#[path = "shared/load.rs"]
mod load;
#[path = "turns/ours.rs"]
mod ours;
#[path = "turns/population.rs"]
mod population;
#[path = "shared/process.rs"]
mod process;
#[path = "turns/reset.rs"]
mod reset;
#[path = "turns/rules.rs"]
mod rules;
#[path = "shared/table.rs"]
mod table;
#[path = "turns/throughput.rs"]
mod throughput;

use std::path::Path;

use args::Args;
use table::Table;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

const CASES: &[&str] = &["turns", "sustained", "hot", "reset", "auto-save", "population", "rules"];

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let Some(folder) = population::asked_as_child() {
        return runtime.block_on(population::as_child(&folder));
    }
    let args = Args::parse(CASES)?;
    let dir = args.folder("turns-")?;
    println!("{}", process::environment(dir.path())?);
    let mut table = Table::new("turns", args.json.as_deref())?;
    runtime.block_on(run(&args, dir.path(), &mut table))?;
    table.finish();
    Ok(())
}

async fn run(args: &Args, dir: &Path, table: &mut Table) -> Result<()> {
    if args.wants("turns") {
        throughput::durable(&dir.join("turns"), args.quick, table).await?;
    }
    if args.wants("sustained") {
        throughput::sustained(&dir.join("sustained"), args.quick, table).await?;
    }
    if args.wants("hot") {
        throughput::hot(&dir.join("hot"), args.quick, table).await?;
    }
    if args.wants("reset") {
        reset::run(&dir.join("reset"), args.quick, table).await?;
    }
    if args.wants("auto-save") {
        auto_save::run(&dir.join("auto-save"), args.quick, table).await?;
    }
    if args.wants("population") {
        population::run(&dir.join("population"), args.quick, table).await?;
    }
    if args.wants("rules") {
        rules::run(args.quick, table)?;
    }
    Ok(())
}
