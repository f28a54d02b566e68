//! Templates: the steps of a workshop, with their prompts and the form of their artifacts.

use serde::{Deserialize, Serialize};

use super::outline::{ArcThresholds, Outline, StepOutline};
use crate::domain::limits::{STAGES_MAX, TITLE_BYTES_MAX};
use crate::domain::stage_graph::StageGraph;
use crate::domain::stored::{decode, encode};
use crate::domain::text::{check_line, check_text};
use crate::domain::{Digest, Rejection, StageId};

/// A checked template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked", into = "Unchecked")]
pub struct Template {
    unchecked: Unchecked,
    graph: StageGraph,
}

/// What a template says. Nothing is known to fit together yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unchecked {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) arc: ArcThresholds,
    pub(super) steps: Vec<TemplateStep>,
}

/// A step of a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateStep {
    /// Its name.
    pub id: StageId,
    /// Its title for people.
    pub title: String,
    /// What the facilitator is told.
    pub prompt: String,
    /// What it is made from.
    pub depends_on: Vec<StageId>,
    /// Parts of it that share its conversation.
    pub sub_steps: Vec<SubStep>,
    /// The form of its artifact, if it must have one.
    pub artifact: Option<ArtifactSchema>,
}

/// A part of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubStep {
    /// Its name, unlike that of any other sub-step of the step.
    pub id: StageId,
    /// Its title for people.
    pub title: String,
    /// What the facilitator is told, after the prompt of the step.
    pub prompt: String,
}

/// The form of a step's artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactSchema {
    /// The version of the schema, raised by the template's author when it changes.
    pub version: u32,
    /// The JSON Schema, as JSON text. It refers to nothing outside itself.
    pub schema: String,
}

impl Template {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.unchecked.name
    }

    /// Its title for people.
    pub fn title(&self) -> &str {
        &self.unchecked.title
    }

    /// Its steps, in order.
    pub fn steps(&self) -> &[TemplateStep] {
        &self.unchecked.steps
    }

    /// One of its steps.
    pub fn step(&self, stage: &StageId) -> Option<&TemplateStep> {
        self.steps().iter().find(|step| step.id == *stage)
    }

    /// When a conversation enters which phase.
    pub fn arc(&self) -> ArcThresholds {
        self.unchecked.arc
    }

    /// What is made from what.
    pub fn graph(&self) -> &StageGraph {
        &self.graph
    }

    /// The one form it is stored in.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] when it can't be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Rejection> {
        encode("template", &self.unchecked)
    }

    /// Reads back what [`to_bytes`](Self::to_bytes) gave, and checks it again.
    ///
    /// # Errors
    /// [`Rejection::Refused`] with the code `damaged` when it is not a template.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Rejection> {
        decode("template", bytes)
    }

    /// The SHA-256 of its stored form.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] when it can't be encoded.
    pub fn digest(&self) -> Result<Digest, Rejection> {
        Ok(Digest::of(&self.to_bytes()?))
    }

    /// What the rules look at.
    pub(super) fn outline(&self, digest: Digest) -> Outline {
        let step = |step: &TemplateStep| StepOutline {
            sub_steps: step.sub_steps.iter().map(|sub| sub.id.clone()).collect(),
            artifact: step.artifact.as_ref().map(|artifact| artifact.version),
        };
        Outline {
            template: self.name().into(),
            digest,
            graph: self.graph.clone(),
            steps: self.steps().iter().map(step).collect(),
            arc: self.arc(),
        }
    }
}

/// The digest under which a stored template is shared.
impl From<Template> for Unchecked {
    fn from(template: Template) -> Self {
        template.unchecked
    }
}

impl TryFrom<Unchecked> for Template {
    type Error = Rejection;

    fn try_from(unchecked: Unchecked) -> Result<Self, Rejection> {
        check_line("template name", &unchecked.name, TITLE_BYTES_MAX)?;
        check_line("template title", &unchecked.title, TITLE_BYTES_MAX)?;
        if unchecked.steps.is_empty() {
            return Err(Rejection::invalid("template", "it has no steps"));
        }
        if unchecked.arc.0.windows(2).any(|pair| matches!(pair, [low, high] if low >= high)) {
            return Err(Rejection::invalid("arc", "each threshold must be higher than the one before"));
        }
        unchecked.steps.iter().try_for_each(check_step)?;
        let stages = unchecked.steps.iter().map(|step| (step.id.clone(), step.depends_on.clone())).collect();
        let graph = StageGraph::new(stages)?;
        Ok(Self { unchecked, graph })
    }
}

fn check_step(step: &TemplateStep) -> Result<(), Rejection> {
    check_line(&format!("title of {}", step.id), &step.title, TITLE_BYTES_MAX)?;
    check_text(&format!("prompt of {}", step.id), &step.prompt)?;
    if step.sub_steps.len() > STAGES_MAX {
        return Err(Rejection::limit("sub-steps of a step", STAGES_MAX));
    }
    for (place, sub) in step.sub_steps.iter().enumerate() {
        check_line(&format!("title of {}", sub.id), &sub.title, TITLE_BYTES_MAX)?;
        check_text(&format!("prompt of {}", sub.id), &sub.prompt)?;
        if step.sub_steps.iter().take(place).any(|other| other.id == sub.id) {
            return Err(Rejection::invalid("sub_steps", format!("{} has {} twice", step.id, sub.id)));
        }
    }
    Ok(())
}

impl Template {
    /// Reads a template file.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] or [`Rejection::Limit`], naming what is wrong and where.
    pub fn from_toml(text: &str) -> Result<Self, Rejection> {
        super::template_file::read(text)
    }

    /// A template that comes with the program.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] when none has this name.
    pub fn built_in(name: &str) -> Result<Self, Rejection> {
        Self::from_toml(Self::built_in_text(name)?)
    }

    /// The file of a template that comes with the program.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] when none has this name.
    pub fn built_in_text(name: &str) -> Result<&'static str, Rejection> {
        let found = BUILT_IN.iter().find(|(known, _)| *known == name);
        found.map(|(_, text)| *text).ok_or_else(|| Rejection::not_found("template", name))
    }

    /// The names of the templates that come with the program. The first is the default.
    pub fn built_in_names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }
}

const BUILT_IN: &[(&str, &str)] = &[("design-thinking", include_str!("design-thinking.toml"))];
