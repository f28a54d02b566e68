//! Parts 9 to 11: a workflow, and workers that are processes of this very program, against a server that is one too. One
//! worker is killed and one is late; both are found, and what the late one made is not lost.

use std::fmt::Display;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use serde_json::Value;

use super::{claim, tell};
use crate::cli::output::Output;
use crate::cli::stop::{Outcome, Stop};

const TEMPLATE: &str = r#"name = "tour"
title = "A gate for the work, one for a person's word"
[[gates]]
id = "built"
name = "Built"
phase = "building"
[[gates]]
id = "reviewed"
name = "Reviewed"
phase = "review"
approval = true
"#;

/// A worker's work that is soon done.
const QUICK: &str = "PATH=/usr/bin:/bin; sleep 0.1; echo \"\\\"made by $RESTAGE_WORKER\\\"\"";
/// Work that nobody ends.
const SLOW: &str = "PATH=/usr/bin:/bin; exec sleep 5";
/// Work that says what it has when it is asked to end.
const LATE: &str =
    "trap 'echo \"\\\"said too late\\\"\"; exit 0' TERM; PATH=/usr/bin:/bin; while :; do sleep 0.05; done";

/// How long anything may take.
const WAIT_MOST: Duration = Duration::from_secs(60);
/// How long until it is looked again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What it saw, as figures.
#[derive(Debug, Default, serde::Serialize)]
pub(super) struct Seen {
    workers: usize,
    tasks: usize,
    late: u64,
}

/// A process of this program. It does not outlive the tour.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended by itself, or is to.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program on the tour's data folder.
struct Program<'a>(&'a Path);

pub(super) async fn run(folder: &Path, output: &mut Output) -> Outcome<Seen> {
    let program = Program(folder);
    tell(output, "\n9. A workflow, a server, and four workers")?;
    let _server = program.serve(output)?;
    let template = folder.join("tour-workflow.toml");
    fs::write(&template, TEMPLATE).map_err(|error| Stop::file("writing", &template, &error))?;
    program.shown("workflow start tour --title Ship --template tour-workflow.toml", output)?;
    for title in ["Login", "Search"] {
        program.asked(&["workflow", "add", "tour", "--queue", "fe", "--title", title])?;
    }
    program.shown("workflow run tour", output)?;

    // Each of the first two gets a task, and neither ends it.
    let mut killed = program.worker("killed", SLOW)?;
    until("a worker has a task", || Ok(program.tasks("leased")?.len() == 1)).await?;
    let _late = program.worker("late", LATE)?;
    until("another worker has a task", || Ok(program.tasks("leased")?.len() == 2)).await?;
    for title in ["Settings", "Help"] {
        program.asked(&["workflow", "add", "tour", "--queue", "fe", "--title", title])?;
    }
    let _others = [program.worker("third", QUICK)?, program.worker("fourth", QUICK)?];
    killed.0.kill().map_err(|error| failed(&error))?;
    tell(output, "   four workers took tasks; one of them was killed at work: kill -9")?;
    cured(&program, output).await?;

    tell(output, "\n10. A reset, while a worker is at work")?;
    let before = program.results()?;
    program.shown("workflow reset tour built --yes", output)?;
    claim(program.results()?.is_empty(), "no result is there after the reset")?;
    let orphan = late(&program, output).await?;

    tell(output, "\n11. Undo, and the late result is taken in")?;
    program.shown("workflow undo tour --yes", output)?;
    let after = program.results()?;
    claim(before.iter().all(|result| after.contains(result)), "every result is back as it was")?;
    program.shown(&format!("workflow orphan adopt tour {orphan}"), output)?;
    let results = program.results()?;
    let taken = results.iter().any(|result| result["result"] == "said too late");
    claim(taken, "what came too late is a result now")?;
    claim(results.len() == 4, "all four tasks have a result")?;
    program.shown("workflow run tour", output)?;
    until("its gate is passed", || Ok(program.json(&["workflow", "show", "tour"])?["gate"] == "reviewed")).await?;
    tell(output, "   a person has the last word:")?;
    program.shown("workflow approve tour", output)?;
    let workflow = program.json(&["workflow", "show", "tour"])?;
    claim(workflow["status"] == "completed", "the workflow is completed")?;
    Ok(Seen { workers: 4, tasks: results.len(), late: 1 })
}

