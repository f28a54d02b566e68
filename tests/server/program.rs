//! The program itself as a server: a process that can be told, killed and started again.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// Longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A place for a data folder and what belongs to it.
pub struct Place(TempDir);

/// A server that runs.
pub struct Serving {
    child: Child,
    /// Lines of its standard output, as they come.
    lines: mpsc::Receiver<String>,
    errors: PathBuf,
    data: PathBuf,
    /// The first line.
    pub url: String,
}

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// The program, with nothing of the environment that changes what it does.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_restage"));
        command.args(arguments).env_clear().env("PATH", std::env::var("PATH").unwrap());
        command.env("HOME", self.0.path()).env("RESTAGE_DATA", self.data()).env("LOGNAME", "ada");
        command.current_dir(self.0.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// What the program says on standard output, on standard error, and how it ends.
    pub fn run(&self, arguments: &[&str]) -> (String, String, Option<i32>) {
        said(&mut self.command(arguments))
    }

    /// A server on a free port, without a facilitator: what that says comes when it comes. It is ready when this returns.
    #[track_caller]
    pub fn serve(&self, arguments: &[&str]) -> Serving {
        let all: Vec<&str> = ["serve", "--listen", "127.0.0.1:0"].iter().chain(arguments).copied().collect();
        self.start(self.command(&all).env("RESTAGE_FACILITATOR_KIND", "off"))
    }

    /// A server that this command starts.
    #[track_caller]
    pub fn start(&self, command: &mut Command) -> Serving {
        let errors = self.path("errors");
        let mut child = command.stderr(File::create(&errors).unwrap()).spawn().unwrap();
        let lines = lines(child.stdout.take().unwrap());
        let Ok(url) = lines.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            panic!("the server does not get ready: {:?}, {}", child.wait(), read(&errors));
        };
        Serving { child, lines, errors, data: self.data(), url }
    }
}

/// What a command says on standard output, on standard error, and how it ends.
pub fn said(command: &mut Command) -> (String, String, Option<i32>) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

impl Serving {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The address, without the scheme.
    pub fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The next line of its standard output; `None` when there will be none.
    pub fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(error) => panic!("{error}: {}", self.log()),
        }
    }

    /// What it wrote into its folder for programs of this machine.
    pub fn file(&self) -> Value {
        serde_json::from_str(&read(&self.data.join("server.json"))).unwrap()
    }

    /// The token for programs of this machine.
    pub fn token(&self) -> String {
        self.file()["token"].as_str().unwrap().to_owned()
    }

    /// What it said on standard error so far.
    pub fn log(&self) -> String {
        read(&self.errors)
    }

    /// Waits until it said this on standard error.
    #[track_caller]
    pub fn said(&mut self, text: &str) {
        for _ in 0..PATIENCE.as_millis() / 10 {
            if self.log().contains(text) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("{text:?} is not in {}", self.log());
    }

    pub fn tell(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        for _ in 0..PATIENCE.as_millis() / 10 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not end: {}", self.log());
    }

    /// Asks it to end, and waits for that.
    #[track_caller]
    pub fn stop(mut self) {
        self.tell(Signal::TERM);
        let status = self.wait();
        assert_eq!(status.code(), Some(0), "{}", self.log());
    }

    /// Ends it as a crash does.
    pub fn kill(mut self) {
        self.tell(Signal::KILL);
        self.child.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(out: ChildStdout) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
    receive
}

fn read(file: &Path) -> String {
    let mut text = String::new();
    let _ = File::open(file).and_then(|mut file| file.read_to_string(&mut text));
    text
}
