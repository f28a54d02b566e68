//! The pages as people use them: the real program, Chromium driven through WebDriver, and nothing in between.
//!
//! A test is a plain function. It begins with a [`World`](world::World), which is a server on a folder of its own, opens
//! a [`Browser`](browser::Browser) or several, and does what a person would do. Each browser says at its end whether its
//! page complained in the console, broke its own security policy or asked anybody but its server: that fails the test.
//! Screenshots are kept in `screenshots` of the target directory, also the last one of a browser whose test failed.
//!
//! Needs Chromium, `chromedriver` and npm (for axe). Without them the tests say so and do nothing, unless `CI` is set.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't set up fails, and tells"
)]

mod axe;
mod browser;
mod driver;
mod everywhere;
mod first_minutes;
mod foundation;
mod history;
mod markup;
mod notices;
mod patience;
#[allow(dead_code, reason = "the tests of the server use all of it")]
#[path = "../server/program.rs"]
mod program;
mod record;
mod sign_in;
mod speed;
mod target;
mod tasks;
mod vectors;
mod workflows;
mod workshop;
mod world;
