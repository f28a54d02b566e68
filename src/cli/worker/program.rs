//! The command that does the work: in a process group of its own, from start to sure end.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessGroup};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;
use tokio::signal::unix::SignalKind;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longest result.
pub(super) const OUTPUT_BYTES_MAX: usize = 1 << 20;
/// How much of what it says last on standard error is kept.
const TAIL_BYTES_MAX: usize = 3_000;
/// Longest line of standard error that is passed on; what is longer is cut.
const LINE_BYTES_MAX: u64 = 8 << 10;
/// How long it has between being asked to end and being killed.
const GRACE: Duration = Duration::from_secs(10);
/// How long what it left open is read after its end.
const READ_ON: Duration = Duration::from_secs(1);
/// What is not passed on to the command: secrets of the worker.
const SECRETS: [&str; 2] = ["RESTAGE_TOKEN", "RESTAGE_TOKEN_FILE"];

/// How a command ended.
pub(super) struct Ended<W> {
    pub(super) status: ExitStatus,
    /// What it put out; nothing if that was too much.
    pub(super) output: Option<Vec<u8>>,
    /// What it said last on standard error.
    pub(super) tail: String,
    /// Why it was asked to end, if it was.
    pub(super) why: Option<W>,
}

/// Runs a command until it ends, or until `end` says why it is to. Nothing of its process group is left then.
///
/// # Errors
/// It can't be started, or not be waited for.
pub(super) async fn run<W>(
    command: &[OsString],
    environment: &[(&str, String)],
    input: Vec<u8>,
    passed_on: mpsc::Sender<String>,
    end: impl Future<Output = W>,
) -> io::Result<Ended<W>> {
    let mut child = start(command, environment)?;
    let (stdin, stdout, stderr) = (child.stdin().take(), child.stdout().take(), child.stderr().take());
    let write = tokio::spawn(async move {
        if let Some(mut stdin) = stdin {
            // What it does not want to know it need not read.
            let _ = stdin.write_all(&input).await;
        }
    });
    let output = tokio::spawn(async move { all(stdout).await });
    let tail = tokio::spawn(async move { lines(stderr, passed_on).await });
    let (status, why) = tokio::select! {
        status = child.wait() => (status?, None),
        why = end => (asked_to_end(child.as_mut()).await?, Some(why)),
    };
    // Whoever of its group is left would go on with what nobody waits for.
    let _ = child.start_kill();
    write.abort();
    let output = in_time(output).await.flatten();
    let tail = in_time(tail).await.unwrap_or_default();
    Ok(Ended { status, output, tail, why })
}

/// What was read, unless somebody outside of the group keeps a stream open.
async fn in_time<T>(mut reading: JoinHandle<T>) -> Option<T> {
    let read = timeout(READ_ON, &mut reading).await;
    reading.abort();
    read.ok()?.ok()
}

fn start(command: &[OsString], environment: &[(&str, String)]) -> io::Result<Box<dyn ChildWrapper>> {
    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut of = Command::new(program);
    of.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    SECRETS.iter().for_each(|name| {
        of.env_remove(name);
    });
    of.envs(environment.iter().map(|(name, value)| (name, value)));
    let mut wrapped = CommandWrap::from(of);
    wrapped.wrap(ProcessGroup::leader());
    wrapped.spawn()
}

/// Asks all of the group to end, and kills it if that takes too long.
async fn asked_to_end(child: &mut dyn ChildWrapper) -> io::Result<ExitStatus> {
    // It may have ended by now.
    let _ = child.signal(SignalKind::terminate().as_raw_value());
    if let Ok(status) = timeout(GRACE, child.wait()).await {
        return status;
    }
    let _ = child.start_kill();
    child.wait().await
}

/// All of a stream; nothing if it is too long. It is read to its end all the same: who writes must not be held up.
async fn all(stream: Option<impl AsyncRead + Unpin>) -> Option<Vec<u8>> {
    let mut stream = stream?;
    let mut kept = Vec::new();
    let mut part = vec![0; 64 << 10];
    let mut is_whole = true;
    while let Ok(read @ 1..) = stream.read(&mut part).await {
        is_whole &= kept.len() + read <= OUTPUT_BYTES_MAX;
        if is_whole {
            kept.extend_from_slice(part.get(..read).unwrap_or_default());
        }
    }
    is_whole.then_some(kept)
}

/// Passes lines on as they come; gives the last ones.
async fn lines(stream: Option<impl AsyncRead + Unpin>, passed_on: mpsc::Sender<String>) -> String {
    let Some(stream) = stream else { return String::new() };
    let mut stream = BufReader::new(stream);
    let mut tail: VecDeque<String> = VecDeque::new();
    let mut bytes = 0;
    loop {
        let mut line = Vec::new();
        match (&mut stream).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await {
            Ok(1..) => {}
            _ => return tail.make_contiguous().join("\n"),
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        bytes += line.len();
        tail.push_back(line.clone());
        while bytes > TAIL_BYTES_MAX && tail.len() > 1 {
            bytes -= tail.pop_front().map_or(0, |line| line.len());
        }
        let _ = passed_on.send(line).await;
    }
}
