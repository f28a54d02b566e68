//! What a browser noted down about its pages: what they asked for, and what they complained about.

use serde_json::Value;

/// A request of a page.
#[derive(Clone, Debug)]
pub struct Request {
    id: String,
    pub url: String,
    /// `Document`, `Stylesheet`, `Script`, `Fetch`, `EventSource`...
    pub kind: String,
    /// 0 while there is no answer.
    pub status: u64,
    /// Bytes that came over the wire, head included; 0 while it is not finished.
    pub bytes: u64,
    /// Answered without asking the server.
    pub is_from_cache: bool,
}

/// What was noted down.
#[derive(Debug, Default)]
pub struct Record {
    pub requests: Vec<Request>,
    pub complaints: Vec<String>,
    expected: Vec<String>,
}

impl Record {
    /// From now on complaints with these words are what the test wants.
    pub fn expect(&mut self, words: &str) {
        self.expected.push(words.to_owned());
    }

    /// What the page complained about, without what was expected.
    pub fn unexpected(&self) -> Vec<String> {
        let is_expected = |complaint: &&String| self.expected.iter().any(|words| complaint.contains(words.as_str()));
        self.complaints.iter().filter(|complaint| !is_expected(complaint)).cloned().collect()
    }

    /// Takes in what the console said.
    pub fn take_console(&mut self, entries: &Value) {
        for entry in entries.as_array().into_iter().flatten() {
            let message = entry["message"].as_str().unwrap_or_default();
            if entry["level"] == "SEVERE" || message.contains("Content Security Policy") {
                self.complaints.push(format!("{}: {message}", entry["source"].as_str().unwrap_or_default()));
            }
        }
    }

    /// Takes in what came over the network. A page may ask nobody but its own server.
    pub fn take_network(&mut self, origin: &str, entries: &Value) {
        for entry in entries.as_array().into_iter().flatten() {
            let text = entry["message"].as_str().unwrap_or_default();
            let Ok(entry) = serde_json::from_str::<Value>(text) else { continue };
            let (method, event) = (entry["message"]["method"].as_str(), &entry["message"]["params"]);
            match method {
                Some("Network.requestWillBeSent") => self.take_request(origin, event),
                Some("Network.webSocketCreated") => self.complaints.push(format!("a socket to {}", event["url"])),
                Some("Network.requestServedFromCache") => self.of(event, |request| request.is_from_cache = true),
                Some("Network.responseReceived") => self.of(event, |request| {
                    let response = &event["response"];
                    request.status = response["status"].as_u64().unwrap_or_default();
                    request.is_from_cache |= response["fromDiskCache"] == true;
                }),
                Some("Network.loadingFinished") => self.of(event, |request| {
                    request.bytes = whole(&event["encodedDataLength"]);
                }),
                _ => {}
            }
        }
    }

    fn take_request(&mut self, origin: &str, event: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let url = text(&event["request"]["url"]);
        // Nobody is asked for these: the empty page that a browser begins with, and its own page about a missing network.
        if url.starts_with("data:") || url.starts_with("chrome") {
            return;
        }
        let is_own = url.strip_prefix(origin).is_some_and(|path| path.starts_with('/'));
        if !is_own {
            self.complaints.push(format!("foreign: the page asked for {url}"));
        }
        let (id, kind) = (text(&event["requestId"]), text(&event["type"]));
        self.requests.push(Request { id, url, kind, status: 0, bytes: 0, is_from_cache: false });
    }

    /// The newest request of an id: a redirect keeps it.
    fn of(&mut self, event: &Value, note: impl FnOnce(&mut Request)) {
        let id = event["requestId"].as_str().unwrap_or_default();
        if let Some(request) = self.requests.iter_mut().rev().find(|request| request.id == id) {
            note(request);
        }
    }
}

/// A length, which DevTools gives as a number of either sort.
fn whole(length: &Value) -> u64 {
    length.as_u64().or_else(|| format!("{:.0}", length.as_f64()?).parse().ok()).unwrap_or_default()
}
