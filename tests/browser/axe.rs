//! axe, the checker of accessibility: from npm, into the target directory, once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

/// What axe found on a page.
#[derive(Debug)]
pub struct Findings {
    /// Rules that were held, by at least one element.
    pub passed: usize,
    /// What it can't say, and leaves to people.
    pub undecided: usize,
    /// What is broken: how badly, which rule, where.
    pub broken: Vec<(String, String, String)>,
}

/// The script itself.
pub static SCRIPT: LazyLock<String> = LazyLock::new(|| {
    let file = folder().join("node_modules/axe-core/axe.min.js");
    if !file.exists() {
        install();
    }
    fs::read_to_string(file).unwrap()
});

/// Starts a check of the whole page, and ends with its result. Other hosts are not asked, for style sheets or anything.
pub const CHECK: &str = "\
    const done = arguments[arguments.length - 1];\
    axe.run(document, { preload: false, resultTypes: ['violations'] })\
        .then(done, (error) => done({ error: String(error) }));";

impl Findings {
    /// What the script's result says.
    pub fn of(result: &Value) -> Self {
        assert!(result["error"].is_null(), "axe does not run: {}", result["error"]);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |name: &str| result[name].as_array().unwrap();
        let broken = list("violations").iter().flat_map(|rule| {
            let nodes = rule["nodes"].as_array().unwrap().iter();
            nodes.map(move |node| {
                let place = format!("{}: {}", text(&node["html"]), text(&node["failureSummary"]));
                (text(&rule["impact"]), text(&rule["id"]), place)
            })
        });
        Self { passed: list("passes").len(), undecided: list("incomplete").len(), broken: broken.collect() }
    }

    /// Those that keep somebody from using the page.
    pub fn serious(&self) -> Vec<&(String, String, String)> {
        self.broken.iter().filter(|(impact, ..)| matches!(&**impact, "serious" | "critical")).collect()
    }
}

/// The directory that everything is built in.
pub fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_owned()
}

fn folder() -> PathBuf {
    target().join("axe")
}

fn install() {
    let folder = folder();
    fs::create_dir_all(&folder).unwrap();
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/package.json");
    fs::copy(list, folder.join("package.json")).unwrap();
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(folder);
    let output = npm.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "axe can't be had from npm: {}", String::from_utf8_lossy(&output.stderr));
}
