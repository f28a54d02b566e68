//! The late writer: it streams a reply under the generation it began with, and goes on when that has ended.

use std::time::Duration;

use tokio::sync::watch;

use super::story::{Story, tell_plan};
use super::{claim, tell};
use crate::api::workshop::{Message, Role, Status};
use crate::api::{Error, Generation, Rejection, StageId, Workshop};
use crate::cli::output::Output;
use crate::cli::plan::Unit;
use crate::cli::stop::{Outcome, Stop};

const REPLY: &str = "Let us look at who we have not heard yet. Three people said that they tried to cancel at night and \
    gave up. Two of them care for somebody at home. None of the numbers on file reached them. I would talk to the \
    night shift first, at six in the morning, when they leave, and ask only one question: what did you do the last \
    time that you could not come? Then to reception, about the two hours a day on the phone. And I would leave the \
    text messages for later, since a third of the numbers is wrong, and nobody knows which third.";

/// Snapshots that are saved before the reset comes.
const SNAPSHOTS_BEFORE: usize = 12;
/// Between two snapshots, as a reply streams in.
const PAUSE: Duration = Duration::from_millis(4);
/// How often the reset is planned again when the writer moves something in between.
const TRIES: usize = 500;

/// How it came out.
pub(super) struct Race {
    /// Snapshots that were saved.
    pub(super) saved: usize,
    /// Snapshots that were refused.
    pub(super) refused: usize,
    /// Under which the late work is kept.
    pub(super) orphan: u64,
    /// What was saved before the reset.
    pub(super) durable: String,
    /// What the writer had to say.
    pub(super) whole: String,
}

/// What the writer saw.
#[derive(Default)]
struct Written {
    saved: usize,
    refused: usize,
    orphan: Option<u64>,
    last_saved: String,
    refusal: Option<Error>,
}

pub(super) async fn run(story: &Story, output: &mut Output) -> Outcome<Race> {
    tell(output, &format!("\n2. A reset, while somebody writes to {}", story.research))?;
    let (send, mut saved) = watch::channel(0);
    let (reset_is_done, go_on) = watch::channel(false);
    let generation = story.workshop.view().await?.generation(&story.research);
    let writer = story.workshop.by("facilitator").under(generation);
    let writer = tokio::spawn(write(writer, story.research.clone(), send, go_on));
    let waited = saved.wait_for(|saved| *saved >= SNAPSHOTS_BEFORE).await.is_ok();
    claim(waited, "the writer writes before the reset")?;

    let moved = reset(story, output).await?;
    reset_is_done.send_replace(true);
    let written = writer.await.map_err(|error| Stop::problem("tour_failed", error.to_string(), ""))??;
    tell_race(&written, generation, moved, output)?;
    let orphan = written.orphan.unwrap_or_default();
    claim(written.refused > 0 && orphan > 0, "the writer was turned away and its work kept")?;
    let view = story.show(&[&story.challenge, &story.stakeholders, &story.research], output).await?;
    claim(view.state.step(&story.challenge)?.messages == 0, "the step that was reset starts over")?;
    for step in [&story.stakeholders, &story.research] {
        claim(view.state.step(step)?.status == Status::NeedsRegeneration, "what was made from it is stale")?;
    }
    claim(written.last_saved.len() < REPLY.len(), "the reset came in the middle")?;
    let Written { saved, refused, last_saved: durable, .. } = written;
    Ok(Race { saved, refused, orphan, durable, whole: REPLY.to_owned() })
}

/// Plans the reset and does it by its plan; again, when the writer moved something in between. Says how often it did.
async fn reset(story: &Story, output: &mut Output) -> Outcome<usize> {
    for moved in 0..TRIES {
        let plan = story.workshop.preview_reset(&story.challenge).await?;
        let workshop = story.workshop.reason("the question was wrong").plan(plan.token.clone());
        match workshop.reset(&story.challenge).await {
            Ok(_) => {
                tell_plan(&plan, Unit::Step, output)?;
                tell(output, &format!("   done as planned: reset --plan {}", plan.token))?;
                return Ok(moved);
            }
            Err(error) if matches!(error.rejection(), Some(Rejection::PlanMoved { .. })) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Stop::problem("tour_failed", format!("the plan moved {TRIES} times"), "try again on a less busy machine"))
}

/// Streams the reply: each snapshot is the whole of what was said so far. On a slow machine the last part waits for the
/// reset, which is to come in the middle.
async fn write(
    workshop: Workshop,
    step: StageId,
    saved: watch::Sender<usize>,
    mut go_on: watch::Receiver<bool>,
) -> Outcome<Written> {
    let mut written = Written::default();
    let ends: Vec<usize> = REPLY.match_indices(' ').map(|(at, _)| at).chain([REPLY.len()]).collect();
    for end in ends {
        let content = REPLY.get(..end).unwrap_or(REPLY).to_owned();
        let finished = end == REPLY.len();
        if end > REPLY.len() / 4 * 3 {
            // The sender goes away only when the tour has failed elsewhere.
            let _ = go_on.wait_for(|done| *done).await;
        }
        let message = Message {
            id: "reply-1".into(),
            role: Role::Assistant,
            content: content.clone(),
            finished,
            sub_step: None,
            by: Some("facilitator".into()),
            source: None,
        };
        match workshop.auto_save(&step, vec![message]).await {
            Ok(_) => {
                written.saved += 1;
                written.last_saved = content;
                saved.send_replace(written.saved);
            }
            Err(error) => match error.rejection() {
                Some(Rejection::Stale { orphan, .. }) => {
                    written.refused += 1;
                    written.orphan = orphan.or(written.orphan);
                    written.refusal.get_or_insert(error);
                }
                _ => return Err(error.into()),
            },
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(written)
}

fn tell_race(written: &Written, generation: Generation, moved: usize, output: &mut Output) -> Outcome {
    let (saved, refused) = (written.saved, written.refused);
    if moved > 0 {
        tell(output, &format!("   the writer changed what the plan said {moved} times: it was planned again"))?;
    }
    tell(
        output,
        &format!("   the writer, of generation {generation}: {saved} snapshots saved, then {refused} refused:"),
    )?;
    if let Some(refusal) = &written.refusal {
        tell(output, &format!("   \"{refusal}\""))?;
    }
    tell(output, &format!("   nothing is lost: its reply is kept as orphan {}", written.orphan.unwrap_or_default()))
}
