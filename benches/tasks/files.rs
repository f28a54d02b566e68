//! Going back, undo and preview on many files.

use std::fs;
use std::path::Path;
use std::time::Instant;

use restage::task::Tier;
use restage::{AgentConfig, EntityId, NewTask, Options, Restage, StageId, Task, TaskOptions};

use crate::Result;
use crate::git::{git, output};
use crate::table::{Goal, Table, median};

/// Files a folder has.
const PER_FOLDER: usize = 100;
/// Changes 500 files where it is told to, and does nothing else.
const AGENT: &str = r#"
[agents.bench]
command = ["sh", "-c", "if [ $RESTAGE_STAGE = plan ]; then for n in $(seq 0 499); do echo stage >> d$((n % FOLDERS))/f$((n / FOLDERS)); done; fi"]
prompt = "file"
time_out = "10m"
[stages]
default = "bench"
"#;

pub(crate) async fn run(dir: &Path, quick: bool, table: &mut Table) -> Result<()> {
    let (folders, rounds) = if quick { (50, 3) } else { (500, 7) };
    let repository = dir.join("repository");
    make(&repository, folders)?;
    let restage = Restage::open_with(dir.join("data"), Options::default()).await?;
    let agents = AgentConfig::read(&AGENT.replace("FOLDERS", &folders.to_string()), Path::new("agents.toml"))?;
    let tasks = restage.tasks(TaskOptions::default().agents(agents))?;
    tasks.serve();
    tasks.repositories().add(&EntityId::new("repository")?, &repository, "bench").await?;
    let task = tasks.get(&EntityId::new("bench")?).by("bench");
    task.create(NewTask::new("Bench", Tier::built_in("L2")?, EntityId::new("repository")?)).await?;
    let began = Instant::now();
    task.start().await?;
    task.settled().await?;
    table.figure("making a worktree", began.elapsed().as_secs_f64() * 1e3, "ms")?;
    for _ in ["brainstorm", "plan"] {
        task.run().await?;
        task.at_rest().await?;
        task.approve(None).await?;
        task.settled().await?;
    }
    let ours = task.worktree().await?;
    let theirs = dir.join("theirs");
    let head = output(&ours, &["rev-parse", "HEAD"])?;
    git(&repository, &["worktree", "add", "-q", "-b", "theirs", path(&theirs)?, &head])?;
    mess(&ours, folders)?;
    mess(&theirs, folders)?;
    measure(&task, &ours, &theirs, rounds, table).await?;
    Ok(restage.shutdown().await?)
}

async fn measure(task: &Task, ours: &Path, theirs: &Path, rounds: usize, table: &mut Table) -> Result<()> {
    let plan = StageId::new("plan")?;
    let (mut back, mut undo, mut preview) = (Vec::new(), Vec::new(), Vec::new());
    let (mut git_back, mut git_status) = (Vec::new(), Vec::new());
    let before = output(theirs, &["rev-parse", "HEAD"])?;
    let dirty = output(ours, &["status", "--porcelain"])?;
    for _ in 0..rounds {
        git_status.push(git(theirs, &["status", "--porcelain"])?);
        let began = Instant::now();
        task.preview_restart(Some(&plan)).await?;
        preview.push(began.elapsed().as_secs_f64() * 1e3);

        let stashed = git(theirs, &["stash", "push", "-u", "-q"])?;
        git_back.push(stashed + git(theirs, &["reset", "--hard", "-q", "HEAD~1"])?);
        git(theirs, &["reset", "--hard", "-q", &before])?;
        git(theirs, &["stash", "pop", "-q"])?;

        let began = Instant::now();
        task.restart(Some(&plan)).await?;
        task.settled().await?;
        back.push(began.elapsed().as_secs_f64() * 1e3);
        let clean = output(ours, &["status", "--porcelain"])?;
        let began = Instant::now();
        task.undo(None).await?;
        let view = task.settled().await?;
        undo.push(began.elapsed().as_secs_f64() * 1e3);
        if !clean.is_empty() || view.state.problem.is_some() || output(ours, &["status", "--porcelain"])? != dirty {
            return Err(format!("not back where it was: {:?} {clean:?}", view.state.problem).into());
        }
    }
    let back = median(back);
    table.row("restart, beside git stash -u and reset --hard", back, median(git_back), "ms", Goal::AtMost(1.0))?;
    table.row("undo, beside the restart", median(undo), back, "ms", Goal::AtMost(1.0))?;
    table.row("preview, beside git status", median(preview), median(git_status), "ms", Goal::AtMost(2.0))
}

/// A repository of so many folders with 100 files each.
fn make(at: &Path, folders: usize) -> Result<()> {
    fs::create_dir_all(at)?;
    git(at, &["init", "-q", "-b", "main"])?;
    for folder in 0..folders {
        let folder = at.join(format!("d{folder}"));
        fs::create_dir(&folder)?;
        for file in 0..PER_FOLDER {
            let text = format!("{}\n", folder.display()).repeat(10 + file);
            fs::write(folder.join(format!("f{file}")), text)?;
        }
    }
    git(at, &["add", "-A"])?;
    git(at, &["commit", "-q", "-m", "all"])?;
    git(at, &["repack", "-a", "-d", "-q"])?;
    Ok(())
}

/// 200 files changed, 20 deleted, 300 untracked.
fn mess(at: &Path, folders: usize) -> Result<()> {
    let file = |n: usize| at.join(format!("d{}/f{}", (n * 7) % folders, 20 + (n / folders)));
    for n in 0..200 {
        let text = fs::read_to_string(file(n))?;
        fs::write(file(n), format!("changed {n}\n{text}"))?;
    }
    for n in 200..220 {
        fs::remove_file(at.join(format!("d{}/f{}", n % folders, 90)))?;
    }
    for n in 0..300 {
        let folder = at.join(format!("new/{}", n % 30));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("file{n}")), format!("untracked {n}\n").repeat(20))?;
    }
    Ok(())
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| "the path is no text".into())
}
