//! Tasks as the program has them worked on: agents that are interrupted, late, several at a time.

use std::fs;
use std::io::{BufRead as _, BufReader};

use restage::{AgentConfig, EntityId, Restage, StageId, TaskOptions};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::program::{Program, Ran};

/// An agent that says its process's id and a line now and then, and something at last when it is asked to end.
const ENDLESS: &str = r#"
[agents.endless]
grace = "5s"
command = ["sh", "-c", '''
trap 'echo "{\"restage\":\"output\",\"text\":\"said at last\"}"; exit 0' TERM
trap '' PIPE
cat > /dev/null
echo $$ > pid.txt
echo here I am
while :; do echo and on 2> /dev/null; sleep 0.02; done
''']

[stages]
default = "endless"
"#;

fn with_task() -> Program {
    let program = Program::new();
    program.with_repository();
    fs::write(program.path("endless.toml"), ENDLESS).unwrap();
    program.done(&["repo", "add", "app", "app"]);
    program.done(&["task", "new", "t1", "--title", "One", "--repo", "app", "--tier", "L1"]);
    program.done(&["task", "start", "t1"]);
    program
}

/// Starts a run and waits until its agent says that it is there.
fn at_work(program: &Program) -> std::process::Child {
    let mut running = program.start(&["task", "run", "t1", "--agents", "endless.toml"]);
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    assert!(lines.by_ref().any(|line| line.unwrap().ends_with("here I am")));
    // What it still says is read, so that it does not wait for a reader.
    std::thread::spawn(move || lines.count());
    running
}

fn shown(program: &Program, id: &str) -> Value {
    serde_json::from_str(&program.done(&["task", "show", id, "--json"])).unwrap()
}

fn agent_is_alive(program: &Program) -> bool {
    is_alive(&fs::read_to_string(program.data().join("worktrees/t1/pid.txt")).unwrap())
}

fn is_alive(pid: &str) -> bool {
    let state = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !state.is_empty() && !state.contains(") Z ")
}

#[test]
fn an_interrupted_run_ends_its_agent_and_can_be_gone_on_with() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let program = with_task();
        let running = at_work(&program);
        assert!(agent_is_alive(&program));
        kill_process(Pid::from_child(&running), signal).unwrap();
        let ran = Ran::of(running);
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.err.contains("ending the agents of t1") && ran.err.contains("restage task retry"), "{ran:?}");
        assert!(!agent_is_alive(&program));
        let task = shown(&program, "t1");
        assert_eq!((&task["stage_status"], &task["run"]), (&"interrupted".into(), &Value::Null));
        program.refused(&["task", "run", "t1"], 4, "conflict");
        program.done(&["task", "retry", "t1", "--approve"]);
        assert_eq!(shown(&program, "t1")["status"], "done");
    }
}

#[test]
fn an_agent_that_outlived_the_program_is_ended_before_files_move() {
    let program = with_task();
    let running = at_work(&program);
    kill_process(Pid::from_child(&running), Signal::KILL).unwrap();
    assert_eq!(Ran::of(running).code, None);
    assert!(agent_is_alive(&program));
    let said = program.done(&["task", "restart", "t1", "plan", "--yes"]);
    assert!(said.starts_with("t1: plan is ready\n"), "{said}");
    assert!(!program.data().join("worktrees/t1/pid.txt").exists());
    let snapshots: Value = serde_json::from_str(&program.done(&["task", "snapshots", "t1", "--json"])).unwrap();
    let name = snapshots["snapshots"][0]["ref"].as_str().unwrap();
    let pid = program.shell(&format!("git -C app show {name}:pid.txt")).out;
    assert!(!is_alive(&pid), "the agent of the killed program");
}

