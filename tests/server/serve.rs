//! `restage serve` from start to end.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use reqwest::Method;
use restage::workshop::Template;
use restage::{EntityId, Restage, StageId};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use serde_json::json;

use crate::program::{Place, Serving, said};
use crate::wire::{Wire, new_token};
use crate::world::{Answered, answered, client};

async fn get(serving: &Serving, path: &str) -> Answered {
    answered(client().get(serving.url(path)).bearer_auth(serving.token())).await
}

#[tokio::test]
async fn the_first_line_is_the_address_it_is_ready_on() {
    let place = Place::new();
    let serving = place.serve(&[]);
    let port = serving.url.strip_prefix("http://127.0.0.1:").unwrap().parse::<u16>().unwrap();
    assert_ne!(port, 0);
    // Ready means ready: the very first request is answered.
    assert_eq!(get(&serving, "/readyz").await.status, 200);
    let link = serving.line().unwrap();
    assert!(link.starts_with(&serving.url("/sign-in?link=")), "{link}");
    assert_eq!(answered(client().get(&link)).await.status, 200);
    assert!(!serving.log().contains(link.split('=').nth(1).unwrap()), "the log is no place for it");
    serving.stop();
}

#[tokio::test]
async fn a_link_is_given_only_while_nobody_may_call() {
    let place = Place::new();
    let (token, problem, code) = place.run(&["token", "create", "--role", "admin"]);
    assert_eq!((token.lines().count(), code), (1, Some(0)), "{problem}");
    let mut serving = place.serve(&[]);
    let me = client().get(serving.url("/v1/tokens")).bearer_auth(token.trim());
    assert_eq!(answered(me).await.status, 200);
    serving.tell(Signal::TERM);
    assert_eq!(serving.wait().code(), Some(0));
    assert_eq!(serving.line(), None);
}

#[test]
fn the_folder_says_who_holds_it_and_only_for_as_long() {
    let place = Place::new();
    let serving = place.serve(&[]);
    let file = place.data().join("server.json");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let held = serving.file();
    assert_eq!((held["url"].as_str(), held["pid"].as_u64()), (Some(&*serving.url), Some(serving.pid().into())));
    assert!(held["started"].as_u64().is_some_and(|ticks| ticks > 0), "{held}");
    let (_, problem, code) = place.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(6), "{problem}");
    assert!(problem.contains("in use by process"), "{problem}");
    assert!(file.exists(), "it is the first one's");
    serving.stop();
    assert!(!file.exists());
}

#[tokio::test]
async fn a_server_that_was_killed_is_started_again_and_nothing_acknowledged_is_lost() {
    let place = Place::new();
    let first = place.serve(&[]);
    let old = first.token();
    let made =
        client().post(first.url("/v1/tokens")).bearer_auth(&old).json(&json!({ "role": "write", "label": "ci" }));
    let made = answered(made).await;
    assert_eq!(made.status, 201, "{made:?}");
    first.kill();
    assert!(place.data().join("server.json").exists(), "nobody removed it");
    let second = place.serve(&[]);
    assert_ne!(second.token(), old);
    let tokens = get(&second, "/v1/tokens").await;
    assert!(tokens.text.contains("\"ci\""), "{tokens:?}");
    let late = answered(client().get(second.url("/v1/tokens")).bearer_auth(&old)).await;
    assert_eq!(late.status, 401, "the token of the first ended with it");
    second.stop();
}

#[test]
fn an_address_that_can_not_be_had_is_refused() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (address, code, words) in [
        (address.as_str(), Some(1), "can't be listened on"),
        ("192.0.2.1:7878", Some(1), "can't be listened on"),
        ("example.org:7878", Some(2), "is no address to listen on"),
        ("7878", Some(2), "is no address to listen on"),
    ] {
        let (out, problem, ended) = place.run(&["serve", "--listen", address]);
        assert_eq!((out.as_str(), ended), ("", code), "{address}: {problem}");
        assert!(problem.contains(words) && problem.contains("hint:"), "{problem}");
    }
    assert!(!place.data().exists(), "nothing was made for them");
}

