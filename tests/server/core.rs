//! What holds for every request: ids, errors, headers.

use reqwest::Method;

use crate::world::{World, answered};

#[tokio::test]
async fn a_server_lives_is_ready_and_says_its_version() {
    let world = World::new().await;
    assert_eq!(world.get("/livez").await.json()["status"], "ok");
    assert_eq!(world.get("/readyz").await.json()["status"], "ready");
    assert_eq!(world.get("/version").await.json()["version"], env!("CARGO_PKG_VERSION"));
    world.end().await;
}

#[tokio::test]
async fn what_no_route_takes_is_a_problem() {
    let world = World::new().await;
    world.get("/nothing").await.problem(404, "no_such_route");
    answered(world.ask(Method::POST, "/livez")).await.problem(405, "method");
    world.end().await;
}
