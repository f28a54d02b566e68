//! What can be asked of a workshop, what then happened, and what the asker is told.

use serde::{Deserialize, Serialize};

use super::facilitator::{Duty, Spent};
use super::message::{Message, Outcome};
use super::outline::Outline;
use super::state::StepState;
use super::template::Template;
use crate::domain::{Generation, StageId};

/// What can be asked of a workshop. `generation: None` stands for the one that holds when the turn is decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Makes the workshop from a template.
    Create {
        /// Its title.
        title: String,
        /// The template.
        template: Box<Template>,
    },
    /// Saves messages of a step. Harmless to repeat: a worse version never replaces a better one.
    Save {
        /// The step.
        stage: StageId,
        /// The generation the writer works under.
        generation: Option<Generation>,
        /// The conversation within the step; [`MAIN_SESSION`](super::MAIN_SESSION) where there is only one.
        session: String,
        /// The messages, in order.
        messages: Vec<Message>,
    },
    /// Replaces a message on purpose, a finished one too.
    Edit {
        /// The step.
        stage: StageId,
        /// The generation the writer works under.
        generation: Option<Generation>,
        /// The conversation within the step.
        session: String,
        /// The message as it should be.
        message: Message,
    },
    /// Saves what a person said, and has the facilitator answer it.
    Ask {
        /// The step.
        stage: StageId,
        /// The generation the person looked at.
        generation: Option<Generation>,
        /// The conversation within the step.
        session: String,
        /// What the person said: finished.
        message: Message,
    },
    /// Has the facilitator make the artifact from the conversation.
    Extract {
        /// The step.
        stage: StageId,
        /// The generation the person looked at.
        generation: Option<Generation>,
    },
    /// The facilitator did what it was asked for, or could not. Ends an effect.
    Settle {
        /// The step.
        stage: StageId,
        /// The generation that it was asked under.
        generation: Option<Generation>,
        /// What it was asked for.
        duty: Duty,
        /// Why it could not.
        problem: Option<String>,
    },
    /// The facilitator sent or received so much: counted for good, whatever comes of it.
    Spend {
        /// How many characters.
        characters: u64,
    },
    /// Goes to another sub-step of a step.
    SubStep {
        /// The step.
        stage: StageId,
        /// The sub-step.
        sub_step: StageId,
    },
    /// Writes the artifact of a step, as a new version that is not confirmed.
    Artifact {
        /// The step.
        stage: StageId,
        /// The generation the writer works under.
        generation: Option<Generation>,
        /// The artifact, as JSON text; kept byte for byte.
        json: String,
        /// The version that the writer saw, 0 for none; `None` to overwrite whatever is there.
        expected_version: Option<u64>,
    },
    /// Confirms the artifact of a step.
    Confirm {
        /// The step.
        stage: StageId,
        /// The generation the person looked at.
        generation: Option<Generation>,
        /// The version the person looked at.
        version: Option<u64>,
    },
    /// Writes the summary of a complete step, where completion had to go on without one, or a better one.
    Summary {
        /// The step.
        stage: StageId,
        /// The generation that it sums up.
        generation: Option<Generation>,
        /// Three or four points.
        points: Vec<String>,
    },
    /// Completes a step and begins the next one.
    Next {
        /// The step that is done.
        stage: StageId,
        /// The generation the person looked at.
        generation: Option<Generation>,
        /// Its summary; without one it is marked as missing and owed.
        summary: Option<Vec<String>>,
    },
    /// Lets the workshop rest.
    Pause,
    /// Goes on after a pause.
    Resume,
    /// Starts a step over: its content is archived, what was made from it is stale.
    Reset {
        /// The step.
        stage: StageId,
    },
    /// Reopens a complete step: its content is kept, what was made from it is stale.
    Revise {
        /// The step.
        stage: StageId,
        /// What the person wants changed, said in the step's main conversation in the same turn.
        message: Option<Message>,
    },
    /// Calls a stale step fresh as it is. The reason goes into the audit.
    Accept {
        /// The step.
        stage: StageId,
    },
}

/// What happened. An event sets what it names, and setting it twice gives the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The workshop was made.
    Created {
        /// Its title.
        title: String,
        /// What the rules look at of its template.
        outline: Outline,
    },
    /// A message has this place in its step's conversation. Idempotent and order-free, as drafts need.
    Saved {
        /// The step.
        stage: StageId,
        /// The place.
        ordinal: u64,
    },
    /// A step is like this now.
    Step {
        /// The step.
        stage: StageId,
        /// What brought it about.
        cause: Cause,
        /// All of its state.
        step: Box<StepState>,
    },
    /// The workshop rests, or does no longer.
    Paused(bool),
    /// What the facilitator has sent and received is this now.
    Spent(Spent),
}

/// What brought a step into its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It was begun.
    Began,
    /// Another sub-step was chosen.
    SubStep,
    /// An artifact was written.
    Artifact,
    /// Its artifact was confirmed.
    Confirmed,
    /// Its summary was written.
    Summary,
    /// It was completed.
    Completed,
    /// It was started over.
    Reset,
    /// It was reopened.
    Revised,
    /// Something it was made from changed.
    Stale,
    /// One of the things it waits for is as it was; it waits for others.
    Waits,
    /// Everything it was made from is as it was, so it is too.
    Fresh,
    /// A person called it fresh.
    Accepted,
    /// The facilitator was asked for something.
    Asked,
    /// The facilitator did what it was asked for, could not, or is not asked any more.
    Settled,
}

/// What the asker is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// The workshop is made.
    Created {
        /// The step that is begun with it.
        first: StageId,
    },
    /// What became of each message, by its id, in the order of the command.
    Saved(Vec<(String, Outcome)>),
    /// The artifact is written.
    Artifact {
        /// Under this version.
        version: u64,
    },
    /// The step is complete.
    Completed {
        /// The step to go on with: the one that was begun, else the first that has to be done again.
        entered: Option<StageId>,
        /// Whether the workshop is completed by this. True once, however often it is asked.
        workshop_completed: bool,
        /// Stale steps that are again what they were, since this one put out what it did before.
        unblocked: Vec<StageId>,
    },
    /// The step was reset or revised.
    WentBack {
        /// Its generation from now on.
        generation: Generation,
        /// The steps that are stale now.
        stale: Vec<StageId>,
        /// What became of the message that came along.
        message: Option<Outcome>,
    },
    /// The step is accepted.
    Accepted {
        /// The step begun by this, if nothing else was open.
        entered: Option<StageId>,
        /// Whether the workshop is completed by this.
        workshop_completed: bool,
        /// Other stale steps that are again what they were.
        unblocked: Vec<StageId>,
    },
    /// It is so.
    Done,
}

/// What is owed to the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// The facilitator opens the conversation of a step that was started over. Key `greet/STEP`.
    Greet {
        /// The step.
        stage: StageId,
        /// The generation to speak under.
        generation: Generation,
    },
    /// The facilitator answers what a person said. Key `reply/STEP`.
    Reply {
        /// The step.
        stage: StageId,
        /// The generation to answer under.
        generation: Generation,
        /// The conversation within the step.
        session: String,
        /// The message that is answered.
        message: String,
    },
    /// The facilitator makes the artifact from the conversation. Key `extract/STEP`.
    Extract {
        /// The step.
        stage: StageId,
        /// The generation to write under.
        generation: Generation,
    },
    /// The facilitator sums up a step that was completed without a summary. Key `summarize/STEP`.
    Summarize {
        /// The step.
        stage: StageId,
        /// The generation to answer under.
        generation: Generation,
    },
}
