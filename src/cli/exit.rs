//! How the program ends, for scripts.

/// What the program's end says. Scripts rely on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It was done.
    Done,
    /// It was not, for a reason that no other code tells.
    Failure,
    /// The command or a value in it is not valid.
    Usage,
    /// What was named does not exist.
    NotFound,
    /// It does not fit what is there now: look again, and decide again.
    Conflict,
    /// This user may not.
    Denied,
    /// The server can't be reached, or another process has the data folder.
    Unreachable,
    /// Ctrl-C.
    Interrupted,
    /// Whoever read its answer went away before it had said all, as a pipe to `head` does.
    Unheard,
    /// The system asked it to end.
    Terminated,
}

impl Exit {
    /// The number for the system.
    pub fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Conflict => 4,
            Self::Denied => 5,
            Self::Unreachable => 6,
            Self::Interrupted => 130,
            Self::Unheard => 141,
            Self::Terminated => 143,
        }
    }

    /// The end that a number stands for.
    pub fn of_number(number: u8) -> Self {
        let all = [Self::Done, Self::Usage, Self::NotFound, Self::Conflict, Self::Denied, Self::Unreachable];
        let signals = [Self::Interrupted, Self::Unheard, Self::Terminated];
        all.into_iter().chain(signals).find(|exit| exit.number() == number).unwrap_or(Self::Failure)
    }

    /// The end that an error of this code stands for.
    pub fn of_code(code: &str) -> Self {
        match code {
            "invalid"
            | "limit"
            | "too_large"
            | "usage"
            | "not_a_data_folder"
            | "not_a_repository"
            | "unsupported_repository"
            | "branch_name"
            | "inside_repository"
            | "agent_config" => Self::Usage,
            "not_found" | "gone" | "not_in_backup" | "no_base" | "no_snapshot" | "missing_commit" => Self::NotFound,
            "exists" | "conflict" | "stale_generation" | "version_moved" | "plan_moved" | "plan_required"
            | "key_reused" | "place_taken" | "worktree_changed" | "git_under_way" | "content_changed"
            | "not_an_ancestor" | "still_writing" | "moved" | "merge_conflict" => Self::Conflict,
            "read_only" | "no_token" | "unauthorized" | "forbidden" => Self::Denied,
            "in_use" | "unreachable" => Self::Unreachable,
            _ => Self::Failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_its_number() {
        let ends = [
            (Exit::Done, 0),
            (Exit::Failure, 1),
            (Exit::Usage, 2),
            (Exit::NotFound, 3),
            (Exit::Conflict, 4),
            (Exit::Denied, 5),
            (Exit::Unreachable, 6),
            (Exit::Interrupted, 130),
            (Exit::Unheard, 141),
            (Exit::Terminated, 143),
        ];
        for (exit, number) in ends {
            assert_eq!((exit.number(), Exit::of_number(number)), (number, exit));
        }
    }

    #[test]
    fn codes_lead_to_the_end_that_says_what_to_do() {
        for (code, exit) in [
            ("not_found", Exit::NotFound),
            ("plan_moved", Exit::Conflict),
            ("stale_generation", Exit::Conflict),
            ("invalid", Exit::Usage),
            ("limit", Exit::Usage),
            ("not_a_repository", Exit::Usage),
            ("no_base", Exit::NotFound),
            ("merge_conflict", Exit::Conflict),
            ("exit_code", Exit::Failure),
            ("in_use", Exit::Unreachable),
            ("disk_full", Exit::Failure),
            ("a code of an embedder", Exit::Failure),
        ] {
            assert_eq!(Exit::of_code(code), exit, "{code}");
        }
    }
}