#[tokio::test]
async fn other_machines_are_let_in_only_with_a_token() {
    let place = Place::new();
    let (out, problem, code) = place.run(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!((out.as_str(), code), ("", Some(5)), "{problem}");
    assert!(problem.contains("restage token create"), "{problem}");
    place.run(&["token", "create", "--role", "read"]);
    let serving = place.start(&mut place.command(&["serve", "--listen", "0.0.0.0:0"]));
    let local = serving.file()["url"].as_str().unwrap().to_owned();
    assert!(local.starts_with("http://127.0.0.1:"), "{local}");
    assert_eq!(answered(client().get(format!("{local}/readyz"))).await.status, 200);
    serving.stop();
}

#[tokio::test]
async fn what_is_under_way_is_finished_before_it_ends() {
    let place = Place::new();
    let mut serving = place.serve(&[]);
    let (address, token) = (serving.address().parse().unwrap(), serving.token());
    let head = new_token(serving.address(), &token, "content-length: 15", "");
    let (mut slow, mut idle) = (Wire::open(address), Wire::open(address));
    slow.send(head);
    let livez = format!("GET /livez HTTP/1.1\r\nhost: {address}\r\n\r\n");
    assert_eq!(idle.send(&livez).answer().unwrap().status, 200);
    // It is under way when the figures say so.
    while !get(&serving, "/metrics").await.text.contains("restage_http_requests_under_way 1") {}
    serving.tell(Signal::TERM);
    serving.said("stopping");
    assert_eq!(idle.rest(), "", "a connection that nothing is asked on is closed");
    let got = slow.send("{\"role\":\"read\"}").answer().unwrap();
    assert_eq!(got.status, 201, "{got:?}");
    assert_eq!(serving.wait().code(), Some(0), "{}", serving.log());
    let again = place.serve(&[]);
    assert_eq!(get(&again, "/v1/tokens").await.json()["items"].as_array().unwrap().len(), 1);
    again.stop();
}

/// Waits until the server handles a request.
fn one_is_under_way(address: SocketAddr, token: &str) {
    let ask = format!("GET /metrics HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\r\n");
    while !Wire::open(address).send(&ask).answer().unwrap().body.contains("restage_http_requests_under_way 1") {
        std::thread::yield_now();
    }
}

#[test]
fn what_does_not_finish_in_time_is_cut_off_and_told() {
    let place = Place::new();
    let mut command = place.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut serving = place.start(command.env("RESTAGE_SHUTDOWN_SECONDS", "2"));
    let (address, token) = (serving.address().parse().unwrap(), serving.token());
    let mut slow = Wire::open(address);
    slow.send(new_token(serving.address(), &token, "content-length: 15", "{"));
    one_is_under_way(address, &token);
    serving.tell(Signal::TERM);
    assert_eq!(serving.wait().code(), Some(1), "{}", serving.log());
    assert!(serving.log().contains("cut off"), "{}", serving.log());
    place.serve(&[]).stop();
}

#[test]
fn asked_twice_it_ends_at_once() {
    let place = Place::new();
    let mut serving = place.serve(&[]);
    let (address, token) = (serving.address().parse().unwrap(), serving.token());
    let mut slow = Wire::open(address);
    slow.send(new_token(serving.address(), &token, "content-length: 15", "{"));
    one_is_under_way(address, &token);
    serving.tell(Signal::INT);
    serving.said("stopping");
    serving.tell(Signal::INT);
    assert_eq!(serving.wait().code(), Some(130), "{}", serving.log());
    place.serve(&[]).stop();
}

#[tokio::test]
async fn a_log_has_a_line_for_each_request_without_what_is_secret() {
    let place = Place::new();
    let serving = place.serve(&[]);
    let secret = "CANARY-4711";
    let asked = client().get(serving.url(&format!("/v1/tokens?limit=1&x={secret}"))).bearer_auth(serving.token());
    assert_eq!(answered(asked.header("x-request-id", "mine").header("x-more", secret)).await.status, 200);
    let body = json!({ "role": "read", "label": secret });
    answered(client().post(serving.url("/v1/tokens")).bearer_auth(format!("rs_x_{secret}")).json(&body)).await;
    answered(client().request(Method::GET, serving.url(&format!("/{secret}")))).await;
    let (log, token) = (serving.log(), serving.token());
    let line = log.lines().find(|line| line.contains("\"request_id\":\"mine\"")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&line["method"], &line["route"], &line["status"], &line["who"]),
        (&json!("GET"), &json!("/v1/tokens"), &json!(200), &json!("local"))
    );
    assert!(line["us"].is_u64(), "{line}");
    assert!(!log.contains(secret) && !log.contains(&token), "{log}");
    serving.stop();
}

#[tokio::test]
async fn settings_that_can_change_are_taken_on_a_hang_up() {
    let place = Place::new();
    let file = place.path("server.toml");
    fs::write(&file, "log = 'info'\n[rates]\nresets_burst = 5\n").unwrap();
    let mut serving = place.serve(&["--config", file.to_str().unwrap()]);
    fs::write(&file, "log = 'warn'\nconfirm = true\n[rates]\nresets_burst = 7\n").unwrap();
    serving.tell(Signal::HUP);
    serving.said("\"needs_restart\":\"confirm\"");
    assert!(serving.log().contains("\"taken\":\"log, rates.resets_burst\""), "{}", serving.log());
    let before = serving.log();
    assert_eq!(get(&serving, "/livez").await.status, 200);
    assert_eq!(serving.log(), before, "requests are not told any more");
    fs::write(&file, "log = [").unwrap();
    serving.tell(Signal::HUP);
    serving.said("the settings stay as they were");
    assert_eq!(get(&serving, "/livez").await.status, 200);
    serving.stop();
}

