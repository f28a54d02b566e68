//! The figures.

use std::collections::BTreeSet;

use reqwest::Method;
use restage::access::Role;
use restage::{Options, ServerOptions};

use crate::world::{World, answered};

#[tokio::test]
async fn figures_tell_what_was_done_by_route_and_never_by_path() {
    let world = World::new().await;
    let token = world.token(Role::Read).await;
    for n in 0..20 {
        world.get(&format!("/v1/nothing/{n}")).await;
        answered(world.ask_as(&token, Method::DELETE, &format!("/v1/tokens/secret-{n}"))).await;
        answered(world.ask_as(&token, Method::from_bytes(format!("M{n}").as_bytes()).unwrap(), "/livez")).await;
    }
    let figures = answered(world.ask_as(&token, Method::GET, "/metrics")).await;
    assert_eq!(figures.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = figures.text;
    for line in [
        "restage_build_info{version=\"0.1.0\"} 1",
        "restage_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 20",
        "restage_http_requests_total{method=\"other\",route=\"/livez\",status=\"405\"} 20",
        "restage_active_entities{kind=\"access\"} 1",
        "restage_store_failed 0",
        "restage_leases 0",
        "restage_event_streams 0",
        "restage_orphans{kind=\"workflow\"} 0",
        "restage_verbs_total{kind=\"access\",verb=\"create_token\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
    assert!(!text.contains("secret-"), "{text}");
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} is missing in\n{text}")).parse::<f64>().unwrap()
    };
    assert!(number("restage_turns_total") >= 1.0 && number("restage_commit_groups_total") >= 1.0);
    assert!(number("process_resident_memory_bytes") > 1e6 && number("process_open_fds") > 3.0);
    // Each has its word, and there are no two of a name.
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let helped: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next()).collect();
    assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len());
    assert!(names.iter().all(|name| helped.contains(name)), "{names:?} but {helped:?}");
    world.end().await;
}

#[tokio::test]
async fn figures_are_for_those_who_may_look_unless_they_are_for_all() {
    let world = World::new().await;
    world.get("/metrics").await.problem(401, "token_missing");
    world.end().await;
    let mut options = ServerOptions::default();
    options.metrics_public = true;
    let world = World::with(Options::default(), options).await;
    assert_eq!(world.get("/metrics").await.status, 200);
    world.end().await;
}
