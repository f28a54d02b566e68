//! The stream of events: complete, durable, resumable, and no burden to others.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use restage::access::Role;
use restage::{EntityId, Generation, LiveText, Options, ServerOptions, StageId};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::program::Place;
use crate::world::{World, answered, client};

/// Longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// One who follows.
pub struct Following {
    answer: reqwest::Response,
    text: String,
    blocks: VecDeque<Block>,
}

/// A block of a stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    pub id: Option<String>,
    pub event: Option<String>,
    pub data: Option<Value>,
}

impl Block {
    fn of(text: &str) -> Self {
        let mut block = Self::default();
        for line in text.lines() {
            match line.split_once(": ") {
                Some(("id", id)) => block.id = Some(id.to_owned()),
                Some(("event", event)) => block.event = Some(event.to_owned()),
                Some(("data", data)) => block.data = Some(serde_json::from_str(data).unwrap()),
                _ => {}
            }
        }
        block
    }

    fn position(&self) -> String {
        self.id.clone().unwrap()
    }
}

impl Following {
    /// Follows, and takes what comes first.
    pub async fn begin(request: RequestBuilder) -> (Self, Block) {
        let answer = tokio::time::timeout(PATIENCE, request.send()).await.unwrap().unwrap();
        assert_eq!(answer.status(), 200);
        let mut following = Self { answer, text: String::new(), blocks: VecDeque::new() };
        let first = following.next().await.unwrap();
        (following, first)
    }

    /// The next block; `None` at the end.
    pub async fn next(&mut self) -> Option<Block> {
        while self.blocks.is_empty() {
            let chunk = tokio::time::timeout(PATIENCE, self.answer.chunk()).await.unwrap().ok()??;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                self.blocks.push_back(Block::of(block));
                self.text = rest.to_owned();
            }
        }
        self.blocks.pop_front()
    }

    /// So many events.
    pub async fn take(&mut self, count: usize) -> Vec<Block> {
        let mut taken = Vec::new();
        while taken.len() < count {
            let block = self.next().await.unwrap_or_else(|| panic!("it ended after {taken:?}"));
            taken.extend(Some(block).filter(|block| block.data.is_some()));
        }
        taken
    }
}

async fn create(request: RequestBuilder, id: &str) {
    let created = answered(request.json(&json!({ "id": id, "title": "Bicycles" }))).await;
    assert_eq!(created.status, 201, "{}", created.text);
}

async fn pause(world: &World, token: &str, id: &str, reason: &str) {
    let path = format!("/v1/workshops/{id}/{}", if reason.is_empty() { "resume" } else { "pause" });
    let done = answered(world.ask_as(token, Method::POST, &path).json(&json!({ "reason": reason }))).await;
    assert_eq!(done.status, 200, "{}", done.text);
}

fn types(blocks: &[Block]) -> Vec<String> {
    blocks.iter().map(|block| block.data.as_ref().unwrap()["type"].as_str().unwrap_or("-").to_owned()).collect()
}

#[tokio::test]
async fn an_event_is_there_within_a_second_whatever_encoding_is_accepted() {
    let world = World::new().await;
    let token = world.token(Role::Write).await;
    let begun = Instant::now();
    let ask = world.ask_as(&token, Method::GET, "/v1/events").header("accept-encoding", "gzip, br, deflate");
    let (mut following, first) = Following::begin(ask).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(first.id.is_some() && first.data.is_none(), "{first:?}");
    let headers = following.answer.headers().clone();
    assert_eq!(headers["content-type"], "text/event-stream");
    assert!(headers["cache-control"].to_str().unwrap().contains("no-cache"));
    assert_eq!(headers["x-accel-buffering"], "no");
    assert!(headers.get("content-encoding").is_none_or(|coding| coding == "identity"), "{headers:?}");
    let begun = Instant::now();
    create(world.ask_as(&token, Method::POST, "/v1/workshops"), "w").await;
    let told = following.take(2).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(types(&told), ["workshop.created", "workshop.step_began"]);
    let data = told[0].data.as_ref().unwrap();
    assert_eq!((&data["id"], &data["revision"]), (&json!("w"), &json!(1)));
    assert_eq!(data["position"], told[0].position());
    world.end().await;
}

