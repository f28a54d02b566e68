//! What is being said at this moment, before it is durable: a reply that streams in, what a running stage prints.
//!
//! Kept in memory, and only the newest of each text. Whoever follows gets the newest there is when they ask, so a slow
//! reader misses what was in between and holds nobody up. What is said in the end is saved, and read as everything else.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Sleep;

use crate::domain::webhook::Selection;
use crate::domain::{EntityId, Generation, StageId};

/// Texts kept in all. Of those beyond, what is finished goes first, then what did not change for the longest time.
const TEXTS_MAX: usize = 1_000;
/// How much of a text is kept: its end.
const TEXT_BYTES_MAX: usize = 16 << 10;
/// How often whoever follows is given something new, at most.
const GIVE_EVERY: Duration = Duration::from_millis(100);
/// How many bytes a second they are given, about.
const BYTES_PER_SECOND: u64 = 64 << 10;
/// How many bytes at a time, about.
const GIVEN_BYTES: usize = 64 << 10;

/// A text, as far as it was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LiveText {
    /// The kind of the entity.
    pub kind: String,
    /// The entity.
    pub id: EntityId,
    /// The stage that it is said in.
    pub stage: StageId,
    /// The generation that it is said under. Who shows an other one has no use for it.
    pub generation: Generation,
    /// Which text of the stage it is.
    pub name: String,
    /// All that was said so far, or the end of it.
    pub text: String,
    /// How many bytes were said before `text`.
    #[serde(skip_serializing_if = "is_zero")]
    pub skipped: u64,
    /// Whether no more is said.
    pub finished: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What is being said, for all who follow. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Live {
    hub: Arc<Hub>,
}

#[derive(Debug, Default)]
struct Hub {
    texts: Mutex<Texts>,
    /// The number of the last change.
    last: watch::Sender<u64>,
}

type Name = (String, EntityId, StageId, String);

/// The newest of each text, by the number of the change that brought it.
#[derive(Debug, Default)]
struct Texts {
    last: u64,
    by_change: BTreeMap<u64, Arc<LiveText>>,
    changes: HashMap<Name, u64>,
}

impl Live {
    /// Shows a text as it is now. One of an older generation than what is shown is left out.
    pub fn publish(&self, text: LiveText) {
        let mut texts = self.hub.texts();
        let last = texts.put(text.cut());
        drop(texts);
        if let Some(last) = last {
            self.hub.last.send_replace(last);
        }
    }

    /// A stage has this generation from now on: what was said under an older one is shown no more.
    pub fn fence(&self, kind: &str, id: &EntityId, stage: &StageId, generation: Generation) {
        let mut texts = self.hub.texts();
        let is_older = |text: &&Arc<LiveText>| {
            text.kind == kind && text.id == *id && text.stage == *stage && text.generation < generation
        };
        let older: Vec<_> = texts.by_change.values().filter(is_older).cloned().collect();
        let gone = |text: Arc<LiveText>| LiveText {
            generation,
            text: String::new(),
            skipped: 0,
            finished: true,
            ..LiveText::clone(&text)
        };
        let last = older.into_iter().filter_map(|text| texts.put(gone(text))).last();
        drop(texts);
        if let Some(last) = last {
            self.hub.last.send_replace(last);
        }
    }

    /// What is being said by entities of these kinds and ids: first all that is not finished, then what changes.
    pub fn subscribe(&self, selection: &Selection) -> LiveStream {
        let selection = Selection { types: std::collections::BTreeSet::new(), ..selection.clone() };
        let changed = self.hub.last.subscribe();
        let begun = *changed.borrow();
        LiveStream { hub: Arc::clone(&self.hub), selection, begun, seen: 0, changed, pause: None }
    }
}

impl Hub {
    fn texts(&self) -> MutexGuard<'_, Texts> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Texts {
    /// Puts a text in the place of its earlier version, and says which change that was; `None` if it is too old.
    fn put(&mut self, text: LiveText) -> Option<u64> {
        let name = (text.kind.clone(), text.id.clone(), text.stage.clone(), text.name.clone());
        if let Some(before) = self.changes.get(&name) {
            if self.by_change.get(before).is_some_and(|before| before.generation > text.generation) {
                return None;
            }
            self.by_change.remove(before);
        }
        self.last += 1;
        self.by_change.insert(self.last, Arc::new(text));
        self.changes.insert(name, self.last);
        if self.by_change.len() > TEXTS_MAX {
            let finished = self.by_change.iter().find(|(_, text)| text.finished);
            let oldest = finished.or_else(|| self.by_change.iter().next()).map(|(change, _)| *change);
            if let Some(gone) = oldest.and_then(|change| self.by_change.remove(&change)) {
                self.changes.remove(&(gone.kind.clone(), gone.id.clone(), gone.stage.clone(), gone.name.clone()));
            }
        }
        Some(self.last)
    }
}

impl LiveText {
    /// The text with no more than its end, where it is long.
    fn cut(mut self) -> Self {
        let over = self.text.len().saturating_sub(TEXT_BYTES_MAX);
        if over > 0 {
            let at = self.text.ceil_char_boundary(over);
            self.text.drain(..at);
            self.skipped = self.skipped.saturating_add(u64::try_from(at).unwrap_or(u64::MAX));
        }
        self
    }
}

/// What is being said, as it is said.
pub struct LiveStream {
    hub: Arc<Hub>,
    selection: Selection,
    /// The last change before it was followed.
    begun: u64,
    /// The last change that was looked at.
    seen: u64,
    changed: watch::Receiver<u64>,
    /// Until then nothing more is given.
    pause: Option<Pin<Box<Sleep>>>,
}

