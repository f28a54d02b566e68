//! Version control on real repositories, with the git program as the oracle.

mod clean_up;
mod create;
mod fuzz;
mod history;
mod include;
mod killed;
mod merge;
mod merge_fuzz;
mod probe;
mod refs;
mod repo;
mod scene;
