//! Which processes are an agent's: every one that can be shown to come of it, and no other.
//!
//! A process that wants to can shed its parent, its session and its environment. So there are many ways to know it, and
//! each alone is proof: being the process that was recorded, its session, its control group, the mark in its
//! environment, a parent that is the agent's, a hand on the pipes that we read. Only the last look is weaker: a process
//! that stands in the worktree counts if it was started after the agent, for the same user, without a terminal, and its
//! parent is gone. A person's shell or editor in the worktree is none of that.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, geteuid};

use super::control_group::ControlGroup;
use super::process::{self, Process, Stat};
use super::{Mark, Started};

/// How many of the newest processes are looked at again in a chase.
const CHASE_AGAIN: u32 = 8;
/// How long to wait in a chase when nobody came, and how often until it is over.
const CHASE_PAUSE: Duration = Duration::from_micros(50);
const CHASE_QUIET: usize = 200;
/// How many are met in one chase at most: as many as there can be at once on most systems.
const CHASE_MAX: usize = 32_768;

/// What an agent's processes are known by.
#[derive(Debug)]
pub(super) struct Trail {
    /// The mark, as it stands in their environment.
    mark: Vec<u8>,
    /// The agent itself, if it was started in this boot.
    agent: Option<Started>,
    /// The agent is our child and was not waited for: nobody else can get its number, or its session's.
    is_held: bool,
    /// The pipes that it writes to, as `/proc` names them.
    pipes: Vec<PathBuf>,
    worktree: PathBuf,
    groups: Vec<ControlGroup>,
    /// We and those we came from, who are never touched.
    spared: Vec<u32>,
    /// Who was found so far, with the start time.
    known: HashMap<u32, u64>,
}

impl Trail {
    /// Of an agent that we started and hold.
    pub(super) fn of_child(
        mark: &Mark,
        agent: Started,
        pipes: Vec<PathBuf>,
        worktree: &Path,
        group: Option<ControlGroup>,
    ) -> Self {
        let groups = group.into_iter().collect();
        Self { is_held: true, pipes, ..Self::new(mark, Some(agent), worktree, groups) }
    }

    /// Of an agent of an earlier life of ours.
    pub(super) fn of_leftovers(mark: &Mark, started: Option<&Started>, worktree: &Path) -> io::Result<Self> {
        let boot = process::boot()?;
        let agent = started.filter(|started| started.boot == boot).cloned();
        Ok(Self::new(mark, agent, worktree, ControlGroup::find(mark)))
    }

    fn new(mark: &Mark, agent: Option<Started>, worktree: &Path, groups: Vec<ControlGroup>) -> Self {
        Self {
            mark: format!("{}={mark}", Mark::VARIABLE).into_bytes(),
            agent,
            is_held: false,
            pipes: Vec::new(),
            worktree: worktree.canonicalize().unwrap_or_else(|_| worktree.to_path_buf()),
            groups,
            spared: process::own_line(),
            known: HashMap::new(),
        }
    }

    /// The control groups that hold it.
    pub(super) fn groups(&self) -> &[ControlGroup] {
        &self.groups
    }

    /// All that run now, each sent `signal` as soon as it is seen.
    pub(super) fn sweep(&mut self, signal: Option<Signal>) -> io::Result<Vec<u32>> {
        let mut found = Vec::new();
        for pid in process::numbers()? {
            if self.meet(pid, signal)? {
                found.push(pid);
            }
        }
        Ok(found)
    }

    /// Stops those who are started while we look, until none is for a moment.
    ///
    /// Who starts another and ends is gone when a sweep comes to it. But numbers are given in order, so the one it
    /// started is the newest, and can be met before it starts another.
    pub(super) fn chase(&mut self) -> io::Result<()> {
        let mut newest = process::newest()?;
        let (mut met, mut quiet) = (0, 0);
        while quiet < CHASE_QUIET && met < CHASE_MAX {
            let before = self.known.len();
            let last = process::newest()?;
            // A process that is just becoming another program shows no environment: the last few are looked at again.
            for pid in newest.min(last).saturating_sub(CHASE_AGAIN)..=last {
                self.meet(pid, Some(Signal::STOP))?;
            }
            newest = last;
            let came = self.known.len() - before;
            met += came;
            quiet = if came == 0 { quiet + 1 } else { 0 };
            if came == 0 {
                thread::sleep(CHASE_PAUSE);
            }
        }
        Ok(())
    }

    /// Looks at a process, and signals and remembers it if it is ours. Answers whether it is.
    fn meet(&mut self, pid: u32, signal: Option<Signal>) -> io::Result<bool> {
        if self.spared.contains(&pid) {
            return Ok(false);
        }
        let Some(process) = Process::open(pid)? else { return Ok(false) };
        let is_ours = self.is_known(&process) || self.shows(&process);
        if is_ours {
            if let Some(signal) = signal {
                process.signal(signal);
            }
            self.known.insert(pid, process.stat.start_time);
        }
        Ok(is_ours)
    }

    /// How many were ever found.
    pub(super) fn known(&self) -> usize {
        self.known.len()
    }

    fn is_known(&self, process: &Process) -> bool {
        self.known.get(&process.pid) == Some(&process.stat.start_time)
    }

    fn shows(&self, process: &Process) -> bool {
        self.is_agent_or_in_its_session(process)
            || self.has_parent_among_known(process)
            || self.is_in_a_group(process)
            || process.has_in_environment(&self.mark)
            || (self.may_be_a_stray(process) && (self.has_our_pipes(process) || self.was_left_in_worktree(process)))
    }

    fn is_agent_or_in_its_session(&self, process: &Process) -> bool {
        let Some(agent) = &self.agent else { return false };
        if process.pid == agent.pid {
            return process.stat.start_time == agent.start_time;
        }
        let in_session = process.stat.session == agent.pid || process.stat.group == agent.pid;
        // Once the agent is gone and nobody holds its number, a session of that number may be another's.
        in_session && (self.is_held || runs(agent.pid, agent.start_time))
    }

    fn has_parent_among_known(&self, process: &Process) -> bool {
        let parent = process.stat.parent;
        self.known.get(&parent).is_some_and(|start_time| runs(parent, *start_time))
    }

    fn is_in_a_group(&self, process: &Process) -> bool {
        if self.groups.is_empty() {
            return false;
        }
        let name = process.control_group().unwrap_or_default();
        self.groups.iter().any(|group| group.holds(&name))
    }

    /// Whether it was started after the agent and not by us. A child of ours has all our files open until it runs its
    /// program.
    fn may_be_a_stray(&self, process: &Process) -> bool {
        self.agent.as_ref().is_some_and(|agent| process.stat.start_time >= agent.start_time)
            && self.spared.first() != Some(&process.stat.parent)
    }

    fn has_our_pipes(&self, process: &Process) -> bool {
        !self.pipes.is_empty() && process.open_files().iter().any(|file| self.pipes.contains(file))
    }

    fn was_left_in_worktree(&self, process: &Process) -> bool {
        let in_worktree = |path: &PathBuf| path.starts_with(&self.worktree);
        !process.stat.has_terminal
            && process::adopts_orphans(process.stat.parent)
            && process.user() == Some(geteuid().as_raw())
            && (process.places().iter().any(in_worktree) || process.open_files().iter().any(in_worktree))
    }
}

/// Whether the process of this number is the one that was started then, if only as a zombie.
fn runs(pid: u32, start_time: u64) -> bool {
    Stat::of(pid).is_some_and(|stat| stat.start_time == start_time)
}
