//! An entity kind of the bench's own, as any embedder would write one: a list of notes.

use restage::Timestamp;
use restage::{Decision, Entity, EntityId, Generation, Handle, Input, Options, Rejection, Restage, StageId, Target};
use serde::{Deserialize, Serialize};

use std::path::Path;

use crate::Result;
use crate::load::Durable;

/// A command: 200 bytes.
pub(crate) const COMMAND: [u8; 200] = [b'x'; 200];

/// The kind.
#[derive(Clone, Debug)]
pub(crate) enum Notes {}

/// How many notes there are, and the last one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Noted {
    count: u64,
    last: String,
}

/// Note this.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Note {
    stage: StageId,
    text: String,
}

impl Entity for Notes {
    const KIND: &'static str = "notes";
    type State = Noted;
    type Command = Note;
    type Event = String;
    type Reply = u64;
    type Effect = ();

    fn target(command: &Note) -> Option<Target> {
        Some(Target { stage: command.stage.clone(), generation: None, work: true })
    }

    fn retarget(_: &mut Note, _: Generation) {}

    fn decide(state: &Noted, command: &Note, _: &Input<'_>) -> std::result::Result<Decision<Self>, Rejection> {
        if command.text.is_empty() {
            return Err(Rejection::invalid("text", "it is empty"));
        }
        Ok(Decision::reply(state.count + 1).event(command.text.clone()))
    }

    fn restore(state: &mut Noted, saved: &Noted, _: &[StageId], _: Timestamp) {
        state.clone_from(saved);
    }

    fn apply(state: &mut Noted, event: &String, _: Timestamp) {
        state.count += 1;
        state.last.clone_from(event);
    }
}

/// Some entities in an open folder, one for each caller.
pub(crate) struct Ours {
    handles: Vec<Handle<Notes>>,
    stage: StageId,
}

/// Opens a data folder with the default options.
pub(crate) async fn open(folder: &Path) -> Result<Restage> {
    Ok(Restage::open_with(folder, Options::default()).await?)
}

impl Ours {
    /// `count` callers; `entities` of them have one of their own, further ones share those.
    pub(crate) fn new(restage: &Restage, count: usize, entities: usize) -> Result<Self> {
        let kind = restage.kind::<Notes>()?;
        let handle = |caller| Ok(kind.entity(&EntityId::new(format!("n{:05}", caller % entities))?));
        let handles = (0..count).map(handle).collect::<Result<_>>()?;
        Ok(Self { handles, stage: StageId::new("notes")? })
    }
}

impl Durable for Ours {
    async fn turn(&self, caller: usize, _: u64) -> Result<()> {
        let text = str::from_utf8(&COMMAND)?.to_owned();
        self.handles[caller].send(Note { stage: self.stage.clone(), text }).await?;
        Ok(())
    }
}
