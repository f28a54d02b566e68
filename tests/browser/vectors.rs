//! Text that means harm, wherever people, models, agents and workers can put some: shown, and never run.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::browser::{Browser, Look};
use crate::patience::until;
use crate::world::World;

/// The texts, one JSON string a line.
fn vectors() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/vectors");
    let files = fs::read_dir(folder).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let lines: Vec<String> = files.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let lines = lines.iter().filter(|line| !line.starts_with("//") && !line.is_empty());
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Sees to it that a script of a text that ran would be noticed.
const CANARY: &str = "\
    window.ran = [];\
    for (const name of ['alert', 'confirm', 'prompt', 'print', 'open']) {\
        window[name] = (...given) => { window.ran.push(`${name}(${given})`); };\
    }";

/// Opens a page, and has what may come later come.
#[track_caller]
fn open(browser: &Browser, path: &str) {
    browser.open(path);
    browser.script("document.querySelectorAll('details').forEach((one) => { one.open = true; })", json!([]));
    browser.script("scrollTo(0, document.body.scrollHeight)", json!([]));
    let ran = browser.script("return window.ran", json!([]));
    assert_eq!(ran, json!([]), "{path}: a text ran");
    const PLANTED: &str = "\
        return [...document.querySelectorAll('main script, main style, main iframe, main object, main embed, main base, \
            main form[action^=\"http\"], main img, main [style], main [onclick], main [onerror], main [onload]')]\
            .map((e) => e.outerHTML.slice(0, 200))";
    assert_eq!(browser.script(PLANTED, json!([])), json!([]), "{path}");
    const LEADS: &str = "\
        return [...document.querySelectorAll('main a[href]')].map((a) => new URL(a.href.baseVal ?? a.href, location).protocol)\
            .filter((protocol) => !['http:', 'https:', 'mailto:'].includes(protocol))";
    assert_eq!(browser.script(LEADS, json!([])), json!([]), "{path}");
    let url = browser.path();
    assert!(url.starts_with("/ui/") || url == "/", "{path} led to {url}");
}

#[test]
fn what_is_said_in_a_workshop_is_shown_and_never_run() {
    let Some(world) = World::new() else { return };
    let vectors = vectors();
    println!("{} texts", vectors.len());
    assert!(vectors.len() > 100);
    world.post("/v1/workshops", json!({ "id": "garden", "title": vectors[0] }));
    let step = "/v1/workshops/garden/steps/challenge";
    for (place, piece) in vectors.chunks(50).enumerate() {
        let message = |(n, text): (usize, &String)| {
            let role = ["user", "assistant", "system", "tool"][n % 4];
            json!({ "id": format!("m{place}-{n}"), "role": role, "content": text, "by": "<b>Eve</b>\u{202e}" })
        };
        let messages: Vec<Value> = piece.iter().enumerate().map(message).collect();
        world.post(&format!("{step}/messages"), json!({ "messages": messages }));
    }
    let browser = world.signed_in(Look::DESKTOP);
    browser.prepare(CANARY);
    let page = "/ui/workshops/garden/steps/challenge?from=0";
    open(&browser, page);
    let shown = browser.count("article.said");
    assert!(shown >= u64::try_from(vectors.len()).unwrap().min(300), "{shown} of {} are shown", vectors.len());
    let empty = "return [...document.querySelectorAll('article.said .text')].filter((e) => !e.innerText.trim()).length";
    println!("{} of them show nothing that can be read", browser.script(empty, json!([])));
    assert!(browser.words().contains("alert(1)"));
    browser.screenshot("vectors");
    assert_eq!(browser.overflow(), 0);
    browser.axe();
    for (n, text) in vectors.iter().enumerate().step_by(10) {
        let reason: String = text.chars().take(400).collect();
        world.post(
            &format!("{step}/messages"),
            json!({ "messages": [{ "id": format!("x{n}"), "role": "user", "content": "x" }] }),
        );
        let (status, _) = world.ask(reqwest::Method::POST, &format!("{step}/reset"), Some(json!({ "reason": reason })));
        if status == 429 {
            break;
        }
    }
    for path in world.pages() {
        open(&browser, &path);
    }
}

