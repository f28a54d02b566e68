//! A task in a real repository: restarted in the middle of its agent's work, undone, completed and merged. The git program
//! is the witness of all of it.

mod repository;

use std::path::Path;
use std::time::Duration;

use self::repository::{Repository, Witness};
use super::folder::Folder;
use super::story::tell_plan;
use super::{WIDTH, claim, moment, tell};
use crate::api::task::{Event, LogSource, StageStatus, Status, TaskKind, Tier};
use crate::api::{AgentConfig, Change, EntityId, Error, NewTask, Restage, StageId, Task, TaskOptions, View};
use crate::cli::files::{self, short};
use crate::cli::output::{Output, Table};
use crate::cli::plan::Unit;
use crate::cli::stop::{Outcome, Stop};

const AGENT: &str = include_str!("agent.sh");
const TIER: &str = include_str!("tier.toml");
/// Lines that the agent says before it is interrupted.
const LINES_BEFORE: u64 = 25;
/// How long anything of the task may take.
const WAIT_MOST: Duration = Duration::from_secs(60);

/// What was seen, as figures.
#[derive(Debug, Default, serde::Serialize)]
pub(super) struct Seen {
    /// Files, links and folders in the worktree when it was restarted.
    paths: usize,
    /// Those of them that git found changed, staged, untracked or ignored.
    changed: usize,
    /// Lines that the agent said and that are in the log.
    lines: usize,
    /// Time between asking for the restart and everything being back.
    restart_ms: u128,
    undo_ms: u128,
}

/// The task, and where it works.
struct Story {
    restage: Restage,
    task: Task,
    repository: Repository,
    plan: StageId,
    implement: StageId,
    verify: StageId,
}

/// Nothing if there is no git program.
pub(super) async fn run(folder: &Folder, output: &mut Output) -> Outcome<Option<Seen>> {
    let Some(repository) = Repository::make(folder.path())? else {
        tell(output, "\n5. A task in a git worktree\n   left out: the git program, its witness, is not there")?;
        return Ok(None);
    };
    let restage = Restage::open(folder.path()).await?;
    let done = Box::pin(told(&restage, repository, folder.path(), output)).await;
    // Agents are ended whatever happened.
    let closed = restage.shutdown().await;
    let seen = done?;
    closed?;
    Ok(Some(seen))
}

async fn told(restage: &Restage, repository: Repository, folder: &Path, output: &mut Output) -> Outcome<Seen> {
    let story = Story::begin(restage, repository, folder, output).await?;
    let mut seen = Seen::default();
    let (before, orphan) = story.restart(&mut seen, output).await?;
    story.undo(&before, orphan, &mut seen, output).await?;
    story.complete_and_merge(output).await?;
    Ok(seen)
}

impl Story {
    /// Makes the task and does its first stage.
    async fn begin(restage: &Restage, repository: Repository, folder: &Path, output: &mut Output) -> Outcome<Self> {
        tell(output, "\n5. A task in a git worktree")?;
        let script = folder.join("agent.sh");
        std::fs::write(&script, AGENT).map_err(|error| Stop::file("writing", &script, &error))?;
        let file = folder.join("agents.toml");
        // A text in JSON is one in TOML too.
        let script = serde_json::json!(script.display().to_string());
        let text = format!("[agents.tour]\ncommand = [\"sh\", {script}]\n\n[stages]\ndefault = \"tour\"\n");
        std::fs::write(&file, &text).map_err(|error| Stop::file("writing", &file, &error))?;
        let agents = AgentConfig::read(&text, &file).map_err(Error::from)?;
        let tasks = restage.tasks(TaskOptions::default().agents(agents))?;
        tasks.serve();

        let name = EntityId::new("app")?;
        let facts = tasks.repositories().add(&name, &repository.root, "ann").await?;
        tell(output, &format!("   repository {} on branch {}", repository.root.display(), facts.base))?;
        let task = tasks.get(&EntityId::new("tour")?).by("ann");
        task.create(NewTask::new("Make it work", Tier::from_toml(TIER)?, name)).await?;
        task.start().await?;
        let [plan, implement, verify] = ["plan", "implement", "verify"].map(StageId::new);
        let (plan, implement, verify) = (plan?, implement?, verify?);
        let story = Self { restage: restage.clone(), task, repository, plan, implement, verify };
        let view = story.settled().await?;
        let place = view.state.place.as_ref().map(|place| place.branch.clone()).unwrap_or_default();
        tell(output, &format!("   branch {place}, in a worktree of its own"))?;
        story.stage_done(&story.plan).await?;
        Ok(story)
    }

    /// Waits until the task is at rest; what could not be done ends the tour.
    async fn rests(&self) -> Outcome<View<TaskKind>> {
        self.in_time(self.task.at_rest()).await
    }

    async fn settled(&self) -> Outcome<View<TaskKind>> {
        self.in_time(self.task.settled()).await
    }

