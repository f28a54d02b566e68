//! Commands while a server holds the data folder: files, questions, signals, and a server that goes away.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::program::{Program, Ran};

fn garden() -> Program {
    let program = Program::new();
    program.done(&["workshop", "new", "garden"]);
    program
}

#[test]
fn what_comes_on_standard_input_is_saved_as_it_comes() {
    let program = garden();
    let server = program.serve();
    let mut import = program.start(&["workshop", "import", "garden", "challenge", "-", "--json"]);
    let mut lines = BufReader::new(import.stdout.take().unwrap()).lines();
    let mut input = import.stdin.take().unwrap();
    for n in 1..=3 {
        writeln!(input, "{{\"id\":\"m{n}\",\"role\":\"user\",\"content\":\"Hello\"}}").unwrap();
        let said = lines.next().unwrap().unwrap();
        assert_eq!(said, format!("{{\"id\":\"m{n}\",\"outcome\":\"stored\",\"revision\":{}}}", n + 1));
    }
    drop(input);
    assert_eq!(Ran::of(import).code, Some(0));
    server.end();
    assert!(program.done(&["workshop", "show", "garden", "challenge"]).contains("m3"));
}

#[test]
fn large_files_go_both_ways_byte_for_byte() {
    let program = garden();
    let server = program.serve();
    let message = |n: usize| {
        let text = format!("{n} é\u{1f600} ").repeat(3_000);
        format!("{{\"id\": \"m{n}\", \"role\": \"user\", \"content\": \"{text}\"}}\n")
    };
    let all: String = (0..200).map(message).collect();
    fs::write(program.path("in.jsonl"), &all).unwrap();
    program.done(&["workshop", "import", "garden", "challenge", "in.jsonl"]);
    program.done(&["workshop", "export", "garden", "challenge", "out.jsonl"]);
    assert!(fs::read(program.path("out.jsonl")).unwrap() == all.as_bytes());
    assert!(program.done(&["workshop", "export", "garden", "challenge"]) == all);
    // What can't be written is told as it would be without a server.
    let ran = program.refused(&["workshop", "export", "garden", "challenge", "no/such/folder"], 3, "not_found");
    assert!(ran.err.contains("writing no/such/folder: No such file or directory"), "{ran:?}");
    server.end();
}

#[test]
fn a_command_that_is_interrupted_ends_there_too_and_its_drafts_are_on_disk() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let program = garden();
        let server = program.serve();
        let mut writer = program.start(&["workshop", "save", "garden", "challenge", "-", "--json"]);
        let message = b"{\"id\":\"m1\",\"role\":\"user\",\"content\":\"Hello\"}\n";
        writer.stdin.as_mut().unwrap().write_all(message).unwrap();
        let mut line = String::new();
        BufReader::new(writer.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "{\"id\":\"m1\",\"outcome\":\"stored\",\"pending\":1}\n");
        kill_process(Pid::from_child(&writer), signal).unwrap();
        let input = writer.stdin.take();
        assert_eq!(Ran::of(writer).code, Some(code));
        drop(input);
        // A kill leaves no time for anything.
        server.kill();
        assert!(program.done(&["workshop", "show", "garden", "challenge"]).contains("Hello"));
    }
}

