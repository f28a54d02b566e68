//! What `restage serve` takes.

use std::path::PathBuf;

use clap::Args;

use super::AgentsArgs;

/// What a server needs to know. All of it can also be in its file, and in the environment.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The address to listen on; port 0 takes a free one [default: 127.0.0.1:7878]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// The file with its settings [default: server.toml in the data folder, else in restage in the user's configuration
    /// folder, if there is one]
    #[arg(long, value_name = "FILE", env = "RESTAGE_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// What goes into the log: error, warn, info, debug, or a filter like restage=debug [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub log: Option<String>,
    /// Read the settings, say what they come to, and do nothing else
    #[arg(long)]
    pub check: bool,
    /// Which programs work on tasks
    #[command(flatten)]
    pub agents: AgentsArgs,
}
