//! The rules on small wrong pieces of code: each must be found, and what is right must not be.

use super::source::Source;
use super::*;

fn src(path: &str, text: &str) -> Source {
    Source::new("src", path, text)
}

/// What the check finds in `text`, as the lines it is on.
fn lines(check: impl Fn(&Source) -> Vec<Finding>, path: &str, text: &str) -> Vec<usize> {
    let findings = check(&src(path, text));
    findings.iter().map(|f| f.place.rsplit(':').next().unwrap().parse().unwrap()).collect()
}

#[test]
fn a_name_that_points_up_is_found_however_it_is_written() {
    let wrong = [
        ("domain/id.rs", "use crate::store::Batch;"),
        ("domain/id.rs", "use crate::{store::Batch};"),
        ("domain/workshop/mod.rs", "use crate::{domain::{Id, plan::Plan}, engine::{self}};"),
        ("domain/id.rs", "fn f(x: crate::engine::Turn) {}"),
        ("domain/id.rs", "use super::super::store;"),
        ("domain/mod.rs", "use super::store::Batch as B;"),
        ("domain/workshop/step.rs", "fn f() { super::super::super::store::open() }"),
        ("domain/mod.rs", "mod inner { use super::super::store::Batch; }"),
        ("store/mod.rs", "pub(crate) use crate::domain::EntityId;"),
        ("engine/turn.rs", "use crate::runtime::*;"),
        ("runtime/actor.rs", "use crate::api::Error;"),
        ("cli/args.rs", "use crate::domain::EntityId;"),
        ("domain/id.rs", "use crate::EntityId;"),
        ("api/mod.rs", "use restage::cli::run;"),
        ("main.rs", "use restage::api::Restage;"),
        ("helpers.rs", "use crate::domain::EntityId;"),
    ];
    for (path, text) in wrong {
        assert_eq!(lines(layer_findings, path, text), [1], "{path}: {text}");
    }
}

#[test]
fn a_name_that_points_down_or_stays_is_right() {
    let right = [
        ("lib.rs", "mod domain; pub use domain::EntityId; pub use crate::api::Restage;"),
        ("main.rs", "fn main() { restage::cli::run() }"),
        ("cli/output.rs", "use crate::api::Error; use super::exit; use crate::cli::args::{Args, self};"),
        ("engine/turn.rs", "use crate::{domain::Entity, store::{Batch, Store}}; pub(crate) fn f() {}"),
        ("domain/workshop/step.rs", "use super::super::id::EntityId; use super::Step; use self::x::Y;"),
        ("domain/mod.rs", "mod inner { use super::id::EntityId; }"),
        ("domain/id.rs", "// use crate::store::Batch;\n/* crate::engine */ const X: &str = \"crate::store\";"),
        ("domain/id.rs", "#[cfg(test)]\nmod tests { use crate::store::Batch; fn f() { { } } }"),
    ];
    for (path, text) in right {
        assert_eq!(lines(layer_findings, path, text), [0; 0], "{path}: {text}");
    }
}

#[test]
fn a_foreign_crate_away_from_home_is_found() {
    assert_eq!(lines(home_findings, "engine/turn.rs", "\nuse actix::Actor;"), [2]);
    assert_eq!(lines(home_findings, "engine/turn.rs", "fn f() -> ::sled::Db { bincode::x() }"), [1, 1]);
    assert_eq!(lines(home_findings, "api/mod.rs", "#[derive(clap::Parser)]\nstruct A;"), [1]);
    assert_eq!(lines(home_findings, "api/mod.rs", "use {serde::Serialize, sled as s};"), [1]);

    assert_eq!(lines(home_findings, "store/sled.rs", "use sled::Db;"), [0; 0]);
    assert_eq!(lines(home_findings, "store/mod.rs", "mod sled;\npub use sled::SledIndex;"), [0; 0]);
    assert_eq!(lines(home_findings, "api/mod.rs", "use serde::Serialize; let x = self.sled.get();"), [0; 0]);
}

#[test]
fn a_clock_or_a_random_number_is_found() {
    for text in [
        "let t = Instant::now();",
        "let t = std::time::Instant::now();",
        "let t = jiff::Timestamp::now();",
        "let f = Instant::now;",
        "fn f(t: SystemTime) {}",
        "use std::time::{Duration, SystemTime};",
        "let d = began.elapsed();",
        "let n = rand::random::<u64>();",
        "use std::collections::hash_map::RandomState;",
    ] {
        assert_eq!(lines(clock_findings, "engine/turn.rs", text), [1], "{text}");
        assert_eq!(lines(clock_findings, CLOCK, text), [0; 0], "{text}");
    }
    let right = "let t = clock.now(); let u = self.clock.now(); let now = input.now; // Instant::now()";
    assert_eq!(lines(clock_findings, "engine/turn.rs", right), [0; 0]);
}

