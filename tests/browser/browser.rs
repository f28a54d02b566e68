//! A browser, and what a person does with it and sees in it.

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::axe::{self, Findings};
use crate::driver::{Driver, Element, Refused};
use crate::patience::{PATIENCE, until, within};
use crate::record::{Record, Request};
use crate::target::Target;

/// How a page is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub is_phone: bool,
    pub is_dark: bool,
}

/// A browser with one window, and a profile of its own.
pub struct Browser {
    driver: Driver,
    /// The server that its pages are of, without a slash at the end.
    origin: String,
    look: Cell<Look>,
    record: RefCell<Record>,
}

impl Look {
    pub const DESKTOP: Self = Self { is_phone: false, is_dark: false };
    pub const PHONE: Self = Self { is_phone: true, is_dark: false };

    /// Each way, once.
    pub const ALL: [Self; 4] = [Self::DESKTOP, Self::DESKTOP.dark(), Self::PHONE, Self::PHONE.dark()];

    /// The same, in the dark theme.
    pub const fn dark(self) -> Self {
        Self { is_dark: true, ..self }
    }

    /// Width and height of what is seen.
    pub fn size(self) -> (u32, u32) {
        if self.is_phone { (360, 740) } else { (1280, 900) }
    }

    /// For the names of screenshots.
    pub fn name(self) -> String {
        let size = if self.is_phone { "phone" } else { "desktop" };
        format!("{size}-{}", if self.is_dark { "dark" } else { "light" })
    }
}

/// Being somewhere.
impl Browser {
    /// A browser for the pages of a server.
    pub fn new(origin: &str, look: Look) -> Self {
        let browser = Self {
            driver: Driver::start(),
            origin: origin.to_owned(),
            look: Cell::new(look),
            record: RefCell::default(),
        };
        browser.look_as(look);
        browser
    }

    /// Changes size and theme.
    pub fn look_as(&self, look: Look) {
        let (width, height) = look.size();
        let scheme = if look.is_dark { "dark" } else { "light" };
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": look.is_phone });
        self.devtools("Emulation.setDeviceMetricsOverride", size);
        let theme = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", theme);
        self.look.set(look);
    }

    /// Goes to a path of the server.
    #[track_caller]
    pub fn open(&self, path: &str) {
        self.try_open(path).unwrap_or_else(|refused| panic!("{path}: {refused:?}"));
    }

    /// Goes to a path of a server that is perhaps not to be reached.
    pub fn try_open(&self, path: &str) -> Result<(), Refused> {
        self.leave_for(&format!("{}{path}", self.origin))
    }

    /// Goes to an address anywhere.
    pub fn leave_for(&self, url: &str) -> Result<(), Refused> {
        self.driver.post("/url", json!({ "url": url })).map(drop)
    }

    /// Where it is, without the server's name.
    pub fn path(&self) -> String {
        let url = self.done(self.driver.get("/url"));
        let url = url.as_str().unwrap();
        url.strip_prefix(&self.origin).unwrap_or(url).to_owned()
    }

    /// Waits until it is at a path.
    #[track_caller]
    pub fn arrives_at(&self, path: &str) {
        let arrived = within(PATIENCE, || (self.path() == path).then_some(()));
        assert!(arrived.is_some(), "it is not at {path}, but at {}", self.path());
    }

    pub fn reload(&self) {
        self.done(self.driver.post("/refresh", json!({})));
    }

    /// Takes the network away, or gives it back.
    pub fn offline(&self, offline: bool) {
        self.network(offline, Duration::ZERO);
    }

    /// Has each answer take so much longer.
    pub fn slow(&self, by: Duration) {
        self.network(false, by);
    }

    fn network(&self, offline: bool, latency: Duration) {
        let latency = u64::try_from(latency.as_millis()).unwrap();
        let all = json!({ "offline": offline, "latency": latency, "downloadThroughput": -1, "uploadThroughput": -1 });
        self.devtools("Network.emulateNetworkConditions", all);
    }

