//! How fast the pages are, measured in the browser. The figures are printed; the limits are for a machine that does much
//! else, and for a program that was built for finding faults.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use crate::browser::{Browser, Look};
use crate::patience::until;
use crate::target::{button, field};
use crate::world::World;

const PAGE: &str = "/ui/workshops/garden/steps/challenge";
/// Messages of a long conversation.
const MANY: usize = 5_000;
/// Longest until something of a page shows, in milliseconds.
const FIRST_PAINT_MAX: f64 = 5_000.0;
/// Longest that the page may add to what the server takes for a reset.
const PAGE_WORK_MAX: f64 = 2_000.0;
/// Longest that a click may wait for the page, while much happens.
const CLICK_MAX: f64 = 3_000.0;

/// A workshop whose first step has many messages.
fn long_conversation() -> Option<World> {
    let world = World::new()?;
    world.command(&["workshop", "new", "garden", "--title", "A garden for the school"]);
    let mut lines = String::new();
    for n in 0..MANY {
        let role = if n % 2 == 0 { "user" } else { "assistant" };
        let text = format!("Bed {n}: **beans**, and a path to it that is wide enough for two of them.");
        writeln!(lines, "{}", json!({ "id": format!("m{n}"), "role": role, "content": text })).unwrap();
    }
    let file = world.place.path("long.jsonl");
    fs::write(&file, lines).unwrap();
    world.command(&["workshop", "import", "garden", "challenge", file.to_str().unwrap()]);
    Some(world)
}

fn number(browser: &Browser, script: &str) -> f64 {
    browser.script(script, json!([])).as_f64().unwrap()
}

#[test]
fn a_long_conversation_opens_at_its_end_and_the_rest_comes_on_scrolling() {
    const PAINTED: &str = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null";
    const LOADED: &str = "return performance.getEntriesByType('navigation')[0].loadEventEnd";
    let Some(world) = long_conversation() else { return };
    let browser = world.signed_in(Look::DESKTOP);
    browser.requests();
    browser.open(PAGE);
    let painted = until("it is painted", || browser.script(PAINTED, json!([])).as_f64());
    let loaded = until("it is loaded", || Some(number(&browser, LOADED)).filter(|at| *at > 0.0));
    let document = browser.requests().into_iter().find(|request| request.kind == "Document").unwrap();
    let shown = browser.count("article.said");
    println!(
        "{MANY} messages: first paint {painted:.0} ms, loaded {loaded:.0} ms, {} bytes, {shown} shown",
        document.bytes
    );
    assert_eq!(world.page(PAGE).2.matches("<article class=\"said").count(), 50);
    assert!(painted < FIRST_PAINT_MAX, "{painted}");
    let last = format!("Bed {}:", MANY - 1);
    assert!(browser.text("#messages").contains(&last));
    let in_sight = "const at = [...document.querySelectorAll('article.said')].at(-1).getBoundingClientRect();\
        return at.top < innerHeight";
    assert_eq!(browser.script(in_sight, json!([])), true, "the end is in sight");
    for more in [100, 150] {
        browser.script("document.getElementById('messages').scrollTop = 0", json!([]));
        until("older messages come", || (browser.count("article.said") >= more).then_some(()));
    }
    let numbers = "return [...document.querySelectorAll('article.said')].map((e) => Number(e.id.slice(2)))";
    let numbers = browser.script(numbers, json!([]));
    let numbers: Vec<u64> = numbers.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "in order, and none twice: {numbers:?}");
    browser.screenshot("long-conversation");
}

