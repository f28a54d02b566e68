//! Version control on real repositories, with the git program as the oracle.

mod refs;
mod repo;
