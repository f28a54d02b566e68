//! `restage token` on a data folder that no server holds.

use serde_json::Value;

use crate::program::Program;

#[test]
fn a_token_is_printed_alone_and_only_once() {
    let program = Program::new();
    let made = program.run(&["token", "create", "--role", "admin", "--label", "ci", "--expires", "30d"]);
    let token = made.out.trim_end();
    assert_eq!((made.code, made.out.lines().count()), (Some(0), 1), "{made:?}");
    assert!(token.starts_with("rs_") && token.len() == 59 && !made.err.contains(&token[16..]), "{made:?}");
    let list = program.done(&["token", "list"]);
    let id = &token[3..15];
    for word in [id, "admin", "ci", "live"] {
        assert!(list.contains(word), "{word} is not in {list}");
    }
    assert!(!list.contains(&token[16..]));
}

#[test]
fn a_revoked_token_is_told_as_such() {
    let program = Program::new();
    let made: Value = serde_json::from_str(&program.done(&["token", "create", "--role", "read", "--json"])).unwrap();
    let id = made["id"].as_str().unwrap();
    assert!(made["token"].as_str().unwrap().contains(id) && made["expires_at"].is_null());
    program.done(&["token", "revoke", id, "--reason", "it was in a log"]);
    let list: Value = serde_json::from_str(&program.done(&["token", "list", "--json"])).unwrap();
    assert_eq!((&list["tokens"][0]["standing"], &list["tokens"][0]["role"]), (&"revoked".into(), &"read".into()));
    assert_eq!(program.run(&["token", "revoke", "000000000000"]).code, Some(3));
    assert_eq!(program.done(&["token", "sign-out"]), "no browser is signed in any more\n");
}

#[test]
fn a_link_leads_to_the_server_that_is_named() {
    let program = Program::new();
    let usual = program.done(&["token", "link"]);
    assert!(usual.starts_with("http://127.0.0.1:7878/sign-in?link=") && usual.lines().count() == 1, "{usual}");
    let named = program.done(&["token", "link", "--role", "read", "--url", "https://restage.example/"]);
    assert!(named.starts_with("https://restage.example/sign-in?link="), "{named}");
    assert_eq!(program.run(&["token", "link", "--url", "restage.example"]).code, Some(2));
}

#[test]
fn what_can_not_be_is_a_matter_of_usage_and_makes_nothing() {
    let program = Program::new();
    for arguments in [
        &["token", "create"][..],
        &["token", "create", "--role", "root"],
        &["token", "create", "--role", "read", "--expires", "soon"],
        &["token", "create", "--role", "read", "--expires", "0d"],
        &["token", "create", "--role", "read", "--dry-run"],
    ] {
        assert_eq!(program.run(arguments).code, Some(2), "{arguments:?}");
        assert!(!program.data().exists(), "{arguments:?}");
    }
    assert_eq!(program.run(&["token", "create", "--role", "read", "--label", ""]).code, Some(2));
    assert_eq!(program.run(&["token", "list", "--data", "nowhere"]).code, Some(3));
}
