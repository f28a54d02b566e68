//! Tests of the store as a whole.

mod contract;
mod crash;
mod damage;
mod frames;
mod full;
mod history;
mod overlay;
mod snapshots;
mod threads;
