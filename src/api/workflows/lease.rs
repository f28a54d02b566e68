//! Lease tokens: what a worker shows to say which task it holds. Nothing is kept of them: what they say is in them,
//! signed with a key that only the data folder knows.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};

use crate::domain::workflow::{Grant, TaskId};
use crate::domain::{EntityId, Generation, Rejection, StageId};

/// What the key is for.
pub(super) const PURPOSE: &str = "leases of tasks, form 1";
/// Length of the signature, in bytes.
const SIGNATURE_BYTES: usize = 32;
/// Longest token.
const TOKEN_BYTES_MAX: usize = 512;

/// What a worker shows to say which task it holds. Whoever has it can hand in a result for the task.
#[derive(Clone, PartialEq, Eq)]
pub struct LeaseToken(String);

impl LeaseToken {
    /// A token as it came from outside; it is checked when it is used.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, to be handed over.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for LeaseToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LeaseToken(..)")
    }
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LeaseOf {
    pub(super) workflow: EntityId,
    pub(super) task: TaskId,
    pub(super) gate: StageId,
    pub(super) generation: Generation,
    pub(super) claim: u64,
}

impl LeaseOf {
    pub(super) fn granted(workflow: &EntityId, grant: &Grant) -> Self {
        let Grant { id, gate, generation, claim, .. } = grant;
        Self {
            workflow: workflow.clone(),
            task: id.clone(),
            gate: gate.clone(),
            generation: *generation,
            claim: *claim,
        }
    }

    /// The token that says this.
    pub(super) fn seal(&self, key: &[u8; 32]) -> LeaseToken {
        // None of the parts holds a slash.
        let Self { workflow, task, gate, generation, claim } = self;
        let said = format!("{workflow}/{task}/{gate}/{generation}/{claim}");
        let mut bytes =
            signed(key, said.as_bytes()).map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default();
        bytes.extend_from_slice(said.as_bytes());
        LeaseToken(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What a token says, if it is one of this key.
    pub(super) fn open(token: &LeaseToken, key: &[u8; 32]) -> Result<Self, Rejection> {
        let invalid = || {
            let hint = "claim a task, and use the token that comes with it";
            Rejection::refused("lease_invalid", "this is no lease of this server", hint)
        };
        if token.0.len() > TOKEN_BYTES_MAX {
            return Err(invalid());
        }
        let bytes = URL_SAFE_NO_PAD.decode(&token.0).map_err(|_| invalid())?;
        let (signature, said) = bytes.split_at_checked(SIGNATURE_BYTES).ok_or_else(invalid)?;
        let mac = signed(key, said).ok_or_else(invalid)?;
        // In a time that says nothing about where it differs.
        mac.verify_slice(signature).map_err(|_| invalid())?;
        std::str::from_utf8(said).ok().and_then(Self::parse).ok_or_else(invalid)
    }

    fn parse(said: &str) -> Option<Self> {
        let mut parts = said.split('/');
        let lease = Self {
            workflow: EntityId::new(parts.next()?).ok()?,
            task: parts.next()?.parse().ok()?,
            gate: StageId::new(parts.next()?).ok()?,
            generation: Generation(parts.next()?.parse().ok()?),
            claim: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(lease)
    }
}

fn signed(key: &[u8; 32], said: &[u8]) -> Option<Hmac<sha2::Sha256>> {
    // Keys of any length are taken.
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).ok()?;
    mac.update(said);
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease() -> LeaseOf {
        LeaseOf {
            workflow: EntityId::new("thread-1").unwrap(),
            task: "3-fe-5-17".parse().unwrap(),
            gate: StageId::new("development-started").unwrap(),
            generation: Generation(4),
            claim: 99,
        }
    }

    #[test]
    fn a_token_says_what_was_granted() {
        let token = lease().seal(&[7; 32]);
        assert_eq!(LeaseOf::open(&token, &[7; 32]), Ok(lease()));
        let longest = LeaseOf { workflow: EntityId::new("x".repeat(64)).unwrap(), claim: u64::MAX, ..lease() };
        assert_eq!(LeaseOf::open(&longest.seal(&[7; 32]), &[7; 32]), Ok(longest));
    }

    #[test]
    fn a_token_of_another_key_or_with_any_other_byte_is_none() {
        let token = lease().seal(&[7; 32]);
        let code = |token: &LeaseToken, key: &[u8; 32]| LeaseOf::open(token, key).map_err(|e| e.code().to_owned());
        let invalid = || Err("lease_invalid".to_owned());
        assert_eq!(code(&token, &[8; 32]), invalid());
        let bytes = URL_SAFE_NO_PAD.decode(token.reveal()).unwrap();
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert_eq!(code(&LeaseToken::new(URL_SAFE_NO_PAD.encode(&other)), &[7; 32]), invalid(), "byte {at}");
            assert_eq!(
                code(&LeaseToken::new(URL_SAFE_NO_PAD.encode(&bytes[..at])), &[7; 32]),
                invalid(),
                "cut at {at}"
            );
        }
        for text in ["", "x", "=", "null", &"A".repeat(10_000), "ä"] {
            assert_eq!(code(&LeaseToken::new(text), &[7; 32]), invalid(), "{text:?}");
        }
    }

    #[test]
    fn a_token_is_not_shown_by_accident() {
        assert_eq!(format!("{:?}", lease().seal(&[7; 32])), "LeaseToken(..)");
    }
}
