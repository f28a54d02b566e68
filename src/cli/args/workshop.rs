//! `restage workshop`: the verb, then the workshop, then the step.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{ApplyArgs, Does};

const EXAMPLES: &str = "\
Examples:
  restage workshop new garden --title \"Our garden\"
  restage workshop say garden challenge \"The well is dry\"
  restage workshop next garden --summary \"One well\" --summary \"No rain since May\" --summary \"Neighbours help\"
  restage workshop preview garden reset challenge
  restage workshop reset garden challenge --plan 3f9ac2d1007be654 --reason \"Wrong question\"
  restage workshop undo garden";

const RESET_HELP: &str = "\
The step's messages, artifact and summary are archived, and the steps made from it are stale. On a terminal the plan is \
shown and confirmed; elsewhere give --yes, or --plan with the token of a preview. It can be undone.

Examples:
  restage workshop reset garden challenge
  restage workshop reset garden challenge --dry-run
  restage workshop reset garden challenge --yes --reason \"Wrong question\"";

const IMPORT_HELP: &str = "\
Layouts: JSON Lines of {\"id\", \"role\", \"content\"}; JSON Lines of chat messages; {\"messages\": [...]} or the array alone. \
A file is checked as a whole before any of it is saved. JSON Lines from standard input are saved as they come; with \
--json, one line a message says that it is on disk: {\"id\", \"outcome\", \"revision\"}. Importing again is harmless.

Examples:
  restage workshop import garden challenge chat.jsonl
  tail -f chat.jsonl | restage workshop import garden challenge - --json";

/// What can be done with workshops.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum WorkshopVerb {
    /// Make a workshop from a template
    New(NewArgs),
    /// List the workshops
    #[command(visible_alias = "ls")]
    List,
    /// Show a workshop's steps, or one step with its conversation, artifact and summary
    Show(ShowArgs),
    /// Go to a step that was begun; says which one it leads to
    Open(OpenArgs),
    /// Say something in a step; it is on disk when the command ends
    Say(SayArgs),
    /// Say something to the facilitator, which answers it
    Ask(AskArgs),
    /// Have the facilitator make a step's artifact from the conversation
    Extract(ExtractArgs),
    /// Save messages as they stream in, as drafts: on disk within seconds, and when the command ends
    Save(SaveArgs),
    /// Put all drafts on disk now
    Flush(IdArgs),
    /// Complete a step and begin the next one
    Next(NextArgs),
    /// Go back a step; changes nothing
    Back(OptionalStepArgs),
    /// Show a step's artifact, or write a new version of it
    Artifact(ArtifactArgs),
    /// Confirm a step's artifact
    Confirm(ConfirmArgs),
    /// Show a step's summary, or write it
    Summary(SummaryArgs),
    /// Start a step over: its content is archived
    #[command(after_help = RESET_HELP)]
    Reset(WentBackArgs),
    /// Reopen a complete step: its content stays
    Revise(ReviseArgs),
    /// Call a stale step fresh as it is; needs --reason
    Accept(WentBackArgs),
    /// Show what a verb would do, and the token to do exactly that
    Preview(PreviewArgs),
    /// Take back the last reset, revise, accept or undo
    Undo(UndoArgs),
    /// Show who did what when, and why
    History(HistoryArgs),
    /// List work that came too late, or show one piece of it
    Orphans(OrphansArgs),
    /// Take an orphan into the step as it is now
    Adopt(OrphanArgs),
    /// Throw an orphan away
    Discard(OrphanArgs),
    /// Delete what was archived, for good; it can't be undone
    Purge(PurgeArgs),
    /// Let a workshop rest
    Pause(IdArgs),
    /// Go on after a pause
    Resume(IdArgs),
    /// Read a conversation from a file into a step
    Import(ImportArgs),
    /// Write a step's conversation to a file; an imported one byte for byte
    Export(ExportArgs),
}

impl WorkshopVerb {
    /// What it does.
    pub fn does(&self) -> Does {
        match self {
            Self::List | Self::Show(_) | Self::Preview(_) | Self::History(_) | Self::Orphans(_) => Does::Looks,
            Self::Open(OpenArgs { sub_step: None, .. }) | Self::Back(_) | Self::Export(_) => Does::Looks,
            Self::Artifact(ArtifactArgs { file: None, .. }) => Does::Looks,
            Self::Summary(args) if args.points.is_empty() => Does::Looks,
            Self::Reset(_) | Self::Revise(_) | Self::Accept(_) | Self::Undo(_) => Does::GoesBack,
            Self::Discard(_) | Self::Purge(_) => Does::GoesBack,
            Self::New(_)
            | Self::Open(_)
            | Self::Say(_)
            | Self::Ask(_)
            | Self::Save(_)
            | Self::Flush(_)
            | Self::Next(_) => Does::Acts,
            Self::Artifact(_) | Self::Confirm(_) | Self::Summary(_) | Self::Adopt(_) => Does::Acts,
            Self::Pause(_) | Self::Resume(_) | Self::Import(_) | Self::Extract(_) => Does::Acts,
        }
    }
}

