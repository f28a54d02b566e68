//! What a command that is carried out elsewhere has to say: one JSON value a line.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most bytes of output or of a file in one frame.
pub(in crate::cli) const FRAME_BYTES_MAX: usize = 64 << 10;

/// One thing that a command has to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::cli) enum Frame {
    /// The command's name at the server, to which answers are sent. Comes first.
    Command(String),
    /// For standard output.
    Out(Data),
    /// For standard error.
    Err(Data),
    /// How far something is that may take long; nothing when it is over.
    Progress(Option<Far>),
    /// Something is needed from the caller; what it sends names this number.
    Want {
        /// The number.
        number: u64,
        /// What.
        what: Want,
    },
    /// A part of a file that the caller is to write; when that is done, or can't be, it says so under this number.
    Write {
        /// The number.
        number: u64,
        /// The file, as the caller named it.
        file: String,
        /// The part.
        data: Data,
        /// Whether it is the last.
        end: bool,
    },
    /// It ended, with this code. Comes last.
    Exit(u8),
}

/// What is needed from the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::cli) enum Want {
    /// A file, as the caller named it; `-` for its standard input.
    File(String),
    /// A line from whoever sits at the terminal.
    Line,
}

/// What the caller's standard streams are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct Terminal {
    /// Columns, where data is seen by people.
    pub(in crate::cli) width: Option<u16>,
    /// Whether data may have colours.
    pub(in crate::cli) coloured: bool,
    /// Whether the rest may.
    pub(in crate::cli) coloured_errors: bool,
    /// Whether somebody sees the rest.
    pub(in crate::cli) is_seen: bool,
    /// Whether somebody is there to be asked.
    pub(in crate::cli) asks: bool,
}

/// How far something is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct Far {
    pub(in crate::cli) doing: String,
    pub(in crate::cli) done: u64,
    pub(in crate::cli) total: u64,
}

/// Bytes: as text where they are text, else `{"base64": "..."}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Data(pub(in crate::cli) Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Encoded {
    base64: String,
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => text.serialize(to),
            Err(_) => Encoded { base64: STANDARD.encode(&self.0) }.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Text(String),
            Encoded(Encoded),
        }
        match Form::deserialize(from)? {
            Form::Text(text) => Ok(Self(text.into_bytes())),
            Form::Encoded(Encoded { base64 }) => STANDARD.decode(base64).map(Self).map_err(D::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_a_line_that_people_can_read() {
        let write = Frame::Write { number: 1, file: "f".into(), data: Data(b"x".to_vec()), end: true };
        let far = Far { doing: "reading".into(), done: 1, total: 2 };
        for (frame, line) in [
            (Frame::Command("c".into()), r#"{"command":"c"}"#),
            (Frame::Out(Data(b"a line\n".to_vec())), r#"{"out":"a line\n"}"#),
            (Frame::Err(Data(vec![0xff])), r#"{"err":{"base64":"/w=="}}"#),
            (Frame::Progress(Some(far)), r#"{"progress":{"doing":"reading","done":1,"total":2}}"#),
            (Frame::Want { number: 2, what: Want::File("-".into()) }, r#"{"want":{"number":2,"what":{"file":"-"}}}"#),
            (Frame::Want { number: 3, what: Want::Line }, r#"{"want":{"number":3,"what":"line"}}"#),
            (write, r#"{"write":{"number":1,"file":"f","data":"x","end":true}}"#),
            (Frame::Exit(3), r#"{"exit":3}"#),
        ] {
            assert_eq!(serde_json::to_string(&frame).unwrap(), line);
            assert_eq!(serde_json::from_str::<Frame>(line).unwrap(), frame);
        }
        for line in [r#"{"out":{"base64":"?"}}"#, r#"{"exit":300}"#, r#"{"run":"x"}"#, "{}"] {
            assert!(serde_json::from_str::<Frame>(line).is_err(), "{line}");
        }
    }
}
