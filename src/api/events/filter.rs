//! Which events somebody wants to see.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::told::Told;
use crate::domain::Rejection;

/// Most values of one filter.
const VALUES_MAX: usize = 64;
/// Longest value.
const VALUE_BYTES_MAX: usize = 100;
/// What only those see who look after the server itself.
const ADMIN_KINDS: [&str; 2] = ["access", "webhook"];

/// Which events somebody wants to see: of one of these kinds, ids and types. What is empty lets everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Kinds of entities.
    pub kinds: BTreeSet<String>,
    /// Ids of entities.
    pub ids: BTreeSet<String>,
    /// Types of events.
    pub types: BTreeSet<String>,
    /// Whether events about tokens and webhooks are seen.
    pub admin: bool,
}

impl Filter {
    /// Refuses a filter that is too large.
    ///
    /// # Errors
    /// [`Rejection::Limit`].
    pub fn check(&self) -> Result<(), Rejection> {
        for (what, values) in [("kinds", &self.kinds), ("ids", &self.ids), ("types", &self.types)] {
            if values.len() > VALUES_MAX {
                return Err(Rejection::limit(format!("{what} of a filter"), VALUES_MAX));
            }
            if values.iter().any(|value| value.len() > VALUE_BYTES_MAX) {
                return Err(Rejection::limit(format!("bytes of one of the {what} of a filter"), VALUE_BYTES_MAX));
            }
        }
        Ok(())
    }

    /// Whether an event is let through.
    pub fn lets_through(&self, told: &Told) -> bool {
        let has = |values: &BTreeSet<String>, value: &str| values.is_empty() || values.contains(value);
        (self.admin || !ADMIN_KINDS.contains(&told.kind.as_str()))
            && has(&self.kinds, &told.kind)
            && has(&self.ids, told.id.as_str())
            && has(&self.types, &told.name)
    }
}
