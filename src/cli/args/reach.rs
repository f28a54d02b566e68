//! What a command reaches: which machine it is carried out on, which files it takes from whoever typed it, and what
//! it needs to be allowed.

use std::path::{Path, PathBuf};

use super::task::{NewArgs as NewTaskArgs, TaskVerb};
use super::workflow::{AddArgs, BatchVerb, StartArgs, WorkflowVerb};
use super::workshop::{
    ArtifactArgs, ExportArgs, ImportArgs, NewArgs as NewWorkshopArgs, SaveArgs, SayArgs, WorkshopVerb,
};
use super::{Command, Does, RepoVerb};
use crate::api::access::Role;
use crate::cli::template::names_a_file;

/// What a command reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing but the program and files of whoever typed it.
    Files,
    /// A data folder, wherever it is: a server that holds it carries the command out.
    Folder,
    /// A server, by itself.
    Server,
    /// A data folder of this machine that nobody holds, or one of its own.
    FreeFolder,
}

impl Command {
    /// What it reaches.
    pub fn reach(&self) -> Reach {
        match self {
            Self::Template(_) | Self::Tier(_) | Self::Completions { .. } => Reach::Files,
            Self::Workshop(_) | Self::Task(_) | Self::Repo(_) | Self::Agent(_) | Self::Token(_) | Self::Backup(_) => {
                Reach::Folder
            }
            Self::Example(_) => Reach::Folder,
            Self::Workflow(WorkflowVerb::Template(_)) => Reach::Files,
            Self::Workflow(_) | Self::Queue(_) | Self::Stuck(_) | Self::Batch(_) => Reach::Folder,
            Self::Events(args) if args.follow => Reach::Server,
            Self::Audit(_) | Self::Events(_) => Reach::Folder,
            Self::Worker(_) => Reach::Server,
            Self::Restore(_) | Self::Serve(_) | Self::Verify(_) | Self::Tour(_) => Reach::FreeFolder,
        }
    }

    /// What a caller has to be allowed to have it done.
    pub fn role(&self, dry_run: bool) -> Role {
        match self {
            Self::Token(_) | Self::Backup(_) | Self::Restore(_) | Self::Serve(_) => Role::Admin,
            Self::Repo(RepoVerb::Add { .. }) => Role::Admin,
            // It takes back, and shows no plan.
            Self::Batch(BatchVerb::Undo { .. }) => Role::Reset,
            _ => match self.does() {
                Does::Looks => Role::Read,
                Does::GoesBack if dry_run => Role::Read,
                Does::GoesBack => Role::Reset,
                Does::Acts => Role::Write,
            },
        }
    }

    /// The files that it may read from whoever typed it; `-` is standard input.
    pub fn reads(&self) -> Vec<PathBuf> {
        let named = |name: &str| names_a_file(name).then(|| PathBuf::from(name));
        let read = match self {
            Self::Workshop(verb) => match verb {
                WorkshopVerb::New(NewWorkshopArgs { template, .. }) => named(template),
                WorkshopVerb::Say(SayArgs { text, .. }) if text == "-" => Some(text.into()),
                WorkshopVerb::Artifact(ArtifactArgs { file, .. }) => file.clone(),
                WorkshopVerb::Save(SaveArgs { file, .. }) | WorkshopVerb::Import(ImportArgs { file, .. }) => {
                    Some(file.clone())
                }
                _ => None,
            },
            Self::Task(args) => match &args.verb {
                TaskVerb::New(NewTaskArgs { tier, brief_file, .. }) => {
                    return named(tier).into_iter().chain(brief_file.clone()).collect();
                }
                _ => None,
            },
            Self::Workflow(WorkflowVerb::Start(StartArgs { template, .. })) => named(template),
            Self::Workflow(WorkflowVerb::Add(AddArgs { input_file, .. })) => input_file.clone(),
            _ => None,
        };
        read.into_iter().collect()
    }

    /// The file that it may write for whoever typed it.
    pub fn writes(&self) -> Option<&Path> {
        match self {
            Self::Workshop(WorkshopVerb::Export(ExportArgs { file, .. })) if file != Path::new("-") => Some(file),
            _ => None,
        }
    }
}