impl std::fmt::Debug for LiveStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveStream")
            .field("selection", &self.selection)
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

impl LiveStream {
    /// The newest of each text that changed; waits until there is one. Can be given up at any moment.
    pub async fn next(&mut self) -> Vec<Arc<LiveText>> {
        loop {
            if let Some(pause) = &mut self.pause {
                pause.await;
                self.pause = None;
            }
            self.changed.mark_unchanged();
            let texts = self.look();
            if !texts.is_empty() {
                let bytes = u64::try_from(texts.iter().map(|text| text.text.len()).sum::<usize>()).unwrap_or(u64::MAX);
                let pause = Duration::from_millis(bytes.saturating_mul(1_000) / BYTES_PER_SECOND).max(GIVE_EVERY);
                self.pause = Some(Box::pin(tokio::time::sleep(pause)));
                return texts;
            }
            // The hub is held here, so it does not end.
            let _ = self.changed.changed().await;
        }
    }

    fn look(&mut self) -> Vec<Arc<LiveText>> {
        let texts = self.hub.texts();
        let (mut given, mut bytes) = (Vec::new(), 0);
        for (change, text) in texts.by_change.range(self.seen + 1..) {
            if bytes >= GIVEN_BYTES {
                return given;
            }
            self.seen = *change;
            let is_over = text.finished && *change <= self.begun;
            if !is_over && self.selection.has(&text.kind, text.id.as_str(), "") {
                bytes += text.text.len();
                given.push(Arc::clone(text));
            }
        }
        given
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(id: &str, generation: u64, text: &str) -> LiveText {
        LiveText {
            kind: "workshop".into(),
            id: EntityId::new(id).unwrap(),
            stage: StageId::new("persona").unwrap(),
            generation: Generation(generation),
            name: "reply".into(),
            text: text.into(),
            skipped: 0,
            finished: false,
        }
    }

    async fn next(stream: &mut LiveStream) -> Vec<(String, u64, String, bool)> {
        let texts = tokio::time::timeout(Duration::from_secs(20), stream.next()).await.unwrap();
        texts.iter().map(|t| (t.id.to_string(), t.generation.0, t.text.clone(), t.finished)).collect()
    }

    #[tokio::test]
    async fn a_slow_reader_gets_the_newest_of_each_text_and_nothing_else() {
        let live = Live::default();
        let mut stream = live.subscribe(&Selection::default());
        for n in 0..10_000 {
            live.publish(said("a", 1, &format!("a {n}")));
            live.publish(said("b", 1, &format!("b {n}")));
        }
        let newest = [("a".into(), 1, "a 9999".into(), false), ("b".into(), 1, "b 9999".into(), false)];
        assert_eq!(next(&mut stream).await, newest);
        live.publish(said("a", 1, "a 10000"));
        assert_eq!(next(&mut stream).await, [("a".into(), 1, "a 10000".into(), false)]);
        assert!(tokio::time::timeout(Duration::from_millis(150), stream.next()).await.is_err(), "nothing more is new");
    }

    #[tokio::test]
    async fn whoever_comes_late_is_told_what_is_being_said_but_not_what_is_over() {
        let live = Live::default();
        live.publish(said("a", 1, "half a"));
        live.publish(LiveText { finished: true, ..said("b", 1, "all of it") });
        let mut late = live.subscribe(&Selection::default());
        assert_eq!(next(&mut late).await, [("a".into(), 1, "half a".into(), false)]);
        live.publish(LiveText { finished: true, ..said("a", 1, "half a sentence.") });
        assert_eq!(next(&mut late).await, [("a".into(), 1, "half a sentence.".into(), true)]);
    }

    #[tokio::test]
    async fn what_an_older_generation_says_is_taken_away_and_comes_no_more() {
        let live = Live::default();
        live.publish(said("a", 1, "an old word"));
        let one = said("a", 1, "");
        live.fence("workshop", &one.id, &one.stage, Generation(2));
        live.publish(said("a", 1, "an old word, late"));
        let mut stream = live.subscribe(&Selection::default());
        live.publish(said("a", 2, "fresh"));
        assert_eq!(next(&mut stream).await, [("a".into(), 2, "fresh".into(), false)]);
    }

    #[tokio::test]
    async fn of_a_long_text_the_end_is_given_and_only_what_was_selected() {
        let live = Live::default();
        let ids = ["b".to_owned()].into();
        let mut stream = live.subscribe(&Selection { ids, ..Selection::default() });
        live.publish(said("a", 1, "not selected"));
        live.publish(said("b", 1, &"ä".repeat(TEXT_BYTES_MAX)));
        let texts = stream.next().await;
        let [text] = texts.as_slice() else { panic!("{texts:?}") };
        assert_eq!((text.text.len(), text.skipped), (TEXT_BYTES_MAX, TEXT_BYTES_MAX as u64));
    }

    #[test]
    fn it_does_not_grow_and_what_is_finished_goes_first() {
        let live = Live::default();
        live.publish(said("kept", 1, "still said"));
        for n in 0..TEXTS_MAX * 2 {
            live.publish(LiveText { finished: true, ..said(&format!("e{n}"), 1, "over") });
        }
        let texts = live.hub.texts();
        assert_eq!((texts.by_change.len(), texts.changes.len()), (TEXTS_MAX, TEXTS_MAX));
        assert!(texts.by_change.values().any(|text| text.id.as_str() == "kept"));
    }
}
