//! An entity kind of one's own: a recipe in stages of text, with reset, undo and drafts: `cargo run --example recipe`.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::collections::BTreeMap;

use restage::{Decision, Entity, EntityId, Error, Generation, Inherit, Input, Options, PageRange, PlanLine, Rejection};
use restage::{Fate, Restage, StageId, Target, Timestamp, Verb};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug)]
enum Recipe {}

type Lines = BTreeMap<StageId, u64>;

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Command {
    Write { stage: StageId, generation: Option<Generation>, line: String },
    Reset { stage: StageId },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Event {
    Written(StageId),
    Emptied(StageId),
}

impl Entity for Recipe {
    const KIND: &'static str = "recipe";
    type State = Lines; // how many each stage has; the lines themselves are content
    type Command = Command;
    type Event = Event;
    type Reply = u64;
    type Effect = ();

    fn target(command: &Command) -> Option<Target> {
        Some(match command {
            Command::Write { stage, generation, .. } => {
                Target { stage: stage.clone(), generation: *generation, work: true }
            }
            Command::Reset { stage } => Target { stage: stage.clone(), generation: None, work: false },
        })
    }

    fn retarget(command: &mut Command, to: Generation) {
        if let Command::Write { generation, .. } = command {
            *generation = Some(to);
        }
    }

    fn decide(lines: &Lines, command: &Command, _: &Input<'_>) -> Result<Decision<Self>, Rejection> {
        match command {
            Command::Write { line, .. } if line.is_empty() => Err(Rejection::invalid("line", "it is empty")),
            Command::Write { stage, line, .. } => {
                let number = lines.get(stage).copied().unwrap_or_default();
                let written = Decision::reply(number + 1).event(Event::Written(stage.clone()));
                Ok(written.write(stage, number.to_be_bytes(), line.as_bytes()))
            }
            Command::Reset { stage } => {
                let count = lines.get(stage).ok_or_else(|| Rejection::not_found("stage", stage))?;
                let line = PlanLine::new(Fate::Cleared, stage, format!("{count} lines"), "the stage starts over");
                let verb = Verb::new("reset", Some(stage.clone()), vec![stage.clone()], vec![line]);
                let reset = Decision::reply(0).raise(stage, Inherit::Nothing).event(Event::Emptied(stage.clone()));
                Ok(reset.verb(verb))
            }
        }
    }

    fn restore(lines: &mut Lines, saved: &Lines, stages: &[StageId], _: Timestamp) {
        lines.extend(stages.iter().filter_map(|stage| Some((stage.clone(), *saved.get(stage)?))));
    }

    fn apply(lines: &mut Lines, event: &Event, _: Timestamp) {
        match event {
            Event::Written(stage) => *lines.entry(stage.clone()).or_default() += 1,
            Event::Emptied(stage) => *lines.entry(stage.clone()).or_default() = 0,
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let restage = Restage::in_memory(Options::default())?;
    let soup = restage.kind::<Recipe>()?.entity(&EntityId::new("soup")?);
    let (boil, generation) = (StageId::new("boil")?, None);
    let write = |line: &str| Command::Write { stage: boil.clone(), generation, line: line.into() };
    soup.send(write("Boil water.")).await?;
    soup.draft(write("Add salt.")).await?; // applied at once, committed with what comes next
    println!("before the reset: {:?}", soup.preview(Command::Reset { stage: boil.clone() }).await?.lines);
    soup.by("ann").reason("wrong pot").send(Command::Reset { stage: boil.clone() }).await?;
    let late = Command::Write { stage: boil.clone(), generation: Some(Generation(1)), line: "Too late.".into() };
    println!("a late writer: {:?}", soup.send(late).await.map_err(|refused| refused.to_string()));
    soup.undo(None).await?;
    for (_, line) in soup.page(&boil, PageRange::under("")).await?.1 {
        println!("after the undo: {}", String::from_utf8_lossy(&line));
    }
    restage.shutdown().await
}
