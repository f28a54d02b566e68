//! Repositories that tasks work in: where each is, under a name.

use serde::{Deserialize, Serialize};

use super::{Decision, Entity, Generation, Input, Rejection, StageId, Target, Timestamp};

/// The kind of entity that a registered repository is. Its id is the name that tasks know it by.
#[derive(Clone, Debug)]
pub enum RepositoryKind {}

/// A registered repository. The default is one that nobody has registered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Where it is, and what was found there; `None` for one that nobody has registered.
    pub facts: Option<RepositoryFacts>,
}

/// What was found when a repository was last looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryFacts {
    /// Its main worktree, as an absolute path.
    pub root: String,
    /// The directory that all its worktrees share, as an absolute path.
    pub common: String,
    /// The branch that tasks begin from when none is named.
    pub base: String,
    /// What works, and is good to know, in sentences.
    pub notes: Vec<String>,
}

/// What can be asked of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Registers it, or takes in what was found when it was looked at again.
    Register(RepositoryFacts),
}

/// What happened to a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// It was registered, or looked at again.
    Registered(RepositoryFacts),
}

impl Entity for RepositoryKind {
    const KIND: &'static str = "repository";

    type State = Repository;
    type Command = Command;
    type Event = Event;
    type Reply = ();
    type Effect = ();

    fn target(_: &Command) -> Option<Target> {
        None
    }

    fn retarget(_: &mut Command, _: Generation) {}

    fn decide(state: &Repository, command: &Command, input: &Input<'_>) -> Result<Decision<Self>, Rejection> {
        let Command::Register(facts) = command;
        match &state.facts {
            Some(known) if known == facts => Ok(Decision::reply(())),
            // Tasks find their worktrees through it: a name never comes to stand for another repository.
            Some(known) if known.common != facts.common => Err(Rejection::exists("repository", input.id)),
            _ => Ok(Decision::reply(()).event(Event::Registered(facts.clone()))),
        }
    }

    fn apply(state: &mut Repository, event: &Event, _: Timestamp) {
        let Event::Registered(facts) = event;
        state.facts = Some(facts.clone());
    }

    fn restore(_: &mut Repository, _: &Repository, _: &[StageId], _: Timestamp) {}
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use super::*;
    use crate::domain::EntityId;

    fn facts(common: &str, base: &str) -> RepositoryFacts {
        RepositoryFacts { root: "/r".into(), common: common.into(), base: base.into(), notes: Vec::new() }
    }

    fn register(state: &mut Repository, facts: RepositoryFacts) -> Result<usize, Rejection> {
        let (id, fences, found) = (EntityId::new("app").unwrap(), BTreeMap::new(), HashMap::new());
        let now = Timestamp::default();
        let input = Input { id: &id, by: "ann", reason: None, now, revision: 1, fences: &fences, found: &found };
        let decision = RepositoryKind::decide(state, &Command::Register(facts), &input)?;
        decision.events.iter().for_each(|event| RepositoryKind::apply(state, event, now));
        Ok(decision.events.len())
    }

    #[test]
    fn a_name_stands_for_one_repository_for_ever() {
        let mut state = Repository::default();
        assert_eq!(register(&mut state, facts("/r/.git", "main")), Ok(1));
        assert_eq!(register(&mut state, facts("/r/.git", "main")), Ok(0), "the same again changes nothing");
        assert_eq!(register(&mut state, facts("/r/.git", "trunk")), Ok(1), "what was found may change");
        assert_eq!(register(&mut state, facts("/q/.git", "main")), Err(Rejection::exists("repository", "app")));
        assert_eq!(state.facts, Some(facts("/r/.git", "trunk")));
    }
}
