//! A connection of one's own, to send what no client would.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest that an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request for a new token, with these lengths and as much of its body.
pub fn new_token(host: &str, token: &str, lengths: &str, body: &str) -> String {
    let head = format!("POST /v1/tokens HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n");
    format!("{head}content-type: application/json\r\n{lengths}\r\n\r\n{body}")
}

/// A connection.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

/// The head of an answer, and its body.
#[derive(Debug, PartialEq, Eq)]
pub struct Got {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Wire {
    pub fn open(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, read: Vec::new() }
    }

    /// Sends bytes; the server may have closed the connection already.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.stream.write_all(bytes.as_ref());
        self
    }

    /// The next answer; `None` when the server closes the connection instead.
    #[track_caller]
    pub fn answer(&mut self) -> Option<Got> {
        loop {
            if let Some(got) = self.parsed() {
                return Some(got);
            }
            if self.more() == 0 {
                return None;
            }
        }
    }

    /// Waits until the server closes the connection; gives what it still said.
    #[track_caller]
    pub fn rest(&mut self) -> String {
        while self.more() > 0 {}
        String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned()
    }

    #[track_caller]
    fn more(&mut self) -> usize {
        let mut bytes = [0; 4_096];
        match self.stream.read(&mut bytes) {
            Ok(count) => {
                self.read.extend_from_slice(&bytes[..count]);
                count
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("nothing came within {PATIENCE:?}: {error}"),
        }
    }

    fn parsed(&mut self) -> Option<Got> {
        let end = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&self.read[..end]).into_owned();
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
        });
        let whole = end + length.unwrap_or(0);
        if self.read.len() < whole {
            return None;
        }
        let body = String::from_utf8_lossy(&self.read[end..whole]).into_owned();
        self.read.drain(..whole);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some(Got { status, head, body })
    }
}
