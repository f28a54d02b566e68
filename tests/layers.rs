//! The shape of the crate, held by a test: who may name whom, one home for each foreign crate, one file for the clock,
//! one for printing, no async in the rules, and nothing too long to read at one go.
//!
//! It reads the sources as text. That sees through neither macros nor renamed imports; it is there for honest mistakes.

#![expect(clippy::unwrap_used, reason = "a test that can't read the sources fails")]

#[path = "layers/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use source::{Path as NamePath, Source};

/// Each folder or file of `src/` with those that it may name. What is not in the table is not allowed.
const LAYERS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("store", &[]),
    ("engine", &["domain", "store"]),
    ("runtime", &["engine", "domain", "store"]),
    ("vcs", &[]),
    ("agents", &[]),
    ("api", &["runtime", "engine", "domain", "store", "vcs", "agents"]),
    ("testkit", &["api", "runtime", "engine", "domain", "store", "vcs"]),
    ("http", &["api"]),
    ("cli", &["api", "http"]),
];

/// Where each dependency may be named. An empty list means anywhere.
const HOMES: &[(&str, &[&str])] = &[
    ("actix", &["runtime/"]),
    ("actix_web", &["http/"]),
    ("actix_web_lab", &["http/"]),
    ("ammonia", &["http/web/text/"]),
    ("anstream", &["cli/"]),
    ("askama", &["http/web/"]),
    ("base64", &["api/", "http/", "cli/"]),
    ("bincode", &["engine/codec.rs", "domain/stored.rs"]),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/"]),
    ("comfy_table", &["cli/"]),
    ("crc32fast", &["store/", "engine/codec.rs"]),
    ("etcetera", &["cli/"]),
    ("flate2", &["http/web/"]),
    ("futures_util", &["api/", "http/", "cli/"]),
    ("git2", &["vcs/"]),
    ("governor", &["http/"]),
    ("hmac", &["api/"]),
    ("indicatif", &["cli/"]),
    ("jiff", &["cli/", "http/", "api/time.rs"]),
    ("jsonschema", &["domain/workshop/"]),
    ("metrics", &["http/"]),
    ("metrics_exporter_prometheus", &["http/"]),
    ("process_wrap", &["agents/", "cli/"]),
    ("pulldown_cmark", &["http/web/text/"]),
    ("reqwest", &["agents/chat/", "api/webhooks/", "cli/"]),
    ("rust_embed", &["http/web/"]),
    ("rust_sugiyama", &["http/web/graph.rs"]),
    ("rustls", &["agents/chat/", "api/webhooks/", "http/", "cli/"]),
    ("rustix", &["store/", "runtime/", "vcs/", "agents/", "http/streams.rs"]),
    ("serde", &[]),
    ("serde_json", &[]),
    ("sha2", &[]),
    ("sd_notify", &["cli/"]),
    ("similar", &["http/web/text/"]),
    ("sled", &["store/sled.rs"]),
    ("subtle", &["api/"]),
    ("thiserror", &[]),
    ("tokio", &["runtime/", "agents/", "api/", "http/", "cli/"]),
    ("toml", &["domain/", "agents/", "cli/"]),
    ("tracing", &[]),
    ("tracing_subscriber", &["cli/"]),
    ("utoipa", &["http/"]),
    ("utoipa_actix_web", &["http/"]),
    ("utoipa_swagger_ui", &["http/"]),
];

/// The one file that reads clocks and makes random numbers.
const CLOCK: &str = "runtime/clock.rs";
/// The one file that prints.
const OUTPUT: &str = "cli/output.rs";
/// Where a turn is decided and stored: no async.
const SYNC: &[&str] = &["domain/", "engine/", "store/", "vcs/"];
/// Longest file, in lines.
const FILE_LINES_MAX: usize = 600;
/// Longest function, in lines that hold code.
const FUNCTION_LINES_MAX: usize = 70;

/// One place where a rule is broken.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    place: String,
    what: String,
}

/// All places of a rule, or none.
#[track_caller]
fn hold(rule: &str, remedy: &str, findings: &[Finding]) {
    let list: Vec<String> = findings.iter().map(|f| format!("  {}: {}", f.place, f.what)).collect();
    assert!(findings.is_empty(), "\n\nRule: {rule}\nBroken at:\n{}\nWhat to do: {remedy}\n", list.join("\n"));
}

fn finding(source: &Source, line: usize, what: impl Into<String>) -> Finding {
    Finding { place: format!("{}/{}:{line}", source.folder, source.path), what: what.into() }
}

fn is_in(path: &str, homes: &[&str]) -> bool {
    homes.iter().any(|home| if home.ends_with('/') { path.starts_with(home) } else { path == *home })
}

