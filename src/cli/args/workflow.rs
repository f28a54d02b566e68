//! `restage workflow`, `queue`, `stuck` and `batch`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::duration::duration;
use super::{ApplyArgs, Does};

const EXAMPLES: &str = "\
Examples:
  restage workflow start release-7 --title \"Release 7\" --story rel-7
  restage workflow add release-7 --queue fe --title \"Build the page\" --input '{\"page\": \"login\"}'
  restage workflow run release-7
  restage worker run --queue fe -- ./build        elsewhere: a worker
  restage workflow show release-7
  restage workflow reset release-7 plan-approved --dry-run
  restage workflow undo release-7";

const RESET_HELP: &str = "\
The gate and all after it start over. Leases on their tasks are void at once: what their workers still hand in is kept as \
an orphan. On a terminal the plan is shown and confirmed; elsewhere give --yes, or --plan with the token of a preview. It \
can be undone.

Examples:
  restage workflow reset release-7                       the gate it stands before
  restage workflow reset release-7 plan-approved --dry-run
  restage workflow reset release-7 2 --keep-results --yes --reason \"Wrong plan\"";

/// What can be done with workflows.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum WorkflowVerb {
    /// Make a workflow; it stands before its first gate
    #[command(after_help = "Examples:\n  restage workflow start release-7 --title \"Release 7\" --story rel-7\n  \
                      restage workflow start release-7 --template mine.toml")]
    Start(StartArgs),
    /// List the workflows
    #[command(visible_alias = "ls", after_help = "Example:\n  restage workflow list")]
    List,
    /// Show a workflow with its gates
    #[command(after_help = "Example:\n  restage workflow show release-7")]
    Show(OneArgs),
    /// Have it go on by itself from gate to gate, until one needs somebody
    #[command(
        after_help = "Examples:\n  restage workflow run release-7\n  restage workflow run release-7 --until plan-approved"
    )]
    Run(RunArgs),
    /// End its run: nothing more is handed out; workers at work may hand in
    #[command(after_help = "Example:\n  restage workflow stop release-7")]
    Stop(IdArgs),
    /// Hand out a task at the gate it stands before
    #[command(after_help = "Examples:\n  restage workflow add release-7 --queue fe --title \"Build the page\"\n  \
                      restage workflow add release-7 --queue qa --title Test --input-file input.json --priority 9")]
    Add(AddArgs),
    /// List its tasks, or show one with its result
    #[command(
        after_help = "Examples:\n  restage workflow tasks release-7 --status failed\n  restage workflow tasks release-7 3-fe-5-1"
    )]
    Tasks(TasksArgs),
    /// List the results that workers handed in
    #[command(after_help = "Example:\n  restage workflow results release-7 --gate plan-approved")]
    Results(ResultsArgs),
    /// Give your word for the gate it stands before
    #[command(after_help = "Example:\n  restage workflow approve release-7 plan-approved")]
    Approve(GateArgs),
    /// Take the word for the gate back; say why with --reason
    #[command(after_help = "Example:\n  restage workflow reject release-7 plan-approved --reason \"Too vague\"")]
    Reject(GateArgs),
    /// Take a task from its worker: it is handed out again at once
    #[command(after_help = "Example:\n  restage workflow release release-7 3-fe-5-1")]
    Release(TaskArgs),
    /// Hand a task out again that failed, or was blocked
    #[command(after_help = "Example:\n  restage workflow retry release-7 3-fe-5-1")]
    Retry(TaskArgs),
    /// End a task without a result: its gate does not wait for it
    #[command(after_help = "Example:\n  restage workflow cancel release-7 3-fe-5-1")]
    Cancel(TaskArgs),
    /// Go back to a gate
    #[command(after_help = RESET_HELP)]
    Reset(ResetArgs),
    /// Show what a verb would do, and the token to do exactly that
    #[command(after_help = "Examples:\n  restage workflow preview release-7 reset plan-approved\n  \
                      restage workflow preview release-7 undo 3")]
    Preview(PreviewArgs),
    /// Take back the last reset or undo
    #[command(
        after_help = "Examples:\n  restage workflow undo release-7\n  restage workflow undo release-7 3 --dry-run"
    )]
    Undo(UndoArgs),
    /// Show who did what when, and why
    #[command(after_help = "Example:\n  restage workflow history release-7")]
    History(HistoryArgs),
    /// List work that came too late, or show one piece of it
    #[command(after_help = "Examples:\n  restage workflow orphans release-7\n  restage workflow orphans release-7 3")]
    Orphans(OrphansArgs),
    /// Take in work that came too late, or throw it away
    #[command(subcommand)]
    Orphan(OrphanVerb),
    /// Delete what was put aside, for good; it can't be undone
    #[command(after_help = "Example:\n  restage workflow purge release-7 --dry-run")]
    Purge(PurgeArgs),
    /// Look at the templates that workflows are made from
    #[command(subcommand)]
    Template(FlowTemplateVerb),
}

