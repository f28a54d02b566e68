//! What opens a door is shown once, and lies nowhere.

use std::path::Path;

use reqwest::Method;
use restage::access::Role;
use serde_json::json;

use crate::world::{World, answered};

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
