//! The pages of a workflow: it is run by workers, reset with each option, and what comes late is compared and adopted. And
//! what of it is stuck.

use std::process::{Child, Command};

use reqwest::Method;
use serde_json::{Value, json};

use crate::browser::{Browser, Look};
use crate::patience::until;
use crate::target::{Target, button, field, link, role};
use crate::world::World;

/// Two gates; the first wants a person's word.
const TEMPLATE: &str = r#"
name = "two"
title = "A plan, and what is built from it"
[[gates]]
id = "planned"
name = "Planned"
phase = "planning"
approval = true
[[gates.tasks]]
domain = "fe"
title = "Plan the screens"
[[gates.tasks]]
domain = "be"
title = "Plan the store"
[[gates]]
id = "built"
name = "Built"
phase = "building"
[[gates.tasks]]
domain = "fe"
title = "Build the screens"
"#;

/// The page of the workflow.
const PAGE: &str = "/ui/workflows/shop";
const API: &str = "/v1/workflows/shop";

/// A workflow of two gates that nobody has run.
fn shop() -> Option<World> {
    let world = World::new()?;
    let new = json!({ "id": "shop", "title": "A <b>shop</b>", "story": "SHOP-7", "template_file": TEMPLATE });
    world.post("/v1/workflows", new);
    Some(world)
}

/// The same, running.
fn running() -> Option<World> {
    let world = shop()?;
    world.post(&format!("{API}/run"), json!({}));
    Some(world)
}

/// Somebody takes the next task of a queue.
fn claim(world: &World, queue: &str, worker: &str) -> Value {
    let wish = json!({ "worker": worker, "wait_seconds": 20, "lease_seconds": 600 });
    world.post(&format!("/v1/queues/{queue}/claims"), wish)
}

/// They hand in what came of it; the status of the answer.
fn finish(world: &World, grant: &Value, text: &str) -> u16 {
    let result = json!({
        "status": "completed", "agent_id": grant["title"], "result": { "text": text }, "duration_ms": 61_000,
        "safety_score": 0.97,
    });
    world.ask(Method::POST, "/v1/leases/finish", Some(json!({ "lease": grant["lease"], "result": result }))).0
}

/// A task done from claim to result.
fn done(world: &World, queue: &str, text: &str) {
    let grant = claim(world, queue, "w");
    assert_eq!(finish(world, &grant, text), 200);
}

fn in_dialog(target: Target) -> Target {
    target.inside("#verb")
}

/// Waits until the dialog's plan is there, and all of the dialog's words.
fn plan(browser: &Browser) -> String {
    until("the plan is there", || {
        let words = "return document.querySelector('#verb .plan[aria-busy=false]')?.textContent ?? ''";
        browser.script(words, json!([])).as_str().map(str::to_owned).filter(|words| !words.is_empty())
    })
}

/// Waits until the plan says something.
#[track_caller]
fn plan_says(browser: &Browser, words: &str) {
    until(words, || plan(browser).contains(words).then_some(()));
}

/// Marks the page, to know later that it was never loaded anew.
fn mark(browser: &Browser) {
    browser.script("window.here = true", json!([]));
}

#[track_caller]
fn is_the_same_page(browser: &Browser) {
    assert_eq!(browser.script("return window.here === true", json!([])), true);
}

/// A worker as a process of its own. It ends with the test.
struct Worker(Child);