/// What can be done with late work.
#[derive(Clone, Debug, Subcommand)]
pub enum OrphanVerb {
    /// Take an orphan into the workflow as it is now
    #[command(after_help = "Example:\n  restage workflow orphan adopt release-7 3")]
    Adopt(OrphanArgs),
    /// Throw an orphan away
    #[command(after_help = "Example:\n  restage workflow orphan discard release-7 3")]
    Discard(OrphanArgs),
}

/// What can be done with templates of workflows.
#[derive(Clone, Debug, Subcommand)]
pub enum FlowTemplateVerb {
    /// List the templates that come with the program
    #[command(visible_alias = "ls", after_help = "Example:\n  restage workflow template list")]
    List,
    /// Print a template, as a start for one of your own; a file is checked first
    #[command(
        after_help = "Examples:\n  restage workflow template show delivery > mine.toml\n  restage workflow template show mine.toml"
    )]
    Show {
        /// Its name, or a file
        template: String,
    },
}

impl WorkflowVerb {
    /// What it does.
    pub fn does(&self) -> Does {
        match self {
            Self::List | Self::Show(_) | Self::Tasks(_) | Self::Results(_) | Self::Preview(_) => Does::Looks,
            Self::History(_) | Self::Orphans(_) | Self::Template(_) => Does::Looks,
            Self::Reset(_) | Self::Undo(_) | Self::Purge(_) | Self::Orphan(OrphanVerb::Discard(_)) => Does::GoesBack,
            Self::Start(_) | Self::Run(_) | Self::Stop(_) | Self::Add(_) | Self::Approve(_) => Does::Acts,
            Self::Reject(_) | Self::Release(_) | Self::Retry(_) | Self::Cancel(_) => Does::Acts,
            Self::Orphan(OrphanVerb::Adopt(_)) => Does::Acts,
        }
    }
}

/// A workflow, to be looked at.
#[derive(Clone, Debug, Args)]
pub struct OneArgs {
    /// The workflow
    pub workflow: String,
}

