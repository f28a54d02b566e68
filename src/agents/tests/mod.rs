//! Agents as real processes.

mod configured;
mod ends;
mod leftovers;
mod sandboxed;
mod says;
mod sees;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::process::Process;
use super::*;

/// How long a condition may take to come true on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Leaves the control group, as far as the user may: then the agent has to be found by other means.
const LEAVE_GROUP: &str =
    "for g in /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/unified/cgroup.procs; do echo 0 > $g; done 2>/dev/null\n";

/// A launch of a command, with nothing special about it.
pub(super) fn launch(command: &[&str]) -> Launch {
    Launch {
        command: command.iter().map(ToString::to_string).collect(),
        worktree: "/".into(),
        environment: BTreeMap::new(),
        pass: Vec::new(),
        prompt: String::new(),
        prompt_by: PromptBy::Stdin,
        mark: Mark { store: "store".into(), task: "task".into(), run: 1 },
        time_out: PATIENCE * 2,
        grace: Duration::from_secs(5),
        sandbox: Sandbox::Off,
        scratch: "/nowhere".into(),
    }
}

/// Folders for one agent, and a mark that no other test has.
struct Place {
    root: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { root: tempfile::tempdir().unwrap() };
        fs::create_dir(place.worktree()).unwrap();
        fs::create_dir(place.notes()).unwrap();
        place
    }

    fn worktree(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap().join("worktree")
    }

    /// Where scripts leave word for the test, outside the worktree.
    fn notes(&self) -> PathBuf {
        self.root.path().join("notes")
    }

    fn mark(&self) -> Mark {
        Mark { store: self.root.path().display().to_string(), task: "t".into(), run: 1 }
    }

    fn launch(&self, command: &[&str]) -> Launch {
        let notes = self.notes().display().to_string();
        Launch {
            worktree: self.worktree(),
            mark: self.mark(),
            scratch: self.root.path().join("scratch"),
            environment: BTreeMap::from([("NOTES".into(), notes)]),
            ..launch(command)
        }
    }

    fn script(&self, script: &str) -> Launch {
        self.launch(&["sh", "-c", script])
    }

    /// The process whose number a script has written into a note, once it has.
    fn noted(&self, name: &str) -> u32 {
        let read = || fs::read_to_string(self.notes().join(name)).ok().filter(|text| text.ends_with('\n'));
        eventually(&format!("the note {name}"), || read().is_some());
        read().unwrap().trim().parse().unwrap()
    }

    /// All processes that scripts have written into notes so far.
    fn all_noted(&self) -> Vec<u32> {
        let notes = fs::read_dir(self.notes()).unwrap().flatten();
        notes.filter_map(|note| fs::read_to_string(note.path()).unwrap().trim().parse().ok()).collect()
    }
}

/// Waits for a condition, and fails if it doesn't come.
#[track_caller]
fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_true() {
        assert!(began.elapsed() < PATIENCE, "it never came: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn runs(pid: u32) -> bool {
    Process::open(pid).unwrap().is_some()
}

/// All that an agent says, and how it ended.
async fn follow(launch: Launch) -> (Vec<Line>, Result<Ended, AgentError>) {
    let mut agent = Agent::start(launch).unwrap();
    let mut all = Vec::new();
    while let Some(lines) = agent.lines().await {
        all.extend(lines);
    }
    (all, agent.wait().await)
}

/// The lines of text of a stream.
fn texts(lines: &[Line], of: Stream) -> Vec<&str> {
    let text = |line| match line {
        &Line::Text { stream, ref text, .. } if stream == of => Some(text.as_str()),
        _ => None,
    };
    lines.iter().filter_map(text).collect()
}

/// A test of this program, run as a process of its own, where it finds `ROLE` and what else is planted.
fn as_process(test: &str, planted: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "--nocapture", "--test-threads=1", test]).env("AGENTS_TEST_ROLE", "child");
    command.envs(planted.iter().copied()).stdin(Stdio::null());
    command
}

/// Whether this process was started by [`as_process`].
fn is_child() -> bool {
    env::var_os("AGENTS_TEST_ROLE").is_some()
}

#[track_caller]
fn assert_one_passed(output: &Output) {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A process that has nothing to do with the agent, ended with the test.
struct Bystander(std::process::Child);

impl Bystander {
    fn start(folder: &Path, environment: &[(&str, String)]) -> Self {
        let mut command = Command::new("sleep");
        command.arg("1000").current_dir(folder).envs(environment.iter().map(|(name, value)| (name, value)));
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
    }

    #[track_caller]
    fn assert_untouched(&mut self) {
        assert!(self.0.try_wait().unwrap().is_none(), "a bystander was ended");
        let state = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        assert!(state.contains(" S "), "a bystander was stopped: {state}");
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