    /// Asks for everything again from now on.
    pub fn forget_what_is_cached(&self) {
        self.devtools("Network.clearBrowserCache", json!({}));
    }

    /// Runs a script in each page from now on, before those of the page.
    pub fn prepare(&self, script: &str) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script }));
    }
}

/// Doing something: each waits until it can be done.
impl Browser {
    #[track_caller]
    pub fn click(&self, target: impl Into<Target>) {
        self.act(&target.into(), |element| self.driver.post(&element.path("click"), json!({})));
    }

    /// Writes at the end of what is in a field.
    #[track_caller]
    pub fn write(&self, target: impl Into<Target>, text: &str) {
        self.act(&target.into(), |element| self.driver.post(&element.path("value"), json!({ "text": text })));
    }

    /// Writes in the place of what is in a field.
    #[track_caller]
    pub fn rewrite(&self, target: impl Into<Target>, text: &str) {
        let target = target.into();
        self.act(&target, |element| self.driver.post(&element.path("clear"), json!({})));
        self.write(&target, text);
    }

    /// Chooses what a list offers by its words.
    #[track_caller]
    pub fn choose(&self, list: impl Into<Target>, words: &str) {
        const FIND: &str = "return [...arguments[0].options].find((o) => o.label.trim() === arguments[1]) ?? null";
        self.act(&list.into(), |element| {
            let found = self.driver.script(FIND, json!([element.argument(), words]))?;
            let missing = || Refused { error: "no such element".into(), message: format!("it offers no {words:?}") };
            self.driver.post(&Driver::element(&found).ok_or_else(missing)?.path("click"), json!({}))
        });
    }

    /// Puts the pointer over something.
    #[track_caller]
    pub fn point_at(&self, target: impl Into<Target>) {
        self.act(&target.into(), |element| {
            let to = json!({ "type": "pointerMove", "duration": 0, "x": 0, "y": 0, "origin": element.argument() });
            let pointer = json!({ "type": "pointer", "id": "mouse", "actions": [to] });
            self.driver.post("/actions", json!({ "actions": [pointer] }))
        });
    }

    /// Presses keys together, such as `Tab`, `Shift+Tab`, `Escape`, `Control+a`.
    #[track_caller]
    pub fn keys(&self, keys: &str) {
        let codes: Vec<String> = keys.split('+').map(key_code).collect();
        let down = codes.iter().map(|code| json!({ "type": "keyDown", "value": code }));
        let up = codes.iter().rev().map(|code| json!({ "type": "keyUp", "value": code }));
        self.press(&down.chain(up).collect::<Vec<_>>());
    }

    /// Types, into whatever has the focus.
    #[track_caller]
    pub fn types(&self, text: &str) {
        let each = |c: char| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": c.to_string() }));
        self.press(&text.chars().flat_map(each).collect::<Vec<_>>());
    }

    fn press(&self, actions: &[Value]) {
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.done(self.driver.post("/actions", json!({ "actions": [keyboard] })));
    }

    /// Does something to a target, as often as the page moves under it.
    #[track_caller]
    fn act<T>(&self, target: &Target, act: impl Fn(&Element) -> Result<T, Refused>) -> T {
        let mut last = None;
        let done = within(PATIENCE, || {
            match target.find(&self.driver).and_then(|found| found.as_ref().map(&act).transpose()) {
                Ok(done) => done,
                Err(refused) => {
                    assert!(refused.is_passing(), "{target:?}: {refused:?}");
                    last = Some(refused);
                    None
                }
            }
        });
        done.unwrap_or_else(|| {
            panic!("nothing can be done with {target:?} at {}: {last:?}{}", self.path(), target.others(&self.driver))
        })
    }
}

/// Seeing something.
impl Browser {
    /// Waits until something is there and can be seen.
    #[track_caller]
    pub fn sees(&self, target: impl Into<Target>) {
        let target = target.into();
        if within(PATIENCE, || self.is_shown(&target).then_some(())).is_none() {
            panic!("{target:?} does not show at {}{}", self.path(), target.others(&self.driver));
        }
    }

