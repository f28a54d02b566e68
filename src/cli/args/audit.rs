//! `restage audit`.

use clap::Args;

const HELP: &str = "\
Entries come by kind, id and turn. With --json each is a line; its last field is the SHA-256 of the line without that field, \
and the next entry of the same entity names it in `previous`. `restage verify --deep` checks all of them.

Examples:
  restage audit
  restage audit workflow release-7
  restage audit --verb reset --who ann --json > audit.ndjson";

/// `restage audit`
#[derive(Clone, Debug, Args)]
#[command(after_help = HELP)]
pub struct AuditArgs {
    /// Only of this kind: workshop, task, workflow, batch, access, ...
    pub kind: Option<String>,
    /// Only of this entity
    pub id: Option<String>,
    /// Only this verb, like reset, undo or purge
    #[arg(long, value_name = "VERB")]
    pub verb: Option<String>,
    /// Only by this one
    #[arg(long, value_name = "NAME")]
    pub who: Option<String>,
}
