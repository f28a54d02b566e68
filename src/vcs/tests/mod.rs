//! Version control on real repositories, with the git program as the oracle.

mod create;
mod probe;
mod fuzz;
mod refs;
mod repo;
mod scene;
