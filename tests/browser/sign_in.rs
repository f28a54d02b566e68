//! Signing in and out.

use crate::browser::Look;
use crate::target::button;
use crate::world::World;

#[test]
fn the_printed_link_signs_a_browser_in_and_a_button_signs_it_out() {
    let Some(world) = World::new() else { return };
    let printed = world.printed_link();
    let browser = world.browser(Look::DESKTOP);
    browser.open(printed.strip_prefix(world.url()).unwrap());
    browser.screenshot("sign-in");
    browser.axe();
    browser.click(button("Sign in"));
    browser.arrives_at("/");
    browser.screenshot("home");
    browser.click("details.who summary");
    browser.expect("status of 401");
    browser.click(button("Sign out"));
    browser.reads("restage token link");
    browser.screenshot("signed-out");
    browser.axe();
}

#[test]
fn a_link_that_was_used_says_how_to_get_another() {
    let Some(world) = World::new() else { return };
    let printed = world.printed_link();
    let path = printed.strip_prefix(world.url()).unwrap();
    let first = world.browser(Look::DESKTOP);
    first.open(path);
    first.click(button("Sign in"));
    first.arrives_at("/");
    let second = world.browser(Look::PHONE);
    second.expect("status of 403");
    second.open(path);
    second.click(button("Sign in"));
    second.reads("restage token link");
    assert_eq!(second.overflow(), 0);
}
