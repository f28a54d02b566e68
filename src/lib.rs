//! restage
pub mod api;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod domain;
pub mod store;