#[test]
fn a_reset_is_seen_soon_after_the_click() {
    // From the click to the first moment at which the page shows the step as it is afterwards.
    const WATCH: &str = "\
        window.times = {};\
        document.addEventListener('click', ({ target }) => {\
            if (target.closest('#verb button.danger')) window.times.click = performance.now();\
        }, true);\
        const before = document.getElementById('workshop').dataset.generation;\
        const look = () => {\
            if (document.getElementById('workshop').dataset.generation !== before) {\
                window.times.shown = performance.now();\
            } else requestAnimationFrame(look);\
        };\
        look();";
    const TOOK: &str = "\
        const [reset] = performance.getEntriesByType('resource').filter((e) => e.name.endsWith('/reset')).slice(-1);\
        const { click, shown } = window.times;\
        return shown && reset ? { whole: shown - click, turn: reset.responseEnd - reset.startTime } : null";
    let Some(world) = long_conversation() else { return };
    let browser = world.signed_in(Look::DESKTOP);
    let (mut wholes, mut works) = (Vec::new(), Vec::new());
    for round in 0..5 {
        browser.open(PAGE);
        browser.script(WATCH, json!([]));
        browser.click(button("Reset"));
        let go = button("Reset").inside("#verb");
        until("the plan is there", || browser.is_enabled(&go).then_some(()));
        browser.click(&go);
        let took: Value =
            until("the step is fresh", || Some(browser.script(TOOK, json!([]))).filter(|took| !took.is_null()));
        let (whole, turn) = (took["whole"].as_f64().unwrap(), took["turn"].as_f64().unwrap());
        println!("reset: {whole:.0} ms from click to fresh step, {turn:.0} ms of it until the server had answered");
        wholes.push(whole);
        works.push(whole - turn);
        // A greeting that comes between the plan and the reset is something that moved.
        until("the facilitator has greeted", || {
            let awaits = &world.get("/v1/workshops/garden")["steps"][0]["awaits"];
            awaits.as_array().is_none_or(Vec::is_empty).then_some(())
        });
        let message = json!({ "id": format!("again{round}"), "role": "user", "content": "Once more." });
        world.post("/v1/workshops/garden/steps/challenge/messages", json!({ "messages": [message] }));
    }
    works.sort_by(f64::total_cmp);
    assert!(works[works.len() / 2] < PAGE_WORK_MAX, "{works:?}");
}

#[test]
fn a_thousand_events_a_second_do_not_freeze_the_page() {
    // The page's own client reads a stream that brings a thousand events each second; what it asks for then, it asks the
    // server for.
    const STORM: &str = "\
        const ask = window.fetch;\
        window.events = 0; window.longest = 0; window.slowest = 0;\
        window.fetch = (url, options) => {\
            if (!String(url).includes('/v1/events')) return ask(url, options);\
            const encoder = new TextEncoder();\
            const began = performance.now();\
            const stream = new ReadableStream({ start(controller) {\
                const send = () => {\
                    const due = Math.floor(performance.now() - began);\
                    let text = '';\
                    for (; window.events < due; window.events += 1) {\
                        const data = JSON.stringify({ type: 'workshop.message', kind: 'workshop', id: 'garden', n: window.events });\
                        text += `id: 1.${window.events}\\nevent: workshop.message\\ndata: ${data}\\n\\n`;\
                    }\
                    if (text) controller.enqueue(encoder.encode(text));\
                    if (performance.now() - began < 6000) setTimeout(send, 5);\
                };\
                send();\
            } });\
            return Promise.resolve(new Response(stream, { headers: { 'content-type': 'text/event-stream' } }));\
        };\
        new PerformanceObserver((list) => {\
            for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);\
        }).observe({ type: 'longtask', buffered: true });\
        new PerformanceObserver((list) => {\
            for (const { duration } of list.getEntries()) window.slowest = Math.max(window.slowest, duration);\
        }).observe({ type: 'event', buffered: true, durationThreshold: 16 });";
    let Some(world) = long_conversation() else { return };
    let browser = world.signed_in(Look::DESKTOP);
    browser.prepare(STORM);
    browser.requests();
    browser.open(PAGE);
    until("the storm has begun", || (number(&browser, "return window.events") > 500.0).then_some(()));
    browser.script("window.longest = 0; window.slowest = 0", json!([]));
    for _ in 0..5 {
        browser.click("#edit > summary");
        browser.click(field("Your message"));
        browser.types("a word ");
    }
    until("the storm is over", || (number(&browser, "return window.events") > 5_900.0).then_some(()));
    let [events, longest, slowest] =
        ["events", "longest", "slowest"].map(|name| number(&browser, &format!("return window.{name}")));
    let refreshed = browser.requests().iter().filter(|request| request.url.contains(PAGE)).count();
    println!(
        "{events} events in 6 s: longest task {longest:.0} ms, slowest click or key {slowest:.0} ms, {refreshed} looks"
    );
    assert_eq!(browser.value("#say").len(), 5 * "a word ".len());
    assert!(slowest < CLICK_MAX, "{slowest}");
    assert!((3..=30).contains(&refreshed), "the page is shown anew now and then, not for each event: {refreshed}");
}
