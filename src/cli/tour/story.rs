//! The workshop of the tour: how it is made, and how it is taken back.

use sha2::{Digest as _, Sha256};

use super::race::Race;
use super::{WIDTH, claim, tell};
use crate::api::workshop::{Status, Template, WorkshopKind};
use crate::api::{EntityId, Fate, Plan, Restage, StageId, View, Workshop, transcript};
use crate::cli::call::count;
use crate::cli::output::{Output, Table};
use crate::cli::plan::{Unit, fate};
use crate::cli::stop::Outcome;

/// A conversation as users have them: several languages, quotes, emoji.
const CONVERSATION: &str = include_str!("conversation.jsonl");

const CHALLENGE: &str = r#"{"statement":"How might we make it easy to say \"I can't come\", for people who work nights?",
"problem":"One in four follow-up appointments is missed","audience":"Patients with shifts or somebody to look after",
"success_criteria":["Half of the missed appointments are cancelled a day before"]}"#;

const STAKEHOLDERS: &str = r#"{"stakeholders":[
{"name":"Reception","role":"moves appointments","influence":"high","interest":"high"},
{"name":"Night workers","role":"patients","influence":"low","interest":"high"}],"research_first":["Night workers"]}"#;

/// The workshop, and the steps that are spoken of.
pub(super) struct Story {
    pub(super) workshop: Workshop,
    pub(super) challenge: StageId,
    pub(super) stakeholders: StageId,
    pub(super) research: StageId,
    /// Messages of the conversation.
    pub(super) messages: usize,
}

impl Story {
    /// Makes the workshop and works through its first steps.
    pub(super) async fn begin(restage: &Restage, output: &mut Output) -> Outcome<Self> {
        tell(output, "\n1. A workshop: three of ten steps")?;
        let template = Template::built_in("design-thinking")?;
        let workshop = restage.workshops()?.get(&EntityId::new("tour")?).by("ann");
        workshop.create("Missed appointments", &template).await?;
        let story = Self {
            workshop,
            challenge: StageId::new("challenge")?,
            stakeholders: StageId::new("stakeholder-mapping")?,
            research: StageId::new("user-research")?,
            messages: transcript::read(CONVERSATION.as_bytes())?.len(),
        };
        let messages = transcript::read(CONVERSATION.as_bytes())?;
        story.workshop.save(&story.challenge, messages).await?;
        story.complete(&story.challenge, CHALLENGE).await?;
        story.complete(&story.stakeholders, STAKEHOLDERS).await?;
        tell(output, &format!("   imported {} messages, {} bytes", story.messages, CONVERSATION.len()))?;
        story.show(&[&story.challenge, &story.stakeholders, &story.research], output).await?;
        Ok(story)
    }

    async fn complete(&self, step: &StageId, artifact: &str) -> Outcome {
        let version = self.workshop.artifact(step, artifact, Some(0)).await?.reply;
        self.workshop.confirm(step, Some(version)).await?;
        let points = ["Nobody can cancel at night", "A third of the numbers are wrong", "Overbooking hides it"];
        self.workshop.next(step, Some(points.map(str::to_owned).to_vec())).await?;
        Ok(())
    }

    /// The conversation of a step, as the file that it came from.
    pub(super) async fn export(&self, step: &StageId) -> Outcome<Vec<u8>> {
        let stored = self.workshop.conversation(step).await?;
        Ok(transcript::write(stored.iter().map(|stored| &stored.message)))
    }

    /// A table of some steps.
    pub(super) async fn show(&self, steps: &[&StageId], output: &mut Output) -> Outcome<View<WorkshopKind>> {
        let view = self.workshop.view().await?;
        let mut table = Table::new(["   STEP", "STATUS", "GEN", "MESSAGES", "ARTIFACT"]);
        for id in steps {
            let step = view.state.step(id)?;
            let artifact = step.artifact.map(|artifact| {
                format!("version {}{}", artifact.version, if artifact.confirmed { ", confirmed" } else { "" })
            });
            let status = match step.status {
                Status::NeedsRegeneration => "stale".to_owned(),
                status => status.to_string(),
            };
            table.row([
                format!("   {id}").into(),
                status.into(),
                view.generation(id).to_string().into(),
                step.messages.to_string().into(),
                artifact.unwrap_or_default().into(),
            ]);
        }
        tell(output, &table.text(Some(WIDTH)))?;
        Ok(view)
    }
}

