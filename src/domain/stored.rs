//! The form that pieces of content are kept in: bincode behind a byte that numbers the form.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::limits::TURN_BYTES_MAX;
use super::rejection::Rejection;

/// The first byte of everything encoded here: the form of what follows.
const FORM: u8 = 1;

pub(super) fn encode<T: Serialize>(what: &str, value: &T) -> Result<Vec<u8>, Rejection> {
    let mut bytes = vec![FORM];
    bincode::serde::encode_into_std_write(value, &mut bytes, bincode::config::standard())
        .map_err(|error| Rejection::invalid(what, error.to_string()))?;
    Ok(bytes)
}

pub(super) fn decode<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, Rejection> {
    let damaged = |why: String| {
        Rejection::refused("damaged", format!("a stored {what} can't be read: {why}"), "verify the store")
    };
    let Some((&FORM, rest)) = bytes.split_first() else {
        return Err(damaged("it is not of a known form".into()));
    };
    let config = bincode::config::standard().with_limit::<{ TURN_BYTES_MAX }>();
    match bincode::serde::decode_from_slice(rest, config) {
        Ok((value, read)) if read == rest.len() => Ok(value),
        Ok(_) => Err(damaged("something follows it".into())),
        Err(error) => Err(damaged(error.to_string())),
    }
}
