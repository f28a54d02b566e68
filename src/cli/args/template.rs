//! `restage template`.

use std::path::PathBuf;

use clap::Subcommand;

/// What can be done with templates.
#[derive(Debug, Subcommand)]
pub enum TemplateVerb {
    /// List the templates that come with the program
    List,
    /// Print a template, as a start for one of your own
    #[command(after_help = "Example:\n  restage template show design-thinking > mine.toml")]
    Show {
        /// Its name
        name: String,
    },
    /// Check a template file, without making a workshop from it
    Check {
        /// The file
        file: PathBuf,
    },
}
