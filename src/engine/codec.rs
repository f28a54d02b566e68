//! The stored form of everything the engine writes: bincode behind an envelope of version, tag and checksum.
//!
//! ```text
//! version u8 | tag u8 | crc32 u32, little endian, over tag and body | body: bincode 2, standard configuration
//! ```
//!
//! bincode does not describe itself, so the tag says what the body is and the version in which layout; the checksum
//! tells damage from a wrong layout. Fixtures of these bytes are part of the tests: a change of layout needs a new
//! version here and a reader for the old one.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::domain::limits::TURN_BYTES_MAX;

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 6;
/// Most values are below this, so they are written without growing.
const USUAL_BYTES: usize = 512;

/// What a stored value is. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Tag {
    /// The mark that an entity exists.
    Head = 1,
    /// One turn of an entity.
    Journal = 2,
    /// The whole record of an entity.
    Snapshot = 3,
    /// The state that an undo point goes back to.
    Undo = 4,
    /// A command that came too late.
    Orphan = 5,
    /// The answer given to an idempotency key.
    Answer = 6,
    /// An audit entry.
    Audit = 7,
    /// An effect that is owed.
    Effect = 8,
    /// What a plan token and a key digest are made of; never stored.
    Digested = 9,
}

impl Tag {
    fn name(self) -> &'static str {
        match self {
            Self::Head => "mark of an entity",
            Self::Journal => "turn",
            Self::Snapshot => "record",
            Self::Undo => "state to go back to",
            Self::Orphan => "late command",
            Self::Answer => "answer",
            Self::Audit => "audit entry",
            Self::Effect => "effect",
            Self::Digested => "thing to digest",
        }
    }
}

/// A stored value that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// Fewer bytes than the envelope has.
    #[error("it is cut short")]
    Short,
    /// Written by a newer version.
    #[error("it has layout {found}, this program knows {VERSION}")]
    Version {
        /// The layout found.
        found: u8,
    },
    /// Something else lies under this key.
    #[error("it is not a {expected} but has tag {found}")]
    Tag {
        /// What was looked for.
        expected: &'static str,
        /// What is there.
        found: u8,
    },
    /// The bytes changed since they were written.
    #[error("its checksum is wrong")]
    Checksum,
    /// The body does not fit the type.
    #[error("its body can't be read: {0}")]
    Body(String),
    /// The value can't be written.
    #[error("it can't be written: {0}")]
    Encode(String),
    /// The value is larger than what is read back.
    #[error("it has {bytes} bytes, the most is {TURN_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<TURN_BYTES_MAX>()
}

/// The stored form of a value.
///
/// # Errors
/// [`CodecError::Encode`] for a type that bincode can't write, [`CodecError::TooLarge`] for more than is ever read back.
pub(super) fn encode<T: Serialize>(tag: Tag, value: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    bytes.extend_from_slice(&[VERSION, tag as u8, 0, 0, 0, 0]);
    bincode::serde::encode_into_std_write(value, &mut bytes, bincode::config::standard())
        .map_err(|e| CodecError::Encode(e.to_string()))?;
    if bytes.len() > TURN_BYTES_MAX {
        return Err(CodecError::TooLarge { bytes: bytes.len() });
    }
    let crc = checksum(&bytes);
    bytes[2..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
    bytes.shrink_to_fit();
    Ok(bytes)
}

/// The stored form of a value whose type is an embedder's. A type that the format can't read back, such as one with
/// untagged enums, is found in a debug build when it is first written, and not after a restart.
pub(super) fn encode_theirs<T: Serialize + DeserializeOwned>(tag: Tag, value: &T) -> Result<Vec<u8>, CodecError> {
    let bytes = encode(tag, value)?;
    if cfg!(debug_assertions) {
        decode::<T>(tag, &bytes).map_err(|error| CodecError::Encode(format!("it can't be read back: {error}")))?;
    }
    Ok(bytes)
}

/// The value of a stored form.
///
/// # Errors
/// What is wrong with the bytes; it never panics and never reserves more memory than a turn can have.
pub(super) fn decode<T: DeserializeOwned>(tag: Tag, bytes: &[u8]) -> Result<T, CodecError> {
    let body = body(tag, bytes)?;
    let (value, read) = read(body)?;
    if read == body.len() { Ok(value) } else { Err(CodecError::Body("bytes are left over".into())) }
}

/// What a stored form begins with, whatever comes after it.
///
/// # Errors
/// As of [`decode`].
pub(super) fn decode_start<T: DeserializeOwned>(tag: Tag, bytes: &[u8]) -> Result<T, CodecError> {
    Ok(read(body(tag, bytes)?)?.0)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<(T, usize), CodecError> {
    bincode::serde::decode_from_slice(body, config()).map_err(|e| CodecError::Body(e.to_string()))
}

/// The body within the envelope, which is checked.
fn body(tag: Tag, bytes: &[u8]) -> Result<&[u8], CodecError> {
    let Some((header, body)) = bytes.split_at_checked(HEADER_BYTES) else {
        return Err(CodecError::Short);
    };
    if header[0] != VERSION {
        return Err(CodecError::Version { found: header[0] });
    }
    if header[2..] != checksum(bytes).to_le_bytes() {
        return Err(CodecError::Checksum);
    }
    if header[1] != tag as u8 {
        return Err(CodecError::Tag { expected: tag.name(), found: header[1] });
    }
    Ok(body)
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[1..2]);
    hasher.update(&bytes[HEADER_BYTES..]);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back() {
        let bytes = encode(Tag::Audit, &("reset", 7_u64)).unwrap();
        assert_eq!(decode::<(String, u64)>(Tag::Audit, &bytes).unwrap(), ("reset".to_owned(), 7));
    }

    #[test]
    fn the_start_of_a_value_can_be_read_alone() {
        let bytes = encode(Tag::Audit, &("reset", 7_u64, "what another type knows")).unwrap();
        assert_eq!(decode_start::<(String, u64)>(Tag::Audit, &bytes).unwrap(), ("reset".to_owned(), 7));
        assert!(decode::<(String, u64)>(Tag::Audit, &bytes).is_err());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let bytes = encode(Tag::Audit, &("reset", 7_u64)).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decode::<(String, u64)>(Tag::Audit, &damaged).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(decode::<(String, u64)>(Tag::Audit, &bytes[..len]).is_err(), "length {len}");
        }
    }

    #[test]
    fn one_thing_is_not_taken_for_another() {
        let bytes = encode(Tag::Audit, &1_u8).unwrap();
        assert!(matches!(decode::<u8>(Tag::Undo, &bytes), Err(CodecError::Tag { .. })));
    }

    #[test]
    fn a_length_that_lies_reserves_nothing() {
        let mut bytes = encode(Tag::Audit, &vec![1_u8, 2, 3]).unwrap();
        bytes.truncate(HEADER_BYTES);
        bytes.extend([253, 255, 255, 255, 255, 255, 255, 255, 127]);
        let crc = checksum(&bytes);
        bytes[2..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
        assert!(matches!(decode::<Vec<u8>>(Tag::Audit, &bytes), Err(CodecError::Body(_))));
    }
}