/// A workflow.
#[derive(Clone, Debug, Args)]
pub struct IdArgs {
    /// The workflow
    pub workflow: String,
    /// Do it once, however often it is asked under this key
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

/// `start`
#[derive(Clone, Debug, Args)]
pub struct StartArgs {
    /// The workflow's id: letters, digits, '.', '_' and '-'
    pub workflow: String,
    /// What it is about, in a line [default: the id]
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// The story that it belongs to [default: the id]
    #[arg(long, value_name = "STORY")]
    pub story: Option<String>,
    /// Its gates: a name that `restage workflow template list` shows, or a file
    #[arg(long, value_name = "NAME|FILE", default_value = "delivery")]
    pub template: String,
    /// Do it once, however often it is asked under this key
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

/// `run`
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// The workflow
    #[command(flatten)]
    pub of: IdArgs,
    /// Up to and including this gate [default: all]
    #[arg(long, value_name = "GATE")]
    pub until: Option<String>,
}

/// `add`
#[derive(Clone, Debug, Args)]
pub struct AddArgs {
    /// The workflow
    #[command(flatten)]
    pub of: IdArgs,
    /// The queue that it goes to
    #[arg(long, value_name = "QUEUE")]
    pub queue: String,
    /// What is to be done, in a line
    #[arg(long, value_name = "TEXT")]
    pub title: String,
    /// What the worker needs, as JSON
    #[arg(long, value_name = "JSON")]
    pub input: Option<String>,
    /// The same, from a file; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "input")]
    pub input_file: Option<PathBuf>,
    /// 0 to 10; the highest goes first
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub priority: u8,
    /// How often it is tried
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub attempts: u32,
    /// How long one attempt may take
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    pub time_out: Duration,
}

/// `tasks`
#[derive(Clone, Debug, Args)]
pub struct TasksArgs {
    /// The workflow
    pub workflow: String,
    /// Show this one in full
    pub task: Option<String>,
    /// Of this gate only
    #[arg(long, value_name = "GATE")]
    pub gate: Option<String>,
    /// Of this queue only
    #[arg(long, value_name = "QUEUE")]
    pub queue: Option<String>,
    /// Of this status only
    #[arg(long, value_name = "STATUS")]
    pub status: Option<TaskWord>,
}

/// How a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TaskWord {
    /// Nobody has it
    Queued,
    /// A worker has it
    Leased,
    /// It rests before it is tried again
    Waiting,
    /// It failed as often as it may
    Failed,
    /// It has a result
    Done,
    /// It was ended without a result
    Cancelled,
}

/// `results`
#[derive(Clone, Debug, Args)]
pub struct ResultsArgs {
    /// The workflow
    pub workflow: String,
    /// Of this gate only
    #[arg(long, value_name = "GATE")]
    pub gate: Option<String>,
}

/// A gate of a workflow.
#[derive(Clone, Debug, Args)]
pub struct GateArgs {
    /// The workflow
    #[command(flatten)]
    pub of: IdArgs,
    /// The gate [default: the one it stands before]
    pub gate: Option<String>,
}

/// A task of a workflow.
#[derive(Clone, Debug, Args)]
pub struct TaskArgs {
    /// The workflow
    #[command(flatten)]
    pub of: IdArgs,
    /// The task, as `restage workflow tasks` names it
    pub task: String,
}

/// What a reset clears.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct KeepArgs {
    /// Keep the tasks: those without a result are handed out again
    #[arg(long)]
    pub keep_tasks: bool,
    /// Keep the results
    #[arg(long)]
    pub keep_results: bool,
}

/// `reset`
#[derive(Clone, Debug, Args)]
pub struct ResetArgs {
    /// The workflow
    pub workflow: String,
    /// The gate, by its name or its number [default: the one it stands before]
    pub gate: Option<String>,
    /// What is cleared
    #[command(flatten)]
    pub keep: KeepArgs,
    /// How it is applied
    #[command(flatten)]
    pub apply: ApplyArgs,
}

/// `preview`
#[derive(Clone, Debug, Args)]
pub struct PreviewArgs {
    /// The workflow
    pub workflow: String,
    /// The verb
    pub verb: VerbName,
    /// The gate to reset to, or the undo point to take back
    pub at: Option<String>,
    /// What is cleared
    #[command(flatten)]
    pub keep: KeepArgs,
}

/// A verb that has a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VerbName {
    /// Go back to a gate
    Reset,
    /// Take a verb back
    Undo,
    /// Delete what was put aside
    Purge,
}

/// `undo`
#[derive(Clone, Debug, Args)]
pub struct UndoArgs {
    /// The workflow
    pub workflow: String,
    /// The undo point, as the history shows it [default: the last]
    pub point: Option<u64>,
    /// How it is applied
    #[command(flatten)]
    pub apply: ApplyArgs,
}

