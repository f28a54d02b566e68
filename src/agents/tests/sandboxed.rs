//! What an agent in a sandbox can and can't reach. Needs bubblewrap, and a system that lets us use it.

use super::*;

/// A repository with one linked worktree, and a launch in it.
struct Repository {
    place: Place,
}

impl Repository {
    fn new() -> Self {
        let place = Place::new();
        fs::remove_dir(place.worktree()).unwrap();
        let repository = Self { place };
        fs::create_dir(repository.root()).unwrap();
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.git(&["commit", "--quiet", "--allow-empty", "--message=first"]);
        let worktree = repository.place.worktree();
        repository.git(&["worktree", "add", "--quiet", "-b", "task/1", worktree.to_str().unwrap()]);
        repository
    }

    fn root(&self) -> PathBuf {
        self.place.worktree().parent().unwrap().join("repository")
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
            command.env_remove(name);
        }
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").current_dir(self.root());
        let output = command.args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn script(&self, script: &str, network: bool) -> Launch {
        let mut launch = self.place.script(script);
        for name in ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"] {
            launch.environment.insert(name.into(), "a".into());
        }
        launch.grace = Duration::from_millis(200);
        Launch { sandbox: Sandbox::Bubblewrap { common: self.root().join(".git"), network }, ..launch }
    }
}

/// Whether sandboxes can be made here. With `CI=true` they must.
fn can() -> bool {
    let repository = Repository::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    match Agent::start(repository.script("true", false)) {
        Ok(agent) => {
            assert_eq!(runtime.block_on(agent.end()).map(|_| ()), Ok(()));
            true
        }
        Err(AgentError::NoSandbox(why)) => {
            assert!(env::var("CI").as_deref() != Ok("true"), "{why}");
            println!("left out: {why}");
            false
        }
        Err(error) => panic!("{error}"),
    }
}

fn follow_all(launch: Launch) -> (Vec<Line>, Result<Ended, AgentError>) {
    tokio::runtime::Runtime::new().unwrap().block_on(follow(launch))
}

#[test]
fn it_works_and_commits_in_its_worktree() {
    if !can() {
        return;
    }
    let repository = Repository::new();
    let script =
        "cat > file && git add file && git commit --quiet --message=work && git status --short && git log --format=%s";
    let launch = Launch { prompt: "hello".into(), ..repository.script(script, false) };
    let (lines, ended) = follow_all(launch);
    assert_eq!(ended, Ok(Ended::Exited(0)), "{lines:?}");
    assert_eq!(texts(&lines, Stream::Out), ["work", "first"]);
    assert_eq!(repository.git(&["log", "--format=%s", "task/1"]), "work\nfirst");
    assert_eq!(repository.git(&["show", "task/1:file"]), "hello");
    repository.git(&["fsck", "--strict"]);
}

#[test]
fn nothing_else_can_be_changed() {
    if !can() {
        return;
    }
    let repository = Repository::new();
    repository.git(&["worktree", "add", "--quiet", "-b", "task/2", "../other"]);
    fs::write(repository.root().join("mine"), "mine").unwrap();
    let common = repository.root().join(".git");
    let own = common.join("worktrees/worktree");
    let forbidden: Vec<PathBuf> = [
        common.join("config"),
        common.join("hooks/pre-commit"),
        common.join("info/attributes"),
        common.join("objects/info/alternates"),
        common.join("worktrees/other/HEAD"),
        common.join("HEAD"),
        own.join("commondir"),
        own.join("gitdir"),
        repository.place.worktree().join(".git"),
        repository.root().join("mine"),
        repository.place.worktree().with_file_name("other").join("new"),
        "/usr/restage-was-here".into(),
        "/etc/passwd".into(),
    ]
    .into();
    let read = |path: &PathBuf| fs::read(path).ok();
    let before: Vec<_> = forbidden.iter().map(read).collect();
    let tries: String = forbidden.iter().map(|path| format!("echo x > '{}' && echo '{0}'\n", path.display())).collect();
    let (lines, _) =
        follow_all(repository.script(&format!("{tries}\nrm .git; mv .git x; git config a.b c; true"), false));
    assert_eq!(forbidden.iter().map(read).collect::<Vec<_>>(), before, "{lines:?}");
    // Beside the repository there is nothing in the sandbox, and what is written there is seen by nobody else.
    assert_eq!(texts(&lines, Stream::Out), [repository.root().join("mine").to_str().unwrap()], "{lines:?}");
}

#[test]
fn nothing_of_the_user_can_be_seen() {
    if !can() {
        return;
    }
    let repository = Repository::new();
    let secret = repository.place.notes().join("secret");
    fs::write(&secret, "secret").unwrap();
    let script = format!(
        "cat '{}' /etc/shadow; ls -A '{}'; ls /home; echo home $HOME; ls $HOME; \
         cat /proc/[0-9]*/comm | grep -vx -e bwrap -e sh -e cat -e grep; \
         for pid in /proc/[0-9]*; do tr '\\0' '\\n' < $pid/environ | grep CARGO; done; grep ^CapEff /proc/self/status",
        secret.display(),
        std::env::temp_dir().display()
    );
    let (lines, _) = follow_all(repository.script(&script, false));
    let seen = texts(&lines, Stream::Out);
    let top = repository.place.root.path().file_name().unwrap().to_str().unwrap();
    let home = format!("home {}/scratch/home", repository.place.root.path().canonicalize().unwrap().display());
    assert_eq!(seen, [top, &home, "CapEff:\t0000000000000000"], "{lines:?}");
}

#[test]
fn the_network_is_there_only_if_it_is_asked_for() {
    if !can() {
        return;
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().for_each(drop));
    let script = format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'");
    for (network, expected) in [(true, 0), (false, 1)] {
        let (lines, ended) = follow_all(Repository::new().script(&script, network));
        assert_eq!(ended, Ok(Ended::Exited(expected)), "{lines:?}");
    }
}

#[test]
fn what_it_leaves_behind_there_is_ended_too() {
    if !can() {
        return;
    }
    for end in ["exit 0", "trap '' TERM; while :; do sleep 1; done"] {
        let repository = Repository::new();
        let mark = format!("{}={}", Mark::VARIABLE, repository.place.mark());
        let ours = || {
            let has = |pid: &u32| Process::open(*pid).unwrap().is_some_and(|p| p.has_in_environment(mark.as_bytes()));
            process::numbers().unwrap().filter(has).count()
        };
        let script = format!("setsid sh -c 'trap \"\" TERM; echo up > up; while :; do sleep 1; done' & {end}");
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let agent = runtime.block_on(async { Agent::start(repository.script(&script, false)).unwrap() });
        eventually("its start", || repository.place.worktree().join("up").exists() || end == "exit 0");
        let began = Instant::now();
        runtime.block_on(agent.end()).unwrap();
        assert_eq!(ours(), 0);
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn a_worktree_of_another_repository_is_refused() {
    if !can() {
        return;
    }
    let (one, other) = (Repository::new(), Repository::new());
    let sandbox = Sandbox::Bubblewrap { common: other.root().join(".git"), network: false };
    let refused = Agent::start(Launch { sandbox, ..one.script("true", false) });
    assert!(matches!(refused, Err(AgentError::Start { why, .. }) if why.contains("0 worktrees")));
}
