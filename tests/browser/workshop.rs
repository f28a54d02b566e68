//! A workshop, as a person goes through it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::browser::{Browser, Look};
use crate::patience::until;
use crate::target::{button, field, link, role};
use crate::world::World;

/// Two steps with a small artifact, one that is made from both, and nobody needs to say much.
const TEMPLATE: &str = r#"
name = "short"
title = "Short"

[[steps]]
id = "why"
title = "Why"
depends_on = []
prompt = "Ask why."
artifact = '''
{ "type": "object", "required": ["reason"], "additionalProperties": false, "properties": {
  "reason": { "type": "string", "minLength": 3 }, "signs": { "type": "array", "items": { "type": "string" } } } }
'''

[[steps]]
id = "how"
title = "How"
prompt = "Ask how."

[[steps.sub_steps]]
id = "broad"
title = "Broad"
prompt = "Think broadly."

[[steps.sub_steps]]
id = "deep"
title = "Deep"
prompt = "Think deeply."
"#;

/// What is written into.
const SAY: &str = "#say";

fn say() -> crate::target::Target {
    field("Your message")
}

/// The workshop `w`.
fn workshop(world: &World) -> &'static str {
    world.post("/v1/workshops", json!({ "id": "w", "title": "A short one", "template_file": TEMPLATE }));
    "/ui/workshops/w/steps/why"
}

fn save(world: &World, from: usize, to: usize) {
    let messages: Vec<Value> = (from..to)
        .map(|n| json!({ "id": format!("m{n}"), "role": "user", "content": format!("message number {n}.") }))
        .collect();
    world.post("/v1/workshops/w/steps/why/messages", json!({ "messages": messages }));
}

/// Does a step of the workshop `w` by the API.
fn complete_first_step(world: &World) {
    save(world, 0, 1);
    world.put("/v1/workshops/w/steps/why/artifact", json!({ "artifact": { "reason": "it is late" } }));
    world.post("/v1/workshops/w/steps/why/artifact/confirm", json!({}));
    world.post("/v1/workshops/w/steps/why/next", json!({ "summary": ["One.", "Two.", "Three."] }));
}

