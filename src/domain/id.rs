//! Names that come from outside, checked once and trusted from then on.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::limits::{ENTITY_ID_BYTES_MAX, STAGE_ID_BYTES_MAX};
use super::rejection::Rejection;

/// Checks the one form that entity and stage ids share: a letter or digit, then letters, digits, `.`, `_` and `-`.
///
/// The form is narrow on purpose. An id is part of keys, paths and branch names; nothing in it can end a key early,
/// climb out of a folder, or be read as an option.
fn check(what: &'static str, text: &str, bytes_max: usize) -> Result<(), Rejection> {
    let invalid = |problem: String| Err(Rejection::invalid(what, problem));
    if text.is_empty() {
        return invalid("it is empty".into());
    }
    if text.len() > bytes_max {
        return invalid(format!("it has {} bytes, the most is {bytes_max}", text.len()));
    }
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return invalid("it must begin with a letter or a digit".into());
    }
    match text.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '_' | '-')) {
        Some(c) => invalid(format!("{c:?} is not allowed: use letters, digits, '.', '_' and '-'")),
        None => Ok(()),
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks `text` and makes the id of it.
            ///
            /// # Errors
            /// [`Rejection::Invalid`] when it is empty, too long or holds a character that ids can't have.
            pub fn new(text: impl AsRef<str>) -> Result<Self, Rejection> {
                let text = text.as_ref();
                check($what, text, $max)?;
                Ok(Self(text.into()))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = Rejection;
            fn from_str(text: &str) -> Result<Self, Rejection> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Rejection;
            fn try_from(text: String) -> Result<Self, Rejection> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.into()
            }
        }
    };
}

id!(
    /// The name of one workshop, task or workflow among those of its kind. Upper and lower case differ.
    EntityId, "id", ENTITY_ID_BYTES_MAX
);
id!(
    /// The name of a stage inside an entity: a workshop's step, a task's pipeline stage, a workflow's gate.
    StageId, "stage", STAGE_ID_BYTES_MAX
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_narrow_form_is_an_id() {
        for good in ["a", "A", "0", "ws-1", "t1.b_c", &"x".repeat(ENTITY_ID_BYTES_MAX)] {
            assert_eq!(EntityId::new(good).unwrap().as_str(), good);
        }
        let long = "x".repeat(ENTITY_ID_BYTES_MAX + 1);
        for bad in ["", ".", "..", "-rf", "a/b", "a b", "a\0", "a\n", "ä", "a%2f", "\u{202e}a", &long] {
            assert!(matches!(EntityId::new(bad), Err(Rejection::Invalid { .. })), "{bad:?}");
        }
    }

    #[test]
    fn a_stored_id_is_checked_again_when_read() {
        assert!(serde_json::from_str::<StageId>("\"../x\"").is_err());
        assert!(serde_json::from_str::<StageId>("\"plan\"").is_ok());
    }
}
