//! Data folders that can't be used as they are, and processes that are ended.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

use crate::program::{Program, Ran};

const MESSAGE: &[u8] = b"{\"id\":\"m1\",\"role\":\"user\",\"content\":\"Hello\"}\n";

/// A folder with a workshop in it.
fn garden() -> Program {
    let program = Program::new();
    program.done(&["workshop", "new", "garden"]);
    program
}

/// All files below a folder with their bytes, but for the one that says who held it last.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push((path.display().to_string(), fs::read(&path).unwrap())),
        }
    }
    found.retain(|(name, _)| !name.ends_with("/LOCK"));
    found.sort();
    found
}

fn log_segment(program: &Program) -> std::path::PathBuf {
    let entries = fs::read_dir(program.data()).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|e| e == "seg")).max().unwrap()
}

#[test]
fn a_folder_in_use_is_refused_and_its_holder_named() {
    let program = garden();
    let mut holder = program.start(&["workshop", "import", "garden", "challenge", "-", "--json"]);
    let mut input = holder.stdin.take().unwrap();
    input.write_all(MESSAGE).unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "{\"id\":\"m1\",\"outcome\":\"stored\",\"revision\":2}\n");

    for command in [&["workshop", "list"][..], &["workshop", "say", "garden", "challenge", "x"], &["verify"]] {
        let ran = program.refused(command, 6, "in_use");
        assert!(ran.err.contains(&format!("process {}", holder.id())), "{ran:?}");
    }
    drop(input);
    assert_eq!(Ran::of(holder).code, Some(0));
    assert!(program.done(&["workshop", "show", "garden", "challenge"]).contains("Hello"));
}

#[test]
fn a_folder_of_a_newer_format_is_left_as_it_is() {
    let program = garden();
    let manifest = program.data().join("MANIFEST");
    let mut bytes = fs::read(&manifest).unwrap();
    bytes[8..12].copy_from_slice(&7_u32.to_le_bytes());
    let body = bytes.len() - 4;
    let sum = crc32fast::hash(&bytes[..body]);
    bytes[body..].copy_from_slice(&sum.to_le_bytes());
    fs::write(&manifest, bytes).unwrap();
    let before = files(&program.data());
    let ran = program.refused(&["workshop", "say", "garden", "challenge", "x"], 1, "newer_format");
    assert!(ran.err.contains("has format 7"), "{ran:?}");
    program.refused(&["verify"], 1, "newer_format");
    assert!(files(&program.data()) == before, "something was changed");
}

#[test]
fn a_damaged_folder_is_refused_and_what_is_acknowledged_left_as_it_is() {
    let program = garden();
    for id in ["m1", "m2", "m3"] {
        program.done(&["workshop", "say", "garden", "challenge", "The well is dry", "--id", id]);
    }
    let segment = log_segment(&program);
    let mut bytes = fs::read(&segment).unwrap();
    let inside = bytes.windows(8).position(|window| window == b"The well").unwrap();
    bytes[inside] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    fs::remove_dir_all(program.data().join("index")).unwrap();
    program.refused(&["workshop", "show", "garden"], 1, "damaged");
    assert_eq!(fs::read(&segment).unwrap(), bytes);
    let ran = program.refused(&["verify"], 1, "damaged");
    assert!(ran.out.contains("\"findings\":[\""), "{ran:?}");
}

#[test]
fn a_lost_index_is_built_anew() {
    let program = garden();
    program.done(&["workshop", "say", "garden", "challenge", "The well is dry", "--id", "m1"]);
    let before = program.done(&["workshop", "show", "garden", "challenge", "--json"]);
    fs::remove_dir_all(program.data().join("index")).unwrap();
    assert_eq!(program.done(&["workshop", "show", "garden", "challenge", "--json"]), before);
}

#[test]
fn a_process_that_is_asked_to_end_commits_its_drafts() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let program = garden();
        let mut writer = program.start(&["workshop", "save", "garden", "challenge", "-", "--json"]);
        writer.stdin.as_mut().unwrap().write_all(MESSAGE).unwrap();
        let mut line = String::new();
        BufReader::new(writer.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "{\"id\":\"m1\",\"outcome\":\"stored\",\"pending\":1}\n");
        kill_process(Pid::from_child(&writer), signal).unwrap();
        // Its input stays open until it has ended by itself.
        let input = writer.stdin.take();
        assert_eq!(Ran::of(writer).code, Some(code));
        drop(input);
        assert!(program.done(&["workshop", "show", "garden", "challenge"]).contains("Hello"));
    }
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let program = garden();
    let mut reading = program.start(&["workshop", "import", "garden", "challenge", "-", "--json"]);
    drop(reading.stdout.take());
    reading.stdin.take().unwrap().write_all(MESSAGE).unwrap();
    let ran = Ran::of(reading);
    assert_eq!((ran.code, ran.err.as_str()), (Some(141), ""));
}

#[test]
fn a_name_that_was_mistyped_makes_no_folder() {
    let program = Program::new();
    program.refused(&["workshop", "list"], 3, "not_found");
    assert!(!program.data().exists());
}
