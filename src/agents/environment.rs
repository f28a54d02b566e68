//! What an agent finds in its environment: what is named here and in the configuration, and nothing else of ours.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{AgentError, Launch, Mark};

/// Our variables that every agent gets, besides `LC_*`.
const PASSED: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "USER"];
/// How names begin that are never passed on or configured: they make another program of a program, or of git.
const REFUSED: [&str; 2] = ["GIT_", "LD_"];
/// The exceptions: who the agent's own commits are by.
const ALLOWED: [&str; 2] = ["GIT_AUTHOR_", "GIT_COMMITTER_"];
/// Where programs are looked for if our own `PATH` is empty.
const PATH_DEFAULT: &str = "/usr/local/bin:/usr/bin:/bin";
/// How the names of our own variables begin. Those of an agent around us are not for the agents that we start.
pub(super) const OWN: &str = "RESTAGE_";
/// Where an agent finds its prompt, if it is in a file.
pub(super) const PROMPT_FILE: &str = "RESTAGE_PROMPT_FILE";

/// Variables with their values.
pub(super) type Environment = BTreeMap<OsString, OsString>;

/// The whole environment of an agent.
pub(super) fn environment(launch: &Launch, worktree: &Path) -> Result<Environment, AgentError> {
    build(launch, worktree, env::vars_os().collect())
}

/// The same, from the environment that we have.
fn build(launch: &Launch, worktree: &Path, ours: Environment) -> Result<Environment, AgentError> {
    let refuse = |what: &str, why: &str| {
        let program = launch.command.first().cloned().unwrap_or_default();
        Err(AgentError::Start { program, why: format!("the variable {what:?} {why}") })
    };
    let named: Vec<&String> = launch.environment.keys().chain(&launch.pass).collect();
    if let Some(name) = named.iter().find(|name| !is_name(name)) {
        return refuse(name, "has no name that a variable can have");
    }
    let is_ours = |name: &str| name == Mark::VARIABLE || name == PROMPT_FILE;
    if let Some(name) = named.iter().find(|name| is_refused(name) || is_ours(name)) {
        return refuse(name, "is never passed to an agent");
    }
    if let Some(name) = launch.pass.iter().find(|name| name.starts_with(OWN)) {
        return refuse(name, "is never passed to an agent");
    }
    if let Some((name, _)) = launch.environment.iter().find(|(_, value)| value.contains('\0')) {
        return refuse(name, "holds a zero byte");
    }

    let passes =
        |name: &str| PASSED.contains(&name) || name.starts_with("LC_") || launch.pass.iter().any(|n| n == name);
    let mut all: Environment = ours.into_iter().filter(|(name, _)| name.to_str().is_some_and(passes)).collect();
    all.extend(launch.environment.iter().map(|(name, value)| (name.into(), value.into())));
    let path = search_path(all.get(&OsString::from("PATH")));
    all.insert("PATH".into(), env::join_paths(path).unwrap_or_else(|_| PATH_DEFAULT.into()));

    // Above the worktree is the user's own repository: git must not find it when the worktree's link to it is lost.
    let above = worktree.parent().unwrap_or(worktree).as_os_str().to_owned();
    let fixed: [(&str, OsString); 11] = [
        ("TERM", "dumb".into()),
        ("PWD", worktree.into()),
        ("GIT_CEILING_DIRECTORIES", above),
        // Collecting garbage while others write can lose their objects.
        ("GIT_CONFIG_COUNT", "2".into()),
        ("GIT_CONFIG_KEY_0", "gc.auto".into()),
        ("GIT_CONFIG_VALUE_0", "0".into()),
        ("GIT_CONFIG_KEY_1", "maintenance.auto".into()),
        ("GIT_CONFIG_VALUE_1", "false".into()),
        ("GIT_TERMINAL_PROMPT", "0".into()),
        ("GIT_OPTIONAL_LOCKS", "0".into()),
        (Mark::VARIABLE, launch.mark.to_string().into()),
    ];
    all.extend(fixed.map(|(name, value)| (name.into(), value)));
    Ok(all)
}

