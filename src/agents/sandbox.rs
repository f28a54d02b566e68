//! Bubblewrap: an agent that sees the system read-only, and writes its worktree and what a commit in it writes.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::environment::Environment;
use super::{AgentError, program};

/// What makes a sandbox.
const BWRAP: &str = "bwrap";
/// What tries whether it can.
const SHELL: &str = "/bin/sh";
/// What of the system is seen, read-only, where it exists. On most systems some of it are links, which are made again.
const SYSTEM: [&str; 8] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/nix"];
/// What of `/etc` is seen: who is who, which libraries there are, and how to reach and trust a server.
const ETC: [&str; 14] = [
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "group",
    "hosts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "nsswitch.conf",
    "passwd",
    "pki",
    "resolv.conf",
    "ssl",
];
/// What a commit writes in the directory that all worktrees share.
const WRITTEN: [&str; 3] = ["objects", "refs", "logs"];
/// What it never writes there: where git looks for objects beside its own.
const NEVER_WRITTEN: &str = "objects/info";
/// What leads from a worktree's own folder to the rest, and must not lead elsewhere.
const POINTERS: [&str; 3] = ["commondir", "gitdir", "config.worktree"];

/// Where an agent in a sandbox works. All but `common` are canonical.
#[derive(Clone, Copy)]
pub(super) struct Folders<'a> {
    pub(super) worktree: &'a Path,
    /// The directory that all worktrees share.
    pub(super) common: &'a Path,
    pub(super) scratch: &'a Path,
}

/// What a sandbox is built from.
struct View<'a> {
    folders: Folders<'a>,
    /// The worktree's own folder, in the common one.
    own: &'a Path,
    program: &'a Path,
    network: bool,
    /// Those of [`SYSTEM`] that are links, with where they lead.
    links: Vec<(&'static str, PathBuf)>,
}

/// Puts a command into a sandbox. Its home is then a folder in the scratch folder.
pub(super) fn wrap(
    command: Vec<OsString>,
    folders: &Folders<'_>,
    network: bool,
    environment: &mut Environment,
) -> Result<Vec<OsString>, AgentError> {
    let found = program::find(BWRAP, Path::new("/"), std::env::var_os("PATH").as_ref());
    let bwrap = found.map_err(|_| AgentError::NoSandbox("bubblewrap (bwrap) is not installed".into()))?;
    probe(&bwrap, network)?;
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error: io::Error| AgentError::Start { program: BWRAP.into(), why: format!("{path}: {error}") }
    };
    let common = folders.common.canonicalize().map_err(failed(folders.common))?;
    let home = folders.scratch.join("home");
    for folder in [&home, &common.join("logs")] {
        fs::create_dir_all(folder).map_err(failed(folder))?;
    }
    environment.insert("HOME".into(), home.into());
    let view = View {
        folders: Folders { common: &common, ..*folders },
        own: &own_folder(&common, folders.worktree)?,
        program: Path::new(command.first().map_or_else(Default::default, OsString::as_os_str)),
        network,
        links: SYSTEM.iter().filter_map(|path| Some((*path, fs::read_link(path).ok()?))).collect(),
    };
    Ok([bwrap.into_os_string()].into_iter().chain(arguments(&view)).chain(command).collect())
}

