//! What holds callers back who send too much, too slowly, or what is no HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Method;
use restage::access::Role;
use restage::{Limits, Options, ServerOptions};

use crate::wire::{Got, Wire, new_token};
use crate::world::{World, answered};

const GET: &str = "GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n";
const POST: &str = "POST /v1/tokens HTTP/1.1\r\nhost: 127.0.0.1\r\n";

async fn world(change: impl FnOnce(&mut Limits)) -> World {
    let mut options = ServerOptions::default();
    options.workers = 1;
    change(&mut options.limits);
    World::with(Options::default(), options).await
}

/// Does something with the server on a thread that may wait.
async fn wait<T: Send + 'static>(world: &World, with: impl FnOnce(SocketAddr) -> T + Send + 'static) -> T {
    let address = world.address();
    tokio::task::spawn_blocking(move || with(address)).await.unwrap()
}

fn status(got: Option<Got>) -> Option<u16> {
    got.map(|got| got.status)
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_ends_nothing() {
    let world = World::new().await;
    let headers: String = (0..1_000).map(|n| format!("x-{n}: y\r\n")).collect();
    let post = |lengths: &str, body: &str| format!("{POST}{lengths}\r\n\r\n{body}").into_bytes();
    let long = "y".repeat(200_000);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("both lengths", post("content-length: 3\r\ntransfer-encoding: chunked", "0\r\n\r\n")),
        ("two lengths", post("content-length: 3\r\ncontent-length: 4", "abcd")),
        ("a length that is none", post("content-length: -1", "")),
        ("a huge length", post("content-length: 99999999999999999999999", "")),
        ("a thousand headers", format!("{GET}{headers}\r\n").into()),
        ("a header of 200 kB", format!("{GET}x: {long}\r\n\r\n").into()),
        ("a path of 200 kB", format!("GET /{long} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").into()),
        ("no version", b"GET /livez\r\n\r\n".to_vec()),
        ("a foreign protocol", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20)),
        ("a NUL in a header", format!("{GET}x: a\0b\r\n\r\n").into()),
        ("a folded header", format!("{GET}x: a\r\n b\r\n\r\n").into()),
    ];
    for (name, bytes) in cases {
        let got = wait(&world, move |to| status(Wire::open(to).send(bytes).answer())).await;
        // Closed without a word is an answer too, for what does not even look like a request.
        assert!(got.is_none_or(|status| (400..500).contains(&status)), "{name}: {got:?}");
        assert_eq!(world.get("/livez").await.status, 200, "{name}");
    }
    world.end().await;
}

#[tokio::test]
async fn requests_that_follow_each_other_are_answered_in_order() {
    let world = World::new().await;
    let got = wait(&world, |to| {
        let mut wire = Wire::open(to);
        let many: String = (0..1_000).map(|n| format!("{GET}x-request-id: n{n}\r\n\r\n")).collect();
        wire.send(many);
        (0..1_000)
            .filter(|n| {
                wire.answer()
                    .is_some_and(|got| got.status == 200 && got.head.contains(&format!("x-request-id: n{n}\r\n")))
            })
            .count()
    });
    assert_eq!(got.await, 1_000);
    world.end().await;
}

#[tokio::test]
async fn a_head_that_does_not_end_is_not_waited_for() {
    let world = world(|limits| limits.head_time = Duration::from_millis(300)).await;
    let got = wait(&world, |to| {
        let mut slow = Wire::open(to);
        slow.send(GET);
        slow.answer()
    });
    assert_eq!(status(got.await), Some(408));
    world.end().await;
}

#[tokio::test]
async fn a_connection_that_nothing_is_asked_on_is_closed() {
    let world = world(|limits| limits.keep_alive = Duration::from_secs(1)).await;
    let rest = wait(&world, |to| {
        let mut idle = Wire::open(to);
        idle.send(format!("{GET}\r\n"));
        (status(idle.answer()), idle.rest())
    });
    assert_eq!(rest.await, (Some(200), String::new()));
    world.end().await;
}

#[tokio::test]
async fn a_body_that_does_not_end_is_not_waited_for() {
    let world = world(|limits| limits.body_time = Duration::from_millis(300)).await;
    let token = world.token(Role::Admin).await;
    for (name, length, body) in [
        ("some of its length", "content-length: 100", "{"),
        ("chunks without an end", "transfer-encoding: chunked", "1\r\n{\r\n"),
        ("nothing after a question", "content-length: 100\r\nexpect: 100-continue", ""),
    ] {
        let request = new_token("127.0.0.1", &token, length, body);
        let got = wait(&world, move |to| {
            let mut wire = Wire::open(to);
            let got = wire.send(request).answer();
            if got.as_ref().is_some_and(|got| got.status == 100) { wire.answer() } else { got }
        });
        let got = got.await.unwrap();
        assert_eq!(got.status, 408, "{name}: {got:?}");
        assert!(got.body.contains("\"slow_body\""), "{name}: {got:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_body_that_is_cut_short_changes_nothing() {
    let world = World::new().await;
    let token = world.token(Role::Admin).await;
    let request = new_token("127.0.0.1", &token, "content-length: 100", "{\"role\":\"read\"}");
    wait(&world, move |to| {
        Wire::open(to).send(request);
    })
    .await;
    assert_eq!(world.get("/livez").await.status, 200);
    assert_eq!(world.restage.access().await.unwrap().tokens().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn more_requests_than_can_be_handled_are_turned_away() {
    let world = world(|limits| limits.requests = 1).await;
    let token = world.token(Role::Admin).await;
    // One that waits for the rest of its body is under way.
    let first = new_token("127.0.0.1", &token, "content-length: 15", "");
    let mut wire = wait(&world, move |to| {
        let mut wire = Wire::open(to);
        wire.send(first);
        wire
    })
    .await;
    let busy = loop {
        let answer = answered(world.ask_as(&token, Method::GET, "/v1/tokens")).await;
        if answer.status != 200 {
            break answer;
        }
    };
    busy.problem(503, "busy");
    assert_eq!(busy.headers["retry-after"], "1");
    assert_eq!(world.get("/livez").await.status, 200, "how it is can always be asked");
    assert_eq!(world.get("/readyz").await.status, 200);
    let done = wait(&world, move |_| status(wire.send("{\"role\":\"read\"}").answer())).await;
    assert_eq!(done, Some(201));
    assert_eq!(answered(world.ask_as(&token, Method::GET, "/v1/tokens")).await.status, 200);
    world.end().await;
}

#[tokio::test]
async fn more_connections_than_there_may_be_wait_for_their_turn() {
    let world = world(|limits| {
        limits.connections_per_worker = 2;
        limits.keep_alive = Duration::from_secs(60);
    })
    .await;
    let got = wait(&world, |to| {
        let open = || {
            let mut wire = Wire::open(to);
            wire.send(format!("{GET}\r\n"));
            wire
        };
        let mut held = [open(), open()];
        let answered = held.each_mut().map(|wire| status(wire.answer()));
        let mut third = open();
        // One goes, and the third is taken.
        drop(held);
        (answered, status(third.answer()))
    });
    assert_eq!(got.await, ([Some(200), Some(200)], Some(200)));
    world.end().await;
}
