//! The past: histories in three ways, what can be taken back from there, and the audit.

use serde_json::json;

use crate::browser::{Browser, Look};
use crate::patience::until;
use crate::target::{button, field, link, role};
use crate::world::World;

const STEP: &str = "/v1/workshops/garden/steps/challenge";
const HISTORY: &str = "/ui/workshops/garden/history";

/// A workshop whose first step was said something in, and was then reset.
fn garden() -> Option<World> {
    let world = World::new()?;
    world.post("/v1/workshops", json!({ "id": "garden", "title": "A garden for the school" }));
    let say = json!({ "messages": [{ "id": "m1", "role": "user", "content": "Where is the *sun* at noon?" }] });
    world.post(&format!("{STEP}/messages"), say);
    world.post(&format!("{STEP}/reset"), json!({ "reason": "wrong soil" }));
    Some(world)
}

/// Looks at the page in each theme and size.
fn look_at(browser: &Browser, name: &str) {
    for look in Look::ALL {
        browser.look_as(look);
        browser.screenshot(name);
        browser.axe();
        assert_eq!(browser.overflow(), 0, "{name} is wider than {look:?}");
    }
    browser.look_as(Look::DESKTOP);
}

#[test]
fn a_reset_is_found_in_the_history_and_taken_back_from_there() {
    let Some(world) = garden() else { return };
    let browser = world.signed_in(Look::DESKTOP);
    browser.open(HISTORY);
    browser.reads("wrong soil");
    look_at(&browser, "history");
    browser.click(button("Undo reset challenge").inside(".points"));
    browser.sees(role("dialog", "Undo: reset challenge?"));
    let undo = button("Undo").inside("#verb");
    until("the plan is there", || browser.is_enabled(undo.clone()).then_some(()));
    browser.click(undo);
    browser.reads("undo: point 1 was taken back");
    browser.reads("Taken back: see point 2.");
    let messages = world.get(&format!("{STEP}/messages"));
    assert!(messages.to_string().contains("at noon"), "{messages}");
}

#[test]
fn what_somebody_else_does_appears_in_the_history_by_itself() {
    let Some(world) = garden() else { return };
    let browser = world.signed_in(Look::DESKTOP);
    browser.open(HISTORY);
    browser.reads("wrong soil");
    world.post(&format!("{STEP}/reset"), json!({ "reason": "and again" }));
    browser.reads("and again");
}

#[test]
fn every_entry_has_an_address_and_every_stage_a_bar() {
    let Some(world) = garden() else { return };
    let browser = world.signed_in(Look::DESKTOP);
    browser.open(HISTORY);
    browser.click(link("full"));
    browser.reads("workshop.message_saved");
    look_at(&browser, "history-full");
    let href = browser.attribute("#entry-2 .number", "href").unwrap();
    browser.open(&href);
    let target = browser.script("return document.querySelector(':target')?.id", json!([]));
    assert_eq!(target, "entry-2");
    browser.open(&format!("{HISTORY}?view=timeline"));
    look_at(&browser, "history-timeline");
    assert!(browser.count(".timeline a.bar-of") > 0);
    // The drawing is walked with the keyboard.
    browser.script("document.querySelector('.graph a').focus()", json!([]));
    assert!(browser.focused().contains("challenge"), "{}", browser.focused());
    browser.keys("Enter");
    browser.arrives_at("/ui/workshops/garden/steps/challenge");
}

#[test]
fn what_was_there_before_a_reset_can_be_read() {
    let Some(world) = garden() else { return };
    let browser = world.signed_in(Look::DESKTOP);
    browser.open(HISTORY);
    browser.click(link("challenge, generation 1"));
    browser.reads("Where is the sun at noon?");
    look_at(&browser, "history-archive");
}

#[test]
fn the_audit_is_filtered_by_its_address() {
    let Some(world) = garden() else { return };
    let browser = world.signed_in(Look::DESKTOP);
    browser.open("/ui/audit");
    browser.reads("wrong soil");
    browser.write(field("Id"), "garden");
    browser.choose(role("combobox", "Kind"), "workshop");
    browser.click(button("Show"));
    browser.reads("the chain holds");
    look_at(&browser, "audit");
    browser.write(field("Who"), "nobody");
    browser.click(button("Show"));
    browser.reads("Nothing was done that this filter lets through.");
}
