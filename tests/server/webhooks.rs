//! Webhooks: delivered in order and at least once, signed, and to nowhere that they should not go.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use restage::access::Role;
use restage::{Options, Restage, Server, ServerOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::world::{Answered, World, answered};

const PATIENCE: Duration = Duration::from_secs(60);

/// A program that takes deliveries, and answers each as it is told to; 200 when it is told nothing.
struct Receiver {
    address: SocketAddr,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    taken: Mutex<Vec<Delivery>>,
    answers: Mutex<VecDeque<String>>,
    more: Notify,
}

#[derive(Clone, Debug)]
struct Delivery {
    head: String,
    body: String,
}

impl Delivery {
    fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("{name} is missing in {}", self.head))
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn types(&self) -> Vec<String> {
        let events = self.json()["events"].as_array().unwrap().clone();
        events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }
}

impl Receiver {
    async fn new(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner::default());
        inner.answers.lock().unwrap().extend(answers.iter().map(ToString::to_string));
        let serving = Arc::clone(&inner);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take(stream, Arc::clone(&serving)));
            }
        });
        Self { address, inner }
    }

    fn url(&self) -> String {
        format!("http://{}/hook?x=1", self.address)
    }

    /// So many deliveries, once they are there.
    async fn taken(&self, count: usize) -> Vec<Delivery> {
        let wait = async {
            loop {
                let more = self.inner.more.notified();
                let taken = self.inner.taken.lock().unwrap().clone();
                if taken.len() >= count {
                    return taken;
                }
                more.await;
            }
        };
        let taken = tokio::time::timeout(PATIENCE, wait).await;
        taken.unwrap_or_else(|_| panic!("only {:?} came", self.inner.taken.lock().unwrap()))
    }
}