    /// Waits until something is there, though perhaps not in sight.
    #[track_caller]
    pub fn wait_for(&self, selector: &str) {
        let there = within(PATIENCE, || (self.count(selector) > 0).then_some(()));
        assert!(there.is_some(), "{selector} is not there at {}", self.path());
    }

    /// Waits until something is not there, or can't be seen.
    #[track_caller]
    pub fn misses(&self, target: impl Into<Target>) {
        let target = target.into();
        let gone = within(PATIENCE, || (!self.is_shown(&target)).then_some(()));
        assert!(gone.is_some(), "{target:?} still shows at {}", self.path());
    }

    /// Whether something is there now, and can be seen.
    pub fn is_shown(&self, target: impl Into<Target>) -> bool {
        const SHOWN: &str = "return arguments[0].checkVisibility({ visibilityProperty: true })";
        let found = target.into().find(&self.driver).ok().flatten();
        found.is_some_and(|it| self.driver.script(SHOWN, json!([it.argument()])).is_ok_and(|shown| shown == true))
    }

    /// Waits until the page reads so somewhere. White space counts as one space.
    #[track_caller]
    pub fn reads(&self, words: &str) {
        let read = within(PATIENCE, || self.words().contains(words).then_some(()));
        assert!(read.is_some(), "{words:?} is not to be read at {}: {}", self.path(), self.words());
    }

    /// All that is to be read on the page, with white space as one space.
    pub fn words(&self) -> String {
        let text = self.driver.script("return document.body?.innerText ?? ''", json!([])).unwrap_or_default();
        text.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The text of something, as it shows.
    #[track_caller]
    pub fn text(&self, target: impl Into<Target>) -> String {
        let text = self.act(&target.into(), |element| self.driver.get(&element.path("text")));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// What is in a field.
    #[track_caller]
    pub fn value(&self, target: impl Into<Target>) -> String {
        let value = self.act(&target.into(), |element| self.driver.get(&element.path("property/value")));
        value.as_str().unwrap_or_default().to_owned()
    }

    /// An attribute of something.
    #[track_caller]
    pub fn attribute(&self, target: impl Into<Target>, name: &str) -> Option<String> {
        const GET: &str = "return arguments[0].getAttribute(arguments[1])";
        let value = self.act(&target.into(), |it| self.driver.script(GET, json!([it.argument(), name])));
        value.as_str().map(str::to_owned)
    }

    /// Whether a button or field can be used.
    #[track_caller]
    pub fn is_enabled(&self, target: impl Into<Target>) -> bool {
        self.act(&target.into(), |element| self.driver.get(&element.path("enabled"))) == true
    }

    /// How many there are of a selector.
    pub fn count(&self, selector: &str) -> u64 {
        self.script("return document.querySelectorAll(arguments[0]).length", json!([selector])).as_u64().unwrap()
    }

    /// Role and name of what has the focus, as a screen reader would say it: `button Reset`.
    pub fn focused(&self) -> String {
        let said = || {
            let element = Driver::element(&self.driver.get("/element/active").ok()?)?;
            let [role, label] = ["computedrole", "computedlabel"].map(|what| self.driver.get(&element.path(what)).ok());
            Some(format!("{} {}", role?.as_str()?, label?.as_str()?).trim().to_owned())
        };
        until("something has the focus", said)
    }

    /// The words of a dialog that a script opened. No page does.
    pub fn alert(&self) -> Option<String> {
        self.driver.get("/alert/text").ok()?.as_str().map(str::to_owned)
    }

    /// Runs the body of a function in the page, for what a person can't say.
    #[track_caller]
    pub fn script(&self, body: &str, arguments: Value) -> Value {
        self.done(self.driver.script(body, arguments))
    }

    #[track_caller]
    fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.done(self.driver.devtools(command, parameters))
    }

    #[track_caller]
    fn done(&self, result: Result<Value, Refused>) -> Value {
        result.unwrap_or_else(|refused| panic!("{refused:?}"))
    }
}

/// Judging it.
impl Browser {
    /// Keeps what is seen now as `screenshots/<name>-<size>-<theme>.png` of the target directory.
    #[track_caller]
    pub fn screenshot(&self, name: &str) -> PathBuf {
        let file = self.keep_screenshot(name);
        file.unwrap_or_else(|refused| panic!("{refused:?}"))
    }

