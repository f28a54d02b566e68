//! One connection that is kept, with one request under way: as little of HTTP as a load needs, so that the load costs
//! little beside the server.

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::Result;

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    /// What every request says after its first line.
    headers: String,
    line: String,
}

impl Connection {
    /// Connects to `host:port`.
    pub(crate) async fn open(address: &str, token: Option<&str>) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let headers = format!("Host: {address}\r\nContent-Type: application/json\r\n{token}");
        Ok(Self { stream: BufReader::new(stream), headers, line: String::new() })
    }

    /// Posts a body, and gives the answer's.
    pub(crate) async fn post(&mut self, path: &str, body: &str) -> Result<Vec<u8>> {
        let (status, answer) = self.request("POST", path, body).await?;
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        Err(format!("POST {path} answered {status}: {}", String::from_utf8_lossy(&answer)).into())
    }

    /// Posts a body, and gives the answer's as JSON.
    pub(crate) async fn ask(&mut self, path: &str, body: &serde_json::Value) -> Result<serde_json::Value> {
        let answer = self.post(path, &body.to_string()).await?;
        Ok(if answer.is_empty() { serde_json::Value::Null } else { serde_json::from_slice(&answer)? })
    }

    async fn request(&mut self, method: &str, path: &str, body: &str) -> Result<(u16, Vec<u8>)> {
        let length = body.len();
        let request = format!("{method} {path} HTTP/1.1\r\n{}Content-Length: {length}\r\n\r\n{body}", self.headers);
        self.stream.get_mut().write_all(request.as_bytes()).await?;
        self.next_line().await?;
        let status = self.line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("no status")?;
        let (mut length, mut chunked) = (0, false);
        loop {
            self.next_line().await?;
            if self.line.is_empty() {
                break;
            }
            let (name, value) = self.line.split_once(':').ok_or("no header")?;
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            }
            chunked |= name.eq_ignore_ascii_case("transfer-encoding");
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).await?;
        while chunked {
            self.next_line().await?;
            let size = usize::from_str_radix(&self.line, 16)?;
            let from = answer.len();
            answer.resize(from + size, 0);
            self.stream.read_exact(&mut answer[from..]).await?;
            self.next_line().await?;
            chunked = size > 0;
        }
        Ok((status, answer))
    }

    /// Asks for an event stream; its lines follow with [`next_line`](Self::next_line).
    pub(crate) async fn listen(&mut self, path: &str) -> Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\n{}\r\n", self.headers);
        self.stream.get_mut().write_all(request.as_bytes()).await?;
        while !self.next_line().await?.is_empty() {}
        Ok(())
    }

    /// The next line, without its end.
    pub(crate) async fn next_line(&mut self) -> Result<&str> {
        self.line.clear();
        if self.stream.read_line(&mut self.line).await? == 0 {
            return Err("the connection was closed".into());
        }
        self.line.truncate(self.line.trim_end().len());
        Ok(&self.line)
    }
}
