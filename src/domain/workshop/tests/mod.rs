//! The rules, run as the engine runs them: fences first, then the reads, then decide, then apply.

mod conversation;
mod facilitator;
mod going_back;
mod model;
mod progress;
mod stuck;
mod template;

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::domain::stored::{decode, encode};
use crate::domain::{Digest, EntityId, Fence, Inherit, Verb};

/// One workshop with its content.
#[derive(Clone, Default)]
pub(super) struct World {
    pub(super) state: Workshop,
    pub(super) fences: BTreeMap<StageId, Fence>,
    content: HashMap<(StageId, Generation, Vec<u8>), Vec<u8>>,
    shared: HashMap<Digest, Vec<u8>>,
    revision: u64,
    pub(super) now: i64,
    pub(super) journal: Vec<(Entry, Timestamp)>,
    pub(super) effects: Vec<(String, Effect)>,
    pub(super) undo_points: Vec<UndoPoint>,
}

/// What the journal has of a turn.
#[derive(Clone)]
pub(super) enum Entry {
    Event(Event),
    Restored(Box<Workshop>, Vec<StageId>),
}

/// A step, its messages, its artifact and its summary.
pub(super) type SeenStep = (StepState, Vec<StoredMessage>, Option<Vec<u8>>, Option<Vec<u8>>);

#[derive(Clone)]
pub(super) struct UndoPoint {
    pub(super) verb: Verb,
    pub(super) state: Workshop,
    fences: BTreeMap<StageId, Fence>,
}

pub(super) fn id(name: &str) -> StageId {
    StageId::new(name).unwrap()
}

/// What is stored comes back equal.
pub(super) fn round_trip<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let bytes = encode("value", value).unwrap();
    assert_eq!(&decode::<T>("value", &bytes).unwrap(), value);
}

/// A template of steps with what each depends on, without artifacts; `a*` has one.
pub(super) fn template(steps: &[(&str, &[&str])]) -> Template {
    let mut text = "name = \"t\"\ntitle = \"T\"\n".to_owned();
    for (name, on) in steps {
        let artifact = if name.ends_with('*') { "artifact = { type = \"object\" }\n" } else { "" };
        let bare = |name: &str| format!("{:?}", name.trim_end_matches('*'));
        let on: Vec<String> = on.iter().map(|on| bare(on)).collect();
        let name = bare(name);
        text += &format!(
            "[[steps]]\nid = {name}\ntitle = {name}\nprompt = \"p\"\ndepends_on = [{}]\n{artifact}",
            on.join(", ")
        );
    }
    Template::from_toml(&text).unwrap()
}

/// A finished message.
pub(super) fn message(id: &str, content: &str) -> Message {
    Message {
        id: id.into(),
        role: Role::User,
        content: content.into(),
        finished: true,
        sub_step: None,
        by: None,
        source: None,
    }
}

pub(super) fn snapshot(id: &str, content: &str) -> Message {
    Message { role: Role::User, finished: false, ..message(id, content) }
}

pub(super) fn save(stage: &str, messages: Vec<Message>) -> Command {
    Command::Save { stage: id(stage), generation: None, session: MAIN_SESSION.into(), messages }
}

pub(super) fn next(stage: &str) -> Command {
    Command::Next { stage: id(stage), generation: None, summary: Some(points()) }
}

pub(super) fn points() -> Vec<String> {
    vec!["one thing".into(), "another".into(), "a third".into()]
}

pub(super) fn artifact(stage: &str, json: &str) -> Command {
    Command::Artifact { stage: id(stage), generation: None, json: json.into(), expected_version: None }
}

pub(super) fn confirm(stage: &str) -> Command {
    Command::Confirm { stage: id(stage), generation: None, version: None }
}

pub(super) fn reset(stage: &str) -> Command {
    Command::Reset { stage: id(stage) }
}

pub(super) fn revise(stage: &str) -> Command {
    Command::Revise { stage: id(stage), message: None }
}

pub(super) fn accept(stage: &str) -> Command {
    Command::Accept { stage: id(stage) }
}

impl World {
    pub(super) fn with(template: Template) -> Self {
        let mut world = Self { now: 1_000, ..Self::default() };
        world.run(Command::Create { title: "W".into(), template: Box::new(template) }).unwrap();
        world
    }

    pub(super) fn of(steps: &[(&str, &[&str])]) -> Self {
        Self::with(template(steps))
    }

    /// Decides without doing.
    pub(super) fn decide(&self, command: &Command) -> Result<Decision<WorkshopKind>, Rejection> {
        round_trip(command);
        if let Some(target) = WorkshopKind::target(command) {
            let current = self.fence(&target.stage).generation;
            if let Some(given) = target.generation
                && given != current
            {
                return Err(Rejection::Stale { stage: target.stage, given, current, orphan: None });
            }
        }
        let mut found = HashMap::new();
        for read in WorkshopKind::reads(&self.state, command) {
            let bytes = match &read {
                Read::Content(stage, path) => self.content(stage, path),
                Read::Shared(digest) => self.shared.get(digest).cloned(),
            };
            found.extend(bytes.map(|bytes| (read, bytes)));
        }
        let now = Timestamp::from_millis(self.now);
        let id = EntityId::new("w").unwrap();
        let input = Input {
            id: &id,
            by: "ann",
            reason: None,
            now,
            revision: self.revision,
            fences: &self.fences,
            found: &found,
        };
        WorkshopKind::decide(&self.state, command, &input)
    }

