//! What holds on every page that links lead to: for screen readers, keyboards, phones, slow lines.

use std::cell::{Cell, RefCell};

use serde_json::json;

use crate::browser::{Browser, Look};
use crate::patience::{PATIENCE, within};
use crate::world::World;

/// Most bytes that the first page may take over the wire, with all that it loads.
const FIRST_PAGE_BYTES_MAX: u64 = 100_000;

/// A folder with a workshop, a task and a workflow in many states.
fn full() -> Option<World> {
    let world = World::new()?;
    for kind in ["workshop", "task", "workflow"] {
        world.post(&format!("/v1/examples/{kind}"), json!({}));
    }
    world.post("/v1/workshops", json!({ "id": "garden", "title": "A garden for the school" }));
    let messages =
        json!([{ "id": "m1", "role": "user", "content": "## Light\n\n| bed | sun |\n|---|---|\n| 1 | noon |" }]);
    world.post("/v1/workshops/garden/steps/challenge/messages", json!({ "messages": messages }));
    world.post("/v1/workshops/garden/steps/challenge/reset", json!({ "reason": "The wrong question" }));
    let late = json!({ "generation": 1, "messages": [{ "id": "m2", "role": "user", "content": "Too late" }] });
    let (status, refused) =
        world.ask(reqwest::Method::POST, "/v1/workshops/garden/steps/challenge/messages", Some(late));
    assert_eq!(status, 409, "{refused}");
    world.post("/v1/workflows", json!({ "id": "release", "title": "Release", "story": "S-1" }));
    Some(world)
}

/// A name for the screenshot of a page.
fn name_of(path: &str) -> String {
    let name = path.trim_matches('/').replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    if name.is_empty() { "home".into() } else { name.chars().take(80).collect() }
}

/// Looks at some page in some way.
fn on_every_page(looks: &[Look], judge: impl Fn(&Browser, &str, Look)) {
    let Some(world) = full() else { return };
    let pages = world.pages();
    println!("{} pages: {pages:?}", pages.len());
    assert!(pages.len() > 10, "{pages:?}");
    let browser = world.signed_in(Look::DESKTOP);
    for &look in looks {
        browser.look_as(look);
        for path in &pages {
            browser.open(path);
            judge(&browser, path, look);
        }
    }
}

#[test]
fn axe_finds_nothing_serious_on_any_page_in_either_theme() {
    let (counts, faults) = (Cell::new((0, 0, 0)), RefCell::new(Vec::new()));
    on_every_page(&[Look::DESKTOP, Look::PHONE.dark()], |browser, path, look| {
        let findings = browser.findings();
        let serious = findings.serious();
        let (passed, undecided, minor) = counts.get();
        let minor_here = findings.broken.len() - serious.len();
        counts.set((passed + findings.passed, undecided + findings.undecided, minor + minor_here));
        for fault in serious {
            println!("{path} ({}): {fault:?}", look.name());
            faults.borrow_mut().push(path.to_owned());
        }
    });
    let (passed, undecided, minor) = counts.get();
    println!("axe: {passed} rules held, {undecided} left to people, {minor} minor findings");
    assert!(faults.borrow().is_empty(), "serious findings at {faults:?}");
}

#[test]
fn every_page_fits_its_window_and_is_kept_as_a_picture() {
    let wide = RefCell::new(Vec::new());
    on_every_page(&Look::ALL, |browser, path, look| {
        browser.screenshot(&name_of(path));
        if browser.overflow() > 0 {
            wide.borrow_mut().push(format!(
                "{path} ({}): {} px too wide: {}",
                look.name(),
                browser.overflow(),
                widest(browser)
            ));
        }
    });
    assert!(wide.borrow().is_empty(), "too wide: {wide:?}");
}

/// What sticks out of the window, for who has to mend it.
fn widest(browser: &Browser) -> String {
    const FIND: &str = "\
        const out = [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1);\
        return out.slice(0, 3).map((e) => `${e.tagName}.${e.className}#${e.id}`).join(', ')";
    browser.script(FIND, json!([])).to_string()
}

#[test]
fn everything_that_can_be_used_is_reached_with_the_keyboard_and_seen_to_be() {
    // A ring may be around what has the focus, around what it fills, or a line of a drawing.
    const MARK: &str = "\
        const can = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex=\"0\"]')]\
            .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.disabled && e.tabIndex >= 0\
                && e.type !== 'hidden' && !e.closest('dialog:not([open])'));\
        window.toReach = new Set(can); window.unseen = [];\
        const look = (e) => [e, e.parentElement, ...e.children].map((e) => getComputedStyle(e))\
            .map((s) => [s.outlineStyle === 'none' ? '' : s.outline, s.boxShadow, s.borderColor, s.backgroundColor, s.stroke,\
                s.strokeWidth].join()).join();\
        const before = new Map(can.map((e) => [e, look(e)]));\
        document.addEventListener('focusin', ({ target }) => {\
            window.toReach.delete(target);\
            if (look(target) === before.get(target)) window.unseen.push(target.outerHTML.slice(0, 120));\
        });\
        document.activeElement?.blur?.();\
        return can.length";
    const LEFT: &str = "\
        return [[...window.toReach].filter((e) => e.isConnected).map((e) => e.outerHTML.slice(0, 120)), window.unseen]";
    let (reached, faults) = (Cell::new(0), RefCell::new(Vec::new()));
    on_every_page(&[Look::DESKTOP], |browser, path, _| {
        let all = browser.script(MARK, json!([])).as_u64().unwrap();
        reached.set(reached.get() + all);
        for _ in 0..all + 3 {
            browser.keys("Tab");
        }
        let left = browser.script(LEFT, json!([]));
        if left != json!([[], []]) {
            println!("{path}: not reached, and not seen: {left}");
            faults.borrow_mut().push(path.to_owned());
        }
    });
    println!("{} links, buttons and fields reached", reached.get());
    assert!(faults.borrow().is_empty(), "{faults:?}");
}

#[test]
fn the_first_page_is_light() {
    let Some(world) = full() else { return };
    let browser = world.signed_in(Look::PHONE);
    let pages =
        ["/", "/ui/workshops/garden/steps/challenge", "/ui/tasks/example-task", "/ui/workflows/example-workflow"];
    for page in pages {
        browser.forget_what_is_cached();
        browser.requests();
        browser.open(page);
        let mut requests = Vec::new();
        let loaded = within(PATIENCE, || {
            requests.extend(browser.requests());
            // A browser asks for the icon when it likes.
            let here = requests.iter().filter(|request| !["Fetch", "Other"].contains(&request.kind.as_str()));
            here.clone().all(|request| request.bytes > 0).then_some(())
        });
        assert!(loaded.is_some(), "{page}: {requests:#?}");
        let (bytes, count) = (requests.iter().map(|request| request.bytes).sum::<u64>(), requests.len());
        println!("{page}: {bytes} bytes in {count} requests");
        assert!(bytes > 5_000 && bytes < FIRST_PAGE_BYTES_MAX, "{requests:#?}");
    }
}