/// A workshop.
#[derive(Clone, Debug, Args)]
pub struct IdArgs {
    /// The workshop
    pub workshop: String,
    /// Do it once, however often it is asked under this key
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

/// A step of a workshop.
#[derive(Clone, Debug, Args)]
pub struct StepArgs {
    /// The workshop
    pub workshop: String,
    /// The step
    pub step: String,
}

/// A workshop, and a step of it if it is not the current one.
#[derive(Clone, Debug, Args)]
pub struct OptionalStepArgs {
    /// The workshop
    pub workshop: String,
    /// The step, if it is not the current one
    pub step: Option<String>,
}

/// How a writer names what it saw, so that nothing is written over what it did not see.
#[derive(Clone, Debug, Args)]
pub struct FenceArgs {
    /// The step's generation that this is for; refused, and kept as an orphan, if it is not the current one
    #[arg(long, value_name = "N")]
    pub generation: Option<u64>,
    /// Do it once, however often it is asked under this key
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

/// A verb that goes back or overrules.
#[derive(Clone, Debug, Args)]
pub struct WentBackArgs {
    /// The step
    #[command(flatten)]
    pub step: StepArgs,
    /// How it is applied
    #[command(flatten)]
    pub apply: ApplyArgs,
}

/// `new`
#[derive(Clone, Debug, Args)]
pub struct NewArgs {
    /// The workshop's id: letters, digits, '.', '_' and '-'
    pub workshop: String,
    /// Its title [default: the id]
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// The template: a name that `restage template list` shows, or a file
    #[arg(long, value_name = "NAME|FILE", default_value = "design-thinking")]
    pub template: String,
    /// Do it once, however often it is asked under this key
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

/// `show`
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// What to show
    #[command(flatten)]
    pub of: OptionalStepArgs,
    /// The step as it was in an older generation, as long as that is kept
    #[arg(long, value_name = "N", requires = "step")]
    pub generation: Option<u64>,
}

/// `open`
#[derive(Clone, Debug, Args)]
pub struct OpenArgs {
    /// The step
    #[command(flatten)]
    pub step: StepArgs,
    /// And choose this sub-step
    #[arg(long, value_name = "NAME")]
    pub sub_step: Option<String>,
}

/// `say`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  restage workshop say garden challenge \"The well is dry\"
  fortune | restage workshop say garden ideation -")]
pub struct SayArgs {
    /// The step
    #[command(flatten)]
    pub step: StepArgs,
    /// What to say; - to read it from standard input
    pub text: String,
    /// Who speaks
    #[arg(long = "as", value_name = "ROLE", default_value = "user")]
    pub role: Speaker,
    /// The message's id [default: a new one]
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Put it in the place of the message of this id
    #[arg(long, requires = "id")]
    pub replace: bool,
    /// The conversation within the step
    #[arg(long, value_name = "NAME")]
    pub session: Option<String>,
    /// What the writer saw
    #[command(flatten)]
    pub fence: FenceArgs,
}

/// `ask`
#[derive(Clone, Debug, Args)]
#[command(after_help = "The answer is a message of the step, made by `restage serve`: see `restage workshop show`.")]
pub struct AskArgs {
    /// The step
    #[command(flatten)]
    pub step: StepArgs,
    /// What to say; - to read it from standard input
    pub text: String,
    /// The message's id; the same again tries an answer again that came to nothing [default: a new one]
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// The conversation within the step
    #[arg(long, value_name = "NAME")]
    pub session: Option<String>,
    /// What the writer saw
    #[command(flatten)]
    pub fence: FenceArgs,
}

/// `extract`
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "The artifact comes as a new version, made by `restage serve`: see `restage workshop artifact`."
)]
pub struct ExtractArgs {
    /// The step
    #[command(flatten)]
    pub step: StepArgs,
    /// What the writer saw
    #[command(flatten)]
    pub fence: FenceArgs,
}

/// Who speaks in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Speaker {
    /// A person
    User,
    /// The facilitator
    Assistant,
    /// Instructions
    System,
    /// What a tool gave the facilitator
    Tool,
}

/// `save`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Each line is a message: {\"id\": \"m1\", \"role\": \"user\", \"content\": \"Hello\"}. Saving an id again is harmless; a longer \
text takes the place of a shorter one while \"finished\" is false. Drafts are written together after 2 s of quiet, after \
10 s at most, before anything else that happens to the workshop, and when the command ends or is interrupted.

Example:
  tail -f chat.jsonl | restage workshop save garden challenge -")]
pub struct SaveArgs {
    /// The step
    #[command(flatten)]
    pub step: StepArgs,
    /// JSON Lines; - for standard input
    pub file: PathBuf,
    /// The conversation within the step
    #[arg(long, value_name = "NAME")]
    pub session: Option<String>,
    /// The step's generation that this is for; refused, and kept as an orphan, if it is not the current one
    #[arg(long, value_name = "N")]
    pub generation: Option<u64>,
}

