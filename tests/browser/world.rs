//! A server on a folder of its own, and browsers for it.

use std::process::Command;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::browser::{Browser, Look};
use crate::driver;
use crate::patience::run;
use crate::program::{Place, Serving};
use crate::target::button;

/// The address of a server whose port is not known yet.
const FREE_PORT: &str = "127.0.0.1:0";

/// Most pages of a shape that are looked at.
const ALIKE_MAX: usize = 2;

/// The program as a server. Dropped after its browsers, as it is made before them.
pub struct World {
    /// The folder, for the program's other commands.
    pub place: Place,
    serving: Option<Serving>,
    /// How the server is started again, at the address that it had.
    again: Command,
    url: String,
    client: reqwest::Client,
}

impl World {
    /// A server as it is by default. `None` where there is no browser.
    pub fn new() -> Option<Self> {
        Self::with(|_, _| {})
    }

    /// A server whose folder and command are made ready first: settings go into `place.data().join("server.toml")`.
    pub fn with(prepare: impl FnOnce(&Place, &mut Command)) -> Option<Self> {
        if !driver::is_there() {
            assert!(
                std::env::var_os("CI").is_none(),
                "chromium, chromedriver or npm is not there, and in CI it has to be"
            );
            println!("left out: chromium, chromedriver or npm is not there");
            return None;
        }
        let place = Place::new();
        std::fs::create_dir_all(place.data()).unwrap();
        let mut command = place.command(&["serve", "--listen", FREE_PORT]);
        prepare(&place, &mut command);
        let serving = place.start(&mut command);
        let (url, again) = (serving.url.clone(), at_address(&command, serving.address()));
        Some(Self { place, serving: Some(serving), again, url, client: driver::client() })
    }

    /// The address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The link that the server printed when it started.
    pub fn printed_link(&self) -> String {
        self.serving.as_ref().unwrap().line().unwrap()
    }

    /// Stops the server in order.
    #[track_caller]
    pub fn stop(&mut self) {
        self.serving.take().unwrap().stop();
    }

    /// Ends the server as a crash does.
    pub fn kill(&mut self) {
        self.serving.take().unwrap().kill();
    }

    /// Starts the server again, where it was.
    #[track_caller]
    pub fn start(&mut self) {
        self.serving = Some(self.place.start(&mut self.again));
    }

    /// Runs another command of the program; it must do what it is asked.
    #[track_caller]
    pub fn command(&self, arguments: &[&str]) -> String {
        let (out, problem, code) = self.place.run(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {problem}");
        out
    }

    /// What the API answers to somebody else than the browser: an administrator on this machine.
    pub fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let token = self.serving.as_ref().unwrap().token();
        let mut request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        run(async {
            let answer = request.send().await.unwrap();
            let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
            (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
        })
    }

    /// A `GET` that must be answered.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        succeeded(path, self.ask(Method::GET, path, None))
    }

    /// A `POST` that must be done.
    #[track_caller]
    pub fn post(&self, path: &str, body: Value) -> Value {
        succeeded(path, self.ask(Method::POST, path, Some(body)))
    }

    /// A `PUT` that must be done.
    #[track_caller]
    pub fn put(&self, path: &str, body: Value) -> Value {
        succeeded(path, self.ask(Method::PUT, path, Some(body)))
    }

    /// A browser that nobody is signed in with.
    pub fn browser(&self, look: Look) -> Browser {
        Browser::new(&self.url, look)
    }

    /// A browser that Ada is signed in with, who may do everything.
    pub fn signed_in(&self, look: Look) -> Browser {
        self.signed_in_as(look, "ada", "admin")
    }

    /// A browser that somebody is signed in with: `read`, `write`, `reset` or `admin`.
    pub fn signed_in_as(&self, look: Look, name: &str, role: &str) -> Browser {
        let browser = self.browser(look);
        self.sign_in(&browser, name, role);
        browser
    }

    /// Signs somebody in with a browser.
    pub fn sign_in(&self, browser: &Browser, name: &str, role: &str) {
        let link = self.post("/v1/links", json!({ "name": name, "role": role }));
        browser.open(&format!("/sign-in?link={}", link["link"].as_str().unwrap()));
        browser.click(button("Sign in"));
        browser.arrives_at("/");
    }

    /// A page or another file as it comes over the wire, to somebody who may see all.
    pub fn page(&self, path: &str) -> (u16, HeaderMap, String) {
        let token = self.serving.as_ref().unwrap().token();
        let request = self.client.get(format!("{}{path}", self.url)).bearer_auth(token);
        run(async {
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.headers().clone(), answer.text().await.unwrap())
        })
    }

    /// The paths of pages that links lead to from the first one: of pages that differ only in what they are about, a few.
    pub fn pages(&self) -> Vec<String> {
        let mut found = vec!["/".to_owned()];
        let mut next = 0;
        while let Some(path) = found.get(next).cloned() {
            next += 1;
            let (_, headers, text) = self.page(&path);
            if !headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
                continue;
            }
            for link in text.split(" href=\"/ui/").skip(1).filter_map(|rest| rest.split('"').next()) {
                let link = format!("/ui/{}", link.replace("&amp;", "&").replace("&#38;", "&"));
                let link = link.split('#').next().unwrap().to_owned();
                let alike = found.iter().filter(|known| shape(known) == shape(&link)).count();
                if alike < ALIKE_MAX && !found.contains(&link) {
                    found.push(link);
                }
            }
        }
        found
    }
}

/// A path without the ids in it, and without its query.
fn shape(path: &str) -> String {
    const BEFORE_IDS: [&str; 4] = ["workshops", "tasks", "workflows", "steps"];
    let bare = path.split('?').next().unwrap_or(path);
    let mut before = "";
    let segments = bare.split('/').map(|segment| {
        let is_id = BEFORE_IDS.contains(&before);
        before = segment;
        if is_id { "*" } else { segment }
    });
    segments.collect::<Vec<_>>().join("/")
}

#[track_caller]
fn succeeded(path: &str, (status, answer): (u16, Value)) -> Value {
    assert!((200..300).contains(&status), "{path}: {status} {answer}");
    answer
}

/// The same command, but at this address.
fn at_address(command: &Command, address: &str) -> Command {
    let mut again = Command::new(command.get_program());
    again.args(command.get_args().map(|argument| if argument == FREE_PORT { address.as_ref() } else { argument }));
    again.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    again.current_dir(command.get_current_dir().unwrap());
    again.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
    again
}
