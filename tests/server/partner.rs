//! A service that is compatible with OpenAI's chat completions, on a socket of its own: it says what it is told to, as it is
//! told to, faults included.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a word of an endless answer comes.
const WORD_TIME: Duration = Duration::from_millis(20);

/// What is done with one request.
#[derive(Clone, Debug)]
pub enum Does {
    /// Says this, piece by piece, to the end.
    Says(&'static [&'static str]),
    /// Says this at once, as a service that does not stream.
    AtOnce(&'static str),
    /// Says so many bytes.
    Long(usize),
    /// Says this word again and again, until nobody listens.
    Endless(&'static str),
    /// Says this, and then nothing, with the connection open; nothing at all where this is empty.
    Silent(&'static str),
    /// Says this, and closes the connection.
    Cut(&'static str),
    /// Says what is no JSON.
    Nonsense,
    /// Answers with this status, further headers, and this as the error's message.
    Status(u16, &'static str, &'static str),
}

/// A service.
pub struct Partner {
    address: SocketAddr,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    does: Mutex<VecDeque<Does>>,
    asked: Mutex<Vec<Request>>,
    /// Connections that the other side closed while more was to come.
    left: Mutex<usize>,
    news: Notify,
}

/// A request, as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub head: String,
    pub body: Value,
}

impl Request {
    /// The contents of all messages, one after the other.
    pub fn text(&self) -> String {
        self.body["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| format!("{}\n", m["content"].as_str().unwrap()))
            .collect()
    }

    /// The roles of the messages.
    pub fn roles(&self) -> Vec<&str> {
        self.body["messages"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect()
    }
}

impl Partner {
    /// One that does these things, one for each request; after the last, it says `Yes.`
    pub async fn new(does: &[Does]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner::default());
        inner.does.lock().unwrap().extend(does.iter().cloned());
        let serving = Arc::clone(&inner);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Self { address, inner }
    }

    /// Its address, as it goes into the settings.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// So many requests, once they are there.
    pub async fn asked(&self, count: usize) -> Vec<Request> {
        self.until(|inner| Some(inner.asked.lock().unwrap().clone()).filter(|asked| asked.len() >= count)).await
    }

    /// All requests so far.
    pub fn asked_so_far(&self) -> Vec<Request> {
        self.inner.asked.lock().unwrap().clone()
    }

    /// Waits until so many connections were closed in the middle by the other side.
    pub async fn left(&self, count: usize) {
        self.until(|inner| Some(()).filter(|()| *inner.left.lock().unwrap() >= count)).await;
    }

    async fn until<T>(&self, look: impl Fn(&Inner) -> Option<T>) -> T {
        let wait = async {
            loop {
                let news = self.inner.news.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                if let Some(found) = look(&self.inner) {
                    return found;
                }
                news.await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("the partner waits in vain"))
    }
}

async fn serve(mut stream: TcpStream, inner: Arc<Inner>) {
    let Some(request) = read(&mut stream).await else { return };
    assert!(request.head.starts_with("POST /v1/chat/completions "), "{}", request.head);
    let does = inner.does.lock().unwrap().pop_front().unwrap_or(Does::Says(&["Yes."]));
    inner.asked.lock().unwrap().push(request);
    inner.news.notify_waiters();
    if answer(&mut stream, does).await.is_err() {
        *inner.left.lock().unwrap() += 1;
        inner.news.notify_waiters();
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = vec![0; 16 << 10];
        let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Some(Request { head: head.to_owned(), body: serde_json::from_str(body).unwrap() });
        }
    }
}

/// Answers; an error if the other side left before the end.
async fn answer(stream: &mut TcpStream, does: Does) -> std::io::Result<()> {
    match does {
        Does::Says(pieces) => {
            begin(stream).await?;
            for text in pieces {
                say(stream, text).await?;
            }
            end(stream).await
        }
        Does::AtOnce(text) => {
            let choice = json!({ "message": { "role": "assistant", "content": text }, "finish_reason": "stop" });
            whole(stream, "200 OK", "", &json!({ "choices": [choice] }).to_string()).await
        }
        Does::Long(bytes) => {
            begin(stream).await?;
            for _ in 0..bytes / 1_000 {
                say(stream, &"x".repeat(1_000)).await?;
            }
            end(stream).await
        }
        Does::Endless(word) => {
            begin(stream).await?;
            loop {
                say(stream, word).await?;
                gone_within(stream, WORD_TIME).await?;
            }
        }
        Does::Silent(text) => {
            if !text.is_empty() {
                begin(stream).await?;
                say(stream, text).await?;
            }
            loop {
                gone_within(stream, PATIENCE).await?;
            }
        }
        Does::Cut(text) => {
            begin(stream).await?;
            say(stream, text).await
        }
        Does::Nonsense => {
            begin(stream).await?;
            chunk(stream, "data: {\"choices\": [{\"delta\": nothing\n\n").await
        }
        Does::Status(status, headers, message) => {
            let body = json!({ "error": { "message": message } }).to_string();
            whole(stream, &format!("{status} Because"), headers, &body).await
        }
    }
}

async fn begin(stream: &mut TcpStream) -> std::io::Result<()> {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    let role = json!({ "choices": [{ "index": 0, "delta": { "role": "assistant", "content": "" } }] });
    chunk(stream, &format!(": here it comes\n\ndata: {role}\n\n")).await
}

async fn say(stream: &mut TcpStream, text: &str) -> std::io::Result<()> {
    let piece = json!({ "object": "chat.completion.chunk", "choices": [{ "index": 0, "delta": { "content": text } }] });
    chunk(stream, &format!("data: {piece}\n\n")).await
}

async fn end(stream: &mut TcpStream) -> std::io::Result<()> {
    let stop = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] });
    chunk(stream, &format!("data: {stop}\n\ndata: [DONE]\n\n")).await?;
    stream.write_all(b"0\r\n\r\n").await
}

async fn chunk(stream: &mut TcpStream, text: &str) -> std::io::Result<()> {
    stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).await
}

async fn whole(stream: &mut TcpStream, status: &str, headers: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let head = format!("content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}");
    stream.write_all(format!("HTTP/1.1 {status}\r\n{head}\r\n{body}").as_bytes()).await
}

/// Waits so long for the other side to leave: an error if it did.
async fn gone_within(stream: &mut TcpStream, time: Duration) -> std::io::Result<()> {
    match tokio::time::timeout(time, stream.read(&mut [0; 16])).await {
        Ok(Ok(0)) => Err(std::io::ErrorKind::UnexpectedEof.into()),
        Ok(Err(error)) => Err(error),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}