fn contents(world: &World, step: &str) -> Vec<String> {
    let messages = world.get(&format!("/v1/workshops/w/steps/{step}/messages"));
    let of_people = messages["items"].as_array().unwrap().iter().filter(|message| message["role"] == "user");
    of_people.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_person_does_a_whole_workshop() {
    let Some(world) = World::new() else { return };
    let first = workshop(&world);
    let browser = world.signed_in(Look::DESKTOP);
    browser.open("/ui/workshops/w");
    browser.arrives_at(first);
    browser.write(say(), "Because it is **late**.\u{e007}");
    browser.sees(".said.user strong");
    browser.reads("Because it is late.");
    assert_eq!(browser.value(SAY), "");
    // An artifact that is not of the form is told in place; what was written stays.
    browser.expect("status of 422");
    browser.click("#edit > summary");
    browser.write(field("Reason"), "no");
    browser.click(button("Save"));
    browser.sees("#artifact-form .problem");
    browser.rewrite(field("Reason"), "It is late.");
    browser.write(field("Signs"), "It is dark\nEverybody is tired");
    browser.click(button("Save"));
    browser.sees(".outline");
    browser.reads("Everybody is tired");
    browser.click(button("Confirm"));
    browser.reads("confirmed");
    browser.screenshot("workshop-first-step");
    browser.axe();
    browser.click(button("Next"));
    browser.arrives_at("/ui/workshops/w/steps/how");
    browser.click(button("Deep"));
    browser.sees(".parts [aria-pressed=true]:nth-child(2)");
    browser.write(say(), "By going to bed.\u{e007}");
    browser.sees(".said.user .part");
    browser.reads("By going to bed.");
    browser.click(button("Next"));
    browser.reads("This step is complete.");
    browser.reads("completed");
    browser.screenshot("workshop-completed");
    browser.axe();
    assert_eq!(contents(&world, "how"), ["By going to bed."]);
}

#[test]
fn a_step_that_was_not_begun_leads_to_the_one_in_progress() {
    let Some(world) = World::new() else { return };
    let first = workshop(&world);
    let browser = world.signed_in(Look::DESKTOP);
    browser.open("/ui/workshops/w/steps/how");
    browser.arrives_at(first);
    assert!(!browser.is_shown(link("How")));
}

#[test]
fn text_that_was_not_sent_is_there_after_the_window_was_closed_and_the_server_restarted() {
    let Some(mut world) = World::new() else { return };
    let first = workshop(&world);
    let browser = world.signed_in(Look::DESKTOP);
    browser.expect("net::ERR_");
    browser.open(first);
    browser.write(say(), "In the middle of a sen");
    browser.open("/");
    world.kill();
    world.start();
    browser.open(first);
    until("the text is there", || (browser.value(SAY) == "In the middle of a sen").then_some(()));
    browser.write(say(), "tence.\u{e007}");
    browser.sees(".said.user:not(.sending)");
    assert_eq!(contents(&world, "why"), ["In the middle of a sentence."]);
    browser.reload();
    assert_eq!(browser.value(SAY), "");
}

#[test]
fn two_browsers_on_one_step_stay_in_step() {
    let Some(world) = World::new() else { return };
    let first = workshop(&world);
    let ann = world.signed_in_as(Look::DESKTOP, "ann", "reset");
    let ben = world.signed_in_as(Look::PHONE, "ben", "write");
    ann.open(first);
    ben.open(first);
    ben.write(say(), "Half of my");
    ann.write(say(), "Do you see this?\u{e007}");
    ben.reads("Do you see this?");
    // What is being written stays, with the caret where it was.
    ben.types(" answer.");
    assert_eq!(ben.value(SAY), "Half of my answer.");
    ben.keys("Enter");
    ann.reads("Half of my answer.");
    world.put("/v1/workshops/w/steps/why/artifact", json!({ "artifact": { "reason": "both see it" } }));
    ann.reads("both see it");
    ben.reads("both see it");
    assert!(!ben.is_shown(button("Reset")), "who may not go back is not offered it");
}

#[test]
fn what_was_sent_while_the_network_was_gone_arrives_once_when_it_is_back() {
    let Some(world) = World::new() else { return };
    let first = workshop(&world);
    let browser = world.signed_in(Look::DESKTOP);
    browser.expect("net::ERR_");
    browser.open(first);
    browser.reads("Nothing was said yet.");
    browser.offline(true);
    until("the browser knows", || (browser.script("return navigator.onLine", json!([])) == false).then_some(()));
    browser.write(say(), "Said into the void.\u{e007}");
    browser.sees(".said.sending");
    browser.write(say(), "And more");
    browser.reads("Offline.");
    browser.offline(false);
    browser.sees(".said.user:not(.sending)");
    browser.misses(".said.sending");
    assert_eq!(contents(&world, "why"), ["Said into the void."]);
    assert_eq!(browser.value(SAY), "And more");
}

#[test]
fn a_page_that_missed_a_reset_is_told_and_keeps_what_was_not_sent() {
    let Some(world) = World::new() else { return };
    let first = workshop(&world);
    save(&world, 0, 3);
    let browser = world.signed_in(Look::DESKTOP);
    browser.open(first);
    browser.reads("message number 2.");
    browser.write(say(), "Not sent yet");
    reset(&world, "why");
    browser.reads("took Why back");
    browser.misses("[data-message=m2]");
    assert_eq!(browser.value(SAY), "Not sent yet");
    browser.screenshot("workshop-reset-by-another");
    browser.keys("Enter");
    browser.sees(".said.user:not(.sending)");
    assert_eq!(contents(&world, "why"), ["Not sent yet"], "it goes under the new generation");
    assert_eq!(world.get("/v1/workshops/w")["orphans"], 0);
}

fn reset(world: &World, step: &str) {
    let path = format!("/v1/workshops/w/steps/{step}/reset");
    let plan = world.post(&format!("{path}/plan"), json!({}));
    let (status, _) = world.ask(Method::POST, &path, Some(json!({ "plan": plan["token"], "reason": "once more" })));
    assert_eq!(status, 200);
}

/// A facilitator that takes its time, and signs every word. What a shell prints by itself, it keeps until it ends.
const SLOW: &str = r#"
[facilitator]
kind = "command"
command = ["/bin/sh", "-c", "cat > /dev/null; for n in $(seq 12); do env printf 'word-%s-of-%s ' $n $$; sleep 0.3; done"]
"#;

#[test]
fn a_reset_under_a_reply_that_is_still_being_said_leaves_no_word_of_it() {
    let Some(mut world) = World::new() else { return };
    let first = workshop(&world);
    world.stop();
    std::fs::write(world.place.data().join("server.toml"), SLOW).unwrap();
    world.start();
    let browser = world.signed_in(Look::DESKTOP);
    browser.open(first);
    browser.write(say(), "Go on, slowly.\u{e007}");
    browser.reads("word-2-of-");
    browser.screenshot("workshop-streaming");
    let spoken = browser.text("#messages .assistant .text");
    let (_, speaker) = spoken.split_whitespace().next().unwrap().rsplit_once('-').unwrap();
    // What is said meanwhile may change the plan: then it is shown anew, and asked for again.
    browser.expect("status of 409");
    browser.click(button("Reset"));
    browser.sees("dialog[open] .danger");
    let press =
        "const go = document.querySelector('dialog[open] .danger'); if (go && !go.disabled) go.click(); return !go";
    until("it is reset", || (browser.script(press, json!([])) == true).then_some(()));
    browser.misses("[data-message]:not(.assistant)");
    // It begins anew by itself, and says its own words to the end.
    browser.reads("word-12-of-");
    let words = browser.text("#messages");
    assert!(words.contains("word-12-of-") && !words.contains(&format!("-of-{speaker} ")), "{words}");
    let saved = world.get("/v1/workshops/w/steps/why/messages").to_string();
    assert!(!saved.contains(&format!("-of-{speaker} ")) && !saved.contains("Go on"), "{saved}");
}

#[test]
fn a_step_is_reset_by_keyboard_alone_and_what_is_made_from_it_says_why_it_is_stale() {
    let Some(world) = World::new() else { return };
    let first = workshop(&world);
    complete_first_step(&world);
    world.post("/v1/workshops/w/steps/how/next", json!({ "summary": ["One.", "Two.", "Three."] }));
    let browser = world.signed_in(Look::DESKTOP);
    browser.open(first);
    tab_to(&browser, "Revise");
    tab_to(&browser, "More");
    browser.keys("Enter");
    tab_to(&browser, "Reset");
    browser.keys("Enter");
    browser.sees(role("heading", "Reset Why?"));
    browser.reads("To be looked at again");
    tab_to(&browser, "button Reset");
    browser.keys("Enter");
    browser.misses("dialog[open]");
    // The facilitator begins anew by itself.
    browser.reads("I am a script that follows the template");
    // The reason is there for who points at it, who comes to it with the keyboard, and who only hears it.
    let how = ".steps a[data-hint]";
    let described = browser.attribute(how, "aria-describedby").unwrap();
    browser.point_at(how);
    browser.sees(format!("#{described}").as_str());
    browser.screenshot("workshop-stale");
    browser.keys("Escape");
    browser.misses(format!("#{described}").as_str());
    browser.click(link("How needs regeneration"));
    browser.arrives_at("/ui/workshops/w/steps/how");
    browser.reads("What is here is a starting point");
    browser.axe();
}

/// Presses Tab until something has the focus that is called so.
fn tab_to(browser: &Browser, name: &str) {
    for _ in 0..60 {
        browser.keys("Tab");
        if browser.focused().contains(name) {
            return;
        }
    }
    panic!("Tab does not come to {name}; last was {}", browser.focused());
}

#[test]
fn a_long_conversation_begins_with_its_end_and_loads_the_rest_where_it_is_read() {
    let Some(world) = World::new() else { return };
    let first = workshop(&world);
    save(&world, 0, 170);
    let browser = world.signed_in(Look::DESKTOP);
    browser.open(first);
    browser.sees("#m-169");
    assert_eq!(browser.count("#newest > .said"), 50);
    assert_eq!(browser.count("#older > .said"), 0, "nothing is loaded that nobody looks at");
    browser.script("document.querySelector('#m-120').scrollIntoView({ block: 'start' })", json!([]));
    browser.script("document.querySelector('#messages').scrollTop = 0", json!([]));
    until("older ones are loaded", || (browser.count("#older > .said") == 50).then_some(()));
    let is_seen = "return document.querySelector('#m-120').getBoundingClientRect().top < innerHeight";
    assert_eq!(browser.script(is_seen, json!([])), true, "what was read stays where it was");
    // What comes new takes nothing away of what was loaded.
    save(&world, 170, 171);
    browser.sees("#m-170");
    assert_eq!(browser.count(".said"), 101);
    let place = "return document.querySelector('#messages').scrollTop < 4000";
    assert_eq!(browser.script(place, json!([])), true, "and moves nobody away");
    browser.open(&format!("{first}?from=7#m-7"));
    browser.sees("#m-7:target");
}

#[test]
fn an_artifact_that_somebody_else_wrote_meanwhile_is_not_written_over() {
    let Some(world) = World::new() else { return };
    let first = workshop(&world);
    let path = "/v1/workshops/w/steps/why/artifact";
    world.put(path, json!({ "artifact": { "reason": "the first" } }));
    let browser = world.signed_in(Look::DESKTOP);
    browser.expect("status of 409");
    browser.expect("status of 412");
    browser.open(first);
    browser.click("#edit > summary");
    browser.rewrite(field("Reason"), "mine");
    world.put(path, json!({ "artifact": { "reason": "theirs" } }));
    browser.sees(".outline");
    browser.reads("Changes since version 1");
    assert_eq!(browser.value(field("Reason")), "mine");
    browser.click(button("Save"));
    browser.sees("#artifact-form .problem");
    assert_eq!(world.get(path)["reason"], "theirs");
    browser.click(button("Put back"));
    until("theirs is in the field", || (browser.value(field("Reason")) == "theirs").then_some(()));
    browser.click(".change > summary");
    browser.sees(".change ins");
    browser.screenshot("workshop-change");
}

#[test]
fn it_can_be_looked_at_in_every_size_and_theme() {
    let Some(world) = World::new() else { return };
    let first = workshop(&world);
    complete_first_step(&world);
    reset(&world, "why");
    save(&world, 0, 12);
    world.put("/v1/workshops/w/steps/why/artifact", json!({ "artifact": { "reason": "again", "signs": ["x"] } }));
    let browser = world.signed_in(Look::DESKTOP);
    for look in Look::ALL {
        browser.look_as(look);
        browser.open(first);
        browser.sees("#m-11");
        browser.axe();
        assert!(browser.overflow() <= 0, "{}", look.name());
        browser.screenshot("workshop");
    }
}