/// `history`
#[derive(Clone, Debug, Args)]
pub struct HistoryArgs {
    /// The workflow
    pub workflow: String,
    /// The most entries, newest first
    #[arg(long, short = 'm', value_name = "N", default_value_t = 50)]
    pub most: usize,
}

/// `orphans`
#[derive(Clone, Debug, Args)]
pub struct OrphansArgs {
    /// The workflow
    pub workflow: String,
    /// Show this one in full
    pub number: Option<u64>,
}

/// One orphan.
#[derive(Clone, Debug, Args)]
pub struct OrphanArgs {
    /// The workflow
    pub workflow: String,
    /// The orphan's number
    pub number: u64,
    /// Do it once, however often it is asked under this key
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

/// `purge`
#[derive(Clone, Debug, Args)]
pub struct PurgeArgs {
    /// The workflow
    pub workflow: String,
    /// How it is applied
    #[command(flatten)]
    pub apply: ApplyArgs,
}

/// What can be done with queues.
#[derive(Clone, Debug, Subcommand)]
pub enum QueueVerb {
    /// List the queues: who has work in them, since when, and how many workers ask for it
    #[command(visible_alias = "ls", after_help = "Example:\n  restage queue list")]
    List,
    /// Show how much work is in a queue, by priority
    #[command(after_help = "Example:\n  restage queue show fe")]
    Show {
        /// The queue
        queue: String,
    },
}

/// `restage stuck`
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  restage stuck\n  restage stuck --kind workflow --patience 2m --json")]
pub struct StuckArgs {
    /// Only of this kind: workshop, task, workflow or queue
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// How long something may rest before it is called stuck
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub patience: Duration,
}

/// What can be done with batches.
#[derive(Clone, Debug, Subcommand)]
pub enum BatchVerb {
    /// Reset many workflows, or a step of many workshops; it goes on after a crash, and can be undone
    #[command(after_help = "Examples:\n  restage batch reset spring wf-1 wf-2 wf-3 --to 2 --reason \"Wrong plan\"\n  \
                      restage batch reset ideas ws-1 ws-2 --step challenge --dry-run")]
    Reset(BatchResetArgs),
    /// List the batches
    #[command(visible_alias = "ls", after_help = "Example:\n  restage batch list")]
    List,
    /// Show a batch, and what became of each target
    #[command(after_help = "Example:\n  restage batch show spring --failed")]
    Show {
        /// The batch
        batch: String,
        /// Only targets that refused it
        #[arg(long)]
        failed: bool,
    },
    /// End a batch before all targets were dealt with
    #[command(after_help = "Example:\n  restage batch cancel spring")]
    Cancel {
        /// The batch
        batch: String,
    },
    /// Take back what a batch did, the last target first
    #[command(after_help = "Example:\n  restage batch undo spring-back spring")]
    Undo {
        /// The id of the new batch that does it
        batch: String,
        /// The batch that is taken back
        other: String,
    },
}

/// `batch reset`
#[derive(Clone, Debug, Args)]
pub struct BatchResetArgs {
    /// The batch's id: letters, digits, '.', '_' and '-'
    pub batch: String,
    /// The workflows, or workshops where a step is named
    #[arg(required = true)]
    pub targets: Vec<String>,
    /// The gate, by its number [default: the one that each stands before]
    #[arg(long, value_name = "N", conflicts_with = "step")]
    pub to: Option<u16>,
    /// Reset this step of workshops
    #[arg(long, value_name = "STEP", conflicts_with_all = ["keep_tasks", "keep_results"])]
    pub step: Option<String>,
    /// What is cleared
    #[command(flatten)]
    pub keep: KeepArgs,
    /// How it is applied
    #[command(flatten)]
    pub apply: ApplyArgs,
}

impl BatchVerb {
    /// What it does.
    pub fn does(&self) -> Does {
        match self {
            Self::List | Self::Show { .. } => Does::Looks,
            Self::Reset(_) => Does::GoesBack,
            Self::Cancel { .. } | Self::Undo { .. } => Does::Acts,
        }
    }
}
