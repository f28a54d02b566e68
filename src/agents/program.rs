//! Finding the program that a command names, as the agent's own environment would find it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::AgentError;
use super::environment::search_path;

/// The program of a command, as an absolute path. A name with a slash is looked for from the worktree, any other in `path`.
pub(super) fn find(name: &str, worktree: &Path, path: Option<&OsString>) -> Result<PathBuf, AgentError> {
    let candidates: Vec<PathBuf> = match name {
        "" => Vec::new(),
        name if name.contains('/') => vec![worktree.join(name)],
        name => search_path(path).into_iter().map(|folder| folder.join(name)).collect(),
    };
    let files: Vec<PathBuf> = candidates.into_iter().filter(|file| file.is_file()).collect();
    if let Some(program) = files.iter().find(|file| access(*file, Access::EXEC_OK).is_ok()) {
        return Ok(program.clone());
    }
    match files.first() {
        None => Err(AgentError::NoProgram(name.to_owned())),
        Some(file) => {
            let why = format!("{} may not be executed", file.display());
            Err(AgentError::Start { program: name.to_owned(), why })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn write(file: &Path, mode: u32) {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "").unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_program_is_found_as_the_agents_path_would_find_it() {
        let temp = tempfile::tempdir().unwrap();
        let (one, two, worktree) = (temp.path().join("one"), temp.path().join("two"), temp.path().join("worktree"));
        write(&one.join("plain"), 0o644);
        write(&two.join("plain"), 0o755);
        write(&one.join("text"), 0o644);
        write(&worktree.join("tools/agent"), 0o755);
        write(&worktree.join("agent"), 0o755);
        fs::create_dir_all(one.join("folder")).unwrap();
        let path = OsString::from(format!(".::tools:{}:{}", one.display(), two.display()));
        let find = |name: &str| find(name, &worktree, Some(&path));

        assert_eq!(find("plain").unwrap(), two.join("plain"));
        assert_eq!(find("./tools/agent").unwrap(), worktree.join("./tools/agent"));
        assert_eq!(find("/bin/sh").unwrap(), Path::new("/bin/sh"));
        for missing in ["", "agent", "folder", "tools/none", "/none", "worktree"] {
            assert_eq!(find(missing), Err(AgentError::NoProgram(missing.into())));
        }
        assert!(matches!(find("text"), Err(AgentError::Start { why, .. }) if why.contains("may not be executed")));
    }
}