impl Worker {
    fn start(world: &World, queue: &str) -> Self {
        let arguments = ["worker", "run", "--queue", queue, "--name", queue, "--", "sh", "-c", "echo '\"it is done\"'"];
        let mut command: Command = world.place.command(&arguments);
        Self(command.spawn().unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn workers_do_it_gate_by_gate_while_somebody_looks_and_approves() {
    let Some(world) = shop() else { return };
    let browser = world.signed_in(Look::DESKTOP);
    browser.open(PAGE);
    browser.reads("A <b>shop</b>");
    browser.reads("It has no tasks yet");
    mark(&browser);
    browser.click(button("Run"));
    browser.reads("0 of 2 done");
    let _workers = [Worker::start(&world, "fe"), Worker::start(&world, "be")];
    browser.reads("Planned waits for a person's word");
    browser.reads("2 of 2 done");
    browser.screenshot("workflow-waits");
    browser.click(link("Look at the results"));
    browser.arrives_at(&format!("{PAGE}/results?gate=0"));
    browser.reads("it is done");
    mark(&browser);
    browser.click(button("Approve"));
    browser.reads("completed");
    browser.reads("all 2 gates are passed");
    is_the_same_page(&browser);
    browser.click(link("Workers 0"));
    browser.reads("waits for tasks");
    browser.screenshot("workflow-workers");
    assert_eq!(world.get(API)["status"], "completed");
}

#[test]
fn a_rejected_gate_says_why_and_a_reset_goes_on_from_there() {
    let Some(world) = running() else { return };
    done(&world, "fe", "three screens");
    done(&world, "be", "one store");
    let browser = world.signed_in(Look::PHONE);
    browser.open(PAGE);
    browser.click("summary:has(+ form[data-post$=reject])");
    browser.write(field("What is wrong"), "Too many screens");
    browser.screenshot("workflow-reject");
    browser.click(button("Reject").inside("form[data-post$=reject]"));
    browser.reads("planned was rejected by ada: Too many screens");
    browser.reads("blocked");
    browser.screenshot("workflow-rejected");
    assert_eq!(browser.overflow(), 0);
    browser.click(button("Reset..."));
    plan_says(&browser, "the problem: planned was rejected by ada");
    browser.click(in_dialog(button("Reset")));
    browser.reads("Done: Reset.");
    browser.misses(".callout.bad");
    browser.reads("pending");
}

#[test]
fn a_reset_clears_what_its_options_say_as_its_preview_told_and_a_bar_takes_it_back() {
    let Some(world) = running() else { return };
    done(&world, "fe", "three screens");
    done(&world, "be", "one store");
    world.post(&format!("{API}/approve"), json!({ "gate": "planned" }));
    let held = claim(&world, "fe", "slow");
    assert_eq!(held["title"], "Build the screens");
    let browser = world.signed_in(Look::DESKTOP);
    browser.open(PAGE);
    browser.reads("Gate 2: Built");
    browser.click(button("Reset..."));
    // The gate it stands before, both cleared: nothing of the first gate moves.
    plan_says(&browser, "1 task");
    assert!(!plan(&browser).contains("2 results"), "{}", plan(&browser));
    browser.choose(in_dialog(role("combobox", "Go back to before gate")), "1 Planned");
    plan_says(&browser, "2 results");
    plan_says(&browser, "the gate starts over; undo brings them back");
    plan_says(&browser, "slow");
    browser.click(in_dialog(role("checkbox", "Clear results")));
    plan_says(&browser, "results were not to be cleared");
    browser.click(in_dialog(role("checkbox", "Clear tasks")));
    plan_says(&browser, "those without a result are handed out again");
    browser.screenshot("workflow-reset");
    browser.axe();
    browser.click(in_dialog(role("checkbox", "Clear results")));
    plan_says(&browser, "they are handed out again");
    browser.write(field("Reason (others see it in the history)"), "The plan was wrong");
    browser.click(in_dialog(button("Reset")));
    browser.reads("Done: Reset.");
    browser.reads("Gate 1: Planned");
    let state = world.get(API);
    assert_eq!(
        (&state["gate"], &state["gates"][0]["results"], &state["gates"][0]["tasks"]),
        (&0.into(), &0.into(), &2.into())
    );
    let audit = world.get(&format!("{API}/audit"));
    assert!(audit.to_string().contains("The plan was wrong"), "{audit}");
    browser.click(button("Undo").inside("#bars"));
    plan(&browser);
    browser.click(in_dialog(button("Undo")));
    browser.reads("Gate 2: Built");
    let state = world.get(API);
    assert_eq!((&state["gate"], &state["gates"][0]["results"]), (&1.into(), &2.into()));
}

#[test]
fn a_late_result_is_found_compared_and_adopted() {
    let Some(world) = running() else { return };
    let late = claim(&world, "fe", "slow");
    world.post(&format!("{API}/reset"), json!({ "clear_tasks": false }));
    world.post(&format!("{API}/run"), json!({}));
    done(&world, "fe", "two screens and no <script>alert(1)</script>");
    assert_eq!(finish(&world, &late, "three screens"), 409);
    let browser = world.signed_in(Look::DESKTOP);
    browser.open("/ui/stuck");
    browser.reads("late work");
    browser.click(link("Compare"));
    browser.reads("three screens");
    browser.reads("two screens and no <script>alert(1)</script>");
    browser.reads("different");
    browser.click("details.differs > summary");
    browser.sees("details.differs ins");
    browser.screenshot("workflow-late");
    browser.axe();
    mark(&browser);
    browser.click(".late [data-verb$=adopt]");
    plan_says(&browser, "the other takes its place; undo brings it back");
    browser.click(in_dialog(button("Adopt")));
    browser.reads("Nothing came too late");
    is_the_same_page(&browser);
    browser.open(&format!("{PAGE}/results"));
    browser.reads("three screens");
    assert!(!browser.words().contains("two screens"), "{}", browser.words());
}

#[test]
fn what_is_late_for_a_cleared_task_lies_beside_what_was_done_in_its_place_and_can_be_let_go() {
    let Some(world) = running() else { return };
    let late = claim(&world, "fe", "slow");
    world.post(&format!("{API}/reset"), json!({}));
    world.post(&format!("{API}/run"), json!({}));
    assert_eq!(finish(&world, &late, "three screens"), 409);
    let browser = world.signed_in(Look::PHONE);
    browser.open(&format!("{PAGE}/late"));
    browser.reads("Plan the screens");
    browser.reads("0-fe-5-2 was handed out in its place. Nobody has done it yet");
    done(&world, "fe", "two screens");
    browser.reads("0-fe-5-2, handed out in its place");
    browser.reads("two screens");
    browser.screenshot("workflow-late");
    assert_eq!(browser.overflow(), 0);
    browser.axe();
    browser.click(".late [data-verb$=discard]");
    plan_says(&browser, "It can't be undone.");
    browser.click(in_dialog(button("Discard")));
    browser.reads("Nothing came too late");
}

#[test]
fn a_lost_worker_is_on_the_stuck_page_and_a_click_hands_its_task_out_again() {
    let Some(world) = running() else { return };
    let browser = world.signed_in(Look::DESKTOP);
    browser.open("/ui/stuck");
    browser.reads("Nothing is stuck");
    claim(&world, "fe", "gone");
    // Whoever has no patience at all calls every worker lost.
    browser.choose(role("combobox", "What may yet go on is given"), "no time");
    browser.choose(role("combobox", "In"), "Workflows");
    browser.click(button("Look again"));
    browser.arrives_at("/ui/stuck?kind=workflow&patience=0");
    browser.reads("worker gone has task 0-fe-5-1, and gives no sign of life");
    browser.screenshot("stuck");
    browser.axe();
    mark(&browser);
    browser.click(button("Hand it out again"));
    until("nobody is called lost", || (!browser.words().contains("worker gone has task")).then_some(()));
    is_the_same_page(&browser);
    assert_eq!(world.get(&format!("{API}/tasks/0-fe-5-1"))["status"], "queued");
    browser.look_as(Look::PHONE);
    browser.screenshot("stuck");
    assert_eq!(browser.overflow(), 0);
}

#[test]
fn tasks_are_filtered_by_the_address_and_show_who_has_them_as_it_moves() {
    let Some(world) = running() else { return };
    let held = claim(&world, "fe", "ann's machine");
    let browser = world.signed_in(Look::DESKTOP);
    browser.open(&format!("{PAGE}/tasks"));
    browser.reads("Plan the screens");
    browser.reads("Plan the store");
    browser.choose(role("combobox", "Queue"), "fe");
    browser.click(button("Show"));
    browser.arrives_at(&format!("{PAGE}/tasks?gate=&domain=fe&status="));
    browser.reads("ann's machine");
    assert!(!browser.words().contains("Plan the store"));
    mark(&browser);
    world.post("/v1/leases/heartbeat", json!({ "lease": held["lease"], "progress": "2 of 9 screens" }));
    browser.reads("2 of 9 screens");
    assert_eq!(finish(&world, &held, "nine screens"), 200);
    browser.reads("handed in");
    is_the_same_page(&browser);
    browser.screenshot("workflow-tasks");
    browser.click(link("Plan the screens"));
    browser.arrives_at(&format!("{PAGE}/tasks/0-fe-5-1"));
    browser.reads("nine screens");
    browser.reads("took 1 min 1 s");
    browser.open(&format!("{PAGE}/tasks/0-be-5-1"));
    browser.click(button("Cancel the task"));
    browser.reads("cancelled");
}

#[test]
fn the_reset_is_reached_left_and_done_by_keys_alone() {
    let Some(world) = running() else { return };
    let browser = world.signed_in(Look::DESKTOP);
    browser.open(PAGE);
    browser.reads("Gate 1: Planned");
    until("the focus is on the reset", || {
        browser.keys("Tab");
        (browser.focused() == "button Reset...").then_some(())
    });
    browser.keys("Enter");
    plan(&browser);
    browser.keys("Escape");
    browser.misses("#verb");
    assert_eq!(browser.focused(), "button Reset...");
    browser.keys("Enter");
    plan(&browser);
    browser.types("by hand");
    until("the focus is on what goes back", || {
        browser.keys("Tab");
        (browser.focused() == "button Reset").then_some(())
    });
    browser.keys("Enter");
    browser.reads("Done: Reset.");
    assert_eq!(world.get(API)["gates"][0]["generation"], 2);
}

#[test]
fn who_may_only_look_sees_all_and_no_button() {
    let Some(world) = running() else { return };
    done(&world, "fe", "three screens");
    let late = claim(&world, "be", "slow");
    world.post(&format!("{API}/reset"), json!({}));
    assert_eq!(finish(&world, &late, "one store"), 409);
    let browser = world.signed_in_as(Look::DESKTOP, "bob", "read");
    for page in ["", "/tasks", "/results", "/workers", "/late"] {
        browser.open(&format!("{PAGE}{page}"));
        browser.reads("SHOP-7");
        assert_eq!(browser.count("[data-post], [data-verb], [data-put], [data-delete]"), 0, "{page}");
    }
    browser.open("/ui/stuck?patience=0");
    browser.reads("late work");
    assert_eq!(browser.count("[data-post], [data-verb]"), 0);
}

#[test]
fn a_batch_says_what_became_of_each_and_is_undone_as_one() {
    let Some(world) = running() else { return };
    let new = json!({ "id": "cafe", "title": "A cafe", "story": "SHOP-8", "template_file": TEMPLATE });
    world.post("/v1/workflows", new);
    let batch =
        json!({ "id": "over", "of": "workflows", "targets": ["shop", "cafe", "nowhere"], "reason": "All over" });
    world.post("/v1/batches", batch);
    let browser = world.signed_in(Look::PHONE);
    browser.open("/ui/batches");
    browser.click(link("over"));
    browser.reads("completed, some refused");
    browser.reads("2 done, 1 refused, of 3");
    browser.screenshot("batch");
    assert_eq!(browser.overflow(), 0);
    browser.axe();
    browser.click(button("Undo all..."));
    plan(&browser);
    browser.click(in_dialog(button("Undo all")));
    browser.reads("undoes over");
    browser.reads("2 done, of 2");
}

#[test]
fn an_address_that_names_what_is_not_there_is_told_so() {
    let Some(world) = shop() else { return };
    for (path, status) in [
        ("/ui/workflows/nowhere", 404),
        ("/ui/workflows/shop?gate=2", 404),
        ("/ui/workflows/shop?gate=01", 400),
        ("/ui/workflows/shop?gate=99999999999", 404),
        ("/ui/workflows/shop/tasks?gate=x", 400),
        ("/ui/workflows/shop/tasks?status=gone", 400),
        ("/ui/workflows/shop/tasks?domain=F%20E", 422),
        ("/ui/workflows/shop/tasks?cursor=abc", 400),
        ("/ui/workflows/shop/tasks/0-fe-5-1", 404),
        ("/ui/workflows/shop/tasks/..%2f..", 400),
        ("/ui/workflows/shop/results?gate=-1", 400),
        ("/ui/workflows/shop/late?cursor=abc", 400),
        ("/ui/workflows/nowhere/late", 404),
        ("/ui/workshops/nowhere/late", 404),
        ("/ui/stuck?kind=unknown", 404),
        ("/ui/stuck?patience=long", 400),
        ("/ui/batches/nowhere", 404),
        ("/ui/workflows/shop/tasks?gate=&domain=&status=", 200),
        ("/ui/workflows/shop/tasks?gate=7", 200),
        ("/ui/stuck?kind=&patience=", 200),
        ("/ui/queues", 200),
    ] {
        let (answered, page) = world.ask(Method::GET, path, None);
        assert_eq!(answered, status, "{path}");
        assert!(page.as_str().is_some_and(|page| page.contains("<main")), "{path}: {page}");
    }
}
