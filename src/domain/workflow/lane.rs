//! Tasks of one gate, domain and priority: numbers, and how far they were handed out.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

/// Tasks of one lane, by number. Numbers are used once, so that a task has one name for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// The first that is there: those before were cleared.
    pub first: u64,
    /// The next that a worker gets. Those before it were met, or are over.
    pub next: u64,
    /// One past the last.
    pub end: u64,
    /// Numbers between, from and up to, that an undo left without a task.
    pub gaps: BTreeMap<u64, u64>,
    /// Tasks after `next` that are over before a worker met them: cancelled, or their result was adopted.
    pub over: BTreeSet<u64>,
    /// Since when some wait and no worker took one.
    pub waiting_since: Timestamp,
}

impl Lane {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { first: 1, next: 1, end: 1, gaps: BTreeMap::new(), over: BTreeSet::new(), waiting_since: now }
    }

    /// How many tasks there are.
    pub fn tasks(&self) -> u64 {
        let gaps: u64 = self.gaps.iter().map(|(from, to)| to.saturating_sub(*from)).sum();
        self.end.saturating_sub(self.first).saturating_sub(gaps)
    }

    /// How many of them no worker has met.
    pub fn ahead(&self) -> u64 {
        let gaps: u64 = self.gaps.range(self.next..).map(|(from, to)| to.saturating_sub(*from)).sum();
        let over = u64::try_from(self.over.len()).unwrap_or(u64::MAX);
        self.end.saturating_sub(self.next).saturating_sub(gaps).saturating_sub(over)
    }

    /// Whether there is a task of this number.
    pub fn has(&self, number: u64) -> bool {
        let gap = self.gaps.range(..=number).next_back();
        (self.first..self.end).contains(&number) && gap.is_none_or(|(_, to)| *to <= number)
    }

    /// Whether there is one that no worker has met.
    pub fn is_ahead(&self, number: u64) -> bool {
        number >= self.next && self.has(number) && !self.over.contains(&number)
    }

    /// The next that a worker gets.
    pub(super) fn head(&self) -> Option<u64> {
        (self.next < self.end).then_some(self.next)
    }

    /// Adds one at the end.
    pub(super) fn add(&mut self, now: Timestamp) -> u64 {
        if self.head().is_none() {
            self.waiting_since = now;
        }
        let number = self.end;
        self.end = number.saturating_add(1);
        number
    }

    /// A worker gets the next one.
    pub(super) fn take(&mut self, now: Timestamp) {
        self.next = self.next.saturating_add(1);
        self.waiting_since = now;
        self.settle();
    }

    /// One that no worker has met is over.
    pub(super) fn pass_over(&mut self, number: u64) {
        self.over.insert(number);
        self.settle();
    }

    /// One that was over is to be handed out again. `false` where its turn is past.
    pub(super) fn bring_back(&mut self, number: u64) -> bool {
        self.over.remove(&number)
    }

    /// All are gone.
    pub(super) fn clear(&mut self) {
        (self.first, self.next) = (self.end, self.end);
        self.gaps.clear();
        self.over.clear();
    }

    /// All are to be handed out again.
    pub(super) fn begin_again(&mut self, now: Timestamp) {
        self.next = self.first;
        self.over.clear();
        self.waiting_since = now;
        self.settle();
    }

    /// As an earlier state had it. What was added since is gone, and its numbers are not used again.
    pub(super) fn restored(&self, saved: Option<&Self>) -> Self {
        let mut lane = match saved {
            Some(saved) => saved.clone(),
            None => {
                Self { first: self.end, next: self.end, gaps: BTreeMap::new(), over: BTreeSet::new(), ..self.clone() }
            }
        };
        if lane.end < self.end {
            if lane.first == lane.end {
                lane.clear_to(self.end);
            } else {
                lane.gaps.insert(lane.end, self.end);
                lane.end = self.end;
            }
        }
        lane.settle();
        lane
    }

    fn clear_to(&mut self, end: u64) {
        self.end = end;
        self.clear();
    }

    /// With what an earlier state had handed out; what was added since is still there.
    pub(super) fn handed_out_as(&self, saved: Option<&Self>) -> Self {
        let next = saved.map_or(self.first, |saved| saved.next).clamp(self.first, self.end);
        let over = saved.map(|saved| saved.over.clone()).unwrap_or_default();
        let mut lane =
            Self { next, over: over.into_iter().filter(|number| self.has(*number)).collect(), ..self.clone() };
        lane.settle();
        lane
    }

    /// Moves on to the next that can be handed out.
    fn settle(&mut self) {
        loop {
            let gap = self.gaps.range(..=self.next).next_back().filter(|(_, to)| **to > self.next);
            if let Some((_, to)) = gap {
                self.next = *to;
            } else if self.over.remove(&self.next) {
                self.next = self.next.saturating_add(1);
            } else {
                break;
            }
        }
        // Those before can't be passed over any more.
        self.over = self.over.split_off(&self.next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn lane(tasks: u64) -> Lane {
        let mut lane = Lane::new(at(0));
        (0..tasks).for_each(|n| assert_eq!(lane.add(at(1)), n + 1));
        lane
    }

    #[test]
    fn tasks_are_handed_out_in_order_and_those_that_are_over_are_passed() {
        let mut lane = lane(4);
        lane.pass_over(3);
        lane.pass_over(1);
        assert_eq!((lane.head(), lane.tasks(), lane.ahead()), (Some(2), 4, 2));
        lane.take(at(5));
        assert_eq!((lane.head(), lane.ahead(), lane.over.len(), lane.waiting_since), (Some(4), 1, 0, at(5)));
        lane.take(at(6));
        assert_eq!((lane.head(), lane.tasks(), lane.ahead()), (None, 4, 0));
    }

    #[test]
    fn one_that_was_passed_over_comes_back_only_as_long_as_its_turn_is_to_come() {
        let mut lane = lane(3);
        lane.pass_over(2);
        assert!(lane.bring_back(2) && lane.is_ahead(2));
        lane.pass_over(1);
        assert!(!lane.bring_back(1) && !lane.is_ahead(1) && lane.has(1));
    }

    #[test]
    fn numbers_are_never_used_twice_whatever_is_cleared_and_brought_back() {
        let mut now = lane(2);
        now.take(at(1));
        let saved = now.clone();
        now.clear();
        assert_eq!((now.tasks(), now.add(at(2)), now.add(at(2))), (0, 3, 4));
        let mut back = now.restored(Some(&saved));
        assert_eq!((back.tasks(), back.ahead(), back.head()), (2, 1, Some(2)));
        assert!(back.has(1) && back.has(2) && !back.has(3) && !back.has(4));
        assert_eq!((back.add(at(3)), back.tasks()), (5, 3));
        back.take(at(4));
        assert_eq!(back.head(), Some(5));
        // The undo of the undo.
        let forth = back.restored(Some(&now));
        assert_eq!((forth.first, forth.tasks(), forth.has(4), forth.has(5), forth.end), (3, 2, true, false, 6));
        assert_eq!(forth.head(), Some(3));
    }

    #[test]
    fn a_lane_that_was_not_there_comes_back_empty() {
        let mut lane = lane(3).restored(None);
        assert_eq!((lane.tasks(), lane.head(), lane.gaps.len()), (0, None, 0));
        assert_eq!(lane.add(at(1)), 4);
    }

    #[test]
    fn all_begin_again_without_those_that_are_none() {
        let mut now = lane(4);
        (now.first, now.next) = (1, 4);
        now.gaps.insert(1, 3);
        now.pass_over(4);
        now.begin_again(at(9));
        assert_eq!((now.head(), now.ahead(), now.tasks(), now.waiting_since), (Some(3), 2, 2, at(9)));
    }

    #[test]
    fn what_was_handed_out_since_is_taken_back_and_what_was_added_since_stays() {
        let mut now = lane(2);
        let saved = now.clone();
        now.take(at(1));
        now.add(at(1));
        now.pass_over(3);
        let back = now.handed_out_as(Some(&saved));
        assert_eq!((back.head(), back.tasks(), back.ahead()), (Some(1), 3, 3));
        // The undo of the undo.
        let forth = back.handed_out_as(Some(&now));
        assert_eq!((forth.head(), forth.ahead(), forth.over), (Some(2), 1, now.over.clone()));
        now.clear();
        assert_eq!(now.handed_out_as(Some(&saved)).head(), None);
    }
}
