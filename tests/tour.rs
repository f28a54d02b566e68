//! The first command that anybody runs.

use std::process::Command;

#[test]
fn the_tour_holds_what_it_shows() {
    let ran = Command::new(env!("CARGO_BIN_EXE_restage")).arg("tour").output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}{err}");
    for line in [
        "imported 40 messages, 4784 bytes",
        "cleared  challenge            40 messages",
        "stale    stakeholder-mapping",
        "\"user-research is at generation 2, this was written for generation 1\"",
        "nothing is lost: its reply is kept as orphan",
        "adopted: the reply is whole",
        "the process was killed; it had acknowledged",
        ", 0 lost",
        "sound",
        "All of it held.",
        "restage tour --keep",
    ] {
        assert!(out.contains(line), "{line:?} is not in:\n{out}");
    }
    assert!(out.lines().all(|line| line.chars().count() <= 80), "a line is too long:\n{out}");
    assert!(!out.contains('\u{1b}'), "colours where nobody sees them");
    assert_eq!(err, "");
    let folder = out.lines().next().and_then(|line| line.strip_prefix("restage tour, in ")).unwrap();
    assert!(!std::path::Path::new(folder).exists(), "{folder} is left over");
}

#[test]
fn a_tour_that_is_kept_can_be_looked_at() {
    let ran = Command::new(env!("CARGO_BIN_EXE_restage")).args(["tour", "--keep", "--json"]).output().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((ran.status.success(), &answer["held"]), (true, &true.into()), "{ran:?}");
    assert!(answer["seen"]["there_after_crash"].as_u64() >= answer["seen"]["acknowledged"].as_u64());
    let folder = answer["folder"].as_str().unwrap();
    let shown = Command::new(env!("CARGO_BIN_EXE_restage"))
        .args(["--data", folder, "workshop", "export", "tour", "challenge"])
        .output()
        .unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    assert_eq!(shown.stdout, include_bytes!("../src/cli/tour/conversation.jsonl"));
}
