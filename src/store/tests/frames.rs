//! The codec of frames.

use proptest::prelude::*;

use super::super::frame::{self, HEADER, Header, Place, Stamp};
use super::super::*;
use super::history::{STORE, any_batch};

const PLACE: Place = Place { store: STORE, segment: Position(3), offset: 4096 };
const STAMP: Stamp = Stamp { position: Position(9), synced: Position(7), at_ms: -5 };

fn read(bytes: &[u8], place: Place) -> Option<(Header, Batch)> {
    let header = Header::read(bytes, place)?;
    Some((header, frame::decode(header.body(bytes, place)?)?))
}

#[test]
fn a_mark_is_no_longer_than_the_shortest_frame() {
    let (mut mark, mut shortest) = (Vec::new(), Vec::new());
    frame::append_mark(&mut mark, PLACE, STAMP);
    frame::append(&mut shortest, PLACE, STAMP, &Batch::default());
    assert!(mark.len() <= shortest.len());
    assert_eq!(mark.len() as u64, frame::MARK_BYTES);
    assert!(Header::read(&mark, PLACE).unwrap().is_mark());
    assert!(!Header::read(&shortest, PLACE).unwrap().is_mark());
}

#[test]
fn zeros_are_no_frame() {
    assert_eq!(Header::read(&[0; 100], PLACE), None);
}

#[test]
fn a_frame_is_valid_in_its_own_place_only() {
    let mut bytes = Vec::new();
    frame::append(&mut bytes, PLACE, STAMP, &super::history::put("a", 1, 10));
    assert!(read(&bytes, PLACE).is_some());
    assert_eq!(Header::read(&bytes, Place { offset: 4104, ..PLACE }), None);
    assert_eq!(Header::read(&bytes, Place { segment: Position(4), ..PLACE }), None);
    assert_eq!(Header::read(&bytes, Place { store: StoreId([0; 16]), ..PLACE }), None);
}

proptest! {
    #[test]
    fn what_is_written_is_read_and_fits_its_announced_size(batch in any_batch()) {
        let mut bytes = Vec::new();
        prop_assert!(frame::append(&mut bytes, PLACE, STAMP, &batch));
        prop_assert!(bytes.len() <= batch_bytes(&batch));
        prop_assert_eq!(bytes.len() % frame::ALIGN, 0);
        let (header, found) = read(&bytes, PLACE).unwrap();
        prop_assert_eq!((header.position, header.synced, header.at_ms), (STAMP.position, STAMP.synced, STAMP.at_ms));
        prop_assert_eq!(header.next(0), bytes.len() as u64);
        prop_assert_eq!(found, batch);
    }

    #[test]
    fn any_bit_that_turns_over_is_noticed(batch in any_batch(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut bytes = Vec::new();
        frame::append(&mut bytes, PLACE, STAMP, &batch);
        let length = Header::read(&bytes, PLACE).unwrap().length;
        bytes[at.index(length)] ^= 1 << bit;
        prop_assert!(read(&bytes, PLACE).is_none());
    }

    #[test]
    fn a_body_has_one_form_and_any_other_bytes_are_refused(body in prop::collection::vec(0u8..6, 0..40)) {
        if let Some(batch) = frame::decode(&body) {
            let mut bytes = Vec::new();
            frame::append(&mut bytes, PLACE, STAMP, &batch);
            prop_assert_eq!(&bytes[HEADER..HEADER + body.len()], &body[..]);
        }
    }
}