async fn take(mut stream: TcpStream, inner: Arc<Inner>) {
    let mut bytes = Vec::new();
    loop {
        let (head, body) = loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let head = head.to_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                if body.len() >= length.unwrap_or(0) {
                    break (head, body.to_owned());
                }
            }
            match stream.read_buf(&mut bytes).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        };
        bytes.clear();
        inner.taken.lock().unwrap().push(Delivery { head, body });
        inner.more.notify_waiters();
        let answer = inner.answers.lock().unwrap().pop_front();
        let answer = answer.unwrap_or_else(|| "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned());
        if answer == "silence" {
            return tokio::time::sleep(PATIENCE).await;
        }
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn options(hosts: &[&str], private: &[&str]) -> ServerOptions {
    let mut options = ServerOptions::default();
    options.adjustable.webhook_hosts = hosts.iter().map(ToString::to_string).collect();
    options.adjustable.webhook_private_hosts = private.iter().map(ToString::to_string).collect();
    options
}

async fn world() -> (World, String) {
    let world = World::with(Options::default(), options(&[], &["127.0.0.1"])).await;
    let token = world.token(Role::Admin).await;
    (world, token)
}

async fn make(world: &World, token: &str, body: Value) -> Answered {
    answered(world.ask_as(token, Method::POST, "/v1/webhooks").json(&body)).await
}

async fn create_workshop(restage: &Restage, id: &str) {
    let workshop = restage.workshops().unwrap().get(&restage::EntityId::new(id).unwrap()).by("ann");
    let template = restage::workshop::Template::built_in("design-thinking").unwrap();
    workshop.create("Bicycles", &template).await.unwrap();
}

/// The signature as any receiver computes it.
fn signature(secret: &str, header: &str, body: &str) -> String {
    use hmac::{Hmac, Mac as _};
    let seconds = header.strip_prefix("t=").unwrap().split(',').next().unwrap();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{seconds}.{body}").as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

#[tokio::test]
async fn events_are_delivered_signed_and_in_order() {
    let (world, token) = world().await;
    let receiver = Receiver::new(&[]).await;
    let body = json!({ "id": "chat", "url": receiver.url(), "events": { "kinds": ["workshop"] } });
    let made = make(&world, &token, body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    create_workshop(&world.restage, "a").await;
    let first = receiver.taken(1).await.remove(0);
    assert!(first.head.starts_with("post /hook?x=1 http/1.1"), "{}", first.head);
    assert_eq!(first.header("content-type"), "application/json");
    assert_eq!(first.types(), ["workshop.created", "workshop.step_began"]);
    let signed = first.header("restage-signature");
    assert_eq!(signed, signature(&secret, signed, &first.body));
    assert_ne!(signed, signature("another", signed, &first.body));
    assert_eq!(first.json()["delivery"], first.header("restage-delivery"));
    // What was delivered is noted, and shown; the secret never again.
    let noted = async {
        loop {
            let shown = answered(world.ask_as(&token, Method::GET, "/v1/webhooks/chat")).await;
            if first.json()["events"][1]["position"] == shown.json()["delivered"] {
                return shown;
            }
        }
    };
    let shown = tokio::time::timeout(PATIENCE, noted).await.unwrap();
    assert!(!shown.text.contains(&secret), "{}", shown.text);
    let trial = answered(world.ask_as(&token, Method::POST, "/v1/webhooks/chat/test")).await.json();
    assert_eq!((&trial["delivered"], &trial["status"]), (&json!(true), &json!(200)));
    assert_eq!(receiver.taken(2).await[1].json()["events"], json!([]));
    world.end().await;
}

#[tokio::test]
async fn a_receiver_that_fails_gets_all_of_it_later_and_in_order() {
    let (world, token) = world().await;
    let failing = [
        "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
    ];
    let receiver = Receiver::new(&failing).await;
    make(&world, &token, json!({ "id": "chat", "url": receiver.url(), "events": { "types": ["workshop.created"] } }))
        .await;
    create_workshop(&world.restage, "a").await;
    let taken = receiver.taken(1).await;
    create_workshop(&world.restage, "b").await;
    let all = receiver.taken(4).await;
    for again in &all[1..3] {
        assert_eq!(again.body, taken[0].body, "the same again");
        assert_eq!(again.header("restage-delivery"), taken[0].header("restage-delivery"));
    }
    assert_eq!(all[3].json()["events"][0]["id"], "b");
    world.end().await;
}

#[tokio::test]
async fn a_server_that_was_stopped_goes_on_where_it_was() {
    let (world, token) = world().await;
    let receiver = Receiver::new(&[]).await;
    make(&world, &token, json!({ "id": "chat", "url": receiver.url(), "events": { "types": ["workshop.created"] } }))
        .await;
    create_workshop(&world.restage, "a").await;
    receiver.taken(1).await;
    world.take_server().stop().await.unwrap();
    world.restage.clone().shutdown().await.unwrap();
    // While no server runs, something happens.
    let restage = Restage::open(world.folder()).await.unwrap();
    create_workshop(&restage, "b").await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::start(restage.clone(), options(&[], &["127.0.0.1"]), listener).await.unwrap();
    create_workshop(&restage, "c").await;
    let mut ids = Vec::new();
    for count in 2.. {
        let taken = receiver.taken(count).await;
        let events = taken.iter().flat_map(|delivery| delivery.json()["events"].as_array().unwrap().clone());
        ids = events.map(|event| event["id"].as_str().unwrap().to_owned()).collect();
        if ids.last().is_some_and(|last| last == "c") {
            break;
        }
    }
    // The first may come again, if the server was stopped before it was noted.
    ids.dedup();
    assert_eq!(ids, ["a", "b", "c"]);
    server.stop().await.unwrap();
    restage.shutdown().await.unwrap();
}

#[tokio::test]
async fn no_webhook_leads_to_where_it_should_not() {
    let world = World::with(
        Options::default(),
        options(&["example.org", "127.0.0.1", "169.254.169.254", "[::1]", "localhost"], &[]),
    )
    .await;
    let token = world.token(Role::Admin).await;
    for url in [
        "http://example.org/",
        "https://example.com/",
        "https://127.0.0.1/",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "ext::sh -c id",
        "ssh://-oProxyCommand=id/",
        "https://user:pass@example.org/",
        "javascript:alert(1)",
        "",
        "https://",
        "https://example.org/#x",
        "https://example.org\u{0}/",
        "https://exa\nmple.com/",
        &format!("https://example.org/{}", "x".repeat(3_000)),
    ] {
        let made = make(&world, &token, json!({ "id": "chat", "url": url })).await;
        assert!(matches!(made.status, 413 | 422), "{url}: {} {}", made.status, made.text);
    }
    let listed = answered(world.ask_as(&token, Method::GET, "/v1/webhooks")).await.json();
    assert_eq!(listed["items"], json!([]));
    // A name that leads to this machine is found out when it is connected to.
    assert_eq!(make(&world, &token, json!({ "id": "chat", "url": "https://localhost:9/" })).await.status, 201);
    let trial = answered(world.ask_as(&token, Method::POST, "/v1/webhooks/chat/test")).await.json();
    assert!(trial["problem"].as_str().unwrap().contains("no public address"), "{trial}");
    world.end().await;
}

#[tokio::test]
async fn an_answer_that_is_too_long_or_too_slow_ends_nothing() {
    let (world, token) = world().await;
    let long = format!("HTTP/1.1 200 OK\r\ncontent-length: 10485760\r\n\r\n{}", "x".repeat(10 << 20));
    let receiver = Receiver::new(&[&long, "silence", "HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"]).await;
    make(&world, &token, json!({ "id": "chat", "url": receiver.url(), "events": { "kinds": ["nothing"] } })).await;
    let test = || async { answered(world.ask_as(&token, Method::POST, "/v1/webhooks/chat/test")).await.json() };
    assert_eq!(test().await["status"], 200);
    let slow = test().await;
    assert!(slow["problem"].as_str().unwrap().contains("within 10 s"), "{slow}");
    assert!(test().await["problem"].as_str().unwrap().contains("gone for good"));
    world.end().await;
}

#[tokio::test]
async fn a_webhook_is_changed_rotated_and_removed() {
    let (world, token) = world().await;
    let receiver = Receiver::new(&[]).await;
    let made = make(&world, &token, json!({ "id": "chat", "url": receiver.url() })).await.json();
    make(&world, &token, json!({ "id": "chat", "url": receiver.url() })).await.problem(409, "exists");
    let ask = |method: Method, path: &str| world.ask_as(&token, method, path);
    let path = "/v1/webhooks/chat";
    let disabled = answered(ask(Method::PATCH, path).json(&json!({ "enabled": false, "reason": "lunch" }))).await;
    assert_eq!(disabled.json()["revision"], 2);
    create_workshop(&world.restage, "a").await;
    assert_eq!(answered(ask(Method::GET, path)).await.json()["enabled"], false);
    let rotated = answered(ask(Method::POST, &format!("{path}/secret")).json(&json!({}))).await.json();
    assert_ne!(rotated["secret"], made["secret"]);
    answered(ask(Method::PATCH, path).json(&json!({ "url": "https://example.org" }))).await.problem(422, "invalid");
    answered(ask(Method::PATCH, path).json(&json!({ "enabled": true }))).await;
    let delivery = receiver.taken(1).await.remove(0);
    let signed = delivery.header("restage-signature").to_owned();
    assert_eq!(signed, signature(rotated["secret"].as_str().unwrap(), &signed, &delivery.body), "by the new secret");
    assert_eq!(delivery.types()[0], "workshop.created", "what happened while it was disabled is not lost");
    assert_eq!(answered(ask(Method::DELETE, path)).await.status, 200);
    answered(ask(Method::GET, path)).await.problem(404, "not_found");
    make(&world, &token, json!({ "id": "chat", "url": receiver.url() })).await.problem(409, "exists");
    world.end().await;
}