/// Restarts a stage under its agent, from within one process, until so many pieces of late work are kept.
async fn restart_under_the_agent(program: &Program, times: usize) {
    let text = ENDLESS.replace("echo $$ > pid.txt", "");
    let agents = AgentConfig::read(&text, &program.path("endless.toml")).unwrap();
    let restage = Restage::open(program.data()).await.unwrap();
    let tasks = restage.tasks(TaskOptions::default().agents(agents)).unwrap();
    tasks.serve();
    let (task, plan) = (tasks.get(&EntityId::new("t1").unwrap()).by("ada"), StageId::new("plan").unwrap());
    for number in 1..=times {
        let before = task.view().await.unwrap().state.log;
        task.run().await.unwrap();
        task.until(|state| state.log > before + 4).await.unwrap();
        task.restart(Some(&plan)).await.unwrap();
        let mut feed = restage.feed(restage.durable());
        while task.view().await.unwrap().orphans.len() < number {
            feed.next().await.unwrap();
        }
        task.settled().await.unwrap();
    }
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_said_too_late_is_shown_adopted_and_thrown_away() {
    let program = with_task();
    restart_under_the_agent(&program, 2).await;
    let task = shown(&program, "t1");
    assert_eq!((&task["stage_status"], &task["orphans"]), (&"ready".into(), &2.into()));
    let listed: Value = serde_json::from_str(&program.done(&["task", "orphans", "t1", "--json"])).unwrap();
    let numbers: Vec<String> =
        listed["orphans"].as_array().unwrap().iter().map(|orphan| orphan["orphan"].to_string()).collect();
    let [first, second] = &numbers[..] else { panic!("{listed}") };
    let text = program.done(&["task", "orphans", "t1", first]);
    assert!(text.starts_with("run 1 of plan, ended before it was done\noutput:\nsaid at last\n"), "{text}");
    assert!(!program.done(&["task", "show", "t1", "plan"]).contains("said at last"));

    program.refused(&["task", "discard", "t1", first], 2, "usage");
    assert_eq!(program.done(&["task", "discard", "t1", first, "--yes"]), format!("orphan {first} is deleted\n"));
    program.refused(&["task", "adopt", "t1", first], 3, "not_found");
    program.done(&["task", "adopt", "t1", second]);
    assert!(program.done(&["task", "show", "t1", "plan"]).contains("output:\nsaid at last\n"));
    assert_eq!(shown(&program, "t1")["orphans"], 0);
}

#[test]
fn several_tasks_are_worked_on_together_and_lines_say_whose_they_are() {
    let program = with_task();
    program.done(&["task", "new", "t2", "--title", "Two", "--repo", "app", "--tier", "L1"]);
    program.done(&["task", "start", "t2"]);
    let said = program.done(&["task", "run", "t1", "t2", "t1", "--approve"]);
    for id in ["t1", "t2"] {
        for stage in ["plan", "implement"] {
            let line = |line: &str| line.starts_with(id) && line.ends_with(&format!("working on {stage}"));
            assert_eq!(said.lines().filter(|l| line(l)).count(), 1, "{id} {stage}: {said}");
        }
        assert!(said.contains(&format!("\n{id} is done\n")), "{said}");
        program.done(&["task", "merge", id]);
    }
    // One that can't be run does not keep the other from it.
    program.done(&["task", "new", "t3", "--title", "Three", "--repo", "app", "--tier", "L1"]);
    program.done(&["task", "start", "t3"]);
    let ran = program.run(&["task", "run", "t1", "t3"]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.out.contains("t3: plan is to be approved") && ran.err.contains("running"), "{ran:?}");
}

#[test]
fn a_command_under_a_key_is_done_once() {
    let program = with_task();
    let first = program.done(&["task", "run", "t1", "--key", "k", "--json"]);
    let again = program.done(&["task", "run", "t1", "--key", "k", "--json"]);
    let last = |said: &str| -> Value { serde_json::from_str(said.lines().last().unwrap()).unwrap() };
    assert_eq!(last(&first), last(&again));
    assert_eq!(shown(&program, "t1")["stages"][0]["runs"], 1);
    for _ in 0..2 {
        program.done(&["task", "approve", "t1", "--key", "a"]);
        program.done(&["task", "restart", "t1", "plan", "--yes", "--key", "r"]);
    }
    let task = shown(&program, "t1");
    assert_eq!(task["undo_points"].as_array().unwrap().len(), 1);
}
