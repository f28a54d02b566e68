//! Workers as real processes, against a real server: many at the same time, killed, paused, late, told to end.

use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::program::{Program, Ran, Serving};

/// One gate, and nobody asked.
const TEMPLATE: &str =
    "name = \"one\"\ntitle = \"One gate\"\n[[gates]]\nid = \"built\"\nname = \"Built\"\nphase = \"work\"\n";

/// A workflow of one gate, that runs, with so many tasks in the queue `fe`, and a server.
fn served(tasks: usize, more: &[&str]) -> (Program, Serving) {
    let program = Program::new();
    fs::write(program.path("one.toml"), TEMPLATE).unwrap();
    program.done(&["workflow", "start", "wf", "--template", "one.toml"]);
    for n in 0..tasks {
        let add = ["workflow", "add", "wf", "--queue", "fe", "--title", "Build", "--input", &format!("{{\"n\": {n}}}")];
        program.done(&[&add, more].concat());
    }
    let server = program.serve();
    program.done(&["workflow", "run", "wf"]);
    (program, server)
}

/// Starts a worker of the queue `fe`, whose command is a line of shell.
fn worker(program: &Program, name: &str, lease: &str, line: &str) -> Child {
    let run = ["worker", "run", "--queue", "fe", "--name", name, "--lease", lease, "--grace", "20s", "--json"];
    program.start(&[&run[..], &["--", "sh", "-c", line]].concat())
}

fn json(program: &Program, arguments: &[&str]) -> Value {
    serde_json::from_str(&program.done(&[arguments, &["--json"]].concat())).unwrap()
}

/// Waits for something that is bound to happen.
#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// What a worker said of its tasks, once it was told to end and has.
fn ended(child: Child) -> Vec<Value> {
    signal(&child, Signal::TERM);
    let ran = Ran::of(child);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn is_completed(program: &Program) -> bool {
    json(program, &["workflow", "show", "wf"])["status"] == "completed"
}

fn task(program: &Program) -> Value {
    json(program, &["workflow", "tasks", "wf", "0-fe-5-1"])
}

#[test]
fn four_workers_do_all_tasks_and_none_is_worked_on_twice_at_the_same_time() {
    let (program, _server) = served(24, &[]);
    fs::create_dir(program.path("at-work")).unwrap();
    let line = "mkdir at-work/$RESTAGE_TASK || echo $RESTAGE_TASK >> twice; jq -c .input 2> /dev/null || cat; sleep 0.1; \
                rmdir at-work/$RESTAGE_TASK";
    let workers: Vec<Child> = (1..=4).map(|n| worker(&program, &format!("w{n}"), "60s", line)).collect();
    until("all tasks are done", || is_completed(&program));
    let said: Vec<Vec<Value>> = workers.into_iter().map(ended).collect();
    assert!(!program.path("twice").exists(), "{:?}", fs::read_to_string(program.path("twice")));
    let done: usize = said.iter().map(Vec::len).sum();
    assert_eq!(done, 24, "{said:?}");
    assert!(said.iter().filter(|said| !said.is_empty()).count() > 1, "{said:?}");
    assert!(said.iter().flatten().all(|over| over["outcome"] == "landed" && over["attempt"] == 1), "{said:?}");
    let results = json(&program, &["workflow", "results", "wf"]);
    assert_eq!(results["results"].as_array().unwrap().len(), 24);
}

#[test]
fn the_task_of_a_worker_that_was_killed_goes_to_another() {
    let (program, _server) = served(1, &[]);
    let mut first = worker(&program, "first", "6s", "touch begun; sleep 20");
    until("the first one works", || program.path("begun").exists());
    first.kill().unwrap();
    first.wait().unwrap();
    until("the lost worker is found", || {
        let stuck = json(&program, &["stuck", "--kind", "workflow", "--patience", "2s"]);
        let first = &stuck["stuck"][0];
        first["what"] == "lost_worker" && first["cure"] == "restage workflow release wf 0-fe-5-1"
    });
    let second = worker(&program, "second", "60s", "echo '{\"safety_score\": 0.9}'");
    until("the other one did it", || is_completed(&program));
    assert_eq!(ended(second)[0]["attempt"], 2);
    let result = &task(&program)["result"];
    assert_eq!((&result["agent"], &result["safety_score"]), (&"second".into(), &0.9.into()));
}

#[test]
fn what_a_paused_worker_hands_in_late_is_kept_and_can_be_taken_in() {
    let (program, _server) = served(1, &[]);
    let line = "touch begun; while [ ! -e go-on ]; do sleep 0.02; done; echo '\"late\"'; touch ready";
    let first = worker(&program, "first", "1s", line);
    until("the first one works", || program.path("begun").exists());
    signal(&first, Signal::STOP);
    let second = worker(&program, "second", "60s", "echo '\"in time\"'");
    until("the other one did it", || is_completed(&program));
    ended(second);
    fs::write(program.path("go-on"), "").unwrap();
    until("the work of the first one is done too", || program.path("ready").exists());
    signal(&first, Signal::CONT);
    until("its late work is kept", || {
        json(&program, &["workflow", "orphans", "wf"])["orphans"].as_array().unwrap().len() == 1
    });
    let said = ended(first);
    assert_eq!(said[0]["outcome"], "late", "{said:?}");
    let orphan = said[0]["orphan"].to_string();
    assert_eq!(task(&program)["result"]["result"], "in time");
    assert!(program.done(&["workflow", "orphans", "wf", &orphan]).contains("\"late\""));

    // Its gate starts over, and a person takes it in.
    program.done(&["workflow", "reset", "wf", "0", "--keep-tasks", "--yes", "--reason", "the other was wrong"]);
    assert_eq!(task(&program)["result"], Value::Null);
    program.done(&["workflow", "orphan", "adopt", "wf", &orphan]);
    assert_eq!(task(&program)["result"]["result"], "late");
}

#[test]
fn a_task_that_is_taken_away_ends_its_command() {
    let (program, _server) = served(1, &[]);
    let line = "trap 'touch told; exit 1' TERM; touch begun; while :; do sleep 0.02; done";
    let first = worker(&program, "first", "1s", line);
    until("it works", || program.path("begun").exists());
    program.done(&["workflow", "reset", "wf", "--yes"]);
    until("its command is told", || program.path("told").exists());
    let said = ended(first);
    assert_eq!((&said[0]["outcome"], &said[0]["orphan"]), (&"lost".into(), &Value::Null), "{said:?}");
}

#[test]
fn a_worker_that_is_told_to_end_finishes_what_it_has() {
    let (program, _server) = served(2, &[]);
    let first = worker(&program, "first", "60s", "touch begun; while [ ! -e go-on ]; do sleep 0.02; done; echo 1");
    until("it works", || program.path("begun").exists());
    signal(&first, Signal::TERM);
    fs::write(program.path("go-on"), "").unwrap();
    let ran = Ran::of(first);
    assert_eq!((ran.code, ran.out.lines().count()), (Some(0), 1), "{ran:?}");
    let tasks = json(&program, &["workflow", "tasks", "wf", "--status", "done"]);
    assert_eq!(tasks["tasks"].as_array().unwrap().len(), 1);

    // Asked twice, it ends it: then the task is tried again.
    fs::remove_file(program.path("begun")).unwrap();
    let second = worker(&program, "second", "60s", "touch begun; sleep 20");
    until("it works", || program.path("begun").exists());
    signal(&second, Signal::TERM);
    std::thread::sleep(Duration::from_millis(300));
    signal(&second, Signal::TERM);
    let ran = Ran::of(second);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("\"outcome\":\"tried_again\""), "{ran:?}");
}

