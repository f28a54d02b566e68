//! The JavaScript client, run by Node against a real server.

use std::path::Path;
use std::process::Stdio;

use reqwest::Method;
use restage::ServerOptions;
use restage::access::Role;
use restage::{Limits, Options};

use crate::world::{World, answered};

/// Where going back is not counted: the tests do it more often than people.
fn often() -> ServerOptions {
    let mut options = ServerOptions::default();
    options.adjustable.resets_per_minute = 10_000;
    options.adjustable.resets_burst = 10_000;
    options.limits = Limits::default();
    options
}

#[tokio::test]
async fn the_client_is_served_with_what_tells_one_version_from_another() {
    let world = World::new().await;
    let first = world.get("/client/restage.js").await;
    assert_eq!(
        (first.status, first.headers["content-type"].to_str().unwrap()),
        (200, "text/javascript; charset=utf-8")
    );
    assert!(first.text.contains("export class Restage"));
    let again = world.ask(Method::GET, "/client/restage.js").header("if-none-match", &first.headers["etag"]);
    let again = answered(again).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    assert_eq!(again.headers["etag"], first.headers["etag"]);
    world.end().await;
}

#[tokio::test]
async fn the_javascript_client_does_what_it_says() {
    if !has_node() {
        assert!(std::env::var_os("CI").is_none(), "node 20 or later is not there, and in CI it has to be");
        println!("left out: node 20 or later is not there");
        return;
    }
    let world = World::with(Options::default(), often()).await;
    let token = world.token(Role::Admin).await;
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/client");
    let mut command = tokio::process::Command::new("node");
    command
        .args(["--test", "--test-reporter=tap"])
        .args(["auto_save", "events", "requests"].map(|name| tests.join(format!("{name}.test.mjs"))));
    command.env("RESTAGE_TEST_URL", world.url("")).env("RESTAGE_TEST_TOKEN", token);
    let output = command.stdin(Stdio::null()).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("# fail 0") && !said.contains("# pass 0"), "{said}");
    world.end().await;
}

/// Node of at least the version whose tests can hold timers.
fn has_node() -> bool {
    const OLDEST: u32 = 20;
    let said = std::process::Command::new("node").arg("--version").output();
    let version = said.ok().and_then(|said| String::from_utf8(said.stdout).ok());
    let major = version.and_then(|version| version.strip_prefix('v')?.split('.').next()?.parse::<u32>().ok());
    major.is_some_and(|major| major >= OLDEST)
}