#[tokio::test]
async fn drafts_are_written_down_before_it_ends() {
    let place = Place::new();
    let (id, step) = (EntityId::new("garden").unwrap(), StageId::new("challenge").unwrap());
    let restage = Restage::open(place.data()).await.unwrap();
    let workshop = restage.workshops().unwrap().get(&id);
    workshop.create("Garden", &Template::built_in("design-thinking").unwrap()).await.unwrap();
    restage.shutdown().await.unwrap();

    let serving = place.serve(&[]);
    let body = json!({ "messages": [{ "id": "m1", "role": "user", "content": "water the roses" }] });
    let draft = client().post(serving.url("/v1/workshops/garden/steps/challenge/drafts")).bearer_auth(serving.token());
    let draft = answered(draft.json(&body)).await;
    assert_eq!((draft.status, &draft.json()["pending"]), (202, &json!(1)), "{draft:?}");
    serving.stop();

    let restage = Restage::open(place.data()).await.unwrap();
    let conversation = restage.workshops().unwrap().get(&id).conversation(&step).await.unwrap();
    assert_eq!(conversation.len(), 1);
    assert_eq!(conversation[0].message.content, "water the roses");
    restage.shutdown().await.unwrap();
}

#[test]
fn a_check_says_what_the_settings_come_to() {
    let place = Place::new();
    let (out, problem, code) = place.run(&["serve", "--check", "--listen", "[::1]:0"]);
    assert_eq!(code, Some(0), "{problem}");
    assert!(out.contains("the settings are good") && out.contains("[::1]:0"), "{out}");
    assert!(!place.data().exists());
    let (out, _, _) = said(place.command(&["serve", "--check", "--json"]).env("RESTAGE_HOSTS", "a.example, b.example"));
    let answer: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer["set"]["hosts"], json!(["a.example", "b.example"]));
}

#[tokio::test]
async fn a_server_whose_disk_failed_is_not_ready_and_loses_nothing_that_was_acknowledged() {
    let place = Place::new();
    // Writes beyond a limit then fail as on a broken disk, instead of ending the process.
    let command = place.command(&[]);
    let mut shell = Command::new("sh");
    shell.arg("-c").arg("trap '' XFSZ; exec \"$0\" serve --listen 127.0.0.1:0").arg(command.get_program());
    shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.current_dir(command.get_current_dir().unwrap()).stdin(Stdio::null()).stdout(Stdio::piped());
    let serving = place.start(&mut shell);
    let (token, url) = (serving.token(), serving.url("/v1/tokens"));
    let make = |label: &str| {
        let request = client().post(&url).bearer_auth(&token);
        answered(request.json(&json!({ "role": "read", "label": label })))
    };
    assert_eq!(make("before").await.status, 201);
    let pid = Pid::from_raw(i32::try_from(serving.pid()).unwrap());
    prlimit(pid, Resource::Fsize, Rlimit { current: Some(1), maximum: Some(1) }).unwrap();
    let failed = make("after").await;
    assert!(failed.status >= 500, "{failed:?}");
    assert!(!failed.text.contains("os error") && !failed.text.contains(".seg"), "{failed:?}");
    answered(client().get(serving.url("/readyz"))).await.problem(503, "poisoned");
    assert_eq!(answered(client().get(serving.url("/livez"))).await.status, 200);
    let figures = get(&serving, "/metrics").await;
    assert!(figures.text.contains("restage_store_failed 1"), "{figures:?}");
    let again = make("again").await;
    assert!(again.status >= 500, "nothing is acknowledged any more: {again:?}");
    serving.kill();
    let serving = place.serve(&[]);
    let tokens = get(&serving, "/v1/tokens").await;
    assert!(tokens.text.contains("\"before\"") && !tokens.text.contains("\"again\""), "{tokens:?}");
    serving.stop();
}

#[tokio::test]
async fn the_command_line_asks_an_encrypted_server_too() {
    let place = Place::new();
    let fixture = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server/tls").join(name);
    let mut command = place.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("RESTAGE_TLS_CERTIFICATE", fixture("first.pem")).env("RESTAGE_TLS_KEY", fixture("first.key"));
    let serving = place.start(&mut command);
    assert!(serving.url.starts_with("https://127.0.0.1:"), "{}", serving.url);
    let (_, problem, code) = place.run(&["workshop", "new", "garden"]);
    assert_eq!(code, Some(0), "{problem}");
    let (out, problem, code) = place.run(&["workshop", "list"]);
    assert_eq!((out.contains("garden"), code), (true, Some(0)), "{problem}");
    serving.stop();
}
