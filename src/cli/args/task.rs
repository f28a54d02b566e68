//! `restage task`: the verb, then the task, then the stage; and what tasks need: repositories, tiers, agents.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{ApplyArgs, Does};

const EXAMPLES: &str = "\
Examples:
  restage repo add app ~/src/app
  restage task new login --title \"Fix the login\" --repo app --tier L1 --brief-file login.md
  restage task start login
  restage task run login                          an agent works on the first stage; Ctrl-C ends it
  restage task diff login --uncommitted
  restage task approve login                      it is committed, and the next stage entered
  restage task restart login plan --dry-run       what would be cleared, and which files would move
  restage task undo login                         and every byte is back";

const RUN_HELP: &str = "\
Shows what the agent says until it is done, then what to do next. Several tasks are worked on at the same time. What is \
owed from an earlier time is carried out too. Ctrl-C ends the agents; what they did stays in their worktrees.

Examples:
  restage task run login
  restage task run login search --approve         through all stages, each approved by itself
  restage task run login --agents careful.toml";

const RESTART_HELP: &str = "\
An agent that is at work is ended. Everything that is not committed goes into a snapshot, untracked files too; then branch \
and worktree go back to where the stage began, and the stage and all later ones are cleared. On a terminal the plan is \
shown and confirmed; elsewhere give --yes, or --plan with the token of a preview. It can be undone.

Examples:
  restage task restart login plan
  restage task restart login plan --dry-run
  restage task restart login --full --yes --reason \"Wrong idea\"";

const UNDO_HELP: &str = "\
Branch, worktree and index are put back as the snapshot has them, and the task's stages with them. What is there now goes \
into a snapshot first, so that the undo can be undone.

Examples:
  restage task undo login
  restage task undo login 3 --dry-run";

/// `restage task`
#[derive(Debug, Args)]
pub struct TaskArgs {
    /// Who does the work
    #[command(flatten)]
    pub agents: AgentsArgs,
    /// What is done
    #[command(subcommand)]
    pub verb: TaskVerb,
}

/// Which agents there are.
#[derive(Clone, Debug, Default, Args)]
pub struct AgentsArgs {
    /// Which program works on which stage [default: agents.toml in the data folder, else in restage in the user's
    /// configuration folder, else what comes with the program]
    #[arg(long, global = true, value_name = "FILE", env = "RESTAGE_AGENTS", hide_env_values = true)]
    pub agents: Option<PathBuf>,
}

/// What can be done with repositories.
#[derive(Debug, Subcommand)]
pub enum RepoVerb {
    /// Look whether tasks can work in a repository, and give it a name
    #[command(after_help = "Example:\n  restage repo add app ~/src/app")]
    Add {
        /// The name that tasks know it by: letters, digits, '.', '_' and '-'
        name: String,
        /// Where it is: its folder, or one inside of it
        #[arg(default_value = ".")]
        path: PathBuf,
    },
    /// List the repositories
    #[command(after_help = "Example:\n  restage repo list --json")]
    #[command(visible_alias = "ls")]
    List,
}

/// What can be done with tiers.
#[derive(Debug, Subcommand)]
pub enum TierVerb {
    /// List the tiers that come with the program
    #[command(after_help = "Example:\n  restage tier list")]
    #[command(visible_alias = "ls")]
    List,
    /// Print a tier, as a start for one of your own; a file is checked first
    #[command(after_help = "Examples:\n  restage tier show L2 > mine.toml\n  restage tier show mine.toml")]
    Show {
        /// Its name, or a file
        tier: String,
    },
}

/// `restage agent`
#[derive(Debug, Args)]
pub struct AgentArgs {
    /// Which agents
    #[command(flatten)]
    pub agents: AgentsArgs,
    /// What is done
    #[command(subcommand)]
    pub verb: AgentVerb,
}

/// What can be done with agents.
#[derive(Debug, Subcommand)]
pub enum AgentVerb {
    /// List the agents, whether their programs are there, and which stage uses which
    #[command(after_help = "Examples:\n  restage agent list\n  restage agent list --agents careful.toml")]
    #[command(visible_alias = "ls")]
    List,
}

