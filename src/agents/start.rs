//! Starting an agent: all that can be refused is refused before anything runs.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::future::Future;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessSession};
use rustix::fs::fstat;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid};
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::control_group::ControlGroup;
use super::environment::{self, Environment};
use super::sandbox::Folders;
use super::trail::Trail;
use super::{AgentError, Ended, Launch, PromptBy, Sandbox, Started, process, program, sandbox};

/// What stands for the prompt's file among the arguments.
const PROMPT_FILE: &str = "{prompt_file}";
/// Where the prompt is, in the scratch folder.
const PROMPT_NAME: &str = "prompt.md";
/// Puts itself into a control group, then becomes the program: so the agent never runs outside. If the group can't be
/// entered the agent is known by other means.
const ENTER: &str = r#"{ echo 0 > "$1"; } 2>/dev/null; shift; exec "$@""#;
/// What reads [`ENTER`].
const SHELL: &str = "/bin/sh";
/// How long to wait for the exit code of an agent that is known to have ended.
const CODE_WAIT: Duration = Duration::from_secs(10);

/// A process that was started, and all that is needed to follow it.
pub(super) struct Child {
    pub(super) started: Started,
    pub(super) out: ChildStdout,
    pub(super) err: ChildStderr,
    /// Hands over the prompt. May take as long as the agent runs.
    pub(super) prompting: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Comes when the process itself has ended.
    pub(super) exited: oneshot::Receiver<()>,
    pub(super) trail: Trail,
    pub(super) leash: Leash,
}

/// Starts a process. What was made for it is removed again if that fails.
pub(super) fn start(launch: &Launch) -> Result<Child, AgentError> {
    let refused = |why: String| AgentError::Start { program: name(launch), why };
    if launch.command.iter().any(|part| part.contains('\0')) || launch.mark.to_string().contains('\0') {
        return Err(refused("the command or its mark holds a zero byte".into()));
    }
    let worktree = launch.worktree.canonicalize().ok().filter(|worktree| worktree.is_dir());
    let worktree = worktree.ok_or_else(|| refused(format!("there is no folder {}", launch.worktree.display())))?;
    let mut environment = environment::environment(launch, &worktree)?;
    let program = program::find(&name(launch), &worktree, environment.get(OsStr::new("PATH")))?;

    let made = make_scratch(launch, &mut environment).and_then(|scratch| {
        let mut command = command(launch, program, &scratch)?;
        if let Sandbox::Bubblewrap { common, network } = &launch.sandbox {
            let folders = Folders { worktree: &worktree, common, scratch: &scratch };
            command = sandbox::wrap(command, &folders, *network, &mut environment)?;
        }
        Ok(command)
    });
    let group = ControlGroup::make(&launch.mark).filter(|_| Path::new(SHELL).is_file());
    let child = made.and_then(|command| spawn(launch, &worktree, command, environment, group.as_ref()));
    match child {
        Ok(child) => Ok(child),
        Err(error) => {
            group.iter().for_each(ControlGroup::remove);
            let _ = fs::remove_dir_all(&launch.scratch);
            Err(error)
        }
    }
}

fn name(launch: &Launch) -> String {
    launch.command.first().cloned().unwrap_or_default()
}

/// Makes the scratch folder, and the prompt's file if there is to be one; nobody else can read them. Answers where it is.
fn make_scratch(launch: &Launch, environment: &mut Environment) -> Result<PathBuf, AgentError> {
    let failed = |doing, path: &Path| {
        let path = path.to_path_buf();
        move |error: io::Error| AgentError::Io { doing, path, why: error.to_string() }
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&launch.scratch)
        .map_err(failed("making", &launch.scratch))?;
    let scratch = launch.scratch.canonicalize().map_err(failed("finding", &launch.scratch))?;
    if launch.prompt_by == PromptBy::File {
        let file = scratch.join(PROMPT_NAME);
        let _ = fs::remove_file(&file);
        let opened = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file);
        opened.and_then(|mut opened| opened.write_all(launch.prompt.as_bytes())).map_err(failed("writing", &file))?;
        environment.insert(environment::PROMPT_FILE.into(), file.into());
    }
    Ok(scratch)
}

