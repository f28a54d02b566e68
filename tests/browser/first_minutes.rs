//! What somebody sees who never saw the program: an empty server, examples, and a first piece of work of one's own.

use serde_json::json;

use crate::browser::{Browser, Look};
use crate::patience::until;
use crate::target::{button, field, link, role};
use crate::world::World;

#[test]
fn an_empty_server_says_what_it_is_for_and_leads_to_examples() {
    let Some(world) = World::new() else { return };
    let browser = world.signed_in(Look::DESKTOP);
    browser.sees(role("heading", "Welcome"));
    browser.axe();
    looked_at(&browser, "home-empty");
    for (kind, place, words) in [
        // A workshop leads to the step to go on with.
        ("workshop", "/steps/user-research", "Lending tools"),
        ("task", "", "Greet visitors"),
        ("workflow", "", "Gift cards"),
    ] {
        browser.open("/");
        browser.click(button("Load an example").inside(&format!("section[aria-labelledby=\"{kind}s\"]")));
        browser.arrives_at(&format!("/ui/{kind}s/example-{kind}{place}"));
        browser.reads(words);
        browser.screenshot(&format!("example-{kind}"));
        browser.open("/");
        browser.reads(words);
    }
    browser.sees(role("heading", "Home"));
    browser.reads("stuck");
    browser.axe();
    looked_at(&browser, "home");
    browser.click(link("All workshops"));
    browser.arrives_at("/ui/workshops");
    browser.reads("Lending tools in the library");
    browser.axe();
    browser.open("/ui/workflows");
    browser.reads("Gift cards in the shop");
    looked_at(&browser, "workflows");
}

#[test]
fn a_workshop_a_task_and_a_workflow_are_begun_by_forms() {
    let Some(world) = World::new() else { return };
    let browser = world.signed_in(Look::DESKTOP);
    browser.click("section[aria-labelledby=workshops] summary");
    browser.write(field("What is it about?"), "Our garden <b>");
    browser.click(button("Begin the workshop"));
    browser.reads("Our garden <b>");
    until("the page is there", || browser.path().starts_with("/ui/workshops/workshop-").then_some(()));

    browser.open("/");
    browser.click(link("New task"));
    browser.write(field("The name that tasks know it by"), "app");
    browser.write(field("Where it is on the server, as an absolute path"), "/nowhere");
    browser.expect("status of 422");
    browser.click(button("Register"));
    browser.reads("/nowhere is no git repository");
    // The example brings a repository, so a task of one's own can be made.
    world.post("/v1/examples/task", json!({}));
    browser.reload();
    browser.write(field("What is to be done, in a line"), "Greet the dog");
    browser.write(field("In full"), "It barks.");
    browser.click(button("Make the task"));
    browser.reads("Greet the dog");
    until("the page is there", || browser.path().starts_with("/ui/tasks/task-").then_some(()));

    browser.open("/ui/workflows");
    browser.click("details.begin summary");
    browser.write(field("What is to be brought about?"), "A new login");
    browser.write(field("The story or ticket that it belongs to"), "APP-7");
    browser.click(button("Make the workflow"));
    browser.reads("A new login");
    until("the page is there", || browser.path().starts_with("/ui/workflows/workflow-").then_some(()));
}

#[test]
fn what_is_being_written_stays_while_the_page_changes_around_it() {
    let Some(world) = World::new() else { return };
    let browser = world.signed_in(Look::DESKTOP);
    browser.click("section[aria-labelledby=workshops] summary");
    browser.write(field("What is it about?"), "Half a tho");
    world.post("/v1/examples/workshop", json!({}));
    browser.reads("Lending tools in the library");
    assert_eq!(browser.focused(), "textbox What is it about?");
    browser.types("ught");
    assert_eq!(browser.value(field("What is it about?")), "Half a thought");
}

#[test]
fn who_may_only_look_is_offered_nothing_to_change() {
    let Some(world) = World::new() else { return };
    world.post("/v1/examples/workshop", json!({}));
    let browser = world.signed_in_as(Look::PHONE, "eve", "read");
    browser.reads("you may look at everything and change nothing");
    assert_eq!(browser.count("main button, main form"), 0);
    browser.open("/ui/workshops?status=active");
    browser.click(link("Lending tools in the library"));
    browser.arrives_at("/ui/workshops/example-workshop/steps/user-research");
}

#[test]
fn an_address_that_leads_nowhere_says_so_and_leads_back() {
    let Some(world) = World::new() else { return };
    let browser = world.signed_in(Look::PHONE);
    for (path, status) in [("/ui/nowhere", 404), ("/ui/workshops?status=odd", 400), ("/ui/workshops?cursor=odd", 400)] {
        browser.expect(&format!("status of {status}"));
        browser.open(path);
        browser.reads("What to do:");
        assert!(browser.overflow() <= 0);
    }
    looked_at(&browser, "fault");
    browser.click(link("Go to the first page"));
    browser.sees(role("heading", "Welcome"));
}

/// Keeps it as it looks in all ways. Nobody has to scroll sideways.
fn looked_at(browser: &Browser, name: &str) {
    for look in Look::ALL {
        browser.look_as(look);
        assert!(browser.overflow() <= 0, "{name} {look:?}");
        browser.screenshot(name);
    }
    browser.look_as(Look::DESKTOP);
}
