//! What all pages have: the dialog of the verbs that go back, what keeps a page up to date, who is told what.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::browser::{Browser, Look};
use crate::patience::{PATIENCE, until, within};
use crate::target::{Target, button, field, role};
use crate::world::World;

/// The step that the tests go back in.
const STEP: &str = "/v1/workshops/garden/steps/challenge";
/// Its page.
const PAGE: &str = "/ui/workshops/garden/steps/challenge";
/// The field for a reason in the dialog.
const REASON: &str = "Reason (others see it in the history)";

/// A workshop with something said in its first step.
fn garden() -> Option<World> {
    let world = World::new()?;
    world.post("/v1/workshops", json!({ "id": "garden", "title": "A garden for the school" }));
    say(&world, "first", "Where is the sun at noon?");
    Some(world)
}

/// Somebody else writes something.
fn say(world: &World, id: &str, text: &str) {
    world.post(&format!("{STEP}/messages"), json!({ "messages": [{ "id": id, "role": "user", "content": text }] }));
}

fn in_dialog(name: &str) -> Target {
    button(name).inside("#verb")
}

/// Opens the dialog, and waits for what it shows.
#[track_caller]
fn ask_to_reset(browser: &Browser) {
    browser.click(button("Reset"));
    browser.sees(role("dialog", "Reset Challenge?"));
    until("the plan is there", || browser.is_enabled(in_dialog("Reset")).then_some(()));
}

#[test]
fn the_focus_goes_into_the_dialog_stays_there_and_comes_back() {
    let Some(world) = garden() else { return };
    let browser = world.signed_in(Look::DESKTOP);
    browser.open(PAGE);
    ask_to_reset(&browser);
    browser.reads("Where is the sun at noon?");
    assert_eq!(browser.focused(), format!("textbox {REASON}"));
    browser.screenshot("dialog");
    browser.axe();
    let mut visited = Vec::new();
    for _ in 0..12 {
        browser.keys("Tab");
        // Between the last and the first of the dialog is the browser's own bar.
        let outside = "const at = document.activeElement; return at !== document.body && !at.closest('#verb')";
        assert_eq!(browser.script(outside, json!([])), false, "{}", browser.focused());
        visited.push(browser.focused());
    }
    for control in ["button Cancel", "button Reset", &format!("textbox {REASON}")] {
        assert!(visited.iter().any(|name| name == control), "{control} is not reached: {visited:?}");
    }
    while browser.focused() != "button Cancel" {
        browser.keys("Tab");
    }
    browser.keys("Escape");
    browser.misses("#verb");
    assert_eq!(browser.focused(), "button Reset");
    browser.keys("Enter");
    browser.sees(role("dialog", "Reset Challenge?"));
    browser.click(in_dialog("Cancel"));
    browser.misses("#verb");
    assert_eq!(browser.focused(), "button Reset");
    assert_eq!(world.get(&format!("{STEP}/messages"))["items"].as_array().unwrap().len(), 1, "nothing was done");
}

#[test]
fn while_it_runs_the_dialog_stays_and_afterwards_a_bar_takes_it_back() {
    let Some(world) = garden() else { return };
    let browser = world.signed_in(Look::PHONE);
    browser.open(PAGE);
    browser.reads("Where is the sun at noon?");
    ask_to_reset(&browser);
    browser.screenshot("dialog");
    browser.write(field(REASON), "It began in the wrong place");
    browser.slow(Duration::from_secs(3));
    browser.click(in_dialog("Reset"));
    browser.sees(in_dialog("Resetting..."));
    assert!(!browser.is_enabled(in_dialog("Resetting...")) && !browser.is_enabled(in_dialog("Cancel")));
    browser.keys("Escape");
    assert!(browser.is_shown("#verb"), "what is under way is not hidden");
    browser.slow(Duration::ZERO);
    browser.misses("#verb");
    browser.sees("#bars .bar");
    browser.misses("[data-message=first]");
    browser.screenshot("undo-bar");
    browser.axe();
    let history = world.get("/v1/workshops/garden/audit?limit=10");
    assert!(history.to_string().contains("It began in the wrong place"), "{history}");

    browser.click(button("Undo").inside("#bars"));
    until("the plan is there", || browser.is_enabled(in_dialog("Undo")).then_some(()));
    browser.click(in_dialog("Undo"));
    browser.misses("#verb");
    browser.sees("[data-message=first]");
}

