//! Sweeping: in small batches, to be gone on with at any point.

use super::notes::{Desk, line, reset};
use crate::domain::Timestamp;
use crate::engine::keys::class;
use crate::engine::{Ask, next_sweep};
use crate::store::Store;

#[test]
fn a_large_layer_is_swept_in_small_batches_that_can_stop_anywhere() {
    let mut desk = Desk::new();
    for n in 0..1_000 {
        desk.draft(line("a", n, "x"));
    }
    desk.send(reset("a"));
    desk.send(line("a", 0, "kept"));
    desk.ask(Ask::Purge).unwrap();
    let mut batches = 0;
    while let Some(batch) = next_sweep(desk.store.as_ref(), Timestamp::from_millis(0)).unwrap() {
        assert!(batch.changes.len() <= 257, "{}", batch.changes.len());
        desk.store.commit(batch, Box::new(|stored| assert!(stored.is_ok())));
        desk.restart();
        batches += 1;
        assert_eq!(desk.lines("a"), ["kept"]);
    }
    assert!(batches >= 4, "{batches}");
    assert_eq!(desk.keys_of(class::CONTENT), 1);
}
