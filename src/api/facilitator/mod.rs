//! The facilitator: answers what people say in workshops, makes artifacts and summaries, by a chat model, a command or a
//! script.
//!
//! Steps owe what they want of it as effects. [`host`] carries them out, each as a [`call`]: what the model is told is put
//! together in [`context`] and [`prompts`], what it says is shown and saved by [`speech`], and [`work`] makes of it what was
//! wanted. A call ends as soon as its step does not await it any more.

mod call;
mod context;
mod host;
mod prompts;
mod settings;
mod speech;
mod work;

pub use settings::{Facilitator, FacilitatorModel};

pub(super) use host::Host;

/// The name that it writes under.
pub(super) const NAME: &str = "facilitator";
