//! An agent that fills the disk: nothing is lost, going back can be asked for, and goes on by itself when there is room.
//!
//! Needs root, for a file system of its own. Without it the test says so and does nothing, unless `CI` is set.

mod pipeline;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use pipeline::{Witness, World, completed, git, stage, started};
use restage::task::StageStatus;

/// A small file system, for as long as this lives.
struct Mount<'a>(&'a Path);

impl<'a> Mount<'a> {
    fn new(at: &'a Path) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=160m", "tmpfs"]).arg(at).status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(at))
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_fills_the_disk_loses_nobody_s_work() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mount) = Mount::new(folder.path()) else {
        assert!(std::env::var_os("CI").is_none(), "this has to run here, and can't mount a file system");
        println!("left out: no file system can be mounted");
        return;
    };
    let world = World::in_folder(folder.path());
    let script = r#"
        [ $RESTAGE_STAGE = plan ] && { echo planned > plan.txt; exit 0; }
        echo precious > precious.txt
        rm src/c.txt
        cat /dev/zero > fill 2> /dev/null
        exit 7
    "#;
    let (restage, tasks) = world.open(script).await;
    let task = started(&tasks, "t1", "L1").await;
    completed(&task).await;
    let worktree = task.worktree().await.unwrap();
    task.run().await.unwrap();
    let began = Instant::now();
    let free = || rustix::fs::statvfs(folder.path()).map_or(0, |found| found.f_bavail * found.f_frsize);
    while free() > 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "the disk is being filled");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Going back goes through on what the store keeps in reserve, however full it is; the files have to wait for room.
    task.restart(Some(&stage("implement"))).await.unwrap();
    // That it takes longer is told, if there is room to tell it.
    let told =
        task.until(|state| state.problem.as_ref().is_some_and(|problem| problem.doing == "restart to implement"));
    let _ = tokio::time::timeout(Duration::from_secs(3), told).await;
    assert_eq!(
        fs::read_to_string(worktree.join("precious.txt")).unwrap_or_default(),
        "precious\n",
        "it is still there"
    );
    fs::remove_file(worktree.join("fill")).unwrap();
    let mut state = task.settled().await.unwrap().state;
    if state.stage(&stage("implement")).unwrap().status != StageStatus::Ready {
        // It was given up before anything was moved: there is room now.
        task.restart(Some(&stage("implement"))).await.unwrap();
        state = task.settled().await.unwrap().state;
    }
    assert_eq!(state.problem, None);
    assert!(Witness::of(&worktree).is_clean());
    task.undo(None).await.unwrap();
    task.settled().await.unwrap();
    assert_eq!(fs::read_to_string(worktree.join("precious.txt")).unwrap(), "precious\n");
    assert!(!worktree.join("src/c.txt").exists());
    world.check();
    assert_eq!(git(&world.repository(), &["stash", "list"]), "");
    restage.shutdown().await.unwrap();
    drop(mount);
}