/// What can be done with tasks.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum TaskVerb {
    /// Make a task; it begins in the backlog
    New(NewArgs),
    /// List the tasks
    #[command(visible_alias = "ls")]
    #[command(after_help = "Examples:\n  restage task list\n  restage task list --json | jq -r '.tasks[].task'")]
    List,
    /// Show a task with its stages, or one stage with what it put out
    #[command(
        after_help = "Examples:\n  restage task show login\n  restage task show login plan\n  restage task show login --json | jq -r .place.worktree"
    )]
    Show(ShowArgs),
    /// Take a task out of the backlog: it gets a branch and a worktree of its own
    #[command(after_help = "Example:\n  restage task start login")]
    Start(IdArgs),
    /// Have agents work on the stages that tasks are in, and show what they say
    #[command(after_help = RUN_HELP)]
    Run(RunArgs),
    /// Have an agent go on where a run failed or was interrupted, with all that is there
    #[command(after_help = "Example:\n  restage task retry login")]
    Retry(RetryArgs),
    /// Approve what a stage's agent made: it is committed, and the next stage entered
    #[command(
        after_help = "Examples:\n  restage task diff login --uncommitted\n  restage task approve login\n  restage task approve login --seen 9154e1c7f12aae440ca5fd0648791d32662f2f3e"
    )]
    Approve(ApproveArgs),
    /// Send a stage back to its agent, with what is to be different
    #[command(after_help = "Example:\n  restage task reject login -m \"Without the new dependency, please\"")]
    Reject(RejectArgs),
    /// Let tasks rest: their agents are ended
    #[command(after_help = "Examples:\n  restage task pause login search\n  restage task pause --all")]
    Pause(PauseArgs),
    /// Go on after a pause
    #[command(after_help = "Example:\n  restage task resume login")]
    Resume(SeveralArgs),
    /// Go back to where a stage began, or to the beginning of all
    #[command(after_help = RESTART_HELP)]
    Restart(RestartArgs),
    /// Show what a verb would do, and the token to do exactly that
    #[command(
        after_help = "Examples:\n  restage task preview login restart plan\n  restage task preview login restart --full\n  \
                      restage task preview login undo 3"
    )]
    Preview(PreviewArgs),
    /// Take back the last restart, accept or undo
    #[command(after_help = UNDO_HELP)]
    Undo(UndoArgs),
    /// Call a task fresh although tasks it depends on changed since it was started; needs --reason
    #[command(after_help = "Example:\n  restage task accept search --reason \"It does not use the login\"")]
    Accept(AcceptArgs),
    /// Show a task's log: what its agents said, and what was done
    #[command(
        after_help = "Examples:\n  restage task log login\n  restage task log login --follow\n  restage task log login --since 120 --json"
    )]
    Log(LogArgs),
    /// Show what changed, as a patch
    #[command(after_help = "Examples:\n  restage task diff login                   all that the task did\n  \
                      restage task diff login implement         what that stage did\n  \
                      restage task diff login --uncommitted     what is not committed")]
    Diff(DiffArgs),
    /// Show what is in a task's worktree and not committed
    #[command(after_help = "Example:\n  restage task files login")]
    Files(OneArgs),
    /// List the snapshots that going back took, and how to rescue them with plain git
    #[command(after_help = "Example:\n  restage task snapshots login")]
    Snapshots(OneArgs),
    /// Merge a task's branch into the branch it began from
    #[command(after_help = "Example:\n  restage task merge login")]
    Merge(IdArgs),
    /// Remove a task's worktree; the branch stays
    #[command(after_help = "Example:\n  restage task cleanup login")]
    Cleanup(IdArgs),
    /// Show who did what when, and why
    #[command(after_help = "Example:\n  restage task history login -m 5")]
    History(HistoryArgs),
    /// List work that came too late, or show one piece of it
    #[command(after_help = "Examples:\n  restage task orphans login\n  restage task orphans login 3")]
    Orphans(OrphansArgs),
    /// Take an orphan into the stage as it is now
    #[command(after_help = "Example:\n  restage task adopt login 3")]
    Adopt(OrphanArgs),
    /// Throw an orphan away
    #[command(after_help = "Example:\n  restage task discard login 3")]
    Discard(OrphanArgs),
    /// Delete what was put aside, for good, snapshots too; it can't be undone
    #[command(after_help = "Example:\n  restage task purge login --dry-run")]
    Purge(PurgeArgs),
}

