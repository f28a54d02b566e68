//! What the tests notice by themselves, of pages that do what none of ours may.

use serde_json::json;

use crate::browser::{Browser, Look};
use crate::patience::until;
use crate::world::World;

/// A page that runs nothing, and that anybody may see.
const STILL: &str = "/sign-in?link=none";

/// Waits for a complaint with these words.
#[track_caller]
fn complains(browser: &Browser, words: &str) {
    browser.expect(words);
    let found = until(words, || browser.all_complaints().into_iter().find(|complaint| complaint.contains(words)));
    assert!(!browser.complaints().contains(&found));
}

#[test]
fn a_page_that_does_what_it_may_not_fails_its_test() {
    let Some(world) = World::new() else { return };
    let browser = world.browser(Look::DESKTOP);
    browser.open(STILL);
    assert_eq!(browser.all_complaints(), [""; 0]);
    browser.script("console.error('a word of warning')", json!([]));
    complains(&browser, "a word of warning");
    browser.script("setTimeout(() => nothing.there)", json!([]));
    complains(&browser, "nothing is not defined");
    browser.script("setTimeout(() => Promise.reject(new Error('nobody waits')))", json!([]));
    complains(&browser, "nobody waits");
    browser.script("document.body.setAttribute('style', 'color: red')", json!([]));
    complains(&browser, "inline style");
    let foreign = "document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.1:9/x' }))";
    browser.script(foreign, json!([]));
    complains(&browser, "foreign: the page asked for http://127.0.0.1:9/x");
    complains(&browser, "img-src");
    browser.script("fetch('/none').catch(() => {})", json!([]));
    complains(&browser, "connect-src");
    browser.expect("Content Security Policy");
}

#[test]
fn a_request_to_another_host_is_noticed_though_nothing_forbids_it() {
    let Some(world) = World::new() else { return };
    let other = World::new().unwrap();
    let browser = world.browser(Look::DESKTOP);
    browser.open(STILL);
    browser.leave_for(&format!("{}{STILL}", other.url().replace("127.0.0.1", "localhost"))).unwrap();
    complains(&browser, "foreign: the page asked for http://localhost");
    let asked = browser.requests();
    assert!(asked.len() >= 2 && asked[0].kind == "Document" && asked[0].status == 200, "{asked:?}");
}

#[test]
fn a_page_is_seen_in_each_look_and_without_a_network() {
    let Some(world) = World::new() else { return };
    let browser = world.browser(Look::DESKTOP);
    browser.open(STILL);
    const SEEN: &str = "return [innerWidth, innerHeight, matchMedia('(prefers-color-scheme: dark)').matches]";
    for look in Look::ALL {
        browser.look_as(look);
        let (width, height) = look.size();
        assert_eq!(browser.script(SEEN, json!([])), json!([width, height, look.is_dark]));
    }
    browser.expect("ERR_INTERNET_DISCONNECTED");
    browser.offline(true);
    assert!(browser.try_open(STILL).is_err());
    browser.offline(false);
    browser.open(STILL);
    browser.reads("Sign in");
}
