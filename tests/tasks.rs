//! Tasks from end to end: real repositories, agents that are real processes, and the git program as witness.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod pipeline;

use std::fs;
use std::time::{Duration, Instant};

use pipeline::{AGENT, Witness, World, agent, completed, git, id, messy, stage, started};
use restage::task::{Command, LogSource, Outcome, StageStatus, Status, Tier};
use restage::{NewTask, StageId, Task};

/// Works on `plan` at once; goes on for ever with `implement`, says a line now and then, and does not end when asked.
const STUBBORN: &str = r#"
[ $RESTAGE_STAGE = plan ] && { echo planned > plan.txt; exit 0; }
trap '' TERM PIPE
echo "$$" > "$PIDS_FOLDER/agent"
setsid sh -c 'trap "" TERM PIPE; echo $$ > "$PIDS_FOLDER/child"; while :; do echo child >> by-the-child; sleep 0.05; done' &
n=0
while :; do n=$((n + 1)); echo "line $n"; echo "$n" >> work.txt; sleep 0.02; done
"#;

/// The configuration of an agent that tells its processes' ids.
fn stubborn(world: &World) -> String {
    let pids = world.folder.join("pids");
    fs::create_dir_all(&pids).unwrap();
    let config = agent(&world.folder.join("agent.sh"), STUBBORN).replace("grace = \"20s\"", "grace = \"300ms\"");
    config.replace("prompt =", &format!("env = {{ PIDS_FOLDER = {:?} }}\nprompt =", pids.display().to_string()))
}

fn is_alive(world: &World, name: &str) -> bool {
    let pid = fs::read_to_string(world.folder.join("pids").join(name)).unwrap();
    let state = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !state.is_empty() && !state.contains(") Z ")
}

/// Waits until something holds, and fails after a while if it does not.
async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A task of the tier L1 whose implement is being worked on, with the agent and its child at work.
async fn at_work(world: &World, tasks: &restage::Tasks, name: &str) -> Task {
    let task = started(tasks, name, "L1").await;
    completed(&task).await;
    task.run().await.unwrap();
    task.until(|state| state.run.as_ref().is_some_and(|run| run.process.is_some())).await.unwrap();
    let worktree = task.worktree().await.unwrap();
    eventually("the child writes", || worktree.join("by-the-child").exists()).await;
    assert!(is_alive(world, "agent") && is_alive(world, "child"));
    task
}