    fn keep_screenshot(&self, name: &str) -> Result<PathBuf, Refused> {
        let folder = axe::target().join("screenshots");
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{name}-{}.png", self.look.get().name()));
        let taken = self.driver.get("/screenshot")?;
        fs::write(&file, BASE64_STANDARD.decode(taken.as_str().unwrap()).unwrap()).unwrap();
        Ok(file)
    }

    /// Has axe check the page: nothing serious may be wrong with it.
    #[track_caller]
    pub fn axe(&self) {
        let (findings, path, look) = (self.findings(), self.path(), self.look.get().name());
        assert!(findings.serious().is_empty(), "{path} ({look}): {:#?}", findings.serious());
    }

    /// What axe finds on the page.
    #[track_caller]
    pub fn findings(&self) -> Findings {
        self.script(&axe::SCRIPT, json!([]));
        let result = self.driver.post("/execute/async", json!({ "script": axe::CHECK, "args": [] }));
        let findings = Findings::of(&self.done(result));
        assert!(findings.passed > 0, "axe checked nothing at {}", self.path());
        findings
    }

    /// How far the page is wider than the window. A person would have to scroll sideways.
    pub fn overflow(&self) -> i64 {
        let width = self.script("return document.documentElement.scrollWidth", json!([])).as_i64().unwrap();
        // What a scroll bar takes is not missing.
        (width - i64::from(self.look.get().size().0)).max(0)
    }

    /// From now on complaints of the console with these words are what the test wants, such as `status of 409`.
    pub fn expect(&self, words: &str) {
        self.record.borrow_mut().expect(words);
    }

    /// What the page asked for since this was called last.
    pub fn requests(&self) -> Vec<Request> {
        self.note();
        std::mem::take(&mut self.record.borrow_mut().requests)
    }

    /// What the page complained about so far, without what was expected.
    pub fn complaints(&self) -> Vec<String> {
        self.note();
        self.record.borrow().unexpected()
    }

    /// The same, with what was expected.
    pub fn all_complaints(&self) -> Vec<String> {
        self.note();
        self.record.borrow().complaints.clone()
    }

    /// Takes in what the browser noted down.
    fn note(&self) {
        let log = |kind: &str| self.driver.post("/se/log", json!({ "type": kind })).unwrap_or_default();
        let mut record = self.record.borrow_mut();
        record.take_console(&log("browser"));
        record.take_network(&self.origin, &log("performance"));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let complaints = self.complaints();
        if thread::panicking() {
            let test = thread::current().name().unwrap_or("test").replace("::", "-");
            let kept = self.keep_screenshot(&format!("failed-{test}"));
            println!("at its end the browser was at {}, complaints {complaints:#?}, screenshot {kept:?}", self.path());
        } else {
            assert!(complaints.is_empty(), "the page complained: {complaints:#?}");
        }
    }
}

/// The code of a key by its name, or the character itself.
fn key_code(key: &str) -> String {
    let code = match key {
        "Tab" => '\u{e004}',
        "Enter" => '\u{e007}',
        "Shift" => '\u{e008}',
        "Control" => '\u{e009}',
        "Alt" => '\u{e00a}',
        "Escape" => '\u{e00c}',
        "Space" => ' ',
        "PageUp" => '\u{e00e}',
        "PageDown" => '\u{e00f}',
        "End" => '\u{e010}',
        "Home" => '\u{e011}',
        "ArrowLeft" => '\u{e012}',
        "ArrowUp" => '\u{e013}',
        "ArrowRight" => '\u{e014}',
        "ArrowDown" => '\u{e015}',
        "Delete" => '\u{e017}',
        "Backspace" => '\u{e003}',
        _ => return key.to_owned(),
    };
    code.to_string()
}