/// The folders that programs are looked for in. Relative ones are left out: they would be the worktree's.
pub(super) fn search_path(path: Option<&OsString>) -> Vec<PathBuf> {
    let folders = |path: &OsString| env::split_paths(path).filter(|f| f.is_absolute()).collect::<Vec<_>>();
    let found = path.map(folders).unwrap_or_default();
    if found.is_empty() { folders(&PATH_DEFAULT.into()) } else { found }
}

/// Whether a variable may never be passed on or configured.
pub(super) fn is_refused(name: &str) -> bool {
    let starts = |with: &[&str]| with.iter().any(|start| name.starts_with(start));
    starts(&REFUSED) && !starts(&ALLOWED)
}

/// Whether a variable can be called this.
pub(super) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::tests::launch;

    fn ours(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
    }

    #[test]
    fn only_what_is_named_is_passed_on() {
        let mut launch = launch(&["true"]);
        launch.pass = vec!["KEY".into(), "NOT_SET".into()];
        launch.environment = BTreeMap::from([("MODE".into(), "fast".into()), ("RESTAGE_TASK".into(), "t1".into())]);
        let ours = ours(&[
            ("PATH", "/a:.::b/c:/b"),
            ("HOME", "/h"),
            ("LANG", "C"),
            ("LC_ALL", "C"),
            ("TZ", "UTC"),
            ("USER", "u"),
            ("TERM", "xterm"),
            ("KEY", "k"),
            ("SECRET", "s"),
            ("GIT_DIR", "/g"),
            ("LD_PRELOAD", "/l"),
            ("RESTAGE_TASK", "x"),
            ("RESTAGE_RUN", "x"),
            ("RESTAGE_STAGE", "x"),
            ("RUST_LOG", "x"),
            ("HTTP_PROXY", "x"),
            ("PWD", "/p"),
        ]);
        let built = build(&launch, Path::new("/trees/one"), ours).unwrap();
        let built: Vec<String> = built
            .iter()
            .map(|(name, value)| format!("{}={}", name.to_str().unwrap(), value.to_str().unwrap()))
            .collect();
        let expected = [
            "GIT_CEILING_DIRECTORIES=/trees",
            "GIT_CONFIG_COUNT=2",
            "GIT_CONFIG_KEY_0=gc.auto",
            "GIT_CONFIG_KEY_1=maintenance.auto",
            "GIT_CONFIG_VALUE_0=0",
            "GIT_CONFIG_VALUE_1=false",
            "GIT_OPTIONAL_LOCKS=0",
            "GIT_TERMINAL_PROMPT=0",
            "HOME=/h",
            "KEY=k",
            "LANG=C",
            "LC_ALL=C",
            "MODE=fast",
            "PATH=/a:/b",
            "PWD=/trees/one",
            "RESTAGE_RUN=store/task/1",
            "RESTAGE_TASK=t1",
            "TERM=dumb",
            "TZ=UTC",
            "USER=u",
        ];
        assert_eq!(built, expected);
    }

    #[test]
    fn what_would_make_another_program_of_it_is_refused() {
        for name in
            ["GIT_DIR", "GIT_SSH_COMMAND", "LD_PRELOAD", "RESTAGE_RUN", "RESTAGE_PROMPT_FILE", "", "1A", "A=B", "A\0"]
        {
            let mut configured = launch(&["true"]);
            configured.environment.insert(name.into(), "x".into());
            let mut passed = launch(&["true"]);
            passed.pass.push(name.into());
            for launch in [configured, passed] {
                let built = build(&launch, Path::new("/w"), Environment::new());
                assert!(matches!(built, Err(AgentError::Start { .. })), "{name:?}");
            }
        }
        let mut passed = launch(&["true"]);
        passed.pass.push("RESTAGE_STAGE".into());
        assert!(build(&passed, Path::new("/w"), Environment::new()).is_err());
        let mut author = launch(&["true"]);
        author.environment.insert("GIT_AUTHOR_NAME".into(), "bot".into());
        assert!(build(&author, Path::new("/w"), Environment::new()).is_ok());
        author.environment.insert("ZERO".into(), "a\0b".into());
        assert!(matches!(build(&author, Path::new("/w"), Environment::new()), Err(AgentError::Start { .. })));
    }
}