/// The product's sources, without what only tests see.
fn product() -> Vec<Source> {
    let sources = read("src");
    assert!(sources.iter().any(|s| s.path == "lib.rs") && sources.len() > 5, "src/ was not found");
    sources.into_iter().filter(|s| !s.is_test_file()).collect()
}

/// All sources under a folder of the crate.
fn read(folder: &'static str) -> Vec<Source> {
    fn walk(folder: &'static str, root: &Path, at: &Path, found: &mut Vec<Source>) {
        let Ok(entries) = fs::read_dir(at) else { return };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                walk(folder, root, &path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                found.push(Source::new(folder, name, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    walk(folder, &root, &root, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Paths of `source` that its layer may not name.
fn layer_findings(source: &Source) -> Vec<Finding> {
    let own = source.top();
    let mut findings = Vec::new();
    for path in source.paths() {
        let Some(target) = source.inside_crate(&path) else { continue };
        match (own, target) {
            ("lib", _) => {}
            ("main", "cli") => {}
            ("main", other) => findings.push(finding(source, path.line, format!("main names {other}"))),
            (own, target) if own == target => {}
            (own, target) if !LAYERS.iter().any(|(name, _)| *name == target) => {
                let what = format!("{own} names `{target}` through the crate's root or outside the table of layers");
                findings.push(finding(source, path.line, what));
            }
            (own, target) => {
                let allowed = LAYERS.iter().find(|(name, _)| *name == own).map_or(&[][..], |(_, may)| may);
                if !allowed.contains(&target) {
                    findings.push(finding(source, path.line, format!("{own} names {target} (`{path}`)")));
                }
            }
        }
    }
    findings
}

/// Foreign crates that `source` names and may not.
fn home_findings(source: &Source) -> Vec<Finding> {
    let own_modules = source.declared_modules();
    let mut findings = Vec::new();
    for path in source.paths() {
        let Some((name, homes)) = HOMES.iter().find(|(name, _)| *name == path.first()) else { continue };
        let shadowed = own_modules.iter().any(|module| module == name);
        if !shadowed && !homes.is_empty() && !is_in(&source.path, homes) {
            findings.push(finding(source, path.line, format!("{name} is named outside {}", homes.join(", "))));
        }
    }
    findings
}

/// Places that read a clock or make a random number.
fn clock_findings(source: &Source) -> Vec<Finding> {
    if source.path == CLOCK {
        return Vec::new();
    }
    let reads_a_clock = |path: &NamePath| {
        (path.segments.len() > 1 && path.last() == "now")
            || path.segments.iter().any(|s| s == "SystemTime" || s == "UNIX_EPOCH")
    };
    let is_random = |path: &NamePath| {
        ["rand", "getrandom", "fastrand", "uuid"].contains(&path.first())
            || path.segments.iter().any(|s| s == "RandomState" || s == "getrandom")
    };
    let paths = source.paths();
    let clocks = paths.iter().filter(|p| reads_a_clock(p)).map(|p| finding(source, p.line, format!("`{p}`")));
    let random = paths.iter().filter(|p| is_random(p)).map(|p| finding(source, p.line, format!("`{p}`")));
    let elapsed = source.find(".elapsed()").into_iter().map(|line| finding(source, line, "`.elapsed()`"));
    clocks.chain(random).chain(elapsed).collect()
}

/// Places that print, or take hold of what printing goes to.
fn print_findings(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    if source.path != OUTPUT {
        for name in ["print!", "println!", "eprint!", "eprintln!", "dbg!"] {
            findings.extend(source.find(name).into_iter().map(|line| finding(source, line, format!("`{name}`"))));
        }
        for path in source.paths().iter().filter(|p| ["stdout", "stderr"].contains(&p.last()) && p.is_call) {
            findings.push(finding(source, path.line, format!("`{path}()`")));
        }
    }
    if source.path != "main.rs" {
        let exits = source.paths().into_iter().filter(|p| p.to_string().ends_with("process::exit"));
        findings.extend(exits.map(|p| finding(source, p.line, format!("`{p}`: only main ends the process"))));
    }
    findings
}

/// Async code where turns are decided and stored.
fn async_findings(source: &Source) -> Vec<Finding> {
    if !is_in(&source.path, SYNC) {
        return Vec::new();
    }
    let words = ["async", "await"].into_iter();
    words.flat_map(|word| source.find(word).into_iter().map(move |line| finding(source, line, word))).collect()
}

/// Files and functions that are too long.
fn length_findings(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    if source.lines > FILE_LINES_MAX {
        findings.push(finding(source, 1, format!("the file has {} lines, the most is {FILE_LINES_MAX}", source.lines)));
    }
    for function in source.functions().into_iter().filter(|f| f.lines > FUNCTION_LINES_MAX) {
        let what = format!("`{}` has {} lines, the most is {FUNCTION_LINES_MAX}", function.name, function.lines);
        findings.push(finding(source, function.line, what));
    }
    findings
}

/// Files that no `mod` leads to from `roots`.
fn forgotten(sources: &[Source], roots: &[&str]) -> Vec<Finding> {
    let mut reached: BTreeSet<String> = roots.iter().map(ToString::to_string).collect();
    let mut todo: Vec<String> = reached.iter().cloned().collect();
    while let Some(path) = todo.pop() {
        let Some(source) = sources.iter().find(|s| s.path == path) else { continue };
        for child in source.child_files() {
            if sources.iter().any(|s| s.path == child) && reached.insert(child.clone()) {
                todo.push(child);
            }
        }
    }
    sources.iter().filter(|s| !reached.contains(&s.path)).map(|s| finding(s, 1, "no `mod` names this file")).collect()
}

/// Dependencies in the manifest that have no home, and homes of crates that are no longer there.
fn dependency_findings(manifest: &str) -> Vec<Finding> {
    let manifest: toml::Table = manifest.parse().unwrap();
    let named: BTreeSet<String> =
        manifest["dependencies"].as_table().unwrap().keys().map(|name| name.replace('-', "_")).collect();
    let homed: BTreeSet<String> = HOMES.iter().map(|(name, _)| name.to_string()).collect();
    let at = |what: String| Finding { place: "Cargo.toml".into(), what };
    let new = named.difference(&homed).map(|name| at(format!("{name} has no home")));
    let old = homed.difference(&named).map(|name| at(format!("{name} has a home and is no dependency")));
    new.chain(old).collect()
}

fn all(sources: &[Source], check: impl Fn(&Source) -> Vec<Finding>) -> Vec<Finding> {
    sources.iter().flat_map(check).collect()
}

#[test]
fn modules_name_only_what_lies_below_them() {
    hold(
        "an arrow may only point down: main -> cli -> api -> runtime -> engine -> domain, and engine -> store",
        "move the code to the layer whose business it is, or hand the value in from above. A new module at the top of \
         src/ goes into LAYERS in tests/layers.rs, and into CONTRIBUTING.md",
        &all(&product(), layer_findings),
    );
}

#[test]
fn every_foreign_crate_stays_at_home() {
    hold(
        "a foreign crate is named in its home only, so that it can be replaced there",
        "ask the home for what you need, in the crate's own types",
        &all(&product(), home_findings),
    );
}

#[test]
fn every_dependency_has_a_home() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    hold(
        "a new dependency is a decision about the architecture",
        "say in HOMES in tests/layers.rs where it may be named",
        &dependency_findings(&manifest),
    );
}

#[test]
fn only_one_file_reads_clocks_and_makes_random_numbers() {
    hold(
        "time and randomness are handed in, so that tests and replays decide them",
        "take a time or a clock as an argument; the real one is in src/runtime/clock.rs",
        &all(&product(), clock_findings),
    );
}

#[test]
fn only_one_file_prints() {
    hold(
        "the library has no terminal, and the command line prints in one place",
        "use `tracing` in the library; in src/cli/ return the data and let src/cli/output.rs show it",
        &all(&product(), print_findings),
    );
}

#[test]
fn nothing_is_async_where_turns_are_decided_and_stored() {
    hold(
        "domain, engine and store are synchronous",
        "wait in src/runtime/, and call down with what was waited for",
        &all(&product(), async_findings),
    );
}

#[test]
fn files_and_functions_can_be_read_at_one_go() {
    let everything: Vec<Source> = ["src", "tests", "benches"].into_iter().flat_map(read).collect();
    hold(
        "a file has a subject, and a function a thought",
        "split the file by subject, or give a part of the function a name",
        &all(&everything, length_findings),
    );
}

#[test]
fn no_file_is_forgotten() {
    let remedy = "name the file by `mod`, or delete it: git remembers";
    hold("every source file is compiled", remedy, &forgotten(&read("src"), &["lib.rs", "main.rs"]));

    let tests = read("tests");
    let runner = tests.iter().any(|s| s.path == "runner.rs");
    let is_top = |path: &&str| !path.contains('/') || path.ends_with("/main.rs");
    let tops: Vec<&str> = tests.iter().map(|s| s.path.as_str()).filter(is_top).collect();
    let roots = if runner { vec!["runner.rs"] } else { tops };
    hold("every test file is part of the one runner, if there is one", remedy, &forgotten(&tests, &roots));
}

#[path = "layers/checker.rs"]
mod checker;
