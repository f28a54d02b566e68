//! Running the program, and putting what it said into a form that is the same each time.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The program, and a folder to work in.
pub(crate) struct Program {
    pub(crate) folder: TempDir,
}

/// A server that holds a data folder.
pub(crate) struct Serving {
    server: Child,
    /// Where it is.
    pub(crate) url: String,
}

impl Serving {
    /// Asks it to end, and waits until it has.
    pub(crate) fn end(mut self) {
        kill_process(Pid::from_child(&self.server), Signal::TERM).unwrap();
        assert_eq!(self.server.wait().unwrap().code(), Some(0));
    }

    /// Kills it.
    pub(crate) fn kill(mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It has ended already, or its test has failed.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// How a run of it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Program {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// Makes a repository `app` in the folder, and has tasks worked on by the agents of transcripts.
    pub(crate) fn with_repository(&self) {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
        std::fs::create_dir_all(self.path(".config/restage")).unwrap();
        std::fs::copy(source.join("agents.toml"), self.path(".config/restage/agents.toml")).unwrap();
        let ran = self.shell(&format!("sh {}", source.join("app.sh").display()));
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }

    /// A command in the folder, without anything of the environment that changes what the program says.
    fn command(&self, program: &str) -> Command {
        let binary = Path::new(env!("CARGO_BIN_EXE_restage"));
        let path = format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env_clear().env("PATH", path).env("LOGNAME", "ada");
        command.env("HOME", self.folder.path()).env("RESTAGE_DATA", self.data());
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        for (who, mail) in [("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"), ("GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")] {
            command.env(who, "Ada").env(mail, "ada@example.com");
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts it, with standard input to write to.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(env!("CARGO_BIN_EXE_restage")).args(arguments).stdin(Stdio::piped()).spawn().unwrap()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, b"")
    }

    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut child = self.start(arguments);
        child.stdin.take().unwrap().write_all(input).unwrap();
        Ran::of(child)
    }

    /// Runs it, and it must do what it is asked.
    #[track_caller]
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
        ran.out
    }

    /// Runs it, and it must answer with this code and this word on standard error.
    #[track_caller]
    pub(crate) fn refused(&self, arguments: &[&str], code: i32, word: &str) -> Ran {
        let ran = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
        let error: serde_json::Value = serde_json::from_str(ran.err.lines().last().unwrap()).unwrap();
        assert_eq!(error["error"]["code"], word, "{ran:?}");
        assert!(error["error"]["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{ran:?}");
        ran
    }

    /// Has a server hold the data folder, until what is returned is dropped.
    pub(crate) fn serve(&self) -> Serving {
        let mut server = self.command(env!("CARGO_BIN_EXE_restage"));
        let server = server.args(["serve", "--listen", "127.0.0.1:0", "--log", "warn"]);
        // What it would say comes when it comes, and is not what these tests are about.
        let mut server = server.env("RESTAGE_FACILITATOR_KIND", "off").spawn().unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let url = lines.next().unwrap().unwrap();
        Serving { server, url }
    }

    /// Runs a line in a shell.
    pub(crate) fn shell(&self, line: &str) -> Ran {
        let child = self.command("sh").args(["-c", line]).spawn().unwrap();
        Ran::of(child)
    }

    /// What it said, without what differs from run to run.
    pub(crate) fn normal(&self, text: &str) -> String {
        let folder = self.folder.path().canonicalize().unwrap();
        times_hidden(&text.replace(folder.to_str().unwrap(), "[DIR]"))
    }
}

impl Ran {
    pub(crate) fn of(child: Child) -> Self {
        let ended = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: ended.status.code(), out: text(ended.stdout), err: text(ended.stderr) }
    }
}

/// What differs from run to run where agents and repositories are: ids of commits and trees, each replaced by a letter of
/// its own, as often as it has digits; tokens of plans; numbers of turns, which depend on how an agent's lines came in, and
/// of processes.
#[derive(Default)]
pub(crate) struct Ids(Vec<String>);

impl Ids {
    pub(crate) fn hidden(&mut self, text: &str) -> String {
        let mut hidden = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let is_part = |c: char| c.is_ascii_alphanumeric();
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let before_number = ["revision ", "\"revision\":", "process ", "\"process\":"];
            let counts = before_number.iter().any(|before| hidden.ends_with(before));
            let is_hex = word.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
            match word.len() {
                1.. if counts && word.bytes().all(|byte| byte.is_ascii_digit()) => hidden.push('#'),
                10 | 40 if is_hex => hidden.push_str(&self.letter(word).repeat(word.len())),
                16 if is_hex => hidden.push_str(&"x".repeat(16)),
                _ => hidden.push_str(word),
            }
            let next = after.find(is_part).unwrap_or(after.len());
            hidden.push_str(&after[..next]);
            rest = &after[next..];
        }
        hidden
    }

    /// The letter that stands for an id, or for its first digits.
    fn letter(&mut self, id: &str) -> String {
        let known = self.0.iter().position(|known| known[..10] == id[..10]);
        let place = known.unwrap_or_else(|| {
            self.0.push(id.to_owned());
            self.0.len() - 1
        });
        char::from(b'A' + u8::try_from(place).unwrap()).to_string()
    }
}

/// Points in time, replaced by a word, as long as what it stands for where columns are.
fn times_hidden(text: &str) -> String {
    const TIME: &str = "0000-00-00T00:00:00.000Z";
    let is_time = |at: usize| {
        let found = text.as_bytes().get(at..at + TIME.len());
        found.is_some_and(|found| {
            found.iter().zip(TIME.bytes()).all(|(c, form)| if form == b'0' { c.is_ascii_digit() } else { *c == form })
        })
    };
    let mut hidden = String::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if is_time(at) {
            at += TIME.len();
            let in_a_column = text[at..].starts_with("  ");
            hidden.push_str(if in_a_column { "[TIME]                  " } else { "[TIME]" });
        } else {
            hidden.push(c);
            at += c.len_utf8();
        }
    }
    hidden.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}
