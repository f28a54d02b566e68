//! Where an event is among all events.

use std::fmt;
use std::str::FromStr;

use crate::domain::Rejection;
use crate::store::Position;

/// Where an event is among all events: its frame of the log and its number therein, from 1. As text `1234.1`.
///
/// A frame can hold several turns, and a turn gives several events. Without a number, `1234`, it stands for the end of the
/// frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset {
    position: Position,
    number: u32,
}

/// The number that comes after all others of a frame.
const END: u32 = u32::MAX;

impl Offset {
    /// An event of a frame, from 1.
    pub(super) fn new(position: Position, number: u32) -> Self {
        Self { position, number }
    }

    /// The end of a frame.
    pub fn end_of(position: Position) -> Self {
        Self { position, number: END }
    }

    /// The frame.
    pub fn position(self) -> Position {
        self.position
    }

    /// The last frame that lies before this as a whole.
    pub(super) fn whole(self) -> Position {
        match self.number {
            END => self.position,
            _ => Position(self.position.0.saturating_sub(1)),
        }
    }
}

impl From<(u64, u32)> for Offset {
    fn from((position, number): (u64, u32)) -> Self {
        Self::new(Position(position), number)
    }
}

impl From<Offset> for (u64, u32) {
    fn from(offset: Offset) -> Self {
        (offset.position.0, offset.number)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            END => write!(f, "{}", self.position.0),
            number => write!(f, "{}.{number}", self.position.0),
        }
    }
}

impl FromStr for Offset {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<Self, Rejection> {
        let parse = || {
            let offset = match text.split_once('.') {
                Some((position, number)) => Self::new(Position(position.parse().ok()?), number.parse().ok()?),
                None => Self::end_of(Position(text.parse().ok()?)),
            };
            // One form only: no signs, no leading zeros.
            (offset.to_string() == text && offset.number > 0).then_some(offset)
        };
        parse()
            .ok_or_else(|| Rejection::invalid("offset", "it is none: they look like 1234.1, as the events have them"))
    }
}

impl serde::Serialize for Offset {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_has_one_form_and_comes_back() {
        for text in ["0", "1", "7.1", "18446744073709551615.4294967294"] {
            assert_eq!(text.parse::<Offset>().unwrap().to_string(), text);
        }
        for text in [
            "",
            ".",
            "1.",
            ".1",
            "1.0",
            "01",
            "1.01",
            "+1",
            "-1",
            " 1",
            "1.1.1",
            "1e3",
            "0x1",
            "1.4294967295",
            "18446744073709551616",
        ] {
            assert!(text.parse::<Offset>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_end_of_a_frame_comes_after_its_events_and_before_the_next() {
        let [second, end, next] = ["7.2", "7", "8.1"].map(|text| text.parse::<Offset>().unwrap());
        assert!(second < end && end < next);
        assert_eq!([second.whole(), end.whole(), next.whole()].map(|p| p.0), [6, 7, 7]);
    }
}
