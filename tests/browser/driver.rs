//! Chromium and `chromedriver`: a browser with a profile of its own, told what to do in JSON over HTTP (WebDriver).

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Once, mpsc};
use std::thread;

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::patience::{PATIENCE, run};

/// The name under which the protocol gives an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Ends all that was started with it when its standard input ends: with the test, however that ends.
const SUPERVISED: &str = "chromedriver --port=0 & cat > /dev/null; kill -KILL 0";

/// A browser that runs.
pub struct Driver {
    supervisor: Child,
    client: Client,
    /// The address of the session.
    session: String,
}

/// An element of a page, until the page replaces it.
#[derive(Clone, Debug)]
pub struct Element(String);

/// Why the browser did not do what it was told.
#[derive(Debug)]
pub struct Refused {
    /// The protocol's word for it: `stale element reference`, `element click intercepted`...
    pub error: String,
    pub message: String,
}

/// Whether browsers can be started here.
pub fn is_there() -> bool {
    let starts = |program: &str| {
        let started = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        started.is_ok_and(|status| status.success())
    };
    ["chromium", "chromedriver", "npm"].into_iter().all(starts)
}

/// A client without anything from the environment.
pub fn client() -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Refused only if another test was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().timeout(2 * PATIENCE).build().unwrap()
}

impl Driver {
    /// Starts a browser. It finds no host but this machine.
    pub fn start() -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", SUPERVISED]).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut supervisor = command.spawn().unwrap();
        let (send, port) = mpsc::channel();
        let mut lines = BufReader::new(supervisor.stdout.take().unwrap()).lines().map_while(Result::ok);
        thread::spawn(move || {
            if let Some(line) = lines.find(|line| line.contains("started successfully on port")) {
                let _ = send.send(line.chars().filter(char::is_ascii_digit).collect::<String>());
            }
            // Taken to the end, so that nobody is held up who writes.
            lines.for_each(drop);
        });
        let port = port.recv_timeout(PATIENCE).unwrap();
        let address = format!("http://127.0.0.1:{port}/session");
        let mut driver = Self { supervisor, client: client(), session: address };
        let answer = driver.post("", capabilities()).unwrap_or_else(|refused| panic!("no browser: {refused:?}"));
        driver.session = format!("{}/{}", driver.session, answer["sessionId"].as_str().unwrap());
        driver
    }

    pub fn post(&self, path: &str, body: Value) -> Result<Value, Refused> {
        self.ask(Method::POST, path, Some(body))
    }

    pub fn get(&self, path: &str) -> Result<Value, Refused> {
        self.ask(Method::GET, path, None)
    }

    /// A command of the DevTools protocol, for what WebDriver has no word for.
    pub fn devtools(&self, command: &str, parameters: Value) -> Result<Value, Refused> {
        self.post("/goog/cdp/execute", Value::from_iter([("cmd", command.into()), ("params", parameters)]))
    }

    /// Runs the body of a function in the page.
    pub fn script(&self, body: &str, arguments: Value) -> Result<Value, Refused> {
        self.post("/execute/sync", Value::from_iter([("script", body.into()), ("args", arguments)]))
    }

    /// The element that a value stands for.
    pub fn element(value: &Value) -> Option<Element> {
        value[ELEMENT].as_str().map(|id| Element(id.to_owned()))
    }

    fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Refused> {
        let mut request = self.client.request(method, format!("{}{path}", self.session));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let mut answer: Value = run(async {
            let answer = request.send().await.map_err(|error| Refused::lost(&error))?;
            answer.json().await.map_err(|error| Refused::lost(&error))
        })?;
        let value = answer["value"].take();
        match value["error"].as_str() {
            Some(error) => Err(Refused { error: error.into(), message: value["message"].as_str().unwrap().into() }),
            None => Ok(value),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.ask(Method::DELETE, "", None);
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}

impl Element {
    /// The path of a command for it.
    pub fn path(&self, command: &str) -> String {
        format!("/element/{}/{command}", self.0)
    }

    /// As an argument of a script.
    pub fn argument(&self) -> Value {
        json!({ ELEMENT: self.0 })
    }
}

impl Refused {
    fn lost(error: &reqwest::Error) -> Self {
        Self { error: "no answer".into(), message: error.to_string() }
    }

    /// Whether the page moved meanwhile, so that the same may be tried again.
    pub fn is_passing(&self) -> bool {
        let passing = [
            "stale element reference",
            "no such element",
            "element click intercepted",
            "element not interactable",
            "detached shadow root",
        ];
        passing.contains(&&*self.error) || self.message.contains("context") || self.message.contains("No node")
    }
}

fn capabilities() -> Value {
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    ];
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome",
        "unhandledPromptBehavior": "ignore",
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        "goog:chromeOptions": {
            "args": arguments,
            "perfLoggingPrefs": { "enableNetwork": true, "enablePage": false },
        },
    } } })
}
