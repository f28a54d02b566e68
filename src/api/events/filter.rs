//! Which events somebody may and wants to see.

use super::told::Told;
use crate::domain::webhook::Selection;

/// What only those see who look after the server itself.
const ADMIN_KINDS: [&str; 2] = ["access", "webhook"];

/// Which events somebody may and wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Which ones they want.
    pub selection: Selection,
    /// Whether events about tokens and webhooks are seen.
    pub admin: bool,
}

impl Filter {
    /// Whether an event is let through.
    pub fn lets_through(&self, told: &Told) -> bool {
        (self.admin || !ADMIN_KINDS.contains(&told.kind.as_str()))
            && self.selection.has(&told.kind, told.id.as_str(), &told.name)
    }
}
