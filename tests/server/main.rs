//! The server as its clients see it: over HTTP, on a socket of its own, on a real folder.

#![cfg(all(feature = "cli", feature = "http"))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't set up fails")]

mod auth;
mod bad_input;
mod browser;
mod client;
mod commands;
mod core;
mod entity;
mod events;
mod examples;
mod facilitator;
mod going_back;
mod limits;
mod linear;
mod metrics;
mod openapi;
mod partner;
#[path = "../pipeline/mod.rs"]
mod pipeline;
mod program;
mod roles;
mod secrets;
mod serve;
mod settings;
mod systemd;
mod tasks;
mod threads;
mod tls;
mod user;
mod web_history;
mod webhooks;
mod wire;
mod workflows;
mod workshops;
mod world;
