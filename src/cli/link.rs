//! The connection to a server: which one, with which token, and what its refusals mean here.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use clap::ArgMatches;
use clap::parser::ValueSource;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;

use super::args::{Global, Reach, Settings};
use super::stop::{Outcome, Stop};

/// The file in a data folder that says which server holds it.
const SERVER_FILE: &str = "server.json";
/// How long connecting may take.
const CONNECT_MOST: Duration = Duration::from_secs(10);
/// How long a server of this machine has to say that it is there.
const ALIVE_MOST: Duration = Duration::from_secs(5);
/// Most bytes of an answer that is a refusal.
const PROBLEM_BYTES_MAX: usize = 1 << 20;

/// A server to ask.
#[derive(Clone)]
pub(super) struct Link {
    client: Client,
    target: Arc<RwLock<Target>>,
    /// The data folder of this machine that it holds, if it was found by that.
    data: Option<PathBuf>,
}

/// Where a server is, and what it is shown.
#[derive(Clone, PartialEq, Eq)]
struct Target {
    url: String,
    token: String,
}

/// What a server leaves in its data folder.
#[derive(Deserialize)]
struct ServerFile {
    url: String,
    pid: u32,
    token: String,
}

/// A refusal, as a server tells it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refusal {
    #[serde(skip)]
    status: u16,
    code: String,
    title: String,
    detail: Option<String>,
    hint: Option<String>,
    orphan: Option<u64>,
}

/// Why a request came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server can't be reached, or what it says not be understood.
    Unreachable(Stop),
    /// It refuses.
    Refused(Refusal),
}

/// How long to wait before asking again: longer each time.
#[derive(Debug, Default)]
pub(super) struct Pause(u32);

/// The server to ask, if there is one: the one that is named, else the one that holds the data folder.
pub(super) async fn find(
    global: &Global,
    typed: &ArgMatches,
    settings: &Settings,
    reach: Reach,
) -> Outcome<Option<Link>> {
    let is_typed = |name: &str| typed.value_source(name) == Some(ValueSource::CommandLine);
    match &global.server {
        Some(_) if is_typed("server") && is_typed("data") => {
            Err(Stop::problem("usage", "--server and --data name two places", "name one of them"))
        }
        Some(_) if is_typed("server") && reach == Reach::FreeFolder => {
            let what = "this works on files of this machine, so a server can't be asked for it";
            Err(Stop::problem("usage", what, "leave --server out, or do it where the server is"))
        }
        // What was typed goes before the environment.
        Some(url) if !is_typed("data") && reach != Reach::FreeFolder => named(url, global).map(Some),
        _ if reach == Reach::FreeFolder => Ok(None),
        _ => here(&settings.data).await,
    }
}

/// The server that is named.
///
/// # Errors
/// It is no address, or there is no token for it.
pub(super) fn named(url: &str, global: &Global) -> Outcome<Link> {
    let parsed = reqwest::Url::parse(url).ok().filter(|url| ["http", "https"].contains(&url.scheme()));
    let Some(parsed) = parsed.filter(|url| url.has_host() && url.username().is_empty() && url.password().is_none())
    else {
        let what = format!("{url} is no address of a server");
        return Err(Stop::problem("usage", what, "give it like https://restage.example.org"));
    };
    let shown = match &global.token_file {
        Some(file) => Some(token_of(file)?),
        None => std::env::var("RESTAGE_TOKEN").ok().filter(|token| !token.is_empty()),
    };
    let Some(token) = shown else {
        let hint = "put it into RESTAGE_TOKEN or a file for --token-file; make one where the server is: \
                    restage token create --role write";
        return Err(Stop::problem("no_token", format!("there is no token for {url}"), hint));
    };
    let target = Target { url: parsed.as_str().trim_end_matches('/').to_owned(), token };
    Ok(Link { client: client(false)?, target: Arc::new(RwLock::new(target)), data: None })
}

/// There is no server to ask.
pub(super) fn none(data: &Path) -> Stop {
    let what = format!("no server holds {}", data.display());
    Stop::problem("unreachable", what, "start one: restage serve; or name one: --server URL")
}

fn token_of(file: &Path) -> Outcome<String> {
    let text = fs::read_to_string(file).map_err(|error| Stop::file("reading", file, &error))?;
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        let what = format!("{} does not hold a token", file.display());
        return Err(Stop::problem("usage", what, "it has to hold the token alone, as restage token create prints it"));
    }
    Ok(token.to_owned())
}

/// Where the server is that says it holds a data folder of this machine, if one does.
pub(super) fn url_of(data: &Path) -> Option<String> {
    let bytes = fs::read(data.join(SERVER_FILE)).ok()?;
    Some(serde_json::from_slice::<ServerFile>(&bytes).ok()?.url)
}

