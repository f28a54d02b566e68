//! The arguments as they were typed. Parsing asks the system for nothing: what is not given stays open.

mod audit;
mod duration;
mod events;
mod example;
mod reach;
mod serve;
pub mod task;
mod template;
pub mod token;
mod worker;
pub mod workflow;
pub mod workshop;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

pub use audit::AuditArgs;
pub use events::EventsArgs;
pub use example::{ExampleArgs, ExampleOf};
pub use reach::Reach;
pub use serve::ServeArgs;
pub use task::{AgentArgs, AgentVerb, AgentsArgs, RepoVerb, TaskArgs, TierVerb};
pub use template::TemplateVerb;
pub use token::{CreateArgs, LinkArgs, TokenVerb};
pub use worker::{RunArgs as WorkerRunArgs, WorkerVerb};
use workflow::{BatchVerb, QueueVerb, StuckArgs, WorkflowVerb};
use workshop::WorkshopVerb;

const EXAMPLES: &str = "\
Examples:
  restage tour                                          see all of it in seconds
  restage example workshop                              something to look at and to play with
  restage workshop new garden --title \"Our garden\"
  restage workshop say garden challenge \"The well is dry\"
  restage workshop reset garden challenge --dry-run     what would be cleared, kept and made stale
  restage workshop undo garden                          and it is back
  restage repo add app ~/src/app
  restage task new login --title \"Fix the login\" --repo app
  restage task restart login plan                       its stages, branch and worktree go back
  restage task undo login                               and every byte is back

Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 conflict, 5 not allowed, 6 server not reached,\nor data folder in use; above 128: ended by a signal.";

/// Staged work that can be taken back: reset, revise and undo that no late writer and no crash can spoil.
#[derive(Debug, Parser)]
#[command(name = "restage", version, propagate_version = true, after_help = EXAMPLES, max_term_width = 110)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The data folder [default: restage in the user's data folder]
    #[arg(long, global = true, value_name = "DIR", env = "RESTAGE_DATA", hide_env_values = true)]
    pub data: Option<PathBuf>,
    /// The server to ask, instead of a data folder of this machine; its token comes from RESTAGE_TOKEN or --token-file
    #[arg(long, global = true, value_name = "URL", env = "RESTAGE_SERVER", hide_env_values = true)]
    pub server: Option<String>,
    /// A file that holds the token for the server
    #[arg(long, global = true, value_name = "FILE", env = "RESTAGE_TOKEN_FILE", hide_env_values = true)]
    pub token_file: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Don't ask, do it
    #[arg(long, short, global = true)]
    pub yes: bool,
    /// Show what would be done, and do nothing
    #[arg(long, short = 'n', global = true, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Why: goes into the history
    #[arg(long, global = true, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Who asks: goes into the history [default: the login name]
    #[arg(long, global = true, value_name = "NAME")]
    pub by: Option<String>,
    /// Print data and errors only
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Work on workshops: steps with a conversation, an artifact and a summary each
    #[command(subcommand, visible_alias = "ws")]
    Workshop(WorkshopVerb),
    /// Serve a data folder over HTTP
    #[command(
        after_help = "Examples:\n  restage serve\n  restage serve --data garden --listen 127.0.0.1:0\n  restage serve --check --config /etc/restage/server.toml"
    )]
    Serve(ServeArgs),
    /// Look at the templates that workshops are made from
    #[command(subcommand)]
    Template(TemplateVerb),
    /// Work on tasks: pipelines in git worktrees, worked on by agents, taken back to any stage
    Task(TaskArgs),
    /// Say which repositories tasks work in
    #[command(subcommand)]
    Repo(RepoVerb),
    /// Look at the tiers that tasks are made from: which stages, in which order
    #[command(subcommand)]
    Tier(TierVerb),
    /// Look at the agents that do the work
    Agent(AgentArgs),
    /// Say who may call the server: tokens for programs, links for browsers
    #[command(subcommand)]
    Token(TokenVerb),
    /// Work on workflows: gates, tasks that workers take from queues, taken back to any gate
    #[command(subcommand, visible_alias = "wf")]
    Workflow(WorkflowVerb),
    /// Look at the queues that workers take tasks from
    #[command(subcommand)]
    Queue(QueueVerb),
    /// Find what does not go on by itself, and the command that cures it
    Stuck(StuckArgs),
    /// Take many back at once
    #[command(subcommand)]
    Batch(BatchVerb),
    /// Work on tasks of workflows: take them from queues, run a command for each
    #[command(subcommand)]
    Worker(WorkerVerb),
    /// See who did what to anything, from where and why
    Audit(AuditArgs),
    /// See what happened, and what happens
    Events(EventsArgs),
    /// Copy all data into one file, while it is in use
    #[command(after_help = "Example:\n  restage backup /mnt/backup/restage-$(date +%F).backup")]
    Backup(BackupArgs),
    /// Bring a backup into a new data folder
    #[command(
        after_help = "Example:\n  restage restore restage-2026-11-21.backup --into restored --until 2026-11-21T12:00:00Z"
    )]
    Restore(RestoreArgs),
    /// Read all data, or a backup, and check it
    #[command(
        after_help = "Examples:\n  restage verify\n  restage verify --deep\n  restage verify restage-2026-11-21.backup"
    )]
    Verify(VerifyArgs),
    /// See a workshop and a task raced, taken back, undone and crashed, in a folder of its own
    Tour(TourArgs),
    /// Load an example of a workshop, a task or a workflow, to look at and to play with
    #[command(
        after_help = "There is one of each kind: asked again, this leads to the one that is there.\n\nExamples:\n  restage example workshop\n  restage example workflow"
    )]
    Example(ExampleArgs),
    /// Print completions for a shell
    #[command(after_help = "Example:\n  restage completions bash > ~/.local/share/bash-completion/completions/restage")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// How a verb that goes back or overrules is applied.