#[test]
fn what_goes_wrong_is_told_in_the_dialog_and_a_plan_that_moved_is_shown_anew() {
    let Some(world) = garden() else { return };
    let browser = world.signed_in(Look::DESKTOP);
    browser.open(PAGE);
    ask_to_reset(&browser);
    let before = browser.text("#verb .plan");
    say(&world, "second", "There is a wall to the south.");
    browser.expect("status of 409");
    browser.click(in_dialog("Reset"));
    browser.reads("Something moved meanwhile");
    assert_ne!(browser.text("#verb .plan"), before);
    browser.screenshot("dialog-moved");
    browser.axe();
    assert_eq!(world.get(&format!("{STEP}/messages"))["items"][0]["content"], "Where is the sun at noon?");
    browser.click(in_dialog("Reset"));
    browser.misses("#verb");
    browser.misses("[data-message=second]");

    say(&world, "third", "We begin with the light.");
    browser.sees("[data-message=third]");
    ask_to_reset(&browser);
    browser.expect("status of 401");
    world.post("/v1/sessions/end", json!({}));
    browser.click(in_dialog("Reset"));
    browser.sees("#verb .problem:not(:empty)");
    assert!(browser.is_shown("#verb") && browser.is_enabled(in_dialog("Cancel")));
    browser.screenshot("dialog-error");
    assert!(world.get(&format!("{STEP}/messages")).to_string().contains("We begin with the light."));
}

#[test]
fn a_page_that_is_shown_anew_leaves_focus_caret_scroll_and_what_is_open() {
    const STATE: &str = "\
        const [say, messages] = ['say', 'messages'].map((id) => document.getElementById(id));\
        return [document.activeElement.id, say.value, say.selectionStart, messages.scrollTop,\
            document.getElementById('edit').open]";
    let Some(world) = garden() else { return };
    for n in 0..60 {
        say(&world, &format!("m{n}"), &format!("Bed {n}: beans, and a path to it that is wide enough."));
    }
    let browser = world.signed_in(Look::DESKTOP);
    browser.open(PAGE);
    browser.click("#edit > summary");
    browser.click(field("Your message"));
    browser.types("Hello wrld");
    for _ in 0..3 {
        browser.keys("ArrowLeft");
    }
    browser.script("document.getElementById('messages').scrollTop = 400", json!([]));
    let before = browser.script(STATE, json!([]));
    assert_eq!((&before[0], &before[1], &before[2]), (&json!("say"), &json!("Hello wrld"), &json!(7)));
    for n in 0..5 {
        say(&world, &format!("late{n}"), "Somebody else has an idea.");
        browser.wait_for(&format!("[data-message=late{n}]"));
        assert_eq!(browser.script(STATE, json!([])), before);
    }
    browser.types("o");
    assert_eq!(browser.value("#say"), "Hello world");
}

#[test]
fn a_page_without_its_server_says_so_and_comes_back_by_itself() {
    let Some(mut world) = garden() else { return };
    let browser = world.signed_in(Look::PHONE);
    browser.open(PAGE);
    browser.reads("Where is the sun at noon?");
    browser.expect("net::ERR_");
    browser.expect("Failed to fetch");
    world.kill();
    browser.reads("The server can't be reached");
    browser.screenshot("server-away");
    browser.axe();
    world.start();
    browser.misses("#bars .bar");
    say(&world, "second", "It was only a short break.");
    browser.sees("[data-message=second]");
    world.stop();
    browser.reads("The server can't be reached");
    world.start();
    browser.misses("#bars .bar");
    say(&world, "third", "And another one.");
    browser.sees("[data-message=third]");
}

