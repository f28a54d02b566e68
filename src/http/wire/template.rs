//! Templates of workshops, and tiers of tasks.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::api::task::{self, TierStage};
use crate::api::workshop::{self, TemplateStep};

/// Something that comes with the program, in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Named)]
pub(in crate::http) struct Brief {
    /// Its name.
    pub(in crate::http) name: String,
    /// Its title for people.
    pub(in crate::http) title: String,
    /// Its steps or stages, in order.
    pub(in crate::http) stages: Vec<String>,
}

/// The steps of a workshop, with their prompts and the form of their artifacts.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Template {
    /// Its name.
    name: String,
    /// Its title for people.
    title: String,
    /// The most messages that a conversation has in each phase but the last.
    arc: [u32; 5],
    /// Its steps, in order.
    steps: Vec<Step>,
}

/// A step of a template.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TemplateStep)]
struct Step {
    /// Its name.
    step: String,
    /// Its title for people.
    title: String,
    /// What the facilitator is told.
    prompt: String,
    /// The steps that it is made from.
    depends_on: Vec<String>,
    /// Parts of it that share its conversation.
    sub_steps: Vec<SubStep>,
    /// The form of its artifact, if it must have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    artifact: Option<Artifact>,
}

/// A part of a step.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TemplateSubStep)]
struct SubStep {
    /// Its name.
    sub_step: String,
    /// Its title for people.
    title: String,
    /// What the facilitator is told, after the prompt of the step.
    prompt: String,
}

/// The form of a step's artifact.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TemplateArtifact)]
struct Artifact {
    /// The version of the schema.
    version: u32,
    /// A JSON Schema.
    #[schema(value_type = Object)]
    schema: Value,
}

impl From<&workshop::Template> for Template {
    fn from(template: &workshop::Template) -> Self {
        Self {
            name: template.name().to_owned(),
            title: template.title().to_owned(),
            arc: template.arc().0,
            steps: template.steps().iter().map(Step::from).collect(),
        }
    }
}

impl From<&TemplateStep> for Step {
    fn from(step: &TemplateStep) -> Self {
        let sub_step = |sub: &workshop::SubStep| SubStep {
            sub_step: sub.id.to_string(),
            title: sub.title.clone(),
            prompt: sub.prompt.clone(),
        };
        let artifact = |artifact: &workshop::ArtifactSchema| Artifact {
            version: artifact.version,
            // It was checked when the template was made.
            schema: serde_json::from_str(&artifact.schema).unwrap_or_default(),
        };
        Self {
            step: step.id.to_string(),
            title: step.title.clone(),
            prompt: step.prompt.clone(),
            depends_on: step.depends_on.iter().map(ToString::to_string).collect(),
            sub_steps: step.sub_steps.iter().map(sub_step).collect(),
            artifact: step.artifact.as_ref().map(artifact),
        }
    }
}

/// The stages of a task, in order.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Tier {
    /// Its name.
    name: String,
    /// What it is for.
    title: String,
    /// Its stages, in order; `done` follows them.
    stages: Vec<Stage>,
}

/// A stage of a tier.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TierStage)]
struct Stage {
    /// Its name.
    stage: String,
    /// The status of a task while it is in this stage.
    status: String,
    /// What its output is called.
    output: String,
    /// Whether its agent gives a score.
    scored: bool,
    /// Whether its agent says whether what it verified holds.
    judged: bool,
    /// Whether a person has to approve it.
    approval: bool,
    /// The counter that its rejections go to.
    counter: String,
    /// What the agent is told.
    prompt: String,
}

impl From<&task::Tier> for Tier {
    fn from(tier: &task::Tier) -> Self {
        let stages = tier.stages.iter().map(Stage::from).collect();
        Self { name: tier.name.clone(), title: tier.title.clone(), stages }
    }
}

impl From<&TierStage> for Stage {
    fn from(stage: &TierStage) -> Self {
        let TierStage { outline, prompt } = stage;
        Self {
            stage: outline.id.to_string(),
            status: outline.status.clone(),
            output: outline.output.clone(),
            scored: outline.scored,
            judged: outline.judged,
            approval: outline.approval,
            counter: outline.counter.clone(),
            prompt: prompt.clone(),
        }
    }
}
