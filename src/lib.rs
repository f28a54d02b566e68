//! restage
pub mod domain;
pub mod engine;
pub mod runtime;
pub mod store;
