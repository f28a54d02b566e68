//! What a caller may do.

use serde::{Deserialize, Serialize};

use crate::domain::Rejection;

/// What a caller may do. Each role may do all that the one before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look.
    Read,
    /// Work: write, claim, hand in, approve.
    Write,
    /// Go back, undo, overrule, delete.
    Reset,
    /// Say who may call, and what belongs to the machine: repositories, backups.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Reset, Self::Admin];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Reset => "reset",
            Self::Admin => "admin",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Role {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<Self, Rejection> {
        let named = Self::ALL.into_iter().find(|role| role.name() == text);
        named.ok_or_else(|| Rejection::invalid("role", "it is none of read, write, reset and admin"))
    }
}
