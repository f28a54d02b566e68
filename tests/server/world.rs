//! A server in this process, on a new folder and a free port, and clients for it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use restage::access::Role;
use restage::{Clock, Options, Restage, RunningServer, Server, ServerOptions, Timestamp};
use serde_json::Value;
use tempfile::TempDir;

/// A server, its folder, and who asks it.
pub struct World {
    /// The open folder, to look behind the server.
    pub restage: Restage,
    /// Asks without any token.
    pub nobody: Client,
    server: Mutex<Option<RunningServer>>,
    address: SocketAddr,
    folder: TempDir,
}

/// What was answered.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl World {
    /// A server as it is by default.
    pub async fn new() -> Self {
        Self::with(Options::default(), ServerOptions::default()).await
    }

    /// A server with these options.
    pub async fn with(options: Options, server: ServerOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let restage = Restage::open_with(folder.path().join("data"), options).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server::start(restage.clone(), server, listener).await.unwrap();
        let address = server.address();
        Self { restage, nobody: client(), server: Mutex::new(Some(server)), address, folder }
    }

    /// A server that was started over a folder of somebody else's.
    pub fn over(restage: Restage, server: RunningServer) -> Self {
        let (address, folder) = (server.address(), tempfile::tempdir().unwrap());
        Self { restage, nobody: client(), server: Mutex::new(Some(server)), address, folder }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The data folder.
    pub fn folder(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request without a token.
    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.nobody.request(method, self.url(path))
    }

    /// A new token of a role.
    pub async fn token(&self, role: Role) -> String {
        let access = self.restage.access().await.unwrap().by("test");
        access.create_token(role, None, None).await.unwrap().0.reveal().to_owned()
    }

    /// A request with a token.
    pub fn ask_as(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        self.ask(method, path).bearer_auth(token)
    }

    /// Sends bytes as they are, on a connection of their own, and takes what is answered until the server closes it:
    /// the head should say `Connection: close`.
    pub async fn raw(&self, request: impl Into<Vec<u8>>) -> Answered {
        let (address, request) = (self.address, request.into());
        let text = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            // A server that has read enough to refuse it may have closed the connection by then.
            let _ = stream.write_all(&request);
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            String::from_utf8_lossy(&answer).into_owned()
        });
        Answered::parse(&text.await.unwrap())
    }

    /// What is answered to a `GET` without a token.
    pub async fn get(&self, path: &str) -> Answered {
        answered(self.ask(Method::GET, path)).await
    }

    /// Takes the server out, to stop it.
    pub fn take_server(&self) -> RunningServer {
        self.server.lock().unwrap().take().unwrap()
    }

    /// Stops the server, and closes the folder.
    pub async fn end(self) {
        let server = self.server.lock().unwrap().take();
        if let Some(server) = server {
            server.stop().await.unwrap();
        }
        self.restage.shutdown().await.unwrap();
    }
}

impl Answered {
    /// An answer as it came over the wire; status 0 for none.
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or_default();
        let mut headers = reqwest::header::HeaderMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            let name = reqwest::header::HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, value.parse().unwrap());
        }
        Self { status, headers, text: body.to_owned() }
    }

    /// The body, as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body as a problem of this status and code.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.json();
        assert_eq!((self.status, problem["code"].as_str()), (status, Some(code)), "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"].as_str(), self.headers["x-request-id"].to_str().ok());
        problem
    }
}

impl Answered {
    /// The body as a page for people, of this status.
    #[track_caller]
    pub fn page_of(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "text/html; charset=utf-8", "{}", self.text);
        &self.text
    }
}

/// Sends a request, and takes all of the answer.
pub async fn answered(request: RequestBuilder) -> Answered {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Answered { status, headers, text: answer.text().await.unwrap() }
}

/// A client that follows nothing and remembers nothing.
pub fn client() -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Refused only if another test was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

/// A clock that the test moves.
#[derive(Debug)]
pub struct Hand(AtomicI64);

impl Hand {
    /// Options with a clock that stands still, and the clock.
    pub fn options() -> (Options, Arc<Self>) {
        let hand = Arc::new(Self(AtomicI64::new(1_800_000_000_000)));
        (Options::default().clock(Arc::clone(&hand) as Arc<dyn Clock>), hand)
    }

    /// Moves it.
    pub fn forward(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}