/// The program and its arguments, complete.
fn command(launch: &Launch, program: PathBuf, scratch: &Path) -> Result<Vec<OsString>, AgentError> {
    let file = scratch.join(PROMPT_NAME);
    let file = file.to_str().ok_or_else(|| AgentError::Start {
        program: name(launch),
        why: format!("the path {} is no text", file.display()),
    })?;
    let arguments = launch.command.iter().skip(1).map(|argument| match launch.prompt_by {
        PromptBy::File => argument.replace(PROMPT_FILE, file).into(),
        PromptBy::Stdin => argument.into(),
    });
    Ok([program.into_os_string()].into_iter().chain(arguments).collect())
}

fn spawn(
    launch: &Launch,
    worktree: &Path,
    command: Vec<OsString>,
    environment: Environment,
    group: Option<&ControlGroup>,
) -> Result<Child, AgentError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => AgentError::NoProgram(name(launch)),
        _ => AgentError::Start { program: name(launch), why: error.to_string() },
    };
    let lost = || failed(io::Error::other("it was started without its pipes"));
    let enter = group.map(|group| [SHELL.into(), "-c".into(), ENTER.into(), "sh".into(), group.entrance().into()]);
    let mut words = enter.into_iter().flatten().chain(command);
    let program = words.next().ok_or_else(|| AgentError::NoProgram(String::new()))?;
    let mut wrapped = CommandWrap::with_new(program, |command| {
        command.args(words).current_dir(worktree).env_clear().envs(environment);
        command.stdin(if launch.prompt_by == PromptBy::Stdin { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
    });
    let mut child = wrapped.wrap(ProcessSession).spawn().map_err(failed)?;
    let stdin = child.stdin().take();
    let (out, err) = (child.stdout().take(), child.stderr().take());
    let pid = child.id().ok_or_else(lost)?;
    let leash = Leash { child: Some(child), pid, group: group.cloned() };
    let (out, err) = (out.ok_or_else(lost)?, err.ok_or_else(lost)?);
    let started = process::started(pid).map_err(failed)?.ok_or_else(lost)?;
    let exited = watch(pid).map_err(failed)?;
    let pipes = vec![pipe_name(&out).map_err(failed)?, pipe_name(&err).map_err(failed)?];
    let trail = Trail::of_child(&launch.mark, started.clone(), pipes, worktree, group.cloned());
    let prompting = Box::pin(hand_over(launch.prompt.clone(), stdin));
    Ok(Child { started, out, err, prompting, exited, trail, leash })
}

/// Writes the prompt and closes the stream. That the agent doesn't care to read it is no fault.
async fn hand_over(prompt: String, stdin: Option<ChildStdin>) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(prompt.as_bytes()).await;
    }
}

/// The pipe, as `/proc` names it in every process that has it open.
fn pipe_name(pipe: impl AsFd) -> io::Result<PathBuf> {
    Ok(format!("pipe:[{}]", fstat(pipe)?.st_ino).into())
}

/// Waits on a thread of its own for a child to end, without taking its exit code: until somebody takes that, nobody else
/// gets the child's number.
fn watch(pid: u32) -> io::Result<oneshot::Receiver<()>> {
    let handle = pidfd_open(raw(pid)?, PidfdFlags::empty())?;
    let (tell, exited) = oneshot::channel();
    thread::Builder::new().name("agent".into()).spawn(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::PidFd(handle.as_fd()), options), Err(Errno::INTR)) {}
        let _ = tell.send(());
    })?;
    Ok(exited)
}

fn raw(pid: u32) -> io::Result<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(|| io::Error::other("no process has this number"))
}

/// Holds a child, so that its number stays its own. If it is dropped before it was let go, all in reach is killed.
pub(super) struct Leash {
    child: Option<Box<dyn ChildWrapper>>,
    pid: u32,
    group: Option<ControlGroup>,
}

impl Leash {
    /// Takes the exit code of a child that has ended.
    pub(super) async fn let_go(mut self) -> Result<Ended, AgentError> {
        let alive = || AgentError::Alive(vec![self.pid]);
        let Some(child) = &mut self.child else { return Err(alive()) };
        let status = timeout(CODE_WAIT, child.inner_mut().wait()).await;
        let status = status.map_err(|_| alive())?.map_err(|_| alive())?;
        self.child = None;
        Ok(how(status))
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.group.iter().for_each(ControlGroup::kill);
            let _ = raw(self.pid).map(|pid| kill_process_group(pid, Signal::KILL));
        }
    }
}

fn how(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, signal) => Ended::Signal(signal.unwrap_or_default()),
    }
}