#[test]
fn printing_and_ending_the_process_are_found() {
    for text in [
        "println!(\"x\");",
        "std::eprintln!();",
        "print! {\"x\"}",
        "dbg!(x);",
        "let out = std::io::stdout();",
        "anstream::stderr().lock();",
        "std::process::exit(1);",
    ] {
        assert_eq!(lines(print_findings, "cli/run.rs", text), [1], "{text}");
    }
    assert_eq!(lines(print_findings, OUTPUT, "println!(); stdout();"), [0; 0]);
    assert_eq!(lines(print_findings, "main.rs", "fn main() { std::process::exit(restage::cli::run()) }"), [0; 0]);
    assert_eq!(lines(print_findings, "cli/run.rs", "command.stdout(Stdio::null()); // println!()"), [0; 0]);
}

#[test]
fn async_is_found_where_turns_are_decided_and_stored() {
    for path in ["domain/id.rs", "engine/turn.rs", "store/log.rs"] {
        assert_eq!(lines(async_findings, path, "\nasync fn f() { g().await }"), [2, 2]);
    }
    assert_eq!(lines(async_findings, "runtime/actor.rs", "async fn f() {}"), [0; 0]);
    assert_eq!(lines(async_findings, "engine/turn.rs", "fn asynchronous() {} // async"), [0; 0]);
}

#[test]
fn long_files_and_long_functions_are_found() {
    let body = |lines: usize| format!("fn f() {{\n{}}}\n", "    g(|x| { x });\n".repeat(lines - 2));
    assert_eq!(lines(length_findings, "a.rs", &body(FUNCTION_LINES_MAX)), [0; 0]);
    assert_eq!(lines(length_findings, "a.rs", &body(FUNCTION_LINES_MAX + 1)), [1]);
    assert_eq!(lines(length_findings, "a.rs", &format!("trait T {{\n    fn a();\n}}\n\n{}", body(71))), [5]);

    let comments = body(FUNCTION_LINES_MAX).replacen("fn f() {\n", "fn f() {\n    // why }\n\n", 1);
    assert_eq!(lines(length_findings, "a.rs", &comments), [0; 0], "comments and empty lines do not count");

    assert_eq!(lines(length_findings, "a.rs", &"\n".repeat(FILE_LINES_MAX)), [0; 0]);
    assert_eq!(lines(length_findings, "a.rs", &"\n".repeat(FILE_LINES_MAX + 1)), [1]);
}

#[test]
fn a_file_that_no_module_names_is_found() {
    let sources = [
        src("lib.rs", "mod a;\nmod b;"),
        src("a/mod.rs", "mod c;"),
        src("a/c.rs", ""),
        src("a/lost.rs", ""),
        src("b.rs", "#[path = \"elsewhere/d.rs\"]\nmod d;\n// mod e;"),
        src("elsewhere/d.rs", ""),
        src("e.rs", ""),
    ];
    let places: Vec<String> = forgotten(&sources, &["lib.rs"]).into_iter().map(|f| f.place).collect();
    assert_eq!(places, ["src/a/lost.rs:1", "src/e.rs:1"]);
}

#[test]
fn a_dependency_without_a_home_is_found() {
    let mut manifest = String::from("[dependencies]\nleft-pad = \"1\"\n");
    for (name, _) in HOMES.iter().filter(|(name, _)| *name != "sled") {
        manifest += &format!("{name} = \"1\"\n");
    }
    let what: Vec<String> = dependency_findings(&manifest).into_iter().map(|f| f.what).collect();
    assert_eq!(what, ["left_pad has no home", "sled has a home and is no dependency"]);
}

#[test]
fn strings_comments_characters_and_lifetimes_do_not_confuse_the_reader() {
    let tricky = r####"
        const A: &str = "a \" { // not a comment";
        const B: &str = r#"raw " { "#;
        const C: char = '"';
        const D: char = '\'';
        const E: &[u8] = b"\\";
        /* outer /* inner */ { still */
        fn f<'a>(x: &'a str, br: u8) -> &'a str { let _ = (br, '{'); x }
        use crate::store::Batch;
    "####;
    assert_eq!(lines(layer_findings, "domain/id.rs", tricky), [9]);
}