    async fn in_time(&self, wait: impl Future<Output = Result<View<TaskKind>, Error>>) -> Outcome<View<TaskKind>> {
        let late = |_| Stop::problem("tour_failed", "the task does not come to rest", "");
        let view = tokio::time::timeout(WAIT_MOST, wait).await.map_err(late)??;
        let problem =
            view.state.problem.as_ref().map(|problem| format!("could not {}: {}", problem.doing, problem.what));
        claim(problem.is_none(), &format!("nothing goes wrong with the task: {}", problem.unwrap_or_default()))?;
        Ok(view)
    }

    /// Has a stage worked on, approves it, and looks at its commit.
    async fn stage_done(&self, stage: &StageId) -> Outcome {
        let view = self.rests().await?;
        match view.state.stage(stage)?.status {
            StageStatus::Interrupted => self.task.retry().await?,
            _ => self.task.run().await?,
        };
        let made = self.rests().await?.state.stage(stage)?.candidate.clone();
        claim(made.is_some(), "an agent that is done has made something to approve")?;
        let tree = made.map(|made| made.tree);
        self.task.approve(tree.clone()).await?;
        let view = self.settled().await?;
        let commit = view.state.stage(stage)?.commit.as_ref().map(ToString::to_string).unwrap_or_default();
        let names = self.repository.git(&self.repository.root, &["log", "-1", "--format=%T %s", &commit])?;
        let expected = format!("{} task/tour: complete {stage} stage\n", tree.map(|tree| tree.0).unwrap_or_default());
        claim(names == expected, "what was approved is what is committed")
    }

    /// Restarts a stage while its agent works. Gives what was there before, and the orphan of the agent's late words.
    async fn restart(&self, seen: &mut Seen, output: &mut Output) -> Outcome<(Witness, u64)> {
        tell(output, &format!("\n6. A restart, while an agent works on {}", self.implement))?;
        let begun = self.task.view().await?.state.log;
        self.task.run().await?;
        let says = self.task.until(|state| state.log >= begun + LINES_BEFORE);
        let late = |_| Stop::problem("tour_failed", "the agent does not say anything", "");
        tokio::time::timeout(WAIT_MOST, says).await.map_err(late)??;
        let worktree = self.task.worktree().await?;
        let before = self.repository.witness(&worktree)?;
        (seen.paths, seen.changed) = (before.files.len(), before.status.lines().count());
        tell_status(&before, output)?;

        let preview = self.task.preview_restart(Some(&self.implement)).await?;
        tell_plan(&preview.plan, Unit::Stage, output)?;
        let look = preview.look.as_ref().map(files::planned).unwrap_or_default();
        look.lines().try_for_each(|line| tell(output, &format!("   {line}")))?;
        let process = self.task.view().await?.state.run.and_then(|run| run.process);
        let process = process.map(|(id, ..)| format!("/proc/{id}")).unwrap_or_default();
        claim(Path::new(&process).exists(), "its agent is at work")?;

        let asked = moment();
        let token = preview.plan.token;
        let task = self.task.reason("it thinks in circles").plan(token.clone());
        let began = task.restart(Some(&self.implement)).await?;
        let view = self.settled().await?;
        seen.restart_ms = moment().since(asked).as_millis();
        claim(!Path::new(&process).exists(), "its agent's process is gone")?;
        tell(output, &format!("   done as planned, in {} ms: restart --plan {token}", seen.restart_ms))?;
        let orphan = self.late_words(began.revision, seen, output).await?;
        self.is_back(&worktree, &view)?;
        self.show(output).await?;
        Ok((before, orphan))
    }

    /// Waits for what the agent still says when it is asked to end: it is kept aside, and nothing that it said after the
    /// turn that began the restart is taken in.
    async fn late_words(&self, restarted_by: u64, seen: &mut Seen, output: &mut Output) -> Outcome<u64> {
        let kept = async {
            let mut feed = self.restage.feed(self.restage.durable());
            loop {
                if let Some(orphan) = self.task.view().await?.orphans.first() {
                    return Ok::<_, Error>(orphan.number);
                }
                feed.next().await?;
            }
        };
        let late = |_| Stop::problem("tour_failed", "the agent's last words are not kept", "");
        let orphan = tokio::time::timeout(WAIT_MOST, kept).await.map_err(late)??;
        let turns = self.task.handle().history(restarted_by - 1, 1).await?;
        let logged = turns.iter().flat_map(|turn| &turn.entry.changes).find_map(|change| match change {
            Change::Event(Event::Logged(next)) => Some(*next),
            _ => None,
        });
        claim(logged.is_some(), "a restart is written to the log")?;
        let mut too_late = 0;
        let mut next = 0;
        loop {
            let entries = self.task.log(next).await?;
            let Some(last) = entries.last() else { break };
            next = last.number + 1;
            let said = entries.iter().filter(|entry| entry.line.source != LogSource::Restage);
            let (after, before): (Vec<_>, Vec<_>) = said.partition(|entry| Some(entry.number) >= logged);
            (seen.lines, too_late) = (seen.lines + before.len(), too_late + after.len());
        }
        claim(too_late == 0, "no line of the agent is taken in after the restart")?;
        claim(self.task.output(&self.implement).await?.is_none(), "nor what it said at last")?;
        tell(output, &format!("   the agent: {} lines taken in, and none after that;", seen.lines))?;
        tell(output, &format!("   it was ended, and its last words are kept as orphan {orphan}"))?;
        Ok(orphan)
    }

