//! Version control on real repositories, with the git program as the oracle.

mod create;
mod fuzz;
mod probe;
mod refs;
mod repo;
mod scene;
