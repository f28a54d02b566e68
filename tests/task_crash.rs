//! A program that is killed in the middle of going back, for real, at every step: the next start finishes it, and files
//! and state agree.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that can't go on fails, and tells what it saw")]

mod pipeline;

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use pipeline::{AGENT, Witness, World, git, id, messy, stage};
use restage::task::StageStatus;
use restage::{Task, testkit};

/// Set for the child that is to be killed: what it does, and where.
const ACT: &str = "RESTAGE_TEST_ACT";
const FOLDER: &str = "RESTAGE_TEST_FOLDER";
const SIGKILL: i32 = 9;

/// Not a test of its own: the process that is killed.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let (Ok(act), Ok(folder)) = (std::env::var(ACT), std::env::var(FOLDER)) else { return };
    let (restage, tasks) = World::at(folder).open(AGENT).await;
    let task = tasks.get(&id("t1")).by("ann");
    match act.as_str() {
        "restart" => drop(task.restart(Some(&stage("plan"))).await.unwrap()),
        "full" => drop(task.restart(None).await.unwrap()),
        "undo" => drop(task.undo(None).await.unwrap()),
        other => panic!("no act {other}"),
    }
    task.settled().await.unwrap();
    restage.shutdown().await.unwrap();
}

/// Has a child do something, killed at a step of it. Whether it came to that step.
fn killed(world: &World, act: &str, step: &str) -> bool {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env(ACT, act)
        .env(FOLDER, &world.folder)
        .env("RESTAGE_CRASH_AT", step)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success() || status.signal() == Some(SIGKILL), "{act} at {step}: {status}");
    status.signal() == Some(SIGKILL)
}

/// Everything that is seen of a task: its files as git and the file system have them, and what it says of itself.
async fn seen(task: &Task) -> (Witness, String) {
    let state = task.view().await.unwrap().state;
    let mut told = String::new();
    for name in ["brainstorm", "plan", "implement", "verify"] {
        let name = stage(name);
        let mut state = state.stage(&name).unwrap().clone();
        // When it was, not what it is.
        (state.started_at, state.completed_at) = (None, None);
        let (output, handoff) = (task.output(&name).await.unwrap(), task.handoff(&name).await.unwrap());
        let todos = task.todos(&name).await.unwrap();
        told.push_str(&format!("{name}: {state:?} {output:?} {handoff:?} {todos:?}\n"));
    }
    told.push_str(&format!("{:?} {:?} {:?}", state.at, state.rejections, state.operation));
    (Witness::of(&task.worktree().await.unwrap()), told)
}

/// Makes a task that has everything to lose, has `act` killed at `step`, opens the folder again, and looks.
async fn case(act: &str, step: &str) -> bool {
    let world = World::new();
    let (restage, tasks) = world.open(AGENT).await;
    let task = messy(&tasks, "t1").await;
    let before = seen(&task).await;
    let brainstormed = task.view().await.unwrap().state.stage(&stage("brainstorm")).unwrap().commit.clone().unwrap();
    if act == "undo" {
        task.restart(Some(&stage("plan"))).await.unwrap();
        task.settled().await.unwrap();
    }
    restage.shutdown().await.unwrap();

    let reached = killed(&world, act, step);

    let (restage, tasks) = world.open(AGENT).await;
    let task = tasks.get(&id("t1")).by("ann");
    let view = task.settled().await.unwrap();
    assert_eq!(
        view.state.problem.map(|problem| problem.doing),
        (act == "undo").then(|| "run implement".into()),
        "{act} at {step}"
    );
    let worktree = task.worktree().await.unwrap();
    let base = git(&world.repository(), &["rev-parse", "main"]);
    match act {
        "undo" => assert_eq!(seen(&task).await, before, "{act} at {step}"),
        _ => {
            let after = Witness::of(&worktree);
            let state = task.view().await.unwrap().state;
            let to = if act == "full" { base.as_str() } else { brainstormed.0.as_str() };
            assert_eq!(after.head(), to, "{act} at {step}");
            assert!(after.is_clean(), "{act} at {step}: {after:?}");
            let plan = state.stage(&stage("plan")).unwrap();
            let expected = if act == "full" { StageStatus::NotReached } else { StageStatus::Ready };
            assert_eq!((plan.status, &plan.commit), (expected, &None), "{act} at {step}");
            task.undo(None).await.unwrap();
            task.settled().await.unwrap();
            assert_eq!(seen(&task).await, before, "undone, {act} at {step}");
        }
    }
    world.check();
    assert_eq!(git(&world.repository(), &["stash", "list"]), "");
    restage.shutdown().await.unwrap();
    reached
}

async fn every_step_of(act: &str) {
    let mut reached = 0;
    let steps = testkit::going_back_steps();
    for step in &steps {
        reached += usize::from(case(act, step).await);
    }
    println!("{act}: killed at {reached} of {} steps, finished and undone each time", steps.len());
    assert!(reached * 2 > steps.len(), "{act} comes to too few steps to show anything: {reached}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_is_killed_at_any_step_is_finished_at_the_next_start() {
    every_step_of("restart").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_restart_that_is_killed_at_any_step_is_finished_at_the_next_start() {
    every_step_of("full").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_that_is_killed_at_any_step_is_finished_at_the_next_start() {
    every_step_of("undo").await;
}