async fn said(task: &Task) -> Vec<(LogSource, String)> {
    let mut all = Vec::new();
    loop {
        let more = task.log(all.len() as u64).await.unwrap();
        if more.is_empty() {
            return all;
        }
        all.extend(more.into_iter().map(|entry| (entry.line.source, entry.line.text)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_goes_through_its_stages_and_is_merged() {
    let world = World::new();
    let (restage, tasks) =
        world.open("echo by $RESTAGE_STAGE >> src/a.txt; echo '{\"restage\":\"output\",\"text\":\"made\"}'").await;
    let task = started(&tasks, "t1", "L1").await;
    assert_eq!(git(&world.repository(), &["branch", "--list", "task/*"]).trim(), "+ task/t1-make-it-so");
    for name in ["plan", "implement"] {
        completed(&task).await;
        let state = task.view().await.unwrap().state;
        let done = state.stage(&stage(name)).unwrap();
        assert_eq!(done.status, StageStatus::Complete);
        let subject = git(&world.repository(), &["log", "-1", "--format=%s", &done.commit.clone().unwrap().0]);
        assert_eq!(subject, format!("task/t1: complete {name} stage"));
        assert_eq!(task.output(&stage(name)).await.unwrap().as_deref(), Some("made"));
    }
    assert_eq!(task.view().await.unwrap().state.status(), Status::Done);
    task.merge().await.unwrap();
    let state = task.settled().await.unwrap().state;
    let merged = state.merged.unwrap();
    assert_eq!(git(&world.repository(), &["rev-parse", "main"]), merged.0);
    assert_eq!(git(&world.repository(), &["status", "--porcelain"]), "", "what is checked out came along");
    assert_eq!(git(&world.repository(), &["rev-list", "--count", "--merges", "main"]), "1");
    task.clean_up().await.unwrap();
    assert_eq!(task.settled().await.unwrap().state.problem, None);
    assert_eq!(git(&world.repository(), &["worktree", "list", "--porcelain"]).matches("worktree ").count(), 1);
    world.check();
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_the_middle_of_a_run_fences_ends_and_puts_back() {
    let world = World::new();
    let (restage, tasks) = world.open_with(&stubborn(&world)).await;
    let task = at_work(&world, &tasks, "t1").await;
    let began = task.restart(Some(&stage("implement"))).await.unwrap();
    let begun = task.view().await.unwrap();
    assert!(begun.state.operation.is_some() && begun.state.run.is_none(), "it is fenced when the call returns");
    assert_eq!(begun.revision, began.revision, "nothing the agent said since was taken in");
    let view = task.settled().await.unwrap();
    assert_eq!(view.state.problem, None);
    assert!(!is_alive(&world, "agent") && !is_alive(&world, "child"), "the one that left the group too");
    let worktree = task.worktree().await.unwrap();
    assert_eq!(git(&worktree, &["status", "--porcelain"]), "");
    assert!(!worktree.join("work.txt").exists());
    assert_eq!(view.state.stage(&stage("implement")).unwrap().status, StageStatus::Ready);

    task.undo(None).await.unwrap();
    let view = task.settled().await.unwrap();
    assert_eq!(view.state.problem, None);
    assert_eq!(view.state.stage(&stage("implement")).unwrap().status, StageStatus::Interrupted);
    let lines = fs::read_to_string(worktree.join("work.txt")).unwrap();
    assert!(lines.starts_with("1\n2\n3\n") && worktree.join("by-the-child").exists());
    world.check();
    restage.shutdown().await.unwrap();
}

/// A task that was restarted under its agent, and the orphan that the agent's last words became.
async fn said_too_late(world: &World, script: &str) -> (restage::Restage, Task, u64) {
    let (restage, tasks) = world.open(script).await;
    let task = started(&tasks, "t1", "L1").await;
    completed(&task).await;
    task.run().await.unwrap();
    let before = task.view().await.unwrap().state.log;
    task.until(|state| state.log > before + 3).await.unwrap();
    task.restart(Some(&stage("implement"))).await.unwrap();
    task.settled().await.unwrap();
    // The end of the run is told after the files are back, at its own pace.
    let began = Instant::now();
    while task.view().await.unwrap().orphans.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(30), "the late work is kept");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let orphan = task.view().await.unwrap().orphans[0].number;
    (restage, task, orphan)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_says_too_late_is_kept_as_an_orphan_and_can_be_adopted() {
    let world = World::new();
    let script = r#"
        [ $RESTAGE_STAGE = plan ] && exit 0
        trap 'echo "{\"restage\":\"output\",\"text\":\"said at last\"}"; exit 0' TERM
        while :; do echo here; sleep 0.02; done
    "#;
    let (restage, task, orphan) = said_too_late(&world, script).await;
    assert_eq!(task.output(&stage("implement")).await.unwrap(), None, "and changes nothing");
    let Command::Finish { finish, .. } = task.handle().orphan(orphan).await.unwrap() else { panic!("not an end") };
    assert_eq!((finish.outcome, finish.report.output.as_deref()), (Outcome::Interrupted, Some("said at last")));
    task.handle().adopt(orphan).await.unwrap();
    assert_eq!(task.output(&stage("implement")).await.unwrap().as_deref(), Some("said at last"));
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tasks_work_in_one_repository_at_the_same_time() {
    let world = World::new();
    let (restage, tasks) = world.open(AGENT).await;
    let names = ["t1", "t11", "T1"];
    let mut all = Vec::new();
    for name in names {
        let tasks = tasks.clone();
        all.push(tokio::spawn(async move { messy(&tasks, name).await }));
    }
    let mut messes = Vec::new();
    for one in all {
        let task = one.await.unwrap();
        let worktree = task.worktree().await.unwrap();
        messes.push((task, Witness::of(&worktree), worktree));
    }
    let running = messes.iter().map(|(task, ..)| task.clone());
    let together: Vec<_> = running
        .take(2)
        .map(|task| {
            tokio::spawn(async move {
                task.restart(Some(&stage("plan"))).await.unwrap();
                assert_eq!(task.settled().await.unwrap().state.problem, None);
                task.undo(None).await.unwrap();
                let problem = task.settled().await.unwrap().state.problem;
                assert_eq!(problem.unwrap().doing, "run implement", "as it was before");
            })
        })
        .collect();
    for one in together {
        one.await.unwrap();
    }
    for (task, before, worktree) in &messes {
        assert_eq!(Witness::of(worktree), *before, "{}", task.id());
    }
    world.check();
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_of_a_program_that_was_killed_is_found_and_ended() {
    let world = World::new();
    let config = stubborn(&world);
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["host_that_is_killed", "--exact", "--nocapture"])
        .env("RESTAGE_TEST_HOST", &world.folder)
        .status()
        .unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&child), Some(9));
    assert!(is_alive(&world, "agent") && is_alive(&world, "child"), "they outlive it");

    let (restage, tasks) = world.open_with(&config).await;
    let task = tasks.get(&id("t1")).by("ann");
    let state = task.at_rest().await.unwrap().state;
    assert_eq!(state.stage(&stage("implement")).unwrap().status, StageStatus::Interrupted);
    assert!(!is_alive(&world, "agent") && !is_alive(&world, "child"));
    let worktree = task.worktree().await.unwrap();
    assert!(worktree.join("work.txt").exists(), "what it did is still there: nobody asked to go back");
    task.restart(Some(&stage("implement"))).await.unwrap();
    assert_eq!(task.settled().await.unwrap().state.problem, None);
    assert!(!worktree.join("work.txt").exists());
    restage.shutdown().await.unwrap();
}

/// Not a test of its own: the program that is killed while its agent is at work.
#[tokio::test(flavor = "multi_thread")]
async fn host_that_is_killed() {
    let Ok(folder) = std::env::var("RESTAGE_TEST_HOST") else { return };
    let world = World::at(folder);
    let (_restage, tasks) = world.open_with(&stubborn(&world)).await;
    at_work(&world, &tasks, "t1").await;
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_the_folder_ends_agents_and_says_so() {
    let world = World::new();
    let config = stubborn(&world);
    let (restage, tasks) = world.open_with(&config).await;
    at_work(&world, &tasks, "t1").await;
    restage.shutdown().await.unwrap();
    assert!(!is_alive(&world, "agent") && !is_alive(&world, "child"));
    let (restage, tasks) = world.open_with(&config).await;
    let state = tasks.get(&id("t1")).view().await.unwrap().state;
    assert_eq!((&state.run, &state.operation), (&None, &None));
    assert_eq!(state.stage(&stage("implement")).unwrap().status, StageStatus::Interrupted);
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_can_be_paused_in_the_middle_of_a_run_and_resumed() {
    let world = World::new();
    let (restage, tasks) = world.open_with(&stubborn(&world)).await;
    let task = at_work(&world, &tasks, "t1").await;
    task.pause().await.unwrap();
    assert_eq!(task.view().await.unwrap().state.status(), Status::Paused);
    eventually("the agent is ended", || !is_alive(&world, "agent") && !is_alive(&world, "child")).await;
    assert!(task.run().await.is_err());
    task.resume().await.unwrap();
    task.retry().await.unwrap();
    task.until(|state| state.run.as_ref().is_some_and(|run| run.process.is_some())).await.unwrap();
    restage.shutdown().await.unwrap();
}

/// What agents do to git, and how the run or its approval ends: by a code, or well.
const DEEDS: &[(&str, &str, Option<&str>)] = &[
    ("leaves a lock", "touch \"$(git rev-parse --git-dir)/index.lock\"; echo x > x", None),
    ("switches the branch", "git switch -q -c elsewhere; echo x > x", Some("worktree_changed")),
    ("detaches", "git checkout -q --detach; echo x > x", Some("worktree_changed")),
    ("takes the recorded commit away", "git reset -q --hard HEAD~1; echo x > x", None),
    ("deletes the worktree", "cd /; rm -rf \"$RESTAGE_TEST_WORKTREE\"", None),
    ("deletes .git", "rm .git; echo x > x", None),
    ("makes a repository of its own", "rm .git; git init -q .; echo x > x", None),
    ("leads .git elsewhere", "echo gitdir: $CANARY/.git > .git; echo x > x", None),
    (
        "is in the middle of a merge",
        "git switch -q -c other; echo 1 > m; git add m; git -c user.name=a -c user.email=a@b commit -qm m; git switch -q -; echo 2 > m; git add m; git -c user.name=a -c user.email=a@b commit -qm n; git merge other",
        Some("git_under_way"),
    ),
    ("writes through a link", "rm -r src; ln -s \"$CANARY\" src; echo x > x", None),
    ("makes a file that can't be read", "mkfifo pipe; echo x > x", None),
    (
        "commits by itself",
        "echo x > x; git add x; git -c user.name=a -c user.email=a@b commit -qm mine; echo y > y",
        None,
    ),
    (
        "leads the worktree elsewhere in the shared configuration",
        "git config core.worktree \"$CANARY\"; echo x > x",
        None,
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_an_agent_does_to_git_the_task_can_go_back_and_nothing_outside_is_touched() {
    for (what, deed, expected) in DEEDS {
        let world = World::new();
        let canary = world.folder.join("canary");
        fs::create_dir_all(canary.join(".git")).unwrap();
        for name in ["a", "b", "c", "d", "e"] {
            fs::write(canary.join(format!("{name}.txt")), "canary").unwrap();
        }
        let worktree = world.data().join("worktrees/t1");
        let script = format!(
            "CANARY={canary:?}; RESTAGE_TEST_WORKTREE={worktree:?}; [ $RESTAGE_STAGE = plan ] && {{ echo p > p; exit 0; }}\n{deed}\nexit 0"
        );
        let (restage, tasks) = world.open(&script).await;
        let task = started(&tasks, "t1", "L1").await;
        completed(&task).await;
        task.run().await.unwrap();
        let view = task.at_rest().await.unwrap();
        let mut problem = view.state.problem.clone();
        if problem.is_none() {
            task.approve(None).await.unwrap();
            problem = task.settled().await.unwrap().state.problem;
        }
        let code = problem.map(|problem| problem.code);
        println!("{what}: {code:?}");
        if what.contains("the shared configuration") {
            // What an agent does to a person's own configuration it is free to do, outside of a sandbox. Nothing is
            // read from there; to look at the main worktree with git it has to be mended.
            git(&world.repository(), &["config", "--file", ".git/config", "--unset", "core.worktree"]);
        }
        if let Some(expected) = expected {
            assert_eq!(code.as_deref(), Some(*expected), "{what}");
        }
        // Whatever came of it, it can go back, and that can be taken back.
        if task.view().await.unwrap().state.status() == Status::Done {
            git_is_sound(&world, what);
        }
        let plan: StageId = stage("implement");
        task.restart(Some(&plan)).await.unwrap();
        let state = task.settled().await.unwrap().state;
        assert_eq!(state.problem, None, "{what}");
        assert_eq!(git(&worktree, &["status", "--porcelain"]), "", "{what}");
        let planned = state.stage(&stage("plan")).unwrap().commit.clone().unwrap();
        assert_eq!(git(&worktree, &["rev-parse", "HEAD"]), planned.0, "{what}");
        assert_eq!(git(&worktree, &["symbolic-ref", "HEAD"]), "refs/heads/task/t1-make-it-so", "{what}");
        task.undo(None).await.unwrap();
        let undone = task.settled().await.unwrap().state;
        assert_eq!((undone.operation, undone.problem.map(|problem| problem.code)), (None, code), "{what}");
        for name in ["a", "b", "c", "d", "e"] {
            assert_eq!(fs::read_to_string(canary.join(format!("{name}.txt"))).unwrap(), "canary", "{what}");
        }
        git_is_sound(&world, what);
        restage.shutdown().await.unwrap();
    }
}

#[track_caller]
fn git_is_sound(world: &World, what: &str) {
    let main = world.repository();
    assert_eq!(git(&main, &["status", "--porcelain"]), "", "{what}");
    assert_eq!(git(&main, &["symbolic-ref", "HEAD"]), "refs/heads/main", "{what}");
    world.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_waits_for_others_and_is_stale_when_they_go_back() {
    let world = World::new();
    let (restage, tasks) = world.open("echo by $RESTAGE_TASK >> \"by-$RESTAGE_TASK\"").await;
    let first = started(&tasks, "first", "L1").await;
    let second = tasks.get(&id("second")).by("ann");
    let mut new = NewTask::new("Second", Tier::built_in("L1").unwrap(), id("app"));
    new.depends_on = vec![id("first")];
    second.create(new).await.unwrap();
    assert_eq!(second.start().await.unwrap_err().code(), "conflict", "it waits");
    completed(&first).await;
    completed(&first).await;
    second.until(|state| state.depends_on[0].done.is_some()).await.unwrap();
    second.start().await.unwrap();
    second.settled().await.unwrap();
    assert_eq!(second.view().await.unwrap().state.stale(), []);
    first.restart(Some(&stage("implement"))).await.unwrap();
    first.settled().await.unwrap();
    let view = second.until(|state| !state.stale().is_empty()).await.unwrap();
    assert_eq!(view.state.stale()[0].task, id("first"));
    first.undo(None).await.unwrap();
    first.settled().await.unwrap();
    second.until(|state| state.stale().is_empty()).await.unwrap();
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_automatic_task_goes_to_its_end_by_itself() {
    let world = World::new();
    let (restage, tasks) = world
        .open("echo $RESTAGE_STAGE >> all.txt; [ $RESTAGE_STAGE = verify ] && echo '{\"restage\":\"result\",\"passed\":true}'; exit 0")
        .await;
    let task = tasks.get(&id("t1")).by("ann");
    let mut new = NewTask::new("By itself", Tier::built_in("L3").unwrap(), id("app"));
    new.auto = true;
    task.create(new).await.unwrap();
    task.start().await.unwrap();
    let view = task.until(|state| state.is_done() || state.problem.is_some()).await.unwrap();
    assert_eq!((view.state.status(), view.state.problem), (Status::Done, None));
    let all = fs::read_to_string(task.worktree().await.unwrap().join("all.txt")).unwrap();
    assert_eq!(
        all.lines().collect::<Vec<_>>(),
        ["brainstorm", "design_review", "plan", "implement", "code_review", "verify"]
    );
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_falls_when_the_files_are_others() {
    let world = World::new();
    let (restage, tasks) = world.open("echo one > made").await;
    let task = started(&tasks, "t1", "L1").await;
    task.run().await.unwrap();
    task.at_rest().await.unwrap();
    let worktree = task.worktree().await.unwrap();
    fs::write(worktree.join("made"), "by somebody else").unwrap();
    task.approve(None).await.unwrap();
    let state = task.settled().await.unwrap().state;
    let plan = state.stage(&stage("plan")).unwrap();
    assert_eq!((plan.status, &plan.commit, &plan.approval), (StageStatus::ToApprove, &None, &None));
    task.approve(None).await.unwrap();
    let state = task.settled().await.unwrap().state;
    assert_eq!(state.stage(&stage("plan")).unwrap().status, StageStatus::Complete);
    assert_eq!(git(&worktree, &["show", "HEAD:made"]), "by somebody else");
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_an_agent_says_is_in_the_log_in_order() {
    let world = World::new();
    let (restage, tasks) = world.open("for n in $(seq 1 5000); do echo line $n; done; echo oops >&2").await;
    let task = started(&tasks, "t1", "L1").await;
    task.run().await.unwrap();
    task.at_rest().await.unwrap();
    let said = said(&task).await;
    let lines: Vec<&str> =
        said.iter().filter(|(from, _)| matches!(from, LogSource::Out(..))).map(|(_, text)| text.as_str()).collect();
    let expected: Vec<String> = (1..=5000).map(|n| format!("line {n}")).collect();
    assert_eq!(lines, expected.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(said.iter().any(|(from, text)| matches!(from, LogSource::Err(..)) && text == "oops"));
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_says_when_a_pause_ends_it_is_there_for_whoever_goes_on() {
    let world = World::new();
    let script = r#"
        trap 'echo "{\"restage\":\"output\",\"text\":\"said at last\"}"; echo "{\"restage\":\"continue\",\"text\":\"half done\"}"; exit 0' TERM
        while :; do echo here; sleep 0.02; done
    "#;
    let (restage, tasks) = world.open(script).await;
    let task = started(&tasks, "t1", "L1").await;
    task.run().await.unwrap();
    let before = task.view().await.unwrap().state.log;
    task.until(|state| state.log > before + 3).await.unwrap();
    task.pause().await.unwrap();
    let view = tokio::time::timeout(Duration::from_secs(30), task.until(|state| state.carry_over.is_some())).await;
    let state = view.unwrap().unwrap().state;
    assert_eq!(state.carry_over.as_deref(), Some("half done"));
    assert_eq!(state.stage(&stage("plan")).unwrap().status, StageStatus::Interrupted);
    assert_eq!(task.output(&stage("plan")).await.unwrap().as_deref(), Some("said at last"));
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_right_after_a_pause_waits_for_the_agent_and_can_itself_be_ended() {
    let world = World::new();
    let (restage, tasks) = world.open_with(&stubborn(&world)).await;
    let task = at_work(&world, &tasks, "t1").await;
    let first = fs::read_to_string(world.folder.join("pids/agent")).unwrap();
    task.pause().await.unwrap();
    task.resume().await.unwrap();
    task.retry().await.unwrap();
    task.until(|state| state.run.as_ref().is_some_and(|run| run.process.is_some())).await.unwrap();
    assert!(!fs::exists(format!("/proc/{}", first.trim())).unwrap(), "one agent at a time");
    let pid = || fs::read_to_string(world.folder.join("pids/agent")).unwrap();
    eventually("the second is at work", || pid() != first && !pid().is_empty()).await;
    restage.shutdown().await.unwrap();
    assert!(!is_alive(&world, "agent") && !is_alive(&world, "child"));
    let (restage, tasks) = world.open_with(&stubborn(&world)).await;
    let state = tasks.get(&id("t1")).view().await.unwrap().state;
    assert_eq!(state.run, None, "its end was told before the folder was closed");
    assert_eq!(state.stage(&stage("implement")).unwrap().status, StageStatus::Interrupted);
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn however_much_an_agent_says_too_late_its_end_can_be_adopted() {
    let world = World::new();
    let script = r#"
        [ $RESTAGE_STAGE = plan ] && exit 0
        trap 'seq 1 5000; yes "" | head -n 5000; echo "{\"restage\":\"output\",\"text\":\"said at last\"}"; exit 0' TERM
        while :; do echo here; sleep 0.02; done
    "#;
    let (restage, task, orphan) = said_too_late(&world, script).await;
    task.handle().adopt(orphan).await.unwrap();
    assert_eq!(task.output(&stage("implement")).await.unwrap().as_deref(), Some("said at last"));
    // Any line is found by its number, in the middle of that large chunk too.
    let all = said(&task).await;
    for skip in [0, 1, all.len() - 1_001, all.len() - 1_000, all.len() - 2, all.len() - 1] {
        let read = task.log(skip as u64).await.unwrap();
        assert_eq!((read[0].number, &read[0].line.text), (skip as u64, &all[skip].1));
    }
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_says_where_it_goes_when_the_recorded_commit_is_gone() {
    let world = World::new();
    let (restage, tasks) = world.open("echo $RESTAGE_STAGE >> made").await;
    let task = started(&tasks, "t1", "L1").await;
    completed(&task).await;
    let worktree = task.worktree().await.unwrap();
    let recorded = task.view().await.unwrap().state.stage(&stage("plan")).unwrap().commit.clone().unwrap().0;
    git(
        &worktree,
        &[
            "commit",
            "-q",
            "--amend",
            "--reset-author",
            "--allow-empty",
            "--date=2001-01-01T00:00:00Z",
            "-m",
            "task/t1: complete plan stage",
        ],
    );
    let rewritten = git(&worktree, &["rev-parse", "HEAD"]);
    assert_ne!(rewritten, recorded);
    for name in
        git(&world.repository(), &["for-each-ref", "--format=%(refname)", "refs/restage/tasks/t1/stages"]).lines()
    {
        git(&world.repository(), &["update-ref", "-d", name]);
    }
    let object = world.repository().join(".git/objects").join(&recorded[..2]).join(&recorded[2..]);
    fs::remove_file(object).unwrap();
    let preview = task.preview_restart(Some(&stage("implement"))).await.unwrap();
    let notes = preview.look.unwrap().notes;
    assert!(notes.iter().any(|note| note.contains(&recorded) && note.contains(&rewritten)), "{notes:?}");
    task.plan(preview.plan.token).restart(Some(&stage("implement"))).await.unwrap();
    assert_eq!(task.settled().await.unwrap().state.problem, None);
    assert_eq!(git(&worktree, &["rev-parse", "HEAD"]), rewritten);
    restage.shutdown().await.unwrap();
}