/// The server that holds a data folder of this machine, if one does.
async fn here(data: &Path) -> Outcome<Option<Link>> {
    let Some(target) = holder(data) else { return Ok(None) };
    let link = Link { client: client(true)?, target: Arc::new(RwLock::new(target)), data: Some(data.to_path_buf()) };
    let alive = link.request(Method::GET, "/livez").timeout(ALIVE_MOST).send().await;
    Ok(alive.is_ok_and(|answer| answer.status().is_success()).then_some(link))
}

/// What the server that holds a data folder left there. One that was killed leaves its file too: then the folder itself
/// says whether it is in use.
fn holder(data: &Path) -> Option<Target> {
    let file: ServerFile = serde_json::from_slice(&fs::read(data.join(SERVER_FILE)).ok()?).ok()?;
    let is_alive = Path::new(&format!("/proc/{}", file.pid)).exists();
    is_alive.then_some(Target { url: file.url, token: file.token })
}

fn client(is_here: bool) -> Outcome<Client> {
    // Refused only if the program that embeds this has its own already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .connect_timeout(CONNECT_MOST)
        .tcp_keepalive(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("restage/", env!("CARGO_PKG_VERSION")));
    // A server of this machine is known by its file, that nobody else can write; its certificate has other names.
    let builder = if is_here { builder.no_proxy().tls_danger_accept_invalid_certs(true) } else { builder };
    builder.build().map_err(|error| Stop::problem("io", format!("preparing a connection: {error}"), "try again"))
}

impl Link {
    /// Whether the server is on this machine, and holds a data folder of it.
    pub(super) fn is_here(&self) -> bool {
        self.data.is_some()
    }

    /// Where it is.
    pub(super) fn url(&self) -> String {
        self.target().url
    }

    fn target(&self) -> Target {
        self.target.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Finds the server again that holds the data folder, if it was started anew. Whether it is another.
    fn find_again(&self) -> bool {
        let Some(fresh) = self.data.as_deref().and_then(holder) else { return false };
        let mut target = self.target.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *target, fresh.clone()) != fresh
    }

    /// A request, with the token.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let Target { url, token } = self.target();
        self.client.request(method, format!("{url}{path}")).bearer_auth(token)
    }

    /// Sends a request; a refusal is the end of the command.
    ///
    /// # Errors
    /// `unreachable`, or the server's refusal.
    pub(super) async fn send(&self, request: RequestBuilder) -> Outcome<Response> {
        self.ask(request).await.map_err(Failure::stop)
    }

    /// Sends a request.
    ///
    /// # Errors
    /// Why it came to nothing.
    pub(super) async fn ask(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| {
            self.find_again();
            self.broken(&error)
        })?;
        match response.status() {
            status if status.is_success() => Ok(response),
            // It was started anew, and knows nothing of the token of the one before.
            StatusCode::UNAUTHORIZED if self.find_again() => Err(self.ended("it was started anew")),
            _ => Err(Failure::Refused(refusal(response).await)),
        }
    }

    /// The server can't be reached, or not any more.
    pub(super) fn broken(&self, error: &reqwest::Error) -> Failure {
        Failure::Unreachable(self.unreachable(error))
    }

    /// The server ended what should go on.
    pub(super) fn ended(&self, why: &str) -> Failure {
        Failure::Unreachable(Stop::problem("unreachable", format!("the server at {} is gone: {why}", self.url()), ""))
    }

    /// The server says what is not understood here.
    pub(super) fn unclear(&self, error: &dyn std::error::Error) -> Failure {
        let what = format!("what the server at {} says is not understood here: {error}", self.url());
        Failure::Unreachable(Stop::problem("unreachable", what, "use the same version here and there"))
    }

    /// The server can't be reached, or not any more.
    pub(super) fn unreachable(&self, error: &reqwest::Error) -> Stop {
        let mut why: &dyn std::error::Error = error;
        while let Some(source) = why.source() {
            why = source;
        }
        let hint = if self.is_here() {
            "see whether it runs, and start it again: restage serve"
        } else {
            "see whether it runs, and whether this is its address"
        };
        let why = why.to_string();
        Stop::problem("unreachable", format!("the server at {} is not reached", self.url()), hint)
            .map(|problem| problem.why = Some(why))
    }
}

/// What a server refuses.
async fn refusal(response: Response) -> Refusal {
    let status = response.status();
    let bytes = response.bytes().await.unwrap_or_default();
    let told = bytes.len() <= PROBLEM_BYTES_MAX;
    let refusal: Refusal = told.then(|| serde_json::from_slice(&bytes).ok()).flatten().unwrap_or_default();
    let title = Some(refusal.title).filter(|title| !title.is_empty()).unwrap_or_else(|| status.to_string());
    Refusal { status: status.as_u16(), title, ..refusal }
}

