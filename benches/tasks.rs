//! How fast the files of a task go back and forth, beside the git program on the same repository.
//!
//! `cargo bench --bench tasks -- [--quick] [--json FILE] [--dir DIR] [--case NAME]`
//!
//! A repository of 50,000 files in 500 folders; in the worktree of a task 200 of them are changed, 20 deleted, and 300
//! untracked ones are there, after a stage whose commit touches 500. What git does stands beside it, in turns with it, in a
//! worktree of the same repository in the same state.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

#[path = "shared/args.rs"]
mod args;
#[path = "tasks/fence.rs"]
mod fence;
#[path = "tasks/files.rs"]
mod files;
#[path = "tasks/git.rs"]
mod git;
#[path = "shared/process.rs"]
#[allow(dead_code, reason = "the benches share it, and each uses a part of it")]
mod process;
#[path = "shared/table.rs"]
#[allow(dead_code, reason = "the benches share it, and each uses a part of it")]
mod table;

use args::Args;
use table::Table;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

const CASES: &[&str] = &["files", "fence"];

fn main() -> Result<()> {
    let args = Args::parse(CASES)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let dir = args.folder("tasks-")?;
    println!("{}", process::environment(dir.path())?);
    let mut table = Table::new("tasks", args.json.as_deref())?;
    runtime.block_on(async {
        if args.wants("files") {
            files::run(&dir.path().join("files"), args.quick, &mut table).await?;
        }
        if args.wants("fence") {
            fence::run(&dir.path().join("fence"), args.quick, &mut table).await?;
        }
        Ok::<(), Error>(())
    })?;
    table.finish();
    Ok(())
}