    /// Looks whether the worktree is where the stage began.
    fn is_back(&self, worktree: &Path, view: &View<TaskKind>) -> Outcome {
        let planned = view.state.stage(&self.plan)?.commit.as_ref().map(ToString::to_string).unwrap_or_default();
        let now = self.repository.witness(worktree)?;
        let tracked = now.status.lines().all(|line| line.starts_with("!!"));
        claim(tracked, "git finds nothing but ignored files after the restart")?;
        let head = self.repository.git(worktree, &["rev-parse", "HEAD"])?;
        claim(head.trim() == planned, "the branch is at the commit of the stage before")?;
        claim(view.state.stage(&self.implement)?.status == StageStatus::Ready, "the stage is to be run again")
    }

    /// Takes the restart back, and has git say whether every byte is there again.
    async fn undo(&self, before: &Witness, orphan: u64, seen: &mut Seen, output: &mut Output) -> Outcome {
        tell(output, "\n7. Undo")?;
        let asked = moment();
        let plan = self.task.preview_undo(None).await?.plan;
        self.task.plan(plan.token).undo(None).await?;
        let view = self.settled().await?;
        seen.undo_ms = moment().since(asked).as_millis();
        let worktree = self.task.worktree().await?;
        let after = self.repository.witness(&worktree)?;
        claim(after == *before, "HEAD, branch, index, git status and every file are as they were")?;
        let (paths, changed) = (seen.paths, seen.changed);
        tell(output, &format!("   {} ms; HEAD, branch and index are as they were,", seen.undo_ms))?;
        tell(output, &format!("   and {paths} paths byte for byte; git status finds the same {changed} lines"))?;
        claim(view.state.stage(&self.implement)?.status == StageStatus::Interrupted, "the stage can be gone on with")?;
        self.task.handle().adopt(orphan).await?;
        let said = self.task.output(&self.implement).await?;
        claim(said.as_deref() == Some("said too late"), "an adopted orphan has the agent's last words")?;
        tell(output, &format!("   orphan {orphan} adopted: the agent's last words are in"))
    }

    /// Goes on to the end.
    async fn complete_and_merge(&self, output: &mut Output) -> Outcome {
        tell(output, "\n8. To the end")?;
        self.stage_done(&self.implement).await?;
        self.stage_done(&self.verify).await?;
        let view = self.show(output).await?;
        claim(view.state.status() == Status::Done, "all stages are complete")?;
        let root = &self.repository.root;
        let stash = self.repository.git(root, &["stash", "list"])?;
        self.task.merge().await?;
        let view = self.settled().await?;
        let merged = view.state.merged.as_ref().map(ToString::to_string).unwrap_or_default();
        let head = self.repository.git(root, &["rev-parse", "main"])?;
        claim(head.trim() == merged, "main is at the merge")?;
        claim(self.repository.git(root, &["status", "--porcelain"])?.is_empty(), "and checked out as such")?;
        for line in self.repository.git(root, &["log", "--graph", "--oneline", "main"])?.lines() {
            tell(output, &format!("   {line}"))?;
        }
        self.repository.git(root, &["fsck", "--strict", "--no-progress"])?;
        let untouched = self.repository.git(root, &["stash", "list"])?;
        claim(untouched == stash && stash.lines().count() == 1, "the person's own stash is untouched")?;
        tell(output, &format!("   git fsck: sound; git stash list: {}", untouched.trim_end()))
    }

    /// A table of the stages.
    async fn show(&self, output: &mut Output) -> Outcome<View<TaskKind>> {
        let view = self.task.view().await?;
        let mut table = Table::new(["   STAGE", "STATUS", "GEN", "RUNS", "COMMIT", "APPROVED"]);
        for (outline, stage) in view.state.stages() {
            let approved = stage.approval.as_ref();
            table.row([
                format!("   {}", outline.id).into(),
                stage.status.to_string().into(),
                view.generation(&outline.id).to_string().into(),
                stage.runs.to_string().into(),
                stage.commit.as_ref().map(short).unwrap_or_default().into(),
                approved
                    .map(|approval| format!("by {}: {}", approval.by, short(&approval.tree)))
                    .unwrap_or_default()
                    .into(),
            ]);
        }
        tell(output, &table.text(Some(WIDTH)))?;
        Ok(view)
    }
}

/// What git finds in a worktree.
fn tell_status(witness: &Witness, output: &mut Output) -> Outcome {
    tell(output, "   git status says:")?;
    witness.status.lines().try_for_each(|line| tell(output, &format!("     {line}")))
}
