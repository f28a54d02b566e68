//! Version control on real repositories, with the git program as the oracle.

mod agents;
mod clean_up;
mod crash;
mod create;
mod fuzz;
mod history;
mod include;
mod killed;
mod merge;
mod merge_fuzz;
mod new_repository;
mod probe;
mod refs;
mod repo;
mod scene;
