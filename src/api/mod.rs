//! The typed facade that embedders and the command line use. The one place where errors become codes for people.

mod database;
mod error;
mod handle;
mod kind;
pub mod transcript;
mod workshops;

pub use database::{Options, Restage, Stats};
pub use error::{Class, Error};
pub use handle::{Handle, Receipt};
pub use kind::Kind;
pub use workshops::{Progress, WentBack, Workshop, Workshops};