#[tokio::test]
async fn from_every_event_on_the_stream_has_all_that_comes_after() {
    let world = World::new().await;
    let token = world.token(Role::Write).await;
    let (_, begin) = Following::begin(world.ask_as(&token, Method::GET, "/v1/events")).await;
    for id in ["a", "b"] {
        create(world.ask_as(&token, Method::POST, "/v1/workshops"), id).await;
        pause(&world, &token, id, "lunch").await;
    }
    let path = format!("/v1/events?after={}", begin.position());
    let all = Following::begin(world.ask_as(&token, Method::GET, &path)).await.0.take(6).await;
    for (count, block) in all.iter().enumerate().take(5) {
        let by_header =
            world.ask_as(&token, Method::GET, "/v1/events?after=now").header("last-event-id", block.position());
        let rest = Following::begin(by_header).await.0.take(5 - count).await;
        assert_eq!(rest, all[count + 1..], "after {block:?}");
    }
    let of_one = format!("{path}&id=b&id=nobody&kind=workshop&type=workshop.paused&type=workshop.created");
    let of_one = Following::begin(world.ask_as(&token, Method::GET, &of_one)).await.0.take(2).await;
    assert_eq!(types(&of_one), ["workshop.created", "workshop.paused"]);
    assert!(of_one.iter().all(|block| block.data.as_ref().unwrap()["id"] == "b"));
    world.end().await;
}

#[tokio::test]
async fn an_offset_that_the_log_does_not_have_is_answered_with_the_present_one() {
    let world = World::new().await;
    let token = world.token(Role::Write).await;
    for (path, last) in [
        ("/v1/events?after=99999999.1", None),
        ("/v1/events", Some("18446744073709551615")),
        ("/v1/events", Some("of another server")),
    ] {
        let mut ask = world.ask_as(&token, Method::GET, path);
        if let Some(last) = last {
            ask = ask.header("last-event-id", last);
        }
        let (mut following, _) = Following::begin(ask).await;
        let reset = following.next().await.unwrap();
        assert_eq!(reset.event.as_deref(), Some("reset"), "{path} {last:?}");
        assert_eq!(reset.data.as_ref().unwrap()["position"], reset.position());
        let id = format!("w{}", last.map_or(0, str::len));
        create(world.ask_as(&token, Method::POST, "/v1/workshops"), &id).await;
        assert_eq!(following.take(1).await[0].data.as_ref().unwrap()["id"], id.as_str(), "it goes on from there");
    }
    world.end().await;
}

#[tokio::test]
async fn a_query_that_says_something_else_is_refused() {
    let world = World::new().await;
    let token = world.token(Role::Read).await;
    for (query, status, code) in [
        ("after=yesterday", 422, "invalid"),
        ("after=-1", 422, "invalid"),
        ("after=1&after=2", 400, "query"),
        ("since=1", 400, "query"),
        ("token=x", 400, "query"),
        (&format!("kind={}", "x".repeat(200)), 413, "limit"),
        (&(0..70).map(|n| format!("id={n}&")).collect::<String>(), 413, "limit"),
    ] {
        let answer = answered(world.ask_as(&token, Method::GET, &format!("/v1/events?{query}"))).await;
        answer.problem(status, code);
    }
    world.get("/v1/events").await.problem(401, "token_missing");
    world.end().await;
}

#[tokio::test]
async fn who_must_not_see_any_more_sees_nothing_more() {
    let world = World::new().await;
    let access = world.restage.access().await.unwrap().by("test");
    let (token, about) = access.create_token(Role::Read, None, None).await.unwrap();
    let (mut following, _) = Following::begin(world.ask_as(token.reveal(), Method::GET, "/v1/events")).await;
    access.revoke_token(&about.id).await.unwrap();
    assert_eq!(following.next().await, None);
    world.end().await;
}

#[tokio::test]
async fn what_happens_to_tokens_is_for_admins() {
    let world = World::new().await;
    let (reader, admin) = (world.token(Role::Read).await, world.token(Role::Admin).await);
    let (mut seen, _) = Following::begin(world.ask_as(&admin, Method::GET, "/v1/events?after=0")).await;
    assert_eq!(types(&seen.take(2).await), ["access.changed", "access.changed"]);
    let (mut seen, _) = Following::begin(world.ask_as(&reader, Method::GET, "/v1/events?after=0")).await;
    let writer = world.token(Role::Write).await;
    create(world.ask_as(&writer, Method::POST, "/v1/workshops"), "w").await;
    assert_eq!(types(&seen.take(1).await), ["workshop.created"]);
    world.end().await;
}