#[test]
fn how_a_command_ends_says_what_becomes_of_its_task() {
    for (line, outcome, problem) in [
        ("echo oops >&2; exit 1", "failed", "oops"),
        ("echo later >&2; exit 75", "tried_again", "later"),
        ("kill -KILL $$", "tried_again", "signal: 9"),
        ("head -c 2000000 /dev/zero | tr '\\0' x", "failed", "1048576"),
    ] {
        let (program, _server) = served(1, &[]);
        let run = ["worker", "run", "--queue", "fe", "--once", "--json", "--", "sh", "-c", line];
        let over: Value = serde_json::from_str(&program.done(&run)).unwrap();
        assert_eq!(over["outcome"], outcome, "{line}: {over}");
        let task = task(&program);
        assert!(task["problem"].as_str().unwrap().contains(problem), "{line}: {task}");
    }
    let (program, _server) = served(1, &[]);
    program.done(&["worker", "run", "--queue", "fe", "--once", "--", "echo", "some text"]);
    assert_eq!(task(&program)["result"]["result"], "some text\n");
}

#[test]
fn a_command_that_takes_too_long_is_ended_with_all_that_it_started() {
    let (program, _server) = served(1, &["--time-out", "1s"]);
    let line = "sh -c 'echo $$ > pid; exec sleep 40' & wait";
    let run = ["worker", "run", "--queue", "fe", "--once", "--json", "--", "sh", "-c", line];
    let over: Value = serde_json::from_str(&program.done(&run)).unwrap();
    assert_ne!(over["outcome"], "landed", "{over}");
    let pid = fs::read_to_string(program.path("pid")).unwrap();
    until("it is gone", || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    });
}

#[test]
fn a_worker_waits_for_a_server_that_is_gone_and_hands_in_then() {
    let (program, server) = served(2, &[]);
    let line = "touch begun; while [ ! -e go-on ]; do sleep 0.02; done; echo done";
    let first = worker(&program, "first", "60s", line);
    until("it works", || program.path("begun").exists());
    server.kill();
    fs::write(program.path("go-on"), "").unwrap();
    std::thread::sleep(Duration::from_millis(500));
    // Another process, another port, another token.
    let _server = program.serve();
    until("both tasks are done", || is_completed(&program));
    let said = ended(first);
    assert!(said.len() == 2 && said.iter().all(|over| over["outcome"] == "landed"), "{said:?}");
}

#[test]
fn a_worker_without_a_server_or_with_a_bad_queue_says_so() {
    let program = Program::new();
    program.done(&["workshop", "new", "garden"]);
    let run = |queue: &'static str| ["worker", "run", "--queue", queue, "--once"];
    let refused = |arguments: &[&str], code, word| {
        let ran = program.run(&[arguments, &["--json", "--", "true"]].concat());
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.err.contains(&format!("\"code\":\"{word}\"")), "{ran:?}");
    };
    refused(&run("fe"), 6, "unreachable");
    let server = program.serve();
    refused(&run("No Such Queue"), 2, "invalid");
    fs::write(program.path("read"), program.done(&["token", "create", "--role", "read"])).unwrap();
    let elsewhere =
        ["--server", &server.url, "--token-file", program.path("read").to_str().unwrap()].map(str::to_owned);
    let elsewhere: Vec<&str> = elsewhere.iter().map(String::as_str).collect();
    refused(&[&run("fe")[..], &elsewhere].concat(), 5, "forbidden");
}
