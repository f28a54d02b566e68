//! Server-sent events, taken apart.

/// Longest message.
const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// One message of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    /// Up to where everything was sent with it.
    pub(super) id: Option<String>,
    /// Its name, if it has one.
    pub(super) event: Option<String>,
    pub(super) data: String,
}

/// Takes bytes as they come, gives messages as they are whole.
#[derive(Debug, Default)]
pub(super) struct Parser {
    bytes: Vec<u8>,
    message: Message,
    begun: bool,
}

impl Parser {
    /// Takes some bytes. False if a message does not end.
    pub(super) fn feed(&mut self, part: &[u8]) -> bool {
        self.bytes.extend_from_slice(part);
        self.bytes.len() + self.message.data.len() <= MESSAGE_BYTES_MAX
    }

    /// The next message, if one is whole.
    pub(super) fn next(&mut self) -> Option<Message> {
        while let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\r', '\n']);
            if text.is_empty() {
                if std::mem::take(&mut self.begun) {
                    return Some(std::mem::take(&mut self.message));
                }
                continue;
            }
            let (name, value) = text.split_once(':').unwrap_or((text, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "id" => self.message.id = Some(value.to_owned()),
                "event" => self.message.event = Some(value.to_owned()),
                "data" => {
                    if !self.message.data.is_empty() {
                        self.message.data.push('\n');
                    }
                    self.message.data.push_str(value);
                }
                // Comments, and when to come again.
                _ => continue,
            }
            self.begun = true;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: Option<&str>, event: Option<&str>, data: &str) -> Message {
        Message { id: id.map(Into::into), event: event.map(Into::into), data: data.into() }
    }

    #[test]
    fn messages_are_found_however_their_bytes_come() {
        let stream = "retry: 2000\nid: 1\n\n: beat\n\nid: 2.1\ndata: {\"a\":1}\n\nevent: reset\r\nid: 9\r\ndata: x\r\n\r\n\
                      data: one\ndata: two\n\ndata:é\n\n";
        let expected = [
            message(Some("1"), None, ""),
            message(Some("2.1"), None, "{\"a\":1}"),
            message(Some("9"), Some("reset"), "x"),
            message(None, None, "one\ntwo"),
            message(None, None, "é"),
        ];
        for size in [1, 2, 7, 1000] {
            let mut parser = Parser::default();
            let mut found = Vec::new();
            for part in stream.as_bytes().chunks(size) {
                assert!(parser.feed(part));
                while let Some(message) = parser.next() {
                    found.push(message);
                }
            }
            assert_eq!(found, expected, "{size}");
        }
    }

    #[test]
    fn a_message_without_end_is_noticed() {
        let mut parser = Parser::default();
        assert!(parser.feed(b"data: "));
        assert!(!parser.feed(&vec![b'x'; MESSAGE_BYTES_MAX]));
    }
}