/// Finds the worker that was killed, and does what cures that.
async fn cured(program: &Program<'_>, output: &mut Output) -> Outcome {
    let mut cure = String::new();
    until("the lost worker is found", || {
        let stuck = program.json(&["stuck", "--kind", "workflow", "--patience", "1s"])?;
        let lost = list(&stuck, "stuck").into_iter().find(|stuck| {
            stuck["what"] == "lost_worker" && stuck["why"].as_str().is_some_and(|why| why.contains("worker killed"))
        });
        cure = lost.as_ref().and_then(|lost| lost["cure"].as_str()).unwrap_or_default().to_owned();
        Ok(lost.is_some() || program.tasks("done")?.len() == 3)
    })
    .await?;
    match cure.strip_prefix("restage ") {
        Some(cure) => {
            tell(output, &format!("   restage stuck: worker killed gives no sign of life; cure:\n   {cure}"))?;
            // Its lease may have ended meanwhile, and the task be somebody else's: that is as good.
            let _ = program.asked(&cure.split(' ').collect::<Vec<_>>());
        }
        None => tell(output, "   its lease ended, and another worker has its task")?,
    }
    until("the others did three tasks", || Ok(program.tasks("done")?.len() == 3)).await?;
    tell(output, "   the others did three tasks, its own too")
}

/// What the worker that was at work during the reset still hands in. Gives its number.
async fn late(program: &Program<'_>, output: &mut Output) -> Outcome<String> {
    let mut orphan = String::new();
    until("the late result is kept", || {
        let orphans = program.json(&["workflow", "orphans", "tour"])?;
        let found = list(&orphans, "orphans").first().map(|orphan| orphan["orphan"].to_string());
        orphan = found.unwrap_or_default();
        Ok(!orphan.is_empty())
    })
    .await?;
    claim(program.results()?.is_empty(), "what came too late is in no view")?;
    tell(output, &format!("   worker late lost its task; what it made is kept as orphan {orphan}"))?;
    Ok(orphan)
}

impl Program<'_> {
    fn command(&self, arguments: &[&str]) -> Outcome<Command> {
        let mut command = Command::new(env::current_exe().map_err(|error| failed(&error))?);
        command.args(["--data", "."]).args(arguments).current_dir(self.0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }

    fn serve(&self, output: &mut Output) -> Outcome<Running> {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0", "--log", "error"])?;
        let mut server = Running(command.stderr(Stdio::null()).spawn().map_err(|error| failed(&error))?);
        let lines = server.0.stdout.take().ok_or_else(|| failed(&"the server's address can't be read"))?;
        let url = BufReader::new(lines).lines().next().transpose().map_err(|error| failed(&error))?;
        let url = url.ok_or_else(|| failed(&"the server did not start"))?;
        claim(url.starts_with("http://127.0.0.1:"), "the server says where it is")?;
        tell(output, "   a server holds the folder; the commands below are carried out by it")?;
        Ok(server)
    }

    fn worker(&self, name: &str, work: &str) -> Outcome<Running> {
        let run = ["worker", "run", "--queue", "fe", "--name", name, "--lease", "3s", "--", "/bin/sh", "-c", work];
        let mut command = self.command(&run)?;
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Running(command.spawn().map_err(|error| failed(&error))?))
    }

    /// What a command answers.
    fn asked(&self, arguments: &[&str]) -> Outcome<String> {
        let ran = self.command(arguments)?.output().map_err(|error| failed(&error))?;
        let mut said = String::new();
        // What is no text is shown by no command of the tour.
        let _ = ran.stdout.as_slice().read_to_string(&mut said);
        if ran.status.success() {
            return Ok(said);
        }
        Err(failed(&format!("{}: {}", arguments.join(" "), String::from_utf8_lossy(&ran.stderr))))
    }

    /// A command, and what it answers, for whoever looks on.
    fn shown(&self, line: &str, output: &mut Output) -> Outcome {
        tell(output, &format!("   $ restage {line}"))?;
        let said = self.asked(&line.split(' ').collect::<Vec<_>>())?;
        said.lines().try_for_each(|line| tell(output, &format!("   {line}")))
    }

    fn json(&self, arguments: &[&str]) -> Outcome<Value> {
        let said = self.asked(&[arguments, &["--json"]].concat())?;
        serde_json::from_str(&said).map_err(|error| failed(&error))
    }

    fn tasks(&self, status: &str) -> Outcome<Vec<Value>> {
        Ok(list(&self.json(&["workflow", "tasks", "tour", "--status", status])?, "tasks"))
    }

    fn results(&self) -> Outcome<Vec<Value>> {
        Ok(list(&self.json(&["workflow", "results", "tour"])?, "results"))
    }
}

fn list(of: &Value, name: &str) -> Vec<Value> {
    of.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
}

/// Waits for what is bound to happen.
async fn until(what: &str, mut holds: impl FnMut() -> Outcome<bool>) -> Outcome {
    let wait = async {
        while !holds()? {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    };
    let late = |_| Stop::problem("tour_failed", format!("this does not come: {what}"), "");
    tokio::time::timeout(WAIT_MOST, wait).await.map_err(late)?
}

fn failed(why: &dyn Display) -> Stop {
    Stop::problem("tour_failed", format!("the tour can't go on: {why}"), "")
}
