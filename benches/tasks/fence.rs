//! Fencing an agent that will not end, beside a durable turn.

use std::fs;
use std::path::Path;
use std::time::Instant;

use restage::task::Tier;
use restage::{AgentConfig, EntityId, NewTask, Options, Restage, StageId, TaskOptions};

use crate::Result;
use crate::git::git;
use crate::table::{Goal, Table, median};

/// Says a line ten times a second, and ends only when it is killed.
const AGENT: &str = r#"
[agents.stubborn]
command = ["sh", "-c", "trap '' TERM; while :; do echo still here; sleep 0.1; done"]
prompt = "file"
grace = "300ms"
time_out = "10m"
[stages]
default = "stubborn"
"#;

pub(crate) async fn run(dir: &Path, quick: bool, table: &mut Table) -> Result<()> {
    let rounds = if quick { 5 } else { 25 };
    let repository = dir.join("repository");
    fs::create_dir_all(&repository)?;
    git(&repository, &["init", "-q", "-b", "main"])?;
    git(&repository, &["commit", "-q", "--allow-empty", "-m", "first"])?;
    let restage = Restage::open_with(dir.join("data"), Options::default()).await?;
    let agents = AgentConfig::read(AGENT, Path::new("agents.toml"))?;
    let tasks = restage.tasks(TaskOptions::default().agents(agents))?;
    tasks.serve();
    let name = EntityId::new("repository")?;
    tasks.repositories().add(&name, &repository, "bench").await?;
    let task = tasks.get(&EntityId::new("fenced")?).by("bench");
    let other = tasks.get(&EntityId::new("other")?).by("bench");
    for task in [&task, &other] {
        task.create(NewTask::new("Bench", Tier::built_in("L1")?, name.clone())).await?;
        task.start().await?;
        task.settled().await?;
    }
    let plan = StageId::new("plan")?;
    let (mut fence, mut turn, mut over) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        task.run().await?;
        task.until(|state| state.run.as_ref().is_some_and(|run| run.process.is_some()) && state.log > 3).await?;
        let began = Instant::now();
        other.pause().await?;
        turn.push(began.elapsed().as_secs_f64() * 1e3);
        let began = Instant::now();
        task.restart(Some(&plan)).await?;
        fence.push(began.elapsed().as_secs_f64() * 1e3);
        task.settled().await?;
        over.push(began.elapsed().as_secs_f64() * 1e3);
        other.resume().await?;
    }
    table.row(
        "fencing an agent that won't end, beside a turn",
        median(fence),
        median(turn),
        "ms",
        Goal::AtMost(5.0),
    )?;
    table.figure("until it is ended and the files are back", median(over), "ms")?;
    Ok(restage.shutdown().await?)
}
