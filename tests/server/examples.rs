//! Examples, asked for over HTTP.

use restage::access::Role;

use crate::world::World;

#[tokio::test]
async fn each_example_is_made_once_and_found_where_the_answer_says() {
    let world = World::new().await;
    let writer = world.user(Role::Write).await;
    for kind in ["workshop", "task", "workflow"] {
        let path = format!("/v1/examples/{kind}");
        let made = writer.post(&path, serde_json::json!({})).await;
        let place = made.headers["location"].to_str().unwrap().to_owned();
        let body = made.is(201);
        assert_eq!((&body["kind"], &body["new"]), (&kind.into(), &true.into()));
        assert_eq!(place, format!("/v1/{kind}s/{}", body["id"].as_str().unwrap()));
        let there = writer.get(&place).await.ok();
        let again = writer.post(&path, serde_json::json!({})).await.is(200);
        assert_eq!((&again["id"], &again["new"]), (&body["id"], &false.into()));
        assert_eq!(writer.get(&place).await.ok()["revision"], there["revision"], "{kind}: it stays as it was");
    }
    writer.post("/v1/examples/garden", serde_json::json!({})).await.problem(404, "not_found");
    world.end().await;
}
