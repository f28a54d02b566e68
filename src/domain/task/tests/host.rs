//! A host with numbers in place of files: it commits, goes back and comes back as a repository does, and remembers what it
//! did, so that being asked twice is harmless.

use std::collections::BTreeMap;

use super::*;

/// The id of an object that stands for a number.
pub(in super::super) fn object(number: u64) -> ObjectId {
    ObjectId(format!("{number:040x}"))
}

/// The number that an object's id stands for.
fn number(object: &ObjectId) -> u64 {
    u64::from_str_radix(&object.0, 16).unwrap()
}

/// A worktree and its branch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Files {
    /// The commit that the branch is at.
    pub(in super::super) head: u64,
    /// What the files hold.
    pub(in super::super) tree: u64,
}

#[derive(Clone, Debug, Default)]
pub(in super::super) struct Repo {
    pub(in super::super) files: Files,
    place: Option<Place>,
    /// The tree of each commit.
    commits: BTreeMap<u64, u64>,
    /// The commit of each stage, run and tree.
    made: BTreeMap<(StageId, u64, u64), u64>,
    pub(in super::super) snapshots: BTreeMap<u64, Files>,
    /// The answers to operations that were carried out.
    answered: BTreeMap<u64, Command>,
    last: u64,
}

impl Repo {
    fn fresh(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// An agent changes files.
    pub(in super::super) fn work(&mut self) {
        self.files.tree = self.fresh();
    }

    pub(in super::super) fn candidate(&self) -> Candidate {
        Candidate { tree: object(self.files.tree), changed: 3 }
    }

    fn make_place(&mut self) -> Place {
        if let Some(place) = &self.place {
            return place.clone();
        }
        let (base, tree) = (self.fresh(), self.fresh());
        self.commits.insert(base, tree);
        self.files = Files { head: base, tree };
        let place = Place {
            key: "t1".into(),
            branch: branch_name(&id(), "Mend the roof"),
            worktree: "/house/t1".into(),
            base: Some("main".into()),
            base_commit: object(base),
        };
        self.place = Some(place.clone());
        place
    }

    /// Does what the operation under way asks for, once, and says what came of it.
    pub(in super::super) fn carry_out(&mut self, task: &Task) -> Command {
        let operation = task.operation.as_ref().unwrap();
        if let Some(answer) = self.answered.get(&operation.number) {
            return answer.clone();
        }
        let answer = self.first_answer(task, operation);
        self.answered.insert(operation.number, answer.clone());
        answer
    }

    fn first_answer(&mut self, task: &Task, operation: &Operation) -> Command {
        let (operation, notes) = (operation.number, Vec::new());
        match &task.operation.as_ref().unwrap().kind {
            OperationKind::Create => Command::Created { operation, place: self.make_place(), notes },
            OperationKind::Commit { stage, run, expected } => {
                if object(self.files.tree) != *expected {
                    return Command::Changed { operation, candidate: self.candidate() };
                }
                let name = (stage.clone(), *run, self.files.tree);
                let known = self.made.get(&name).copied();
                let commit = known.unwrap_or_else(|| self.fresh());
                self.commits.insert(commit, self.files.tree);
                self.made.insert(name, commit);
                self.files.head = commit;
                Command::Committed { operation, commit: object(commit) }
            }
            OperationKind::Restart { after, .. } => {
                let place = self.make_place();
                let head = after.as_ref().map_or(number(&place.base_commit), |(_, commit)| number(commit));
                let files = Files { head, tree: self.commits[&head] };
                self.go_back(operation, files, task.place.is_none().then_some(place))
            }
            OperationKind::Undo { snapshot, .. } => {
                let files = self.snapshots[snapshot].clone();
                self.go_back(operation, files, None)
            }
            OperationKind::Merge { .. } => Command::Merged { operation, commit: object(self.fresh()), notes },
            OperationKind::CleanUp => Command::CleanedUp { operation, snapshot: None, notes },
        }
    }

    fn go_back(&mut self, operation: u64, files: Files, place: Option<Place>) -> Command {
        self.snapshots.insert(operation, self.files.clone());
        let (from, to) = (object(self.files.head), object(files.head));
        self.files = files;
        let report = RolledBack {
            snapshot: object(self.fresh()),
            snapshot_ref: format!("refs/restage/snapshots/t1/{operation}"),
            from,
            to,
            kept: 2,
            notes: vec!["a lock was removed".into()],
            place,
        };
        Command::RolledBack { operation, report: Box::new(report) }
    }
}

impl Repo {
    /// Whether this operation was carried out.
    pub(in super::super) fn is_answered(&self, operation: u64) -> bool {
        self.answered.contains_key(&operation)
    }
}

/// The operation that an answer is about.
pub(in super::super) fn operation_of(answer: &Command) -> u64 {
    match answer {
        Command::Created { operation, .. }
        | Command::Committed { operation, .. }
        | Command::Changed { operation, .. }
        | Command::RolledBack { operation, .. }
        | Command::Merged { operation, .. }
        | Command::CleanedUp { operation, .. }
        | Command::Failed { operation, .. } => *operation,
        other => panic!("no answer: {other:?}"),
    }
}
