//! What opens a door, in the clear.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::Digest;
use crate::domain::access::limits::DENIAL_TEXT_BYTES_MAX;

/// What every token begins with, so that one that lies where it should not is found.
pub(super) const TOKEN_PREFIX: &str = "rs_";
/// Longest token.
pub(super) const TOKEN_BYTES_MAX: usize = 64;
/// Length of a session and of a link.
pub(super) const VALUE_BYTES: usize = 43;

/// A token, a session or a link in the clear. It is shown once, to whom it is for, and kept nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Plain(String);

impl Plain {
    pub(super) fn token(id: &str, random: &[u8; 32]) -> Self {
        Self(format!("{TOKEN_PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(random)))
    }

    pub(super) fn random(random: &[u8; 32]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(random))
    }

    pub(super) fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }

    /// The text itself, to be handed over.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Plain(..)")
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Text of somebody unknown, as one line that fits.
pub(super) fn one_line(text: &str) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    while line.len() > DENIAL_TEXT_BYTES_MAX {
        line.pop();
    }
    line
}
