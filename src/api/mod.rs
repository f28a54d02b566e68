//! What embedders and the command line use.

pub mod transcript;
