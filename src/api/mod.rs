//! The typed facade that embedders and the command line use. The one place where errors become codes for people.

mod error;
mod handle;
mod kind;
mod maintenance;
mod restage;
pub mod transcript;
mod workshops;

pub use error::{Class, Error};
pub use handle::{Handle, Receipt};
pub use kind::Kind;
pub use maintenance::Unsound;
pub use restage::{Options, Restage, Stats};
pub use workshops::{Progress, WentBack, Workshop, Workshops};

// What the facade's signatures name, for the command line: it may name nothing below.
pub use crate::domain::{EntityId, Fate, Generation, Plan, PlanLine, PlanToken, Rejection, StageId, limits, workshop};
pub use crate::engine::{Audit, Change, Turn, View};
pub use crate::runtime::{Clock, SystemClock};
pub use crate::store::{BackupInfo, IndexState, Position, StoreError, UpTo, VerifyReport};