impl Refusal {
    /// A stable word for what is refused.
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// What is refused, as a sentence.
    pub(super) fn what(&self) -> &str {
        self.detail.as_deref().unwrap_or(&self.title)
    }

    /// Where work that came too late is kept.
    pub(super) fn orphan(&self) -> Option<u64> {
        self.orphan
    }

    /// Whether the same may be taken a little later.
    pub(super) fn passes(&self) -> bool {
        matches!(self.status, 408 | 429 | 500..)
    }

    /// Whether the caller is not known, or may not.
    pub(super) fn is_about_caller(&self) -> bool {
        matches!(self.status, 401 | 403)
    }

    /// As the end of a command.
    pub(super) fn stop(self) -> Stop {
        let what = self.what().to_owned();
        let code = match (self.status, self.code.as_str()) {
            (401, _) => "unauthorized",
            (403, _) => "forbidden",
            (500.., "") => "unreachable",
            (_, "") => "refused",
            (_, code) => code,
        };
        Stop::problem(code, what, self.hint.unwrap_or_default())
    }
}

impl Failure {
    /// What came of it, as a sentence.
    pub(super) fn what(&self) -> &str {
        match self {
            Self::Unreachable(stop) => stop.what(),
            Self::Refused(refusal) => refusal.what(),
        }
    }

    /// As the end of a command.
    pub(super) fn stop(self) -> Stop {
        match self {
            Self::Unreachable(stop) => stop,
            Self::Refused(refusal) => refusal.stop(),
        }
    }
}

impl Pause {
    const FIRST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_secs(10);

    /// How long to wait this time.
    pub(super) fn next(&mut self) -> Duration {
        let time = Self::FIRST.saturating_mul(1 << self.0.min(10)).min(Self::LONGEST);
        self.0 = self.0.saturating_add(1);
        time
    }

    /// Whether nothing was waited for yet.
    pub(super) fn is_first(&self) -> bool {
        self.0 == 0
    }

    /// It goes on: the next pause is a short one again. Whether something was waited for.
    pub(super) fn is_over(&mut self) -> bool {
        std::mem::take(&mut self.0) > 0
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, FromArgMatches as _};

    use super::*;
    use crate::cli::args::Cli;

    async fn found(line: &str) -> Outcome<Option<Link>> {
        let typed = Cli::command().get_matches_from(line.split_whitespace());
        let cli = Cli::from_arg_matches(&typed).unwrap();
        let settings = Settings { data: cli.global.data.clone().unwrap_or_default(), by: String::new() };
        find(&cli.global, &typed, &settings, cli.command.reach()).await
    }

    fn code(found: Outcome<Option<Link>>) -> String {
        match found {
            Err(Stop::Problem(problem)) => problem.code,
            Ok(link) => panic!("{:?}", link.map(|link| link.url())),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn the_server_that_is_named_is_asked_with_the_token_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        fs::write(&file, "rs_1_abc\n").unwrap();
        let line = format!("restage workshop list --server https://h.example/ --token-file {}", file.display());
        let link = found(&line).await.unwrap().unwrap();
        let Target { url, token } = link.target();
        assert_eq!((url.as_str(), token.as_str(), link.is_here()), ("https://h.example", "rs_1_abc", false));
        fs::write(&file, "two words").unwrap();
        assert_eq!(code(found(&line).await), "usage");
    }

    #[tokio::test]
    async fn what_is_no_server_is_refused() {
        for line in [
            "restage workshop list --server h.example",
            "restage workshop list --server ftp://h.example",
            "restage workshop list --server http://me:secret@h.example",
            "restage workshop list --server http://h.example --data d",
            "restage verify --server http://h.example",
        ] {
            assert_eq!(code(found(line).await), "usage", "{line}");
        }
    }

    #[tokio::test]
    async fn a_server_that_is_gone_is_not_asked() {
        let folder = tempfile::tempdir().unwrap();
        let line = format!("restage workshop list --data {}", folder.path().display());
        assert!(found(&line).await.unwrap().is_none());
        for (pid, url) in [(u32::MAX, "http://127.0.0.1:9"), (std::process::id(), "http://127.0.0.1:9")] {
            let text = serde_json::json!({ "url": url, "pid": pid, "token": "rs_1_abc" });
            fs::write(folder.path().join(SERVER_FILE), text.to_string()).unwrap();
            assert!(found(&line).await.unwrap().is_none(), "{pid}");
        }
    }
}
