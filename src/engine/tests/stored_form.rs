//! The bytes that are stored, held fast: what was written once has to be readable for good.

use super::notes::{Command, Desk, line, page, reset};
use crate::domain::{EntityId, Generation, Timestamp};
use crate::engine::Ask;
use crate::engine::content::each_key;
use crate::engine::keys::{EntityKeys, class};

/// Every key of every class with its value, after a short history at a fixed time.
fn dump() -> String {
    let mut desk = Desk::new();
    desk.send(line("a", 0, "x"));
    desk.draft(line("a", 1, "y"));
    desk.send(reset("a"));
    let late = Command::Line { page: page("a"), generation: Some(Generation(1)), number: 2, text: "late".into() };
    desk.refused(Ask::Command(late));
    let terms = crate::engine::Terms { by: "ann".into(), key: Some("k".into()), ..Default::default() };
    desk.request(Ask::Undo(None), terms).unwrap();
    desk.send(Command::Remind { page: page("a"), at: Timestamp::from_millis(2_000_000) });
    let mut dump = String::new();
    each_key(desk.store.as_ref(), &[], None, |key, value| {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        dump.push_str(format!("{} {}", key.escape_ascii(), hex(value)).trim_end());
        dump.push('\n');
        true
    })
    .unwrap();
    dump
}

#[test]
fn the_stored_bytes_are_those_of_format_1() {
    let golden = include_str!("stored_form_1.txt");
    let found = dump();
    if found != golden {
        let differing = found.lines().zip(golden.lines()).find(|(found, golden)| found != golden);
        panic!(
            "the stored form changed: give it a new version, and keep reading this one. First: {differing:#?}\nAll:\n{found}"
        );
    }
}

#[test]
fn every_class_of_key_is_in_the_fixture() {
    let golden = include_str!("stored_form_1.txt");
    // Snapshots and garbage need longer histories, shared things another kind.
    for class in [
        class::HEAD,
        class::JOURNAL,
        class::CONTENT,
        class::UNDO,
        class::ORPHAN,
        class::ANSWER,
        class::ANSWER_AGE,
        class::AUDIT,
        class::AUDIT_TIME,
        class::EFFECT,
        class::TIMER,
    ] {
        assert!(golden.lines().any(|line| line.as_bytes().first() == Some(&class)), "{}", char::from(class));
    }
}

#[test]
fn a_damaged_turn_is_an_error_of_its_entity_that_names_it() {
    let mut desk = Desk::new();
    desk.send(line("a", 0, "x"));
    let keys = EntityKeys::new("notes", EntityId::new("n").unwrap());
    let mut batch = crate::store::Batch::default();
    batch.put(keys.journal(1), b"\x01\x02rubbish".to_vec());
    crate::store::Store::commit(desk.store.as_ref(), batch, Box::new(|stored| assert!(stored.is_ok())));
    let loaded = crate::engine::Instance::<super::notes::Notes>::load(
        desk.store.as_ref(),
        EntityId::new("n").unwrap(),
        std::sync::Arc::clone(&desk.options),
    );
    let error = loaded.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("notes n") && error.contains("turn 1") && error.contains("checksum"), "{error}");
}