/// `next`
#[derive(Clone, Debug, Args)]
pub struct NextArgs {
    /// The step that is done
    #[command(flatten)]
    pub of: OptionalStepArgs,
    /// A point of its summary; give three or four
    #[arg(long = "summary", value_name = "POINT")]
    pub points: Vec<String>,
    /// What the writer saw
    #[command(flatten)]
    pub fence: FenceArgs,
}

/// `artifact`
#[derive(Clone, Debug, Args)]
pub struct ArtifactArgs {
    /// The step
    #[command(flatten)]
    pub step: StepArgs,
    /// A JSON file with the new version, - for standard input; without it the artifact is shown
    pub file: Option<PathBuf>,
    /// The version that this changes, 0 for none; refused if there is a newer one
    #[arg(long, value_name = "N", requires = "file")]
    pub expect: Option<u64>,
    /// What the writer saw
    #[command(flatten)]
    pub fence: FenceArgs,
}

/// `confirm`
#[derive(Clone, Debug, Args)]
pub struct ConfirmArgs {
    /// The step
    #[command(flatten)]
    pub step: StepArgs,
    /// The version that is confirmed; refused if there is a newer one
    #[arg(long, value_name = "N")]
    pub expect: Option<u64>,
    /// What the writer saw
    #[command(flatten)]
    pub fence: FenceArgs,
}

/// `summary`
#[derive(Clone, Debug, Args)]
pub struct SummaryArgs {
    /// The step
    #[command(flatten)]
    pub step: StepArgs,
    /// Three or four points; without them the summary is shown
    pub points: Vec<String>,
    /// What the writer saw
    #[command(flatten)]
    pub fence: FenceArgs,
}

/// `revise`
#[derive(Clone, Debug, Args)]
pub struct ReviseArgs {
    /// The step
    #[command(flatten)]
    pub step: StepArgs,
    /// What should be different, said in the step's conversation
    #[arg(long, short, value_name = "TEXT")]
    pub message: Option<String>,
    /// How it is applied
    #[command(flatten)]
    pub apply: ApplyArgs,
}

/// `preview`
#[derive(Clone, Debug, Args)]
pub struct PreviewArgs {
    /// The workshop
    pub workshop: String,
    /// The verb
    pub verb: VerbName,
    /// The step, for all but undo and purge
    #[arg(required_if_eq_any = [("verb", "reset"), ("verb", "revise"), ("verb", "accept")])]
    pub step: Option<String>,
    /// The undo point [default: the last]
    #[arg(long, value_name = "N", conflicts_with = "step")]
    pub point: Option<u64>,
}

/// A verb that has a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VerbName {
    /// Start a step over
    Reset,
    /// Reopen a complete step
    Revise,
    /// Call a stale step fresh
    Accept,
    /// Take a verb back
    Undo,
    /// Delete what was archived
    Purge,
}

/// `undo`
#[derive(Clone, Debug, Args)]
pub struct UndoArgs {
    /// The workshop
    pub workshop: String,
    /// The undo point, as the history shows it [default: the last]
    pub point: Option<u64>,
    /// How it is applied
    #[command(flatten)]
    pub apply: ApplyArgs,
}

/// `history`
#[derive(Clone, Debug, Args)]
pub struct HistoryArgs {
    /// The workshop
    pub workshop: String,
    /// The most entries, newest first
    #[arg(long, short = 'm', value_name = "N", default_value_t = 50)]
    pub most: usize,
}

/// `orphans`
#[derive(Clone, Debug, Args)]
pub struct OrphansArgs {
    /// The workshop
    pub workshop: String,
    /// Show this one in full
    pub number: Option<u64>,
}

/// One orphan.
#[derive(Clone, Debug, Args)]
pub struct OrphanArgs {
    /// The workshop
    pub workshop: String,
    /// The orphan's number
    pub number: u64,
    /// Do it once, however often it is asked under this key
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

/// `purge`
#[derive(Clone, Debug, Args)]
pub struct PurgeArgs {
    /// The workshop
    pub workshop: String,
    /// How it is applied
    #[command(flatten)]
    pub apply: ApplyArgs,
}

/// `import`
#[derive(Clone, Debug, Args)]
#[command(after_help = IMPORT_HELP)]
pub struct ImportArgs {
    /// The step
    #[command(flatten)]
    pub step: StepArgs,
    /// The file; - for standard input
    #[arg(default_value = "-")]
    pub file: PathBuf,
    /// The conversation within the step
    #[arg(long, value_name = "NAME")]
    pub session: Option<String>,
    /// The step's generation that this is for; refused, and kept as an orphan, if it is not the current one
    #[arg(long, value_name = "N")]
    pub generation: Option<u64>,
}

/// `export`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Example:
  restage workshop export garden challenge | cmp - chat.jsonl")]
pub struct ExportArgs {
    /// The step
    #[command(flatten)]
    pub step: StepArgs,
    /// The file; - for standard output
    #[arg(default_value = "-")]
    pub file: PathBuf,
    /// The conversation within the step
    #[arg(long, value_name = "NAME")]
    pub session: Option<String>,
    /// As it was in an older generation, as long as that is kept
    #[arg(long, value_name = "N")]
    pub generation: Option<u64>,
}
