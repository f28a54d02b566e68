//! A real repository with a task in it, agents that are real programs, and the git program as witness.

#![allow(dead_code, unreachable_pub, reason = "each test that has this as a module uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use restage::task::Tier;
use restage::{AgentConfig, EntityId, NewTask, Options, Restage, StageId, Task, TaskOptions, Tasks};

/// What the agents of these tests do, by stage. `implement` makes a mess and fails.
pub const AGENT: &str = r#"
set -e
echo "working on $RESTAGE_STAGE"
case $RESTAGE_STAGE in
implement)
    echo 'changed' >> src/a.txt
    printf 'two' > src/b.txt
    git add src/b.txt
    printf 'three' > src/b.txt
    rm src/c.txt
    rm -r docs; echo 'a file now' > docs
    chmod +x src/d.txt
    mkdir -p new/deep; echo untracked > new/deep/file
    ln -s ../src/a.txt new/link
    echo ignored > build.log
    rm -f src/e.txt; ln -s /etc/hostname src/e.txt
    echo '{"restage":"todos","items":[{"text":"one","done":true},{"text":"two","done":false}]}'
    exit 3
    ;;
*)
    mkdir -p notes
    echo "$RESTAGE_STAGE" > "notes/$RESTAGE_STAGE"
    echo "by $RESTAGE_STAGE" >> src/a.txt
    echo "{\"restage\":\"output\",\"text\":\"the output of $RESTAGE_STAGE\"}"
    echo "{\"restage\":\"handoff\",\"text\":\"the hand-off of $RESTAGE_STAGE\"}"
    ;;
esac
"#;

/// A folder with a repository and a data folder.
pub struct World {
    pub folder: PathBuf,
    /// Removed at the end by whoever made it.
    made: Option<tempfile::TempDir>,
}

impl World {
    /// With a repository of a few files, committed.
    pub fn new() -> Self {
        let made = tempfile::tempdir().unwrap();
        let mut world = Self::in_folder(made.path());
        world.made = Some(made);
        world
    }

    /// The same in a folder that somebody else removes.
    pub fn in_folder(folder: &Path) -> Self {
        let world = Self::at(folder);
        let at = world.repository();
        fs::create_dir_all(at.join("src")).unwrap();
        fs::create_dir_all(at.join("docs")).unwrap();
        for name in ["a", "b", "c", "d", "e"] {
            fs::write(at.join(format!("src/{name}.txt")), format!("{name}\n").repeat(20)).unwrap();
        }
        fs::write(at.join("docs/read.md"), "read me\n").unwrap();
        fs::write(at.join(".gitignore"), "*.log\n").unwrap();
        symlink("src/a.txt", at.join("link")).unwrap();
        git(&at, &["init", "-q", "-b", "main"]);
        git(&at, &["add", "-A"]);
        git(&at, &["commit", "-q", "-m", "first"]);
        world
    }

    /// The one that another process made.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), made: None }
    }

    pub fn repository(&self) -> PathBuf {
        self.folder.join("repository")
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Opens the data folder, with this script as the agent of every stage.
    pub async fn open(&self, script: &str) -> (Restage, Tasks) {
        self.open_with(&agent(&self.folder.join("agent.sh"), script)).await
    }

    /// Opens the data folder, with agents as configured.
    pub async fn open_with(&self, agents: &str) -> (Restage, Tasks) {
        let restage = Restage::open_with(self.data(), Options::default()).await.unwrap();
        let agents = AgentConfig::read(agents, Path::new("agents.toml")).unwrap();
        let tasks = restage.tasks(TaskOptions::default().agents(agents)).unwrap();
        tasks.serve();
        tasks.repositories().add(&id("app"), &self.repository(), "ann").await.unwrap();
        (restage, tasks)
    }

    /// What git and the file system say of a worktree.
    pub fn look(&self, worktree: &Path) -> Witness {
        Witness::of(worktree)
    }

    /// Checks the repository as git does.
    pub fn check(&self) {
        git(&self.repository(), &["fsck", "--full", "--strict"]);
    }
}

/// The configuration that has a script work on every stage.
pub fn agent(file: &Path, script: &str) -> String {
    fs::write(file, script).unwrap();
    format!(
        "[agents.script]\ncommand = [\"sh\", {:?}]\nprompt = \"file\"\ngrace = \"20s\"\ntime_out = \"120s\"\n\
         [stages]\ndefault = \"script\"\n",
        file.display().to_string()
    )
}

pub fn id(name: &str) -> EntityId {
    EntityId::new(name).unwrap()
}

pub fn stage(name: &str) -> StageId {
    StageId::new(name).unwrap()
}

/// Makes and starts a task.
pub async fn started(tasks: &Tasks, name: &str, tier: &str) -> Task {
    let task = tasks.get(&id(name)).by("ann");
    task.create(NewTask::new("Make it so", Tier::built_in(tier).unwrap(), id("app"))).await.unwrap();
    task.start().await.unwrap();
    let view = task.settled().await.unwrap();
    assert_eq!(view.state.problem, None);
    task
}

/// Has the stage that a task is in run and approved.
pub async fn completed(task: &Task) {
    task.run().await.unwrap();
    let view = task.at_rest().await.unwrap();
    assert_eq!(view.state.problem, None);
    task.approve(None).await.unwrap();
    let view = task.settled().await.unwrap();
    assert_eq!(view.state.problem, None);
}

/// A task whose brainstorm and plan are complete, and whose implement failed in a mess.
pub async fn messy(tasks: &Tasks, name: &str) -> Task {
    let task = started(tasks, name, "L2").await;
    completed(&task).await;
    completed(&task).await;
    task.run().await.unwrap();
    let view = task.at_rest().await.unwrap();
    assert_eq!(view.state.problem.unwrap().code, "exit_code");
    task
}

/// What git and the file system say of a worktree.
#[derive(Debug, PartialEq, Eq)]
pub struct Witness {
    head: String,
    branch: String,
    index: String,
    status: String,
    /// Every file below it: mode, and link target or content.
    files: BTreeMap<PathBuf, (u32, Vec<u8>)>,
}

impl Witness {
    pub fn of(worktree: &Path) -> Self {
        let mut files = BTreeMap::new();
        walk(worktree, worktree, &mut files);
        Self {
            head: git(worktree, &["rev-parse", "HEAD"]),
            branch: git(worktree, &["symbolic-ref", "HEAD"]),
            index: git(worktree, &["ls-files", "-s"]),
            status: git(worktree, &["status", "--porcelain", "-uall", "--ignored"]),
            files,
        }
    }

    /// Whether nothing but ignored files differs from what is checked out.
    pub fn is_clean(&self) -> bool {
        self.status.lines().all(|line| line.starts_with("!!"))
    }

    pub fn head(&self) -> &str {
        &self.head
    }
}

fn walk(root: &Path, at: &Path, files: &mut BTreeMap<PathBuf, (u32, Vec<u8>)>) {
    for entry in fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_path_buf();
        if name == Path::new(".git") {
            continue;
        }
        let meta = fs::symlink_metadata(&path).unwrap();
        if meta.is_dir() {
            walk(root, &path, files);
        } else if meta.is_symlink() {
            files.insert(name, (meta.mode(), fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()));
        } else {
            files.insert(name, (meta.mode(), fs::read(&path).unwrap()));
        }
    }
}

/// Runs git with nothing of the user's configuration, and gives what it says.
#[track_caller]
pub fn git(at: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
    let output = command
        .current_dir(at)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args(["-c", "user.name=ann", "-c", "user.email=ann@example.invalid"])
        .args(args)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "git {args:?} at {}: {told}", at.display());
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}
