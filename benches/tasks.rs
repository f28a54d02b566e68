//! How fast the files of a task go back and forth, beside the git program on the same repository.
//!
//! `cargo bench --bench tasks -- [--quick] [--json FILE] [--dir DIR]`
//!
//! A repository of 50,000 files in 500 folders; in the worktree of a task 200 of them are changed, 20 deleted, and 300
//! untracked ones are there, after a stage whose commit touches 500. What git does stands beside it, in turns with it, in a
//! worktree of the same repository in the same state.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

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

use std::path::{Path, PathBuf};

use table::Table;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

/// What was asked for.
#[derive(Debug, Default)]
struct Args {
    quick: bool,
    json: Option<PathBuf>,
    dir: Option<PathBuf>,
}

impl Args {
    fn parse() -> Result<Self> {
        let mut args = Self::default();
        let mut given = std::env::args().skip(1);
        while let Some(arg) = given.next() {
            let mut value = || given.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--quick" => args.quick = true,
                "--json" => args.json = Some(value()?.into()),
                "--dir" => args.dir = Some(value()?.into()),
                // What cargo passes by itself.
                "--bench" => {}
                _ => return Err(format!("unknown argument {arg}: --quick, --json FILE, --dir DIR").into()),
            }
        }
        Ok(args)
    }
}

fn main() -> Result<()> {
    let args = Args::parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Beside the build, and so on a disk: the folder for temporary files may be in memory.
    let dir = args.dir.clone().unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).to_path_buf());
    std::fs::create_dir_all(&dir)?;
    let dir = tempfile::Builder::new().prefix("tasks-").tempdir_in(dir)?;
    println!("{}", process::environment(dir.path())?);
    let mut table = Table::new("tasks", args.json.as_deref())?;
    runtime.block_on(async {
        files::run(&dir.path().join("files"), args.quick, &mut table).await?;
        fence::run(&dir.path().join("fence"), args.quick, &mut table).await
    })?;
    table.finish();
    Ok(())
}
