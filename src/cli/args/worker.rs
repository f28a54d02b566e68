//! `restage worker`.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::duration::duration;

const RUN_HELP: &str = "\
The command gets the task as JSON on its standard input, and what it is about in RESTAGE_WORKFLOW, RESTAGE_TASK, \
RESTAGE_QUEUE, RESTAGE_GATE and RESTAGE_ATTEMPT. Its standard output is the result: JSON if it is JSON, else a text; a \
number `safety_score` in it is handed in as such. If it ends with 75 the task is tried again, with any other number but 0 \
it failed, and the last lines of its standard error say why. It is ended with all that it started when its time is over, \
or when the task is taken from it. SIGTERM lets work under way come to its end; a second one ends it.

Examples:
  restage worker run --queue fe -- ./build-frontend
  restage worker run --queue fe --queue be --parallel 4 --lease 2m -- sh -c 'jq .input | ./work'
  RESTAGE_TOKEN=... restage worker run --server https://restage.example.org --queue qa --once -- pytest --json";

/// What can be done with workers.
#[derive(Debug, Subcommand)]
pub enum WorkerVerb {
    /// Take tasks from queues, run a command for each, and hand in what it puts out
    #[command(after_help = RUN_HELP)]
    Run(RunArgs),
}

/// `run`
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// The queue to take tasks from; give it again for more
    #[arg(long, value_name = "QUEUE", required = true)]
    pub queue: Vec<String>,
    /// The worker's name [default: the machine's name and the number of the process]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// How long a task stays ours without a sign of life
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub lease: Duration,
    /// End after one task
    #[arg(long)]
    pub once: bool,
    /// How many tasks to work on at the same time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub parallel: u16,
    /// How long work under way may go on when the worker is to end
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub grace: Duration,
    /// The command, and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}
