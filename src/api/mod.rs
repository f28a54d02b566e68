//! The typed facade that embedders and the command line use. The one place where errors become codes for people.

mod error;
mod handle;
mod kind;
mod restage;
pub mod transcript;
mod workshops;

pub use error::{Class, Error};
pub use handle::{Handle, Receipt};
pub use kind::Kind;
pub use restage::{Options, Restage, Stats};
pub use workshops::{Progress, WentBack, Workshop, Workshops};
