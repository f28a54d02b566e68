//! What opens a door is shown once, and lies nowhere.

use std::path::Path;

use reqwest::Method;
use restage::access::Role;
use serde_json::json;

use crate::program::Place;
use crate::world::{World, answered, client};

/// Files below a folder that hold any of these texts.
fn holding(folder: &Path, texts: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let holds = |text: &String| bytes.windows(text.len()).any(|window| window == text.as_bytes());
            found.extend(texts.iter().filter(|text| holds(text)).map(|text| format!("{}: {text}", path.display())));
        }
    }
    found
}

#[tokio::test]
async fn what_opens_a_door_is_in_no_file_and_in_no_other_answer() {
    let world = World::new().await;
    let access = world.restage.access().await.unwrap();
    let admin = world.token(Role::Admin).await;
    let made =
        answered(world.ask_as(&admin, Method::POST, "/v1/tokens").json(&json!({ "role": "reset" }))).await.json();
    let token = made["token"].as_str().unwrap().to_owned();
    let link = access.make_link("ann", Role::Admin).await.unwrap();
    let (session, _) = access.sign_in(link.reveal()).await.unwrap();
    let local = access.local_token().unwrap().unwrap();
    let unused = access.make_link("bob", Role::Read).await.unwrap();
    let revoked = made["id"].as_str().unwrap();
    let mut answers = Vec::new();
    for _ in 0..2 {
        for path in ["/v1/me", "/v1/tokens", "/v1/openapi.json", "/metrics", "/", "/none"] {
            answers.push(answered(world.ask_as(&admin, Method::GET, path)).await.text);
            answers.push(answered(world.ask_as(&token, Method::GET, path)).await.text);
            let cookie = format!("restage_session={}", session.reveal());
            answers.push(answered(world.ask(Method::GET, path).header("Cookie", cookie)).await.text);
        }
        access.revoke_token(revoked).await.unwrap();
    }
    // The part that makes it a token: its id may be shown.
    let secrets: Vec<String> = [&admin, &token, local.reveal()]
        .into_iter()
        .map(|token| token.splitn(3, '_').nth(2).unwrap().to_owned())
        .chain([&link, &session, &unused].map(|plain| plain.reveal().to_owned()))
        .collect();
    assert!(secrets.iter().all(|secret| secret.len() == 43));
    for answer in &answers {
        assert!(!secrets.iter().any(|secret| answer.contains(secret)), "{answer}");
    }
    let folder = world.folder();
    drop(access);
    world.take_server().stop().await.unwrap();
    world.restage.clone().shutdown().await.unwrap();
    assert_eq!(holding(&folder, &secrets), [""; 0]);
    let id = [revoked.to_owned()];
    assert!(!holding(&folder, &id).is_empty(), "the search finds what is there");
}

#[tokio::test]
async fn what_opens_a_door_is_in_no_line_of_the_log() {
    let place = Place::new();
    let token = place.run(&["token", "create", "--role", "admin"]).0.trim().to_owned();
    std::fs::write(place.path("server.toml"), "log = \"trace\"\n").unwrap();
    let serving = place.serve(&["--config", place.path("server.toml").to_str().unwrap()]);
    let local = serving.token();
    let ask = |method, path: &str| client().request(method, serving.url(path));
    let link = answered(ask(Method::POST, "/v1/links").bearer_auth(&token).json(&json!({ "role": "read" }))).await;
    let link = link.json()["link"].as_str().unwrap().to_owned();
    assert_eq!(answered(ask(Method::GET, &format!("/sign-in?link={link}"))).await.status, 200);
    let form = ask(Method::POST, "/sign-in").body(format!("link={link}")).header("Sec-Fetch-Site", "same-origin");
    let signed_in = answered(form.header("Content-Type", "application/x-www-form-urlencoded")).await;
    let cookie = signed_in.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let session = cookie.split_once('=').unwrap().1.to_owned();
    assert_eq!(answered(ask(Method::GET, "/v1/me").header("Cookie", &cookie)).await.status, 200);
    assert_eq!(answered(ask(Method::GET, "/v1/me").bearer_auth(&local)).await.status, 200);
    answered(ask(Method::GET, &format!("/v1/me?token={token}"))).await.problem(401, "token_missing");
    answered(ask(Method::GET, &format!("/v1/{token}"))).await.problem(404, "no_such_route");
    let forged = format!("{}{}", &token[..16], "CANARY-".repeat(6));
    answered(ask(Method::POST, "/v1/tokens").bearer_auth(&forged).json(&json!({}))).await.problem(401, "token_unknown");
    let made = answered(ask(Method::POST, "/v1/tokens").bearer_auth(&token).json(&json!({ "role": "read" }))).await;
    let made = made.json()["token"].as_str().unwrap().to_owned();
    let log = serving.log();
    assert!(log.contains("/v1/me") && log.contains("401"), "the log tells of calls: {log}");
    for secret in [&token[16..], &local[9..], &link, &session, &made[16..], "CANARY-"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None);
    }
    let file = place.data().join("server.json");
    let secrets: Vec<String> = [&token[16..], &link, &session, &made[16..]].map(str::to_owned).into();
    assert_eq!(holding(&place.data(), &secrets), [""; 0]);
    assert_eq!(holding(&place.data(), &[local[9..].to_owned()]), [format!("{}: {}", file.display(), &local[9..])]);
    serving.stop();
    assert_eq!(holding(&place.data(), &[local[9..].to_owned()]), [""; 0], "that ends with the server");
}