/// What bubblewrap is told: later words lie over earlier ones.
///
/// It is not told to end with its parent, which to the kernel is the thread that started it, and threads come and go.
fn arguments(view: &View<'_>) -> Vec<OsString> {
    let Folders { worktree, common, scratch } = view.folders;
    let mut all = Words::default();
    all.say(&["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--cap-drop", "ALL"]);
    if !view.network {
        all.say(&["--unshare-net"]);
    }
    for path in SYSTEM {
        match view.links.iter().find(|(link, _)| *link == path) {
            Some((_, target)) => all.two("--symlink", target, Path::new(path)),
            None => all.bind("--ro-bind-try", Path::new(path)),
        }
    }
    ETC.iter().for_each(|name| all.bind("--ro-bind-try", &Path::new("/etc").join(name)));
    all.say(&["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]);
    if !SYSTEM.iter().any(|path| view.program.starts_with(path)) {
        all.bind("--ro-bind", view.program);
    }
    all.bind("--ro-bind", common);
    WRITTEN.iter().for_each(|name| all.bind("--bind", &common.join(name)));
    all.bind("--ro-bind-try", &common.join(NEVER_WRITTEN));
    all.bind("--bind", view.own);
    POINTERS.iter().for_each(|name| all.bind("--ro-bind-try", &view.own.join(name)));
    all.bind("--bind", scratch);
    all.bind("--bind", worktree);
    all.bind("--ro-bind", &worktree.join(".git"));
    all.say(&["--chdir"]);
    all.0.push(worktree.into());
    all.say(&["--"]);
    all.0
}

/// Arguments in the making.
#[derive(Default)]
struct Words(Vec<OsString>);

impl Words {
    fn say(&mut self, words: &[&str]) {
        self.0.extend(words.iter().map(OsString::from));
    }

    fn two(&mut self, option: &str, first: &Path, second: &Path) {
        self.0.extend([option.into(), first.into(), second.into()]);
    }

    /// The same path inside as outside.
    fn bind(&mut self, option: &str, path: &Path) {
        self.two(option, path, path);
    }
}

/// The folder of a worktree in the directory that all share. It is looked for there, since the worktree's own link to it
/// is the agent's to change.
fn own_folder(common: &Path, worktree: &Path) -> Result<PathBuf, AgentError> {
    let leads_here = |folder: &PathBuf| {
        let link = fs::read_to_string(folder.join("gitdir")).unwrap_or_default();
        Path::new(link.trim_end()).parent().and_then(|path| path.canonicalize().ok()).as_deref() == Some(worktree)
    };
    let entries = fs::read_dir(common.join("worktrees")).into_iter().flatten().flatten();
    let found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(leads_here).collect();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        found => {
            let (worktree, common, count) = (worktree.display(), common.display(), found.len());
            let why =
                format!("{worktree} is to be one worktree of {common}, and {count} worktrees there are said to be it");
            Err(AgentError::Start { program: BWRAP.into(), why })
        }
    }
}

/// Tries whether a sandbox can be made: in a container the system may not let us.
fn probe(bwrap: &Path, network: bool) -> Result<(), AgentError> {
    let mut command = Command::new(bwrap);
    command.env_clear().stdin(Stdio::null());
    command.args([
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
    ]);
    command.args(if network { None } else { Some("--unshare-net") });
    let failed = |why: &str| AgentError::NoSandbox(format!("bubblewrap can't make one here: {}", why.trim()));
    let output = command.args(["--", SHELL, "-c", ":"]).output().map_err(|error| failed(&error.to_string()))?;
    if output.status.success() { Ok(()) } else { Err(failed(&String::from_utf8_lossy(&output.stderr))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(program: &str, network: bool) -> Vec<String> {
        let view = View {
            folders: Folders { worktree: Path::new("/t/w"), common: Path::new("/r/.git"), scratch: Path::new("/s") },
            own: Path::new("/r/.git/worktrees/w"),
            program: Path::new(program),
            network,
            links: vec![("/bin", "usr/bin".into())],
        };
        arguments(&view).into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn what_is_written_lies_over_what_is_read() {
        let words = words("/usr/bin/a", true);
        let line = words.join(" ");
        let in_order = [
            "--unshare-pid",
            "--cap-drop ALL",
            "--ro-bind-try /usr /usr --symlink usr/bin /bin",
            "--ro-bind-try /etc/passwd /etc/passwd",
            "--proc /proc --dev /dev --tmpfs /tmp",
            "--ro-bind /r/.git /r/.git",
            "--bind /r/.git/objects /r/.git/objects --bind /r/.git/refs /r/.git/refs --bind /r/.git/logs /r/.git/logs",
            "--ro-bind-try /r/.git/objects/info /r/.git/objects/info",
            "--bind /r/.git/worktrees/w /r/.git/worktrees/w",
            "--ro-bind-try /r/.git/worktrees/w/commondir /r/.git/worktrees/w/commondir",
            "--bind /s /s --bind /t/w /t/w --ro-bind /t/w/.git /t/w/.git --chdir /t/w --",
        ];
        let mut rest = line.as_str();
        for part in in_order {
            let at = rest.find(part).unwrap_or_else(|| panic!("{part} is missing or misplaced in {line}"));
            rest = &rest[at + part.len()..];
        }
        assert_eq!(rest, "");
        assert!(!line.contains("--die-with-parent") && !line.contains("--unshare-net"));
    }

    #[test]
    fn a_program_elsewhere_is_seen_and_the_network_is_not() {
        let words = words("/home/u/bin/a", false);
        assert!(words.join(" ").contains("--ro-bind /home/u/bin/a /home/u/bin/a --ro-bind /r/.git"));
        assert!(words.contains(&"--unshare-net".to_owned()));
    }
}