#[tokio::test]
async fn who_follows_is_told_that_the_server_stops() {
    let world = World::new().await;
    let token = world.token(Role::Read).await;
    let (mut following, _) = Following::begin(world.ask_as(&token, Method::GET, "/v1/events")).await;
    let server = world.take_server();
    let (stopped, last) = tokio::join!(server.stop(), following.next());
    stopped.unwrap();
    assert_eq!(last.unwrap().event.as_deref(), Some("bye"));
    assert_eq!(following.next().await, None);
    world.end().await;
}

#[tokio::test]
async fn so_many_follow_and_no_more() {
    let mut options = ServerOptions::default();
    (options.limits.streams, options.limits.streams_each) = (3, 2);
    let world = World::with(Options::default(), options).await;
    let (one, other) = (world.token(Role::Read).await, world.token(Role::Read).await);
    let follow = |token: &str| world.ask_as(token, Method::GET, "/v1/events");
    let first = Following::begin(follow(&one)).await;
    let _second = Following::begin(follow(&one)).await;
    answered(follow(&one)).await.problem(429, "streams");
    let _third = Following::begin(follow(&other)).await;
    answered(follow(&other)).await.problem(503, "streams");
    drop(first);
    // Its place is free once the server has seen that the connection is gone.
    let begun = Instant::now();
    while follow(&other).send().await.unwrap().status() != 200 {
        assert!(begun.elapsed() < PATIENCE, "its place is never given back");
    }
    world.take_server().abort().await;
    world.end().await;
}

