//! Data folders of tasks that are elsewhere, or of another time, than they were.

mod pipeline;

use std::fs;
use std::time::Duration;

use pipeline::{World, completed, git, id, stage, started};

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_is_reached_through_a_link() {
    let world = World::new();
    fs::create_dir(world.folder.join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(world.folder.join("elsewhere"), world.data()).unwrap();
    let (restage, tasks) = world.open("echo made > made").await;
    let task = started(&tasks, "t1", "L1").await;
    completed(&task).await;
    task.restart(Some(&stage("plan"))).await.unwrap();
    assert_eq!(task.settled().await.unwrap().state.problem, None);
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_data_folder_destroys_nothing() {
    let world = World::new();
    let (restage, tasks) = world.open("[ $RESTAGE_STAGE = plan ] && exit 0; echo made > made").await;
    let task = started(&tasks, "t1", "L1").await;
    completed(&task).await;
    restage.shutdown().await.unwrap();
    let copy = world.folder.join("copy");
    let cp = |from: &std::path::Path, to: &std::path::Path| {
        assert!(std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    };
    cp(&world.data(), &copy);
    let (restage, tasks) = world.open("echo made >> src/a.txt").await;
    let task = tasks.get(&id("t1")).by("ann");
    task.run().await.unwrap();
    task.at_rest().await.unwrap();
    task.restart(Some(&stage("implement"))).await.unwrap();
    assert_eq!(task.settled().await.unwrap().state.problem, None);
    restage.shutdown().await.unwrap();
    // Time in git is in seconds: what is asked for later has to be later by one.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    // Back to the older database, with the worktrees as they are.
    cp(&world.data().join("worktrees"), &world.folder.join("worktrees"));
    fs::remove_dir_all(world.data()).unwrap();
    fs::remove_dir_all(copy.join("worktrees")).unwrap();
    fs::rename(world.folder.join("worktrees"), copy.join("worktrees")).unwrap();
    fs::rename(&copy, world.data()).unwrap();
    let (restage, tasks) = world.open("echo precious >> src/a.txt").await;
    let task = tasks.get(&id("t1")).by("ann");
    task.run().await.unwrap();
    task.at_rest().await.unwrap();
    let worktree = task.worktree().await.unwrap();
    task.restart(Some(&stage("implement"))).await.unwrap();
    let problem = task.settled().await.unwrap().state.problem.unwrap();
    assert_eq!(problem.code, "snapshot_taken");
    assert!(fs::read_to_string(worktree.join("src/a.txt")).unwrap().contains("precious"), "nothing was moved");
    task.restart(Some(&stage("implement"))).await.unwrap();
    assert_eq!(task.settled().await.unwrap().state.problem, None);
    let snapshots = git(&world.repository(), &["for-each-ref", "--format=%(refname)", "refs/restage/snapshots"]);
    let kept = |name: &str| git(&world.repository(), &["show", &format!("{name}:src/a.txt")]).contains("precious");
    assert!(snapshots.lines().any(kept), "it is in a snapshot");
    assert!(!fs::read_to_string(worktree.join("src/a.txt")).unwrap().contains("precious"));
    restage.shutdown().await.unwrap();
}
