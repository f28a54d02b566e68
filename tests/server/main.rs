//! The server as its clients see it: over HTTP, on a socket of its own, on a real folder.

#![cfg(all(feature = "cli", feature = "http"))]
#![expect(clippy::unwrap_used, reason = "a test that can't set up fails")]

mod auth;
mod browser;
mod commands;
mod core;
mod limits;
mod metrics;
mod openapi;
mod program;
mod roles;
mod secrets;
mod serve;
mod settings;
mod systemd;
mod tls;
mod wire;
mod world;