#[test]
fn a_caller_that_is_killed_leaves_nothing_behind() {
    let program = garden();
    let server = program.serve();
    for _ in 0..3 {
        let mut writer = program.start(&["workshop", "save", "garden", "challenge", "-", "--json"]);
        let message = b"{\"id\":\"m1\",\"role\":\"user\",\"content\":\"Hello\"}\n";
        writer.stdin.as_mut().unwrap().write_all(message).unwrap();
        let mut line = String::new();
        BufReader::new(writer.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        writer.kill().unwrap();
        writer.wait().unwrap();
    }
    // It ends by itself within its time: no command holds it up.
    server.end();
    assert!(program.done(&["workshop", "show", "garden", "challenge"]).contains("Hello"));
}

#[test]
fn a_server_that_is_gone_leaves_the_folder_to_the_command() {
    let program = garden();
    let server = program.serve();
    assert!(program.data().join("server.json").exists());
    server.kill();
    // Its file is still there, and leads nowhere.
    assert!(program.data().join("server.json").exists());
    program.done(&["workshop", "say", "garden", "challenge", "hello"]);

    let server = program.serve();
    let mut import = program.start(&["workshop", "import", "garden", "challenge", "-", "--json"]);
    let mut lines = BufReader::new(import.stdout.take().unwrap()).lines();
    import.stdin.as_mut().unwrap().write_all(b"{\"id\":\"m9\",\"role\":\"user\",\"content\":\"Hello\"}\n").unwrap();
    lines.next().unwrap().unwrap();
    server.kill();
    let input = import.stdin.take();
    let ran = Ran::of(import);
    assert_eq!(ran.code, Some(6), "{ran:?}");
    assert!(ran.err.contains("\"code\":\"unreachable\""), "{ran:?}");
    drop(input);
}

#[test]
fn what_works_on_files_says_that_the_folder_is_in_use() {
    let program = garden();
    let _server = program.serve();
    let ran = program.refused(&["verify"], 6, "in_use");
    assert!(ran.err.contains("restage backup"), "{ran:?}");
    program.refused(&["serve", "--listen", "127.0.0.1:0"], 6, "in_use");
    // The templates that come with the program are everywhere.
    program.done(&["template", "list"]);
}

#[test]
fn a_server_elsewhere_is_asked_with_a_token_of_the_right_role() {
    let program = garden();
    let server = program.serve();
    let token = |role: &str| {
        let file = program.path(role);
        fs::write(&file, program.done(&["token", "create", "--role", role])).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let all = ["read", "write", "reset", "admin"].map(|role| (role, token(role)));
    let commands: [(&[&str], usize); 8] = [
        (&["workshop", "list"], 0),
        (&["workshop", "preview", "garden", "reset", "challenge"], 0),
        (&["workshop", "reset", "garden", "challenge", "--dry-run"], 0),
        (&["workshop", "say", "garden", "challenge", "hello"], 1),
        (&["workshop", "reset", "garden", "challenge", "--yes"], 2),
        (&["workshop", "purge", "garden", "--yes"], 2),
        (&["token", "list"], 3),
        (&["backup", "/nowhere/at/all"], 3),
    ];
    for (command, needs) in commands {
        for (place, (role, file)) in all.iter().enumerate() {
            let ran = program.run(&[command, &["--server", &server.url, "--token-file", file, "--json"]].concat());
            let denied = ran.code == Some(5) && ran.err.contains("forbidden");
            assert_eq!(denied, place < needs, "{command:?} as {role}: {ran:?}");
        }
    }
    // What is said by a token is said in its name, whatever the caller would like.
    let history = program.done(&["workshop", "history", "garden", "--json"]);
    assert!(!history.contains("\"by\":\"ada\",\"reason\":null,\"what\":[\"challenge: 1 message"), "{history}");
    let [read, ..] = all;
    let forged = program.path("forged");
    fs::write(&forged, fs::read_to_string(read.1).unwrap().trim().to_owned() + "x").unwrap();
    let asked = ["workshop", "list", "--server", &server.url, "--token-file", forged.to_str().unwrap()];
    program.refused(&asked, 5, "unauthorized");
    program.refused(&["workshop", "list", "--server", &server.url], 5, "no_token");
    program.refused(&["workshop", "list", "--server", "http://127.0.0.1:9", "--token-file", "read"], 6, "unreachable");
    let relative = ["backup", "here", "--server", &server.url, "--token-file", "admin"];
    program.refused(&relative, 2, "usage");
}

#[test]
fn a_server_that_stops_ends_what_is_asked_of_it() {
    let program = garden();
    let server = program.serve();
    let mut import = program.start(&["workshop", "import", "garden", "challenge", "-", "--json"]);
    import.stdin.as_mut().unwrap().write_all(b"{\"id\":\"m1\",\"role\":\"user\",\"content\":\"Hello\"}\n").unwrap();
    let mut out = BufReader::new(import.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let began = Instant::now();
    server.end();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    let input = import.stdin.take();
    assert_eq!(Ran::of(import).code, Some(6));
    drop(input);
}

#[test]
fn a_server_that_wants_plans_to_be_seen_takes_no_yes_for_one() {
    let program = garden();
    fs::write(program.data().join("server.toml"), "confirm = true\n").unwrap();
    let server = program.serve();
    let reset = |more: &[&'static str]| [&["workshop", "reset", "garden", "challenge"], more].concat();
    program.refused(&reset(&["--yes"]), 2, "usage");
    let plan: serde_json::Value = serde_json::from_str(&program.done(&reset(&["--dry-run", "--json"]))).unwrap();
    let token = plan["token"].as_str().unwrap();
    let planned = [&reset(&["--plan"])[..], &[token]].concat();
    program.done(&planned);
    server.end();
}
