//! Which events somebody wants to see.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::Rejection;

/// Most values of one sort.
const VALUES_MAX: usize = 64;
/// Longest value.
const VALUE_BYTES_MAX: usize = 100;

/// Which events somebody wants to see: of one of these kinds, ids and types. What is empty lets everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Kinds of entities.
    pub kinds: BTreeSet<String>,
    /// Ids of entities.
    pub ids: BTreeSet<String>,
    /// Types of events.
    pub types: BTreeSet<String>,
}

impl Selection {
    /// Refuses one that is too large.
    ///
    /// # Errors
    /// [`Rejection::Limit`].
    pub fn check(&self) -> Result<(), Rejection> {
        for (what, values) in [("kinds", &self.kinds), ("ids", &self.ids), ("types", &self.types)] {
            if values.len() > VALUES_MAX {
                return Err(Rejection::limit(format!("{what} to select events by"), VALUES_MAX));
            }
            if values.iter().any(|value| value.len() > VALUE_BYTES_MAX) {
                return Err(Rejection::limit(
                    format!("bytes of one of the {what} to select events by"),
                    VALUE_BYTES_MAX,
                ));
            }
        }
        Ok(())
    }

    /// Whether an event is let through.
    pub fn has(&self, kind: &str, id: &str, event_type: &str) -> bool {
        let has = |values: &BTreeSet<String>, value: &str| values.is_empty() || values.contains(value);
        has(&self.kinds, kind) && has(&self.ids, id) && has(&self.types, event_type)
    }
}