/// Tells a plan: a line for each thing that changes, and a number for those that stay.
pub(super) fn tell_plan(plan: &Plan, unit: Unit, output: &mut Output) -> Outcome {
    let mut kept = 0;
    for line in &plan.lines {
        if line.fate == Fate::Kept {
            kept += 1;
            continue;
        }
        let (word, _) = fate(line.fate);
        let stage = line.stage.as_ref().map_or("", StageId::as_str);
        tell(output, &wrapped(&format!("   {word:<9}{stage:<20} "), &line.what))?;
        if line.fate == Fate::Stale {
            tell(output, &wrapped(&format!("{:<12}", ""), &line.why))?;
        }
    }
    if kept > 0 {
        tell(output, &format!("   kept     {}", count(kept, &format!("other {}", unit.key()))))?;
    }
    Ok(())
}

/// A text behind a margin, in as many lines as it takes.
fn wrapped(margin: &str, text: &str) -> String {
    let (indent, mut lines) = (" ".repeat(margin.len()), vec![margin.trim_end().to_owned()]);
    let mut at_margin = true;
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        let fits = at_margin || line.len() + 1 + word.len() <= usize::from(WIDTH);
        if at_margin {
            *line = format!("{margin}{word}");
        } else if fits {
            line.push_str(&format!(" {word}"));
        } else {
            lines.push(format!("{indent}{word}"));
        }
        at_margin = false;
    }
    lines.join("\n")
}

/// Takes the reset back, and compares what is there with what was there.
pub(super) async fn undo(story: &Story, race: &Race, output: &mut Output) -> Outcome {
    tell(output, "\n3. Undo")?;
    let plan = story.workshop.handle().preview_undo(None).await?;
    tell_plan(&plan, Unit::Step, output)?;
    story.workshop.plan(plan.token.clone()).handle().undo(None).await?;
    tell(output, &format!("   done as planned: undo --plan {}", plan.token))?;
    let after = story.export(&story.challenge).await?;
    tell(output, &format!("   before   {} {} bytes", digest(CONVERSATION.as_bytes()), CONVERSATION.len()))?;
    tell(output, &format!("   after    {} {} bytes", digest(&after), after.len()))?;
    claim(after == CONVERSATION.as_bytes(), "an undone reset gives the conversation back byte for byte")?;
    claim(story.workshop.artifact_json(&story.challenge).await? == CHALLENGE, "and the artifact")?;
    let view = story.workshop.view().await?;
    for step in [&story.challenge, &story.stakeholders] {
        claim(view.state.step(step)?.status == Status::Complete, "complete steps are complete again")?;
    }
    let told = reply(story).await?;
    claim(told == race.durable, "what the late writer had saved before the reset is there")?;
    tell(output, &format!("   the reply is there as it was: {} bytes, cut off by the reset", told.len()))?;

    story.workshop.handle().adopt(race.orphan).await?;
    claim(reply(story).await? == race.whole, "an adopted orphan has all of the late work")?;
    tell(output, &format!("   orphan {} adopted: the reply is whole, {} bytes", race.orphan, race.whole.len()))?;
    story.show(&[&story.challenge, &story.stakeholders, &story.research], output).await?;
    Ok(())
}

/// What the late writer's message says now.
async fn reply(story: &Story) -> Outcome<String> {
    let stored = story.workshop.conversation(&story.research).await?;
    Ok(stored.into_iter().last().map(|stored| stored.message.content).unwrap_or_default())
}

fn digest(bytes: &[u8]) -> String {
    let all = Sha256::digest(bytes);
    format!("sha256 {}", all.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>())
}
