//! Who waits for work in a domain is woken when there is some.
//!
//! One is woken for each offer. Whoever gets something wakes the next, and so does whoever gives up before they looked:
//! as long as there is work, somebody is on their way to it, and nobody comes in vain by the hundred.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::domain::workflow::Domain;

/// Bells are looked through for those that nobody holds when there are this many.
const BELLS_KEPT: usize = 256;

/// A bell for each domain that somebody waits in.
#[derive(Default)]
pub(super) struct Bells {
    bells: Mutex<HashMap<Domain, Arc<Notify>>>,
    closed: AtomicBool,
}

impl Bells {
    /// The bell of a domain.
    pub(super) fn of(&self, domain: &Domain) -> Arc<Notify> {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        if bells.len() >= BELLS_KEPT && !bells.contains_key(domain) {
            bells.retain(|_, bell| Arc::strong_count(bell) > 1);
        }
        Arc::clone(bells.entry(domain.clone()).or_default())
    }

    /// Wakes one who waits in a domain; where nobody does, the next who comes looks at once.
    pub(super) fn ring(&self, domain: &Domain) {
        let bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = bells.get(domain) {
            bell.notify_one();
        }
    }

    /// Wakes everybody, for good.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        bells.values().for_each(|bell| bell.notify_waiters());
    }
}

impl Bells {
    /// Whether nobody need wait any more.
    pub(super) fn are_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

/// Held while one looks for work: dropped, the next is woken, unless it turned out that there is none.
pub(super) struct Turn<'a> {
    bell: &'a Notify,
    nothing: bool,
}

impl<'a> Turn<'a> {
    pub(super) fn new(bell: &'a Notify) -> Self {
        Self { bell, nothing: false }
    }

    /// There is no work: nobody else need look.
    pub(super) fn nothing(mut self) {
        self.nothing = true;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.nothing {
            self.bell.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(name: &str) -> Domain {
        Domain::new(name).unwrap()
    }

    #[tokio::test]
    async fn one_who_gives_up_or_finds_something_wakes_the_next_and_one_who_finds_nothing_does_not() {
        let bells = Bells::default();
        let bell = bells.of(&domain("fe"));
        drop(Turn::new(&bell));
        bell.notified().await;
        Turn::new(&bell).nothing();
        let woken = tokio::time::timeout(std::time::Duration::ZERO, bell.notified()).await;
        assert!(woken.is_err(), "nobody was to be woken");
    }

    #[test]
    fn bells_that_nobody_holds_are_let_go() {
        let bells = Bells::default();
        let held = bells.of(&domain("held"));
        for n in 0..10 * BELLS_KEPT {
            bells.of(&domain(&format!("d{n}")));
        }
        assert!(bells.bells.lock().unwrap().len() <= BELLS_KEPT);
        assert!(Arc::ptr_eq(&held, &bells.of(&domain("held"))));
    }
}
