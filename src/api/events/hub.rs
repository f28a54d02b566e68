//! One reader of the feed for all who follow.
//!
//! It keeps the last events in memory. Who is further behind reads the log on their own until they caught up, so nobody
//! holds anybody up, and what is held does not grow with the number of those who follow.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;

use super::filter::Filter;
use super::offset::Offset;
use super::told::{Told, tell_all, written};
use crate::api::Error;
use crate::domain::Rejection;
use crate::engine::Committed;
use crate::runtime::{AskError, Feed, Runtime};
use crate::store::Position;

/// Bytes of events kept in memory, as JSON.
const RECENT_BYTES_MAX: usize = 8 << 20;
/// Beside the JSON, what an event takes in memory, and a batch without any.
const EVENT_BYTES: usize = 200;
/// Bytes of events given at a time, about.
const GIVEN_BYTES: usize = 256 << 10;
/// How long reading waits after it failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The events of a data folder. Cheap to clone.
#[derive(Clone)]
pub struct Events {
    hub: Arc<Hub>,
    runtime: Arc<Runtime>,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("upto", &*self.hub.upto.borrow()).finish_non_exhaustive()
    }
}

struct Hub {
    recent: Mutex<Recent>,
    /// Up to where `recent` has everything; `None` once it has ended.
    upto: watch::Sender<Option<Position>>,
}

/// The events after a position, in batches as they were read.
#[derive(Default)]
struct Recent {
    after: Position,
    batches: VecDeque<Arc<Batch>>,
    bytes: usize,
}

struct Batch {
    upto: Position,
    events: Vec<Arc<Told>>,
    bytes: usize,
}

impl Batch {
    fn of(turns: &[Committed], upto: Position) -> Self {
        let events: Vec<_> = tell_all(turns).into_iter().filter_map(written).map(Arc::new).collect();
        let bytes = events.iter().map(|told| told.json.len() + EVENT_BYTES).sum::<usize>() + EVENT_BYTES;
        Self { upto, events, bytes }
    }
}

impl Events {
    /// Begins to read what comes from now on.
    pub(in crate::api) fn start(runtime: Arc<Runtime>) -> Self {
        let after = runtime.store().durable();
        let recent = Recent { after, ..Recent::default() };
        let hub = Arc::new(Hub { recent: Mutex::new(recent), upto: watch::Sender::new(Some(after)) });
        runtime.spawn_beside(read(Arc::downgrade(&hub), runtime.feed(after)));
        Self { hub, runtime }
    }

    /// Where what comes from now on begins.
    pub fn now(&self) -> Offset {
        Offset::end_of(self.runtime.store().durable())
    }

    /// The events after an offset that a filter lets through, and then those that come.
    ///
    /// # Errors
    /// `unknown_offset` for one that no event has had yet: it is of another data folder.
    pub fn after(&self, offset: Offset, filter: Filter) -> Result<EventStream, Error> {
        filter.selection.check()?;
        if offset.position() > self.runtime.store().durable() {
            let what = format!("no event had the offset {offset} yet: it is of another data folder");
            let hint = "read the present state, and follow from there";
            return Err(Rejection::refused("unknown_offset", what, hint).into());
        }
        let upto = self.hub.upto.subscribe();
        Ok(EventStream { events: self.clone(), filter, offset, upto, behind: None })
    }

    /// Ends all streams, now and from now on: the program stops.
    pub fn end(&self) {
        self.hub.upto.send_replace(None);
    }
}

/// Events in order, from an offset on. One who does not ask for more holds nothing up.
pub struct EventStream {
    events: Events,
    filter: Filter,
    offset: Offset,
    upto: watch::Receiver<Option<Position>>,
    /// The log, while what comes next is no longer in memory.
    behind: Option<Feed>,
}

impl std::fmt::Debug for EventStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventStream")
            .field("offset", &self.offset)
            .field("filter", &self.filter)
            .finish_non_exhaustive()
    }
}

impl EventStream {
    /// Everything up to here was given, or not let through.
    pub fn offset(&self) -> Offset {
        self.offset
    }

    /// The next events, in order; waits for some. Dropped while it waits, it loses nothing.
    ///
    /// # Errors
    /// `gone` when the log no longer has what comes next: read the present state and follow from there. `stopped` when
    /// the program stops.
    pub async fn next(&mut self) -> Result<Vec<Arc<Told>>, Error> {
        loop {
            if self.upto.borrow_and_update().is_none() {
                return Err(AskError::Stopped.into());
            }
            let batches = match self.events.hub.after(self.offset) {
                Some(batches) => {
                    self.behind = None;
                    batches
                }
                None => vec![self.read_on().await?],
            };
            let (mut events, mut bytes) = (Vec::new(), 0);
            for batch in &batches {
                let new = batch.events.iter().filter(|told| told.offset > self.offset);
                let wanted = new.filter(|told| self.filter.lets_through(told));
                events.extend(wanted.inspect(|told| bytes += told.json.len()).cloned());
                self.offset = self.offset.max(Offset::end_of(batch.upto));
                if bytes >= GIVEN_BYTES {
                    break;
                }
            }
            if !events.is_empty() {
                return Ok(events);
            }
            if batches.is_empty() && self.upto.changed().await.is_err() {
                return Err(AskError::Stopped.into());
            }
        }
    }

    async fn read_on(&mut self) -> Result<Arc<Batch>, Error> {
        let from = self.offset.whole();
        let feed = self.behind.get_or_insert_with(|| self.events.runtime.feed(from));
        let (turns, upto) = feed.batch().await?;
        Ok(Arc::new(Batch::of(&turns, upto)))
    }
}

impl Hub {
    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The batches in memory with what comes after an offset; `None` if they no longer go back so far.
    fn after(&self, offset: Offset) -> Option<Vec<Arc<Batch>>> {
        let recent = self.recent();
        if offset.whole() < recent.after {
            return None;
        }
        let from = recent.batches.partition_point(|batch| Offset::end_of(batch.upto) <= offset);
        Some(recent.batches.range(from..).cloned().collect())
    }

    fn push(&self, batch: Batch) {
        let upto = batch.upto;
        let mut recent = self.recent();
        recent.bytes += batch.bytes;
        recent.batches.push_back(Arc::new(batch));
        while recent.bytes > RECENT_BYTES_MAX
            && let Some(old) = recent.batches.pop_front()
        {
            recent.bytes -= old.bytes;
            recent.after = old.upto;
        }
        drop(recent);
        self.upto.send_modify(|last| *last = last.map(|_| upto));
    }
}

/// Reads the feed for as long as somebody may follow.
async fn read(hub: Weak<Hub>, mut feed: Feed) {
    loop {
        let read = feed.batch().await;
        let Some(hub) = hub.upgrade() else { return };
        match read {
            Ok((turns, upto)) => hub.push(Batch::of(&turns, upto)),
            Err(AskError::Stopped) => {
                hub.upto.send_replace(None);
                return;
            }
            Err(error) => {
                tracing::error!(%error, "the log can't be read for those who follow; it is tried again");
                drop(hub);
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}
