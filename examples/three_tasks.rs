//! Three tasks at the same time in one repository: one restarted while its agent is at work, one restarted in full, one
//! restarted and undone. What git says of the repository then.
//!
//! `cargo run --example three_tasks -- REPOSITORY` leaves branches and refs of three tasks in that repository: give it a
//! clone.

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use restage::task::Tier;
use restage::{AgentConfig, EntityId, NewTask, Restage, StageId, Task, TaskOptions, Tasks};

/// Changes many files, line by line and slowly.
const AGENT: &str = r#"
[agents.writer]
command = ["sh", "-c", "git ls-files | head -300 | while read -r f; do [ -f \"$f\" ] && echo \"by $RESTAGE_TASK in $RESTAGE_STAGE\" >> \"$f\"; echo \"$f\"; done; mkdir -p notes; echo new > notes/$RESTAGE_TASK-$RESTAGE_STAGE"]
prompt = "file"
[stages]
default = "writer"
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let repository = PathBuf::from(std::env::args_os().nth(1).ok_or("name a clone of a repository")?);
    let data = tempfile::tempdir()?;
    let restage = Restage::open(data.path()).await?;
    let agents = AgentConfig::read(AGENT, Path::new("agents.toml"))?;
    let tasks = restage.tasks(TaskOptions::default().agents(agents))?;
    tasks.serve();
    let facts = tasks.repositories().add(&EntityId::new("it")?, &repository, "ann").await?;
    println!("{} files in {}", git(&repository, &["ls-files"])?.lines().count(), facts.root);

    let (one, two, three) = tokio::try_join!(planned(&tasks, "one"), planned(&tasks, "two"), planned(&tasks, "three"))?;
    let (implement, plan) = (StageId::new("implement")?, StageId::new("plan")?);

    for task in [&one, &two, &three] {
        task.run().await?;
    }
    one.until(|state| state.log > 100).await?;
    one.restart(Some(&implement)).await?;
    let state = one.settled().await?.state;
    println!("one: restarted while its agent wrote; problem: {:?}", state.problem.map(|problem| problem.what));

    two.at_rest().await?;
    two.restart(None).await?;
    println!("two: restarted in full; it is in {}", two.settled().await?.state.status());

    three.at_rest().await?;
    let before = fingerprint(&three.worktree().await?)?;
    three.restart(Some(&plan)).await?;
    three.settled().await?;
    three.undo(None).await?;
    three.settled().await?;
    let after = fingerprint(&three.worktree().await?)?;
    println!("three: restarted to plan and undone; every byte is back: {}", before == after);
    restage.shutdown().await?;

    for args in [
        &["fsck", "--full", "--no-dangling"] as &[&str],
        &["worktree", "list"],
        &["stash", "list"],
        &["log", "--graph", "--oneline", "--decorate", "-14", "--branches", "--glob=refs/restage/*", "HEAD"],
        &["for-each-ref", "refs/restage", "refs/heads/task"],
    ] {
        println!("\n$ git {}\n{}", args.join(" "), git(&repository, args)?);
    }
    if before == after { Ok(()) } else { Err("the undo is not exact".into()) }
}

/// A task whose plan is complete.
async fn planned(tasks: &Tasks, name: &str) -> Result<Task, restage::Error> {
    let task = tasks.get(&EntityId::new(name)?).by("ann");
    task.create(NewTask::new("Many files", Tier::built_in("L1")?, EntityId::new("it")?)).await?;
    task.start().await?;
    task.settled().await?;
    task.run().await?;
    task.at_rest().await?;
    task.approve(None).await?;
    task.settled().await?;
    Ok(task)
}

/// What git says of every file.
fn fingerprint(worktree: &Path) -> Result<String, Box<dyn Error>> {
    let (head, status) = (git(worktree, &["rev-parse", "HEAD"])?, git(worktree, &["status", "--porcelain", "-uall"])?);
    let diff = git(worktree, &["diff", "HEAD", "--binary"])?;
    Ok(format!("{head}\n{status}\n{}\n{diff}", git(worktree, &["ls-files", "-s"])?))
}

fn git(at: &Path, args: &[&str]) -> Result<String, Box<dyn Error>> {
    let output = Command::new("git").current_dir(at).args(args).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    Err(format!("git {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr)).into())
}
