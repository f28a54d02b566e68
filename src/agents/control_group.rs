//! A control group of its own for each agent, where the system lets us make one: what is in it can't leave it by forking.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use sha2::{Digest, Sha256};

use super::Mark;
use super::process::control_group;

/// Where version 2 of control groups is, alone or beside version 1.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
/// How deep, and in how many folders, a group is looked for after a crash.
const DEPTH_MAX: usize = 16;
const FOLDERS_MAX: usize = 20_000;

/// A control group that holds one agent and all that comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ControlGroup {
    folder: PathBuf,
    /// As `/proc/<pid>/cgroup` names it.
    name: String,
}

impl ControlGroup {
    /// Makes one below our own. `None` where the system doesn't let us: a container, or a login without delegation.
    pub(super) fn make(mark: &Mark) -> Option<Self> {
        let mount = mount()?;
        let own = control_group(Path::new("/proc/self/cgroup"))?;
        if own.split('/').any(|part| part == "..") {
            return None;
        }
        let name = format!("{}/{}", own.trim_end_matches('/'), name_of(mark));
        let group = Self { folder: mount.join(name.trim_start_matches('/')), name };
        match fs::DirBuilder::new().mode(0o755).create(&group.folder) {
            Ok(()) => Some(group),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Some(group),
            Err(_) => None,
        }
    }

    /// All that were made for this mark, wherever we were when we made them.
    pub(super) fn find(mark: &Mark) -> Vec<Self> {
        let Some(mount) = mount() else { return Vec::new() };
        let wanted = name_of(mark);
        let mut found = Vec::new();
        let mut todo = vec![(mount.clone(), 0)];
        let mut seen = 0;
        while let Some((folder, depth)) = todo.pop() {
            for child in folders(&folder) {
                seen += 1;
                let is_ours = || fs::metadata(&child).is_ok_and(|metadata| metadata.uid() == geteuid().as_raw());
                if child.ends_with(&wanted) && is_ours() {
                    let name = child.strip_prefix(&mount).unwrap_or(&child);
                    found.push(Self { name: format!("/{}", name.display()), folder: child });
                } else if depth < DEPTH_MAX && seen < FOLDERS_MAX {
                    todo.push((child, depth + 1));
                }
            }
        }
        found
    }

    /// The file that a process writes itself into to be in the group.
    pub(super) fn entrance(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    /// Whether a process that is in `other` is in this group.
    pub(super) fn holds(&self, other: &str) -> bool {
        other.strip_prefix(&self.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Stops all that is in it at once, forks under way included, until it is killed.
    pub(super) fn freeze(&self) {
        let _ = fs::write(self.folder.join("cgroup.freeze"), "1");
    }

    /// Kills all that is in it at once. Kernels before 5.14 can't: there its processes are killed one by one, by whoever
    /// looks for them.
    pub(super) fn kill(&self) {
        let _ = fs::write(self.folder.join("cgroup.kill"), "1");
    }

    /// Whether no process is in it, or below it.
    pub(super) fn is_empty(&self) -> bool {
        match fs::read_to_string(self.folder.join("cgroup.events")) {
            Ok(events) => events.lines().any(|line| line == "populated 0"),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    /// Removes it with the groups that were made in it. What isn't empty stays.
    pub(super) fn remove(&self) {
        remove_below(&self.folder, 0);
    }
}

fn remove_below(folder: &Path, depth: usize) {
    if depth < DEPTH_MAX {
        folders(folder).for_each(|child| remove_below(&child, depth + 1));
    }
    let _ = fs::remove_dir(folder);
}

fn folders(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
}

fn mount() -> Option<PathBuf> {
    MOUNTS.iter().map(PathBuf::from).find(|mount| mount.join("cgroup.controllers").is_file())
}

/// The same for the same mark, so that it is found after a crash; a digest, since ids may hold what file names can't.
fn name_of(mark: &Mark) -> String {
    let digest = Sha256::digest(mark.to_string());
    let digits: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("restage-{digits}")
}
