//! The settings of `restage serve`: where they come from, and what is wrong with them.

use std::fs;

use serde_json::{Value, json};

use crate::program::{Place, said};

fn checked(place: &Place, arguments: &[&str], variables: &[(&str, &str)]) -> Result<Value, String> {
    let all: Vec<&str> = ["serve", "--check", "--json"].iter().chain(arguments).copied().collect();
    let (out, problem, code) = said(place.command(&all).envs(variables.iter().copied()));
    if code == Some(0) { Ok(serde_json::from_str(&out).unwrap()) } else { Err(format!("{code:?} {problem}")) }
}

#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    let place = Place::new();
    assert_eq!(checked(&place, &[], &[]).unwrap()["listen"], "127.0.0.1:7878");
    fs::create_dir_all(place.data()).unwrap();
    fs::write(place.data().join("server.toml"), "listen = '127.0.0.1:1'\nhosts = ['file.example']").unwrap();
    let of_file = checked(&place, &[], &[]).unwrap();
    assert_eq!((&of_file["listen"], &of_file["set"]["hosts"]), (&json!("127.0.0.1:1"), &json!(["file.example"])));
    let variables = [("RESTAGE_LISTEN", "127.0.0.1:2")];
    let of_variable = checked(&place, &[], &variables).unwrap();
    assert_eq!(
        (&of_variable["listen"], &of_variable["set"]["hosts"]),
        (&json!("127.0.0.1:2"), &json!(["file.example"]))
    );
    assert_eq!(checked(&place, &["--listen", "localhost:3"], &variables).unwrap()["listen"], "127.0.0.1:3");
    fs::write(place.path("other.toml"), "listen = '127.0.0.1:4'").unwrap();
    assert_eq!(checked(&place, &["--config", "other.toml"], &[]).unwrap()["listen"], "127.0.0.1:4");
}

#[test]
fn every_key_has_a_variable() {
    let place = Place::new();
    let values = [
        ("RESTAGE_CONFIRM", "true", "confirm", json!(true)),
        ("RESTAGE_METRICS_PUBLIC", "1", "metrics_public", json!(true)),
        ("RESTAGE_WORKERS", "3", "workers", json!(3)),
        ("RESTAGE_SHUTDOWN_SECONDS", "7", "shutdown_seconds", json!(7)),
        ("RESTAGE_LOG", "debug", "log", json!("debug")),
        ("RESTAGE_LIMITS_REQUESTS", "9", "limits/requests", json!(9)),
        ("RESTAGE_RATES_RESETS_PER_MINUTE", "5", "rates/resets_per_minute", json!(5)),
        ("RESTAGE_WEBHOOKS_HOSTS", "a.example", "webhooks/hosts", json!(["a.example"])),
        ("RESTAGE_FACILITATOR_CALLS", "4", "facilitator/calls", json!(4)),
    ];
    let variables: Vec<(&str, &str)> = values.iter().map(|(name, value, ..)| (*name, *value)).collect();
    let set = checked(&place, &[], &variables).unwrap();
    for (_, _, key, value) in values {
        assert_eq!(set["set"].pointer(&format!("/{key}")), Some(&value), "{key}");
    }
}

#[test]
fn what_can_not_be_is_refused_with_what_was_meant() {
    let place = Place::new();
    for (text, words) in [
        ("listn = 'x'", "did you mean listen?"),
        ("[limits]\nrequest = 1", "did you mean limits.requests?"),
        ("listen = 7878", "invalid type"),
        ("listen = 'everywhere'", "no address to listen on"),
        ("log = 'restage=loud'", "log is no level"),
        ("shutdown_seconds = 0", "shutdown_seconds is 0"),
        ("workers = -1", "settings can't be used"),
        ("limits = 3", "limits"),
        ("confirm = ", "no valid TOML"),
        ("[tls]\ncertificate = 'none.pem'\nkey = 'none.key'", "none.pem can't be used"),
        ("[facilitator]\nkind = 'oracle'", "unknown variant `oracle`"),
        ("[facilitator]\nkind = 'openai'\nmodel = 'm'", "base_url is no address"),
        (
            "[facilitator]\nkind = 'openai'\nbase_url = 'http://h/v1'\nmodel = 'm'\nkey_env = 'NOT_SET_AT_ALL'",
            "no variable",
        ),
        ("[facilitator]\nkind = 'command'", "command is empty"),
        ("[facilitator]\ncalls = 0", "calls is 0"),
        ("[tls]\ncertificate = 'none.pem'", "missing field `key`"),
    ] {
        fs::write(place.path("server.toml"), text).unwrap();
        let problem = checked(&place, &["--config", "server.toml"], &[]).unwrap_err();
        assert!(problem.starts_with("Some(2)") && problem.contains(words), "{text}: {problem}");
    }
    for (variable, value) in [("RESTAGE_WORKERS", "many"), ("RESTAGE_CONFIRM", "perhaps"), ("RESTAGE_LISTEN", "")] {
        let problem = checked(&place, &[], &[(variable, value)]).unwrap_err();
        assert!(problem.starts_with("Some(2)"), "{variable}: {problem}");
    }
    let problem = checked(&place, &["--config", "missing.toml"], &[]).unwrap_err();
    assert!(problem.starts_with("Some(3)"), "{problem}");
}

#[test]
fn the_documented_example_is_good_and_shows_every_key() {
    let place = Place::new();
    let docs = include_str!("../../docs/server.md");
    let example = docs.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    fs::write(place.path("server.toml"), example).unwrap();
    for name in ["cert.pem", "key.pem"] {
        let of = if name == "cert.pem" { "first.pem" } else { "first.key" };
        let from = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server/tls").join(of);
        fs::copy(from, place.path(name)).unwrap();
    }
    let set = checked(&place, &["--config", "server.toml"], &[]).unwrap_or_else(|problem| panic!("{problem}"));
    let keys = set["set"].as_object().unwrap();
    let count: usize = keys.values().map(|value| value.as_object().map_or(1, serde_json::Map::len)).sum();
    assert_eq!(count, 30, "{set}");
}
