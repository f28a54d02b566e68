//! Processes as the system shows them, and signals that reach the one that was meant.
//!
//! A process number is soon another's. So a process is opened first, then looked at, then signalled through what was
//! opened: had it ended between, the signal reaches nobody.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::Started;

/// Where the system shows its processes.
const PROC: &str = "/proc";
/// Most bytes of an environment that are read: more than the system lets a program be started with.
const ENVIRONMENT_MAX: u64 = 8 << 20;
/// How many ancestors of a process are followed: more than any process has.
const ANCESTORS_MAX: usize = 1000;

/// What `/proc/<pid>/stat` says of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) parent: u32,
    pub(super) group: u32,
    pub(super) session: u32,
    pub(super) has_terminal: bool,
    pub(super) start_time: u64,
    is_zombie: bool,
    threads: u64,
}

impl Stat {
    /// Of the process that has this number now.
    pub(super) fn of(pid: u32) -> Option<Self> {
        Self::parse(&String::from_utf8_lossy(&fs::read(entry(pid, "stat")).ok()?))
    }

    /// The name in parentheses may hold anything, so fields are counted from its end.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |field: usize| fields.get(field)?.parse::<u64>().ok();
        let id = |field: usize| u32::try_from(number(field)?).ok();
        Some(Self {
            is_zombie: matches!(*fields.first()?, "Z" | "X" | "x"),
            parent: id(1)?,
            group: id(2)?,
            session: id(3)?,
            has_terminal: *fields.get(4)? != "0",
            threads: number(17)?,
            start_time: number(19)?,
        })
    }

    /// Whether nothing of it runs any more. A process whose first thread ended looks like a zombie while others run.
    fn has_ended(&self) -> bool {
        self.is_zombie && self.threads <= 1
    }
}

/// A process that was opened: what is found out about it stays true of what is signalled.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) stat: Stat,
    handle: OwnedFd,
}

impl Process {
    /// Opens a process, if it runs.
    pub(super) fn open(pid: u32) -> io::Result<Option<Self>> {
        let Some(handle) = open_handle(pid)? else { return Ok(None) };
        let Some(stat) = Stat::of(pid).filter(|stat| !stat.has_ended()) else { return Ok(None) };
        Ok(Some(Self { pid, stat, handle }))
    }

    /// Sends a signal. That it has ended meanwhile, or isn't for us to signal, is seen when it is looked for again.
    pub(super) fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.handle, signal);
    }

    /// Whether its environment has this entry (`NAME=value`).
    pub(super) fn has_in_environment(&self, wanted: &[u8]) -> bool {
        let has = |path: &Path| {
            let environment = read_bounded(path).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|entry| entry == wanted)
        };
        if !self.stat.is_zombie {
            return has(&entry(self.pid, "environ"));
        }
        // Its first thread has ended, and only the others show the environment.
        let threads = fs::read_dir(entry(self.pid, "task")).into_iter().flatten().flatten();
        threads.into_iter().any(|thread| has(&thread.path().join("environ")))
    }

    /// The control group it is in, as version 2 names it.
    pub(super) fn control_group(&self) -> Option<String> {
        control_group(&entry(self.pid, "cgroup"))
    }

    /// The user it runs as.
    pub(super) fn user(&self) -> Option<u32> {
        fs::metadata(entry(self.pid, "")).ok().map(|metadata| metadata.uid())
    }

    /// What its file descriptors are open on: paths, and names such as `pipe:[123]`.
    pub(super) fn open_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(entry(self.pid, "fd")).into_iter().flatten().flatten();
        entries.filter_map(|entry| fs::read_link(entry.path()).ok()).collect()
    }

    /// Where it stands: its working directory and its root.
    pub(super) fn places(&self) -> Vec<PathBuf> {
        ["cwd", "root"].iter().filter_map(|name| fs::read_link(entry(self.pid, name)).ok()).collect()
    }
}

fn open_handle(pid: u32) -> io::Result<Option<OwnedFd>> {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) => Ok(Some(handle)),
        // Gone, or a thread that took the number of a process that is gone.
        Err(Errno::SRCH | Errno::INVAL | Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(fs::File::open(path)?, ENVIRONMENT_MAX), &mut bytes)?;
    Ok(bytes)
}

fn entry(pid: u32, name: &str) -> PathBuf {
    Path::new(PROC).join(pid.to_string()).join(name)
}

/// The version 2 control group that a file such as `/proc/self/cgroup` tells of.
pub(super) fn control_group(file: &Path) -> Option<String> {
    let text = String::from_utf8_lossy(&fs::read(file).ok()?).into_owned();
    text.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned)
}

/// The numbers of all processes there are, smallest first.
pub(super) fn numbers() -> io::Result<impl Iterator<Item = u32>> {
    Ok(fs::read_dir(PROC)?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()))
}

/// The number that was given last.
pub(super) fn newest() -> io::Result<u32> {
    let text = fs::read_to_string("/proc/loadavg")?;
    let last = text.split_ascii_whitespace().next_back().and_then(|number| number.parse().ok());
    last.ok_or_else(|| io::Error::other("/proc/loadavg can't be understood"))
}

/// This process and those it came from, nearest first.
pub(super) fn own_line() -> Vec<u32> {
    let mut line = vec![std::process::id()];
    while let Some(parent) = line.last().and_then(|pid| Stat::of(*pid)).map(|stat| stat.parent) {
        if parent == 0 || line.contains(&parent) || line.len() > ANCESTORS_MAX {
            break;
        }
        line.push(parent);
    }
    line
}

/// Whether a process adopts those whose parent ended: the first of all, or the one that systemd runs for each user.
pub(super) fn adopts_orphans(pid: u32) -> bool {
    pid == 1 || fs::read(entry(pid, "comm")).is_ok_and(|name| name.trim_ascii_end() == b"systemd")
}

/// The boot that the machine is in.
pub(super) fn boot() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// What finds this process again, after a crash of ours too. `None` when it is gone.
pub(super) fn started(pid: u32) -> io::Result<Option<Started>> {
    let boot = boot()?;
    Ok(Stat::of(pid).map(|stat| Started { pid, start_time: stat.start_time, boot }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let text = "42 (a) b (c)) S 7 42 41 34816 42 4194560 1 2 3 4 5 6 7 8 20 0 3 0 123456 99 1";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.parent, stat.group, stat.session), (7, 42, 41));
        assert!(stat.has_terminal);
        assert_eq!((stat.threads, stat.start_time), (3, 123_456));
        assert!(!stat.has_ended());
    }

    #[test]
    fn what_is_no_stat_is_no_process() {
        for text in ["", "1 (x", "1 (x) S", "1 (x) S a b c d e f g h i j k l m n o p q r s t u v"] {
            assert_eq!(Stat::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn this_process_is_first_in_its_own_line() {
        let line = own_line();
        assert_eq!(line[0], std::process::id());
        assert!(line.len() > 1);
        assert!(Process::open(line[0]).unwrap().is_some());
    }
}
