//! `restage events`.

use clap::Args;

const HELP: &str = "\
Prints what happened, oldest first; with --follow, what happens from now on, until Ctrl-C. Each event has an offset: give \
the last one that you have with --after, and nothing is missed and nothing repeated. With --json, one line an event.

Examples:
  restage events --kind workflow --id release-7
  restage events --follow --type workflow.reset --type task.stage_changed
  restage events --after 1234.1 --json | jq -r .type";

/// `restage events`
#[derive(Clone, Debug, Args)]
#[command(after_help = HELP)]
pub struct EventsArgs {
    /// Go on with what happens; asks a server, and waits for it when it is gone
    #[arg(long, short)]
    pub follow: bool,
    /// Only events of this kind: workshop, task, workflow, ...; give it again for more
    #[arg(long, value_name = "KIND")]
    pub kind: Vec<String>,
    /// Only events of what has this id; give it again for more
    #[arg(long, value_name = "ID")]
    pub id: Vec<String>,
    /// Only events of this type, like workshop.step_reset; give it again for more
    #[arg(long = "type", value_name = "TYPE")]
    pub types: Vec<String>,
    /// Those after this offset [default: all that are kept; with --follow, from now on]
    #[arg(long, value_name = "OFFSET")]
    pub after: Option<String>,
}