#[derive(Clone, Debug, Args)]
pub struct ApplyArgs {
    /// Do exactly what this plan said; refused if anything changed since
    #[arg(long, value_name = "TOKEN")]
    pub plan: Option<String>,
    /// Do it once, however often it is asked under this key
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

/// What a command does to what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// It only looks.
    Looks,
    /// It goes back or overrules: there is something to be shown beforehand.
    GoesBack,
    /// It goes forward.
    Acts,
}

impl Command {
    /// What it does.
    pub fn does(&self) -> Does {
        match self {
            Self::Workshop(verb) => verb.does(),
            Self::Task(args) => args.verb.does(),
            Self::Token(verb) => verb.does(),
            Self::Worker(_) => Does::Acts,
            Self::Workflow(verb) => verb.does(),
            Self::Batch(verb) => verb.does(),
            Self::Queue(_) | Self::Stuck(_) => Does::Looks,
            Self::Audit(_) | Self::Events(_) => Does::Looks,
            Self::Repo(RepoVerb::Add { .. }) | Self::Backup(_) | Self::Restore(_) | Self::Serve(_) => Does::Acts,
            Self::Example(_) => Does::Acts,
            Self::Repo(RepoVerb::List) | Self::Template(_) | Self::Tier(_) | Self::Agent(_) => Does::Looks,
            // The tour works in a folder of its own.
            Self::Verify(_) | Self::Tour(_) | Self::Completions { .. } => Does::Looks,
        }
    }
}

/// What a backup needs to know.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file to write; it must not exist
    pub file: PathBuf,
}

/// What a restore needs to know.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The backup
    pub file: PathBuf,
    /// The new data folder; it must be empty or not exist
    #[arg(long, value_name = "DIR")]
    pub into: PathBuf,
    /// As it was at this time, like 2026-11-21T12:00:00Z [default: the newest in it]
    #[arg(long, value_name = "TIME", conflicts_with = "position")]
    pub until: Option<String>,
    /// As it was at this position of the log
    #[arg(long, value_name = "N")]
    pub position: Option<u64>,
}

/// What a check needs to know.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A backup; the data folder if none is given
    pub file: Option<PathBuf>,
    /// And check that what is kept for each workshop and task fits together; opens the folder
    #[arg(long, conflicts_with = "file")]
    pub deep: bool,
}

/// What the tour needs to know.
#[derive(Debug, Args)]
pub struct TourArgs {
    /// Keep the folder, and try things in it
    #[arg(long)]
    pub keep: bool,
}

/// What holds for a command, with what was left open filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The data folder.
    pub data: PathBuf,
    /// Who asks.
    pub by: String,
}

impl Global {
    /// Fills in what was left open. `variable` reads the environment; `data_folder` is the user's, if there is one.
    pub fn settings(
        &self,
        variable: impl Fn(&str) -> Option<String>,
        data_folder: impl Fn() -> Option<PathBuf>,
    ) -> Option<Settings> {
        let login = || ["LOGNAME", "USER"].into_iter().filter_map(&variable).find(|name| !name.is_empty());
        let by = self.by.clone().or_else(login).unwrap_or_else(|| "unknown".into());
        let data = self.data.clone().or_else(|| Some(data_folder()?.join("restage")))?;
        Some(Settings { data, by })
    }
}

#[cfg(test)]
mod tests;