#[test]
fn a_page_whose_network_is_away_says_so_and_comes_back_by_itself() {
    let Some(world) = garden() else { return };
    let browser = world.signed_in(Look::DESKTOP);
    browser.open(PAGE);
    browser.reads("Where is the sun at noon?");
    browser.expect("net::ERR_");
    browser.expect("Failed to fetch");
    browser.offline(true);
    browser.reads("The server can't be reached");
    say(&world, "second", "Meanwhile in the garden.");
    browser.offline(false);
    browser.sees("[data-message=second]");
    browser.misses("#bars .bar");
}

#[test]
fn whoever_goes_through_many_pages_is_not_kept_waiting_and_may_come_back() {
    let Some(world) = garden() else { return };
    let browser = world.signed_in(Look::DESKTOP);
    browser.open(PAGE);
    browser.reads("Where is the sun at noon?");
    let began = Instant::now();
    for _ in 0..12 {
        browser.open("/ui/workshops");
        browser.open(PAGE);
    }
    // A browser has six connections to a server; a page that was left and held one would keep the others waiting.
    assert!(began.elapsed() < PATIENCE, "it took {:?}", began.elapsed());
    browser.open("/ui/workshops");
    browser.script("history.back()", json!([]));
    browser.arrives_at(PAGE);
    say(&world, "second", "Meanwhile in the garden.");
    browser.sees("[data-message=second]");
}

#[test]
fn a_page_whose_session_ended_says_so_and_signing_in_brings_it_back() {
    let Some(world) = garden() else { return };
    let browser = world.signed_in(Look::DESKTOP);
    browser.open(PAGE);
    browser.reads("Where is the sun at noon?");
    browser.expect("status of 401");
    world.post("/v1/sessions/end", json!({}));
    say(&world, "second", "Nobody hears this.");
    browser.reads("Nobody is signed in any more");
    browser.reads("Where is the sun at noon?");
    assert_eq!(browser.count("[data-message=second]"), 0);
    let other = within(Duration::from_secs(3), || browser.words().contains("can't be reached").then_some(()));
    assert!(other.is_none(), "one thing is wrong, and that is told");
    browser.screenshot("session-ended");
    browser.axe();
    browser.reload();
    browser.sees(role("heading", "Nobody is signed in"));
    browser.reads("restage token link");
    browser.screenshot("nobody");
    browser.axe();
    world.sign_in(&browser, "ada", "admin");
    browser.open(PAGE);
    browser.sees("[data-message=second]");
}

#[test]
fn buttons_that_a_role_may_not_use_are_not_there() {
    let Some(world) = garden() else { return };
    for (name, may_write, may_reset) in [("read", false, false), ("write", true, false), ("reset", true, true)] {
        let browser = world.signed_in_as(Look::DESKTOP, "bob", name);
        browser.open(PAGE);
        browser.reads("Where is the sun at noon?");
        assert_eq!(browser.count("button[data-verb]") > 0, may_reset, "{name}");
        assert_eq!(browser.count("button[data-post], form[data-post], #say") > 0, may_write, "{name}");
    }
}

#[test]
fn styles_and_scripts_are_asked_for_once() {
    let Some(world) = garden() else { return };
    let browser = world.signed_in(Look::DESKTOP);
    browser.requests();
    for asked_for in [true, false] {
        browser.open(PAGE);
        browser.reads("Where is the sun at noon?");
        let requests = browser.requests();
        let assets: Vec<_> = requests.iter().filter(|request| request.url.contains("/assets/")).collect();
        let from_server = assets.iter().filter(|request| !request.is_from_cache).count();
        assert!(!asked_for || from_server > 0, "{requests:#?}");
        assert!(asked_for || from_server == 0, "{assets:#?}");
    }
}