#[test]
fn what_an_agent_leaves_in_a_task_is_shown_and_never_run() {
    let Some(world) = World::with(|place, _| {
        let text = vectors().join("\n");
        fs::write(place.path("harm.txt"), &text).unwrap();
        let name = "<img src=x onerror=alert(1)>.html";
        let agent = format!(
            "[agents.eve]\ncommand = [\"sh\", \"-c\", '''\ncat > /dev/null\ncp \"{file}\" harm.html\ncp \"{file}\" \"{name}\"\n\
             cat \"{file}\"\necho '{{\"restage\":\"output\",\"text\":\"<script>alert(1)</script> [x](javascript:alert(1))\"}}'\n\
             echo '{{\"restage\":\"handoff\",\"text\":\"<img src=x onerror=alert(1)>\"}}'\n\
             echo '{{\"restage\":\"todos\",\"items\":[{{\"text\":\"<svg onload=alert(1)>\",\"done\":false}}]}}'\n\
             ''']\n[stages]\ndefault = \"eve\"\n",
            file = place.path("harm.txt").display()
        );
        fs::create_dir_all(place.path(".config/restage")).unwrap();
        fs::write(place.path(".config/restage/agents.toml"), agent).unwrap();
        let made = std::process::Command::new("sh")
            .args(["-c", "git init -q -b main app && cd app && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m app"])
            .current_dir(place.path(""))
            .status();
        assert!(made.unwrap().success());
    }) else {
        return;
    };
    world.post("/v1/repositories", json!({ "name": "app", "path": world.place.path("app") }));
    let title = "<img src=x onerror=alert(1)>";
    world.post(
        "/v1/tasks",
        json!({ "id": "harm", "title": title, "brief": vectors()[1], "repository": "app", "tier": "L1" }),
    );
    world.post("/v1/tasks/harm/start", json!({}));
    until("the worktree is made", || {
        let (status, _) = world.ask(reqwest::Method::POST, "/v1/tasks/harm/run", Some(json!({})));
        (status < 300).then_some(())
    });
    until("the agent has said it all", || {
        world.get("/v1/tasks/harm/log").to_string().contains("alert(1)").then_some(())
    });
    let browser = world.signed_in(Look::DESKTOP);
    browser.prepare(CANARY);
    for path in world.pages() {
        open(&browser, &path);
    }
    browser.open("/ui/tasks/harm/log");
    browser.reads("alert(1)");
    browser.screenshot("vectors-log");
    assert_eq!(browser.overflow(), 0);
    browser.open("/ui/tasks/harm/changes");
    browser.screenshot("vectors-changes");
    assert_eq!(browser.overflow(), 0);
}

#[test]
fn what_a_worker_hands_in_is_shown_and_never_run() {
    let Some(world) = World::new() else { return };
    let vectors = vectors();
    let title = "<img src=x onerror=alert(1)>";
    world.post("/v1/workflows", json!({ "id": "harm", "title": title, "story": "<script>alert(1)</script>" }));
    world.post("/v1/workflows/harm/run", json!({}));
    for text in vectors.chunks(40) {
        let task = json!({ "domain": "be", "title": title, "input": { "text": text } });
        world.post("/v1/workflows/harm/tasks", json!({ "tasks": [task] }));
        let claim = world.post("/v1/queues/be/claims", json!({ "worker": "<b>eve</b>", "wait_seconds": 30 }));
        let result = json!({ "status": "completed", "agent_id": "<i>eve</i>", "result": { "text": text } });
        world.post("/v1/leases/finish", json!({ "lease": claim["lease"], "result": result }));
    }
    let browser = world.signed_in(Look::DESKTOP);
    browser.prepare(CANARY);
    for path in world.pages() {
        open(&browser, &path);
    }
    browser.open("/ui/workflows/harm/results");
    browser.screenshot("vectors-results");
    browser.reads("alert(1)");
    assert_eq!(browser.overflow(), 0);
}