impl TaskVerb {
    /// What it does.
    pub fn does(&self) -> Does {
        match self {
            Self::List | Self::Show(_) | Self::Preview(_) | Self::Diff(_) | Self::Files(_) => Does::Looks,
            Self::Snapshots(_) | Self::History(_) | Self::Orphans(_) => Does::Looks,
            Self::Log(args) if !args.follow => Does::Looks,
            Self::Restart(_) | Self::Undo(_) | Self::Accept(_) | Self::Discard(_) | Self::Purge(_) => Does::GoesBack,
            Self::New(_) | Self::Start(_) | Self::Run(_) | Self::Retry(_) | Self::Approve(_) => Does::Acts,
            Self::Reject(_) | Self::Pause(_) | Self::Resume(_) | Self::Log(_) => Does::Acts,
            Self::Merge(_) | Self::Cleanup(_) | Self::Adopt(_) => Does::Acts,
        }
    }
}

/// `show`
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// The task
    pub task: String,
    /// One stage, with its output, hand-off, feedback and things to do
    pub stage: Option<String>,
}

/// A task, to be looked at.
#[derive(Clone, Debug, Args)]
pub struct OneArgs {
    /// The task
    pub task: String,
}

/// A task.
#[derive(Clone, Debug, Args)]
pub struct IdArgs {
    /// The task
    pub task: String,
    /// Do it once, however often it is asked under this key
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

/// `resume`
#[derive(Clone, Debug, Args)]
pub struct SeveralArgs {
    /// The tasks
    #[arg(required = true)]
    pub tasks: Vec<String>,
    /// Do it once, however often it is asked under this key
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

/// `pause`
#[derive(Clone, Debug, Args)]
pub struct PauseArgs {
    /// The tasks
    #[arg(required_unless_present = "all")]
    pub tasks: Vec<String>,
    /// All tasks that are not done, in backlog or at rest
    #[arg(long, conflicts_with = "tasks")]
    pub all: bool,
    /// Do it once, however often it is asked under this key
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

/// `new`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  restage task new login --title \"Fix the login\" --repo app --tier L1
  restage task new search --title \"Search\" --repo app --after login --brief-file search.md --auto")]
pub struct NewArgs {
    /// The task's id: letters, digits, '.', '_' and '-'
    pub task: String,
    /// What is to be done, in a line
    #[arg(long, value_name = "TEXT")]
    pub title: String,
    /// The repository it works in, by its name in `restage repo list`
    #[arg(long, value_name = "NAME")]
    pub repo: String,
    /// Its stages: a name that `restage tier list` shows, or a file
    #[arg(long, value_name = "NAME|FILE", default_value = "L2")]
    pub tier: String,
    /// What is to be done, in full
    #[arg(long, value_name = "TEXT")]
    pub brief: Option<String>,
    /// The same, from a file; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "brief")]
    pub brief_file: Option<PathBuf>,
    /// The branch or commit to begin from [default: the repository's]
    #[arg(long, value_name = "BRANCH", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// A task that has to be done first; give it again for more
    #[arg(long, value_name = "TASK")]
    pub after: Vec<String>,
    /// Approve each stage by itself and run the next one
    #[arg(long)]
    pub auto: bool,
    /// Do it once, however often it is asked under this key
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

/// `run`
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// The tasks
    #[arg(required = true)]
    pub tasks: Vec<String>,
    /// Approve each stage whose agent is done, and go on with the next one
    #[arg(long)]
    pub approve: bool,
    /// Do it once, however often it is asked under this key
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

/// `retry`
#[derive(Clone, Debug, Args)]
pub struct RetryArgs {
    /// The task
    #[command(flatten)]
    pub of: IdArgs,
    /// Approve each stage whose agent is done, and go on with the next one
    #[arg(long)]
    pub approve: bool,
}

/// `approve`
#[derive(Clone, Debug, Args)]
pub struct ApproveArgs {
    /// The task
    #[command(flatten)]
    pub of: IdArgs,
    /// The files that were looked at, as `restage task show` names them; refused if they are not those
    #[arg(long, value_name = "TREE")]
    pub seen: Option<String>,
}

/// `reject`
#[derive(Clone, Debug, Args)]
pub struct RejectArgs {
    /// The task
    #[command(flatten)]
    pub of: IdArgs,
    /// What is to be different
    #[arg(long, short, value_name = "TEXT")]
    pub message: String,
}

/// `restart`
#[derive(Clone, Debug, Args)]
pub struct RestartArgs {
    /// The task
    pub task: String,
    /// The stage
    #[arg(required_unless_present = "full")]
    pub stage: Option<String>,
    /// To the beginning of all: back into the backlog
    #[arg(long, conflicts_with = "stage")]
    pub full: bool,
    /// How it is applied
    #[command(flatten)]
    pub apply: ApplyArgs,
}

/// `preview`
#[derive(Clone, Debug, Args)]
pub struct PreviewArgs {
    /// The task
    pub task: String,
    /// The verb
    pub verb: VerbName,
    /// The stage to restart, or the undo point to take back [default: the last undo point]
    pub at: Option<String>,
    /// Restart to the beginning of all
    #[arg(long, conflicts_with = "at")]
    pub full: bool,
}

/// A verb that has a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VerbName {
    /// Go back to where a stage began
    Restart,
    /// Call a stale task fresh
    Accept,
    /// Take a verb back
    Undo,
    /// Delete what was put aside
    Purge,
}

/// `undo`
#[derive(Clone, Debug, Args)]
pub struct UndoArgs {
    /// The task
    pub task: String,
    /// The undo point, as the history shows it [default: the last]
    pub point: Option<u64>,
    /// How it is applied
    #[command(flatten)]
    pub apply: ApplyArgs,
}

/// `accept`
#[derive(Clone, Debug, Args)]
pub struct AcceptArgs {
    /// The task
    pub task: String,
    /// How it is applied
    #[command(flatten)]
    pub apply: ApplyArgs,
}

/// `log`
#[derive(Clone, Debug, Args)]
pub struct LogArgs {
    /// The task
    pub task: String,
    /// Carry out what is owed, and go on until the task is at rest
    #[arg(long, short)]
    pub follow: bool,
    /// From this line on
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub since: u64,
}

/// `diff`
#[derive(Clone, Debug, Args)]
pub struct DiffArgs {
    /// The task
    pub task: String,
    /// What this stage did; it has to be complete
    pub stage: Option<String>,
    /// What is not committed
    #[arg(long, conflicts_with = "stage")]
    pub uncommitted: bool,
}

/// `history`
#[derive(Clone, Debug, Args)]
pub struct HistoryArgs {
    /// The task
    pub task: String,
    /// The most entries, newest first
    #[arg(long, short = 'm', value_name = "N", default_value_t = 50)]
    pub most: usize,
}

/// `orphans`
#[derive(Clone, Debug, Args)]
pub struct OrphansArgs {
    /// The task
    pub task: String,
    /// Show this one in full
    pub number: Option<u64>,
}

/// One orphan.
#[derive(Clone, Debug, Args)]
pub struct OrphanArgs {
    /// The task
    pub task: String,
    /// The orphan's number
    pub number: u64,
    /// Do it once, however often it is asked under this key
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

/// `purge`
#[derive(Clone, Debug, Args)]
pub struct PurgeArgs {
    /// The task
    pub task: String,
    /// How it is applied
    #[command(flatten)]
    pub apply: ApplyArgs,
}
