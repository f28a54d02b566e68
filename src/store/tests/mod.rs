//! Tests of the store as a whole.

#![allow(clippy::cast_possible_truncation)] // counts and lengths here are small

mod contract;
mod crash;
mod damage;
mod frames;
mod full;
mod history;
mod overlay;
mod snapshots;
mod threads;
