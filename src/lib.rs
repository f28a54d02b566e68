//! restage
pub mod api;
pub mod domain;
pub mod engine;
pub mod runtime;
pub mod store;