    #[allow(clippy::needless_pass_by_value)] // read better at some two hundred calls
    pub(super) fn run(&mut self, command: Command) -> Result<Reply, Rejection> {
        self.now += 1;
        let decision = self.decide(&command)?;
        round_trip(&decision.reply);
        if decision.is_empty() {
            return Ok(decision.reply);
        }
        self.revision += 1;
        if let Some(verb) = &decision.verb {
            let point = UndoPoint { verb: verb.clone(), state: self.state.clone(), fences: self.fences.clone() };
            self.undo_points.push(point);
        }
        for (stage, inherit) in &decision.raises {
            let raised = self.fence(stage).raised(*inherit).unwrap();
            self.fences.insert(stage.clone(), raised);
        }
        for (stage, path, bytes) in decision.content {
            let fence = self.fences.entry(stage.clone()).or_default();
            fence.written = true;
            self.content.insert((stage, fence.generation, path), bytes);
        }
        self.shared.extend(decision.shared);
        for (key, effect) in decision.effects {
            round_trip(&effect);
            self.effects.retain(|(owed, _)| *owed != key);
            self.effects.extend(effect.map(|effect| (key, effect)));
        }
        let at = Timestamp::from_millis(self.now);
        for event in decision.events {
            round_trip(&event);
            WorkshopKind::apply(&mut self.state, &event, at);
            self.journal.push((Entry::Event(event), at));
        }
        round_trip(&self.state);
        Ok(decision.reply)
    }

    pub(super) fn ok(&mut self, command: Command) -> Reply {
        self.run(command).unwrap()
    }

    /// Takes an undo point back, as the engine does: a new layer over those that the point remembers.
    pub(super) fn undo(&mut self, point: usize) {
        self.now += 1;
        let point = self.undo_points[point].clone();
        self.undo_points.push(UndoPoint {
            verb: point.verb.clone(),
            state: self.state.clone(),
            fences: self.fences.clone(),
        });
        for stage in &point.verb.affects {
            let saved = point.fences.get(stage).cloned().unwrap_or_default();
            let raised = self.fence(stage).raised_over(saved.base()).unwrap();
            self.fences.insert(stage.clone(), raised);
        }
        let at = Timestamp::from_millis(self.now);
        WorkshopKind::restore(&mut self.state, &point.state, &point.verb.affects, at);
        round_trip(&self.state);
        self.journal.push((Entry::Restored(Box::new(point.state), point.verb.affects), at));
    }

    /// The state that the journal gives.
    pub(super) fn replayed(&self) -> Workshop {
        let mut state = Workshop::default();
        for (entry, at) in &self.journal {
            match entry {
                Entry::Event(event) => WorkshopKind::apply(&mut state, event, *at),
                Entry::Restored(saved, stages) => WorkshopKind::restore(&mut state, saved, stages, *at),
            }
        }
        state
    }

    pub(super) fn undo_last(&mut self) {
        self.undo(self.undo_points.len() - 1);
    }

    pub(super) fn fence(&self, stage: &StageId) -> Fence {
        self.fences.get(stage).cloned().unwrap_or_default()
    }

    pub(super) fn content(&self, stage: &StageId, path: &[u8]) -> Option<Vec<u8>> {
        let key = |layer: &Generation| (stage.clone(), *layer, path.to_vec());
        self.fence(stage).layers.iter().find_map(|layer| self.content.get(&key(layer)).cloned())
    }

    pub(super) fn step(&self, stage: &str) -> &StepState {
        self.state.step(&id(stage)).unwrap()
    }

    pub(super) fn status(&self, stage: &str) -> Status {
        self.step(stage).status
    }

    pub(super) fn messages(&self, stage: &str) -> Vec<StoredMessage> {
        let path = |ordinal| self.content(&id(stage), &message_path(ordinal)).unwrap();
        (0..self.step(stage).messages).map(|ordinal| StoredMessage::from_bytes(&path(ordinal)).unwrap()).collect()
    }

    /// What is said in a step, in order.
    pub(super) fn said(&self, stage: &str) -> Vec<String> {
        self.messages(stage).into_iter().map(|stored| stored.message.content).collect()
    }

    /// Writes an artifact, confirms it and completes the step.
    pub(super) fn make(&mut self, stage: &str, json: &str) -> Reply {
        self.ok(artifact(stage, json));
        self.ok(confirm(stage));
        self.ok(next(stage))
    }

    /// Everything a reader sees of a step, but for what the facilitator is asked for.
    pub(super) fn seen(&self, stage: &str) -> SeenStep {
        let step = self.step(stage).unasked();
        let artifact = step.artifact.and_then(|a| self.content(&id(stage), &artifact_path(a.version)));
        (step, self.messages(stage), artifact, self.content(&id(stage), SUMMARY_PATH))
    }
}

#[test]
fn what_a_command_works_on_follows_its_fields() {
    let at = Some(Generation(4));
    let work = Command::Save { stage: id("a"), generation: at, session: "s".into(), messages: vec![] };
    assert_eq!(WorkshopKind::target(&work), Some(Target { stage: id("a"), generation: at, work: true }));
    assert_eq!(WorkshopKind::target(&reset("a")).unwrap().generation, None);
    assert_eq!(WorkshopKind::target(&Command::Pause), None);
    let mut late = artifact("a", "{}");
    WorkshopKind::retarget(&mut late, Generation(9));
    assert_eq!(WorkshopKind::target(&late).unwrap().generation, Some(Generation(9)));
}

#[test]
fn inheriting_is_what_tells_a_reset_from_a_revision() {
    let mut world = World::of(&[("a", &[])]);
    world.ok(save("a", vec![message("1", "x")]));
    assert_eq!(world.decide(&reset("a")).unwrap().raises, [(id("a"), Inherit::Nothing)]);
    world.ok(next("a"));
    assert_eq!(world.decide(&revise("a")).unwrap().raises, [(id("a"), Inherit::Current)]);
}
