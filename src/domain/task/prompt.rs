//! What an agent is told: its stage, the task, what was done before it, and how it tells what it does.

use std::fmt::Write as _;

use super::content::Todo;
use super::limits::{BRIEF_BYTES_MAX, PROMPT_BYTES_MAX};
use super::state::Task;
use super::tier::{StageOutline, TierStage};
use crate::domain::text::cut;
use crate::domain::{EntityId, StageId};

/// The most that one part of a prompt takes of it, so that none crowds the others out.
const PART_BYTES_MAX: usize = PROMPT_BYTES_MAX / 4;
/// With less room than this, a part is left out.
const ROOM_LEAST: usize = 200;
const _: () = assert!(BRIEF_BYTES_MAX <= PART_BYTES_MAX);

/// What a prompt is put together from.
#[derive(Clone, Debug)]
pub struct PromptParts<'a> {
    /// The task's id.
    pub id: &'a EntityId,
    /// The task.
    pub task: &'a Task,
    /// The stage that is worked on.
    pub stage: &'a TierStage,
    /// What is to be done, in full.
    pub brief: &'a str,
    /// What the stages before it put out, in order.
    pub earlier: &'a [Earlier],
    /// The words of the stage's last rejection.
    pub feedback: Option<&'a str>,
    /// The stage's things to do.
    pub todos: &'a [Todo],
}

/// What a stage put out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// The stage.
    pub stage: StageId,
    /// Its output.
    pub output: Option<String>,
    /// What the stages after it have to know.
    pub handoff: Option<String>,
}

/// Puts the prompt together. It is never longer than [`PROMPT_BYTES_MAX`]; of a part that is too long the beginning is kept.
pub fn prompt(parts: &PromptParts<'_>) -> String {
    let PromptParts { id, task, stage, brief, earlier, feedback, todos } = parts;
    let mut prompt = Prompt(String::new());
    let stages: Vec<&str> = task.tier.stages.iter().map(|outline| outline.id.as_str()).collect();
    let outline = &stage.outline;
    prompt.part(
        &format!("Stage {} of task {id}", outline.id),
        &format!("{}\n\nThe stages of this task are: {}.", stage.prompt.trim(), stages.join(", ")),
    );
    prompt.part("How you work", &protocol(outline));
    prompt.part(&format!("The task: {}", task.title), brief);
    if let Some(feedback) = feedback {
        prompt.part("Your work on this stage was rejected. Do this differently", feedback);
    }
    if let Some(carry_over) = &task.carry_over {
        prompt.part("What the last run left for you", carry_over);
    }
    if !todos.is_empty() {
        let lines: Vec<String> =
            todos.iter().map(|todo| format!("- [{}] {}", if todo.done { 'x' } else { ' ' }, todo.text)).collect();
        prompt.part("Things to do, as they were left", &lines.join("\n"));
    }
    // What was done last matters most, so it comes first, and what there is no room for is the oldest.
    for Earlier { stage, output, handoff } in earlier.iter().rev() {
        if let Some(handoff) = handoff {
            prompt.part(&format!("Hand-off of {stage}"), handoff);
        }
        if let Some(output) = output {
            prompt.part(&format!("Output of {stage}"), output);
        }
    }
    prompt.0
}

struct Prompt(String);

impl Prompt {
    /// Adds a part under a heading, as much of it as there is room for.
    fn part(&mut self, heading: &str, text: &str) {
        const FRAME: usize = "# \n\n\n\n".len();
        let room = PROMPT_BYTES_MAX.saturating_sub(self.0.len() + heading.len() + FRAME).min(PART_BYTES_MAX);
        if room < ROOM_LEAST {
            return;
        }
        let text = cut(text.trim(), room);
        // Writing to a string does not fail.
        let _ = write!(self.0, "# {heading}\n\n{text}\n\n");
    }
}

/// How the agent tells what it does.
fn protocol(outline: &StageOutline) -> String {
    let mut text = format!(
        "Work in the current directory: it is a git worktree of this task alone. Do not commit, and do not touch other \
         branches or worktrees: restage commits the stage when it was approved. Ask nothing: nobody answers while you work.\n\n\
         Tell restage what it has to know by printing lines to standard output, each a JSON object on a line of its own. \
         What is printed later takes the place of what was printed before.\n\n\
         {{\"restage\":\"output\",\"text\":\"…\"}} the {output} of this stage; print it before you end\n\
         {{\"restage\":\"handoff\",\"text\":\"…\"}} what the stages after this one have to know\n\
         {{\"restage\":\"todos\",\"items\":[{{\"text\":\"…\",\"done\":false}}]}} all things to do, whenever one changes\n\
         {{\"restage\":\"continue\",\"text\":\"…\"}} what whoever goes on has to know, should you be interrupted\n\
         {{\"restage\":\"session\",\"id\":\"…\"}} under which id your session can be gone on with\n",
        output = outline.output
    );
    if outline.scored {
        text += "{\"restage\":\"score\",\"value\":0.93} your score, from 0 to 1; this stage needs one\n";
    }
    if outline.judged {
        text += "{\"restage\":\"result\",\"passed\":true} whether what you verified holds; this stage needs one\n";
    }
    text
}
