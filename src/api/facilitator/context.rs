//! What there is to know for an answer: what steps upstream came to, and the step's own conversation.

use super::NAME;
use super::call::{Call, Failed};
use crate::agents::chat::{Scene, Speaker};
use crate::domain::StageId;
use crate::domain::workshop::{
    self, ArcPhase, Message, Role, StoredMessage, SubStep, Template, TemplateStep, WorkshopKind,
};
use crate::engine::View;

/// All that there is to know. Nothing stale and nothing archived is among it.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) title: String,
    pub(super) step: TemplateStep,
    pub(super) sub_step: Option<SubStep>,
    pub(super) phase: ArcPhase,
    pub(super) upstream: Vec<Upstream>,
    /// All sessions, in order.
    pub(super) conversation: Vec<StoredMessage>,
    /// The artifact of the step, with its version.
    pub(super) artifact: Option<(u64, String)>,
}

/// What a step upstream came to.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) title: String,
    pub(super) artifact: Option<String>,
    pub(super) summary: Vec<String>,
}

impl Context {
    pub(super) async fn read(call: &Call<'_>) -> Result<Self, Failed> {
        let stage = call.effect.stage();
        let view = call.workshop.view().await?;
        let template = call.workshop.template().await?;
        let step = template.step(stage).cloned().ok_or(Failed::NotAwaited)?;
        let state = view.state.step(stage)?;
        let sub_step = state.sub_step.as_ref();
        let sub_step = sub_step.and_then(|id| step.sub_steps.iter().find(|sub| sub.id == *id).cloned());
        let artifact = match state.artifact {
            Some(_) => Some(call.workshop.artifact_version(stage).await?),
            None => None,
        };
        Ok(Self {
            title: view.state.title.clone(),
            sub_step,
            phase: view.state.arc_phase(stage)?,
            upstream: upstream(call, &view, &template, stage).await?,
            conversation: call.workshop.conversation(stage).await?,
            artifact,
            step,
        })
    }

    /// What was said in a session, or in all of them: by people and by the facilitator, to its end.
    pub(super) fn said<'a>(&'a self, session: Option<&'a str>) -> impl Iterator<Item = (Speaker, &'a Message)> {
        let of = move |stored: &&StoredMessage| session.is_none_or(|session| stored.session == session);
        self.conversation.iter().filter(of).filter_map(|stored| {
            let message = &stored.message;
            // What it told of its own troubles is none of the conversation.
            let is_trouble = message.role == Role::System && message.by.as_deref() == Some(NAME);
            if !message.finished || is_trouble {
                return None;
            }
            let speaker = match message.role {
                Role::Assistant => Speaker::Assistant,
                Role::System => Speaker::System,
                // No call of a tool that a model would know of.
                Role::User | Role::Tool => Speaker::User,
            };
            Some((speaker, message))
        })
    }

    /// The same in parts.
    pub(super) fn scene(&self, session: Option<&str>) -> Scene {
        let schema = self.step.artifact.as_ref().and_then(|artifact| serde_json::from_str(&artifact.schema).ok());
        Scene {
            title: self.sub_step.as_ref().map_or(&self.step.title, |sub| &sub.title).clone(),
            prompt: self.step.prompt.clone(),
            phase: phase_word(self.phase).into(),
            turns: self.said(session).map(|(speaker, message)| (speaker, message.content.clone())).collect(),
            artifact: self.artifact.as_ref().map(|(_, json)| json.clone()),
            schema,
        }
    }
}

async fn upstream(
    call: &Call<'_>,
    view: &View<WorkshopKind>,
    template: &Template,
    stage: &StageId,
) -> Result<Vec<Upstream>, Failed> {
    let mut all = Vec::new();
    for part in workshop::context(&view.state, stage)? {
        let title = template.step(part.stage).map_or_else(|| part.stage.to_string(), |step| step.title.clone());
        let artifact = match part.artifact {
            Some(_) => Some(call.workshop.artifact_json(part.stage).await?),
            None => None,
        };
        let summary = if part.summary { call.workshop.summary_points(part.stage).await? } else { Vec::new() };
        all.push(Upstream { title, artifact, summary });
    }
    Ok(all)
}

pub(super) fn phase_word(phase: ArcPhase) -> &'static str {
    match phase {
        ArcPhase::Orient => "orient",
        ArcPhase::Gather => "gather",
        ArcPhase::Synthesize => "synthesize",
        ArcPhase::Refine => "refine",
        ArcPhase::Validate => "validate",
        ArcPhase::Complete => "complete",
    }
}
