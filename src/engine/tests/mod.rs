//! The engine, tested on a small kind of its own over a store in memory, on simulated time.

mod drafts;
mod going_back;
mod late_work;
mod model;
mod notes;
mod once;
mod owed;
mod stored_form;
mod sweeping;
mod two_parts;
mod verifying;