#[tokio::test]
async fn who_reads_nothing_is_dropped_and_holds_nobody_up() {
    let world = World::new().await;
    let token = world.token(Role::Admin).await;
    create(world.ask_as(&token, Method::POST, "/v1/workshops"), "w").await;
    let stuck = never_reading(world.address(), &token);
    let (mut reader, _) = Following::begin(world.ask_as(&token, Method::GET, "/v1/events?kind=workshop")).await;
    // More than what lies on the way of one who does not read, which is some megabytes at most.
    let workshop = world.restage.workshops().unwrap().get(&restage::EntityId::new("w").unwrap()).by("test");
    let reason = "x".repeat(2_000);
    let flood = tokio::spawn(async move {
        for _ in 0..2_500 {
            let workshop = workshop.reason(&reason);
            workshop.pause().await.unwrap();
            workshop.resume().await.unwrap();
        }
    });
    let begun = Instant::now();
    reader.take(5_000).await;
    flood.await.unwrap();
    let took = begun.elapsed();
    let streams = || async { figure(&world, &token, "restage_event_streams").await };
    let begun = Instant::now();
    while streams().await > 1 {
        assert!(begun.elapsed() < PATIENCE, "it is never dropped; the other had all within {took:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    pause(&world, &token, "w", "still there").await;
    assert_eq!(types(&reader.take(1).await), ["workshop.paused"]);
    drop(stuck);
    world.end().await;
}

/// A connection that asks for events and reads nothing of them.
fn never_reading(address: SocketAddr, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 4_096).unwrap();
    let ask = format!("GET /v1/events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(ask.as_bytes()).unwrap();
    let mut begin = [0; 15];
    stream.read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200 OK");
    stream
}

async fn figure(world: &World, token: &str, name: &str) -> u64 {
    let figures = answered(world.ask_as(token, Method::GET, "/metrics")).await.text;
    let value = figures.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{name} is missing in {figures}")).parse().unwrap()
}

#[tokio::test]
async fn across_a_crash_nothing_is_missing_and_nothing_comes_twice() {
    let place = Place::new();
    let mut server = tokio::task::spawn_blocking(move || (place.serve(&[]), place)).await.unwrap();
    let (asks, mut seen, mut last) = (client(), Vec::<(String, u64)>::new(), None::<String>);
    let mut acknowledged: u64 = 0;
    for round in 0..3 {
        let (serving, place) = server;
        let (url, token) = (serving.url(""), serving.token());
        if round == 0 {
            create(asks.post(format!("{url}/v1/workshops")).bearer_auth(&token), "w").await;
        }
        let mut ask = asks.get(format!("{url}/v1/events?after=0&id=w")).bearer_auth(&token);
        if let Some(last) = &last {
            ask = ask.header("last-event-id", last);
        }
        let (mut following, _) = Following::begin(ask).await;
        let writer = {
            let (asks, url, token) = (asks.clone(), url.clone(), token.clone());
            tokio::spawn(async move {
                let mut acknowledged = 0;
                for verb in ["pause", "resume"].iter().cycle() {
                    let ask = asks.post(format!("{url}/v1/workshops/w/{verb}")).bearer_auth(&token).json(&json!({}));
                    let Ok(answer) = ask.send().await else { break };
                    let Ok(body) = answer.json::<Value>().await else { break };
                    acknowledged = body["revision"].as_u64().unwrap_or(acknowledged);
                }
                acknowledged
            })
        };
        let enough = 40 * (round + 1);
        while seen.len() < enough {
            let block = following.next().await.unwrap();
            if let Some(data) = &block.data {
                seen.push((block.position(), data["revision"].as_u64().unwrap()));
                last = Some(block.position());
            }
        }
        serving.tell(Signal::KILL);
        while let Some(block) = following.next().await {
            if let Some(data) = &block.data {
                seen.push((block.position(), data["revision"].as_u64().unwrap()));
                last = Some(block.position());
            }
        }
        acknowledged = acknowledged.max(writer.await.unwrap());
        server = tokio::task::spawn_blocking(move || {
            serving.kill();
            (place.serve(&[]), place)
        })
        .await
        .unwrap();
    }
    let (serving, _place) = server;
    let ask = asks.get(serving.url("/v1/events?id=w")).bearer_auth(serving.token());
    let (mut following, _) = Following::begin(ask.header("last-event-id", last.unwrap())).await;
    while seen.last().unwrap().1 < acknowledged {
        let block = following.next().await.unwrap();
        seen.extend(block.data.as_ref().map(|data| (block.position(), data["revision"].as_u64().unwrap())));
    }
    // The first turn gives two events, each other one.
    let revisions: Vec<u64> = seen.iter().map(|(_, revision)| *revision).collect();
    let expected: Vec<u64> = std::iter::once(1).chain(1..=*revisions.last().unwrap()).collect();
    assert_eq!(revisions, expected);
    tokio::task::spawn_blocking(move || serving.stop()).await.unwrap();
}

#[tokio::test]
async fn what_is_being_said_comes_in_between_to_those_who_ask_for_it() {
    let world = World::new().await;
    let token = world.token(Role::Write).await;
    let path = "/v1/events?live=true&kind=workshop&id=w";
    let (mut following, _) = Following::begin(world.ask_as(&token, Method::GET, path)).await;
    let (mut without, _) = Following::begin(world.ask_as(&token, Method::GET, "/v1/events")).await;
    let said = |id: &str, text: &str| LiveText {
        kind: "workshop".into(),
        id: EntityId::new(id).unwrap(),
        stage: StageId::new("challenge").unwrap(),
        generation: Generation(1),
        name: "reply".into(),
        text: text.into(),
        skipped: 0,
        finished: false,
    };
    world.restage.live().publish(said("other", "not asked for"));
    world.restage.live().publish(said("w", "Good\nmorning"));
    let live = following.take(1).await.remove(0);
    assert_eq!((live.event.as_deref(), live.id.as_ref()), (Some("live"), None));
    let wanted = json!({ "kind": "workshop", "id": "w", "stage": "challenge", "generation": 1, "name": "reply",
        "text": "Good\nmorning", "finished": false });
    assert_eq!(live.data, Some(wanted));
    create(world.ask_as(&token, Method::POST, "/v1/workshops"), "w").await;
    assert_eq!(types(&following.take(2).await), ["workshop.created", "workshop.step_began"]);
    assert_eq!(types(&without.take(2).await), ["workshop.created", "workshop.step_began"], "and nothing live");
    for wrong in ["live=1", "live=true&live=true"] {
        let refused = answered(world.ask_as(&token, Method::GET, &format!("/v1/events?{wrong}"))).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
    }
    world.end().await;
}
