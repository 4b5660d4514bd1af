//! Rows as bytes.

use proptest::prelude::*;

use super::sample::{action, error, folded, generic, in_a_row, log, of_body, request};
use super::*;
use crate::varint;

/// The body of a row with one event.
fn one_event() -> Vec<u8> {
    let row = folded(Rollup::Events, &in_a_row([of_body(generic())]));
    row.encode()[3..].to_vec()
}

fn plain(rollup: Rollup, body: &[u8]) -> Vec<u8> {
    [&[1, rollup.number(), 0], body].concat()
}

fn packed(rollup: Rollup, length: usize, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, rollup.number(), 1];
    varint::push(&mut bytes, length as u64);
    bytes.extend(zstd::bulk::compress(body, 1).unwrap());
    bytes
}

proptest! {
    #[test]
    fn bytes_that_were_written_are_written_again(log in log(6, 0..60)) {
        for rollup in Rollup::ALL {
            let bytes = folded(rollup, &log).encode();
            let row = Row::decode(rollup, &bytes).unwrap();
            prop_assert_eq!(row.encode(), bytes);
        }
    }

    #[test]
    fn cut_or_continued_bytes_are_refused(log in log(6, 1..60), at: prop::sample::Index, more: u8) {
        for rollup in Rollup::ALL {
            let bytes = folded(rollup, &log).encode();
            prop_assert!(Row::decode(rollup, &bytes[..at.index(bytes.len())]).is_err());
            prop_assert!(Row::decode(rollup, &[bytes, vec![more]].concat()).is_err());
        }
    }

    #[test]
    fn no_bytes_panic(body: Vec<u8>, bytes: Vec<u8>) {
        for rollup in Rollup::ALL {
            for bytes in [&bytes, &plain(rollup, &body), &packed(rollup, body.len(), &body)] {
                if let Ok(row) = Row::decode(rollup, bytes) {
                    prop_assert_eq!(Row::decode(rollup, &row.encode()), Ok(row));
                }
            }
        }
    }

    #[test]
    fn a_flipped_byte_does_not_panic(log in log(6, 1..60), at: prop::sample::Index, mask in 1_u8..) {
        for rollup in Rollup::ALL {
            let mut bytes = folded(rollup, &log).encode();
            let at = at.index(bytes.len());
            bytes[at] ^= mask;
            if let Ok(row) = Row::decode(rollup, &bytes) {
                prop_assert_eq!(Row::decode(rollup, &row.encode()), Ok(row));
            }
        }
    }
}

#[test]
fn an_empty_row_reads_back() {
    for rollup in Rollup::ALL {
        let row = Row::decode(rollup, &Row::new(rollup).encode()).unwrap();
        assert!(row.is_empty() && row.groups().next().is_none());
        assert_eq!((row.stamp(), row.last_origin()), (0, None));
    }
}

#[test]
fn a_row_of_another_rollup_or_version_is_refused() {
    let bytes = folded(Rollup::Events, &in_a_row([of_body(generic())])).encode();
    assert!(Row::decode(Rollup::Events, &bytes).is_ok());
    assert_eq!(Row::decode(Rollup::Errors, &bytes), Err(Corrupt));
    for (at, value) in [(0, 2), (1, 2), (2, 2)] {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        assert_eq!(Row::decode(Rollup::Events, &bytes), Err(Corrupt), "byte {at}");
    }
}

#[test]
fn large_rows_are_packed() {
    let routes = (0..500).map(|route| of_body(request(&format!("/api/v1/route/{route}"), 200, 5.0)));
    let row = folded(Rollup::Requests, &in_a_row(routes));
    let bytes = row.encode();
    assert_eq!(bytes[2], 1);
    assert!(bytes.len() < 500 * 12, "{}", bytes.len());
    assert_eq!(Row::decode(Rollup::Requests, &bytes), Ok(row));
}

#[test]
fn a_body_is_of_the_length_that_is_said() {
    let body = one_event();
    let decode = |length| Row::decode(Rollup::Events, &packed(Rollup::Events, length, &body));
    assert!(decode(body.len()).is_ok());
    for length in [0, body.len() - 1, body.len() + 1, usize::MAX >> 1] {
        assert_eq!(decode(length), Err(Corrupt), "{length}");
    }
}

#[test]
fn what_no_events_leave_is_refused() {
    let body = one_event();
    let decode = |body: &[u8]| Row::decode(Rollup::Events, &plain(Rollup::Events, body));
    assert!(decode(&body).is_ok());
    // Behind three bytes of the stamp, the number of groups and the origin.
    let group = &body[5..];
    let head = |numbers: &[u64]| {
        let mut bytes = Vec::new();
        for number in numbers {
            varint::push(&mut bytes, *number);
        }
        bytes
    };
    assert!(decode(&[&head(&[9, 1, 0]), group].concat()).is_ok());
    assert!(decode(&[&head(&[0, 1, 0]), group].concat()).is_err(), "no stamp");
    assert!(
        decode(&[&head(&[u64::MAX, 1, 0]), group].concat()).is_err(),
        "a stamp below 0"
    );
    assert!(
        decode(&[&head(&[u64::MAX >> 1, 1, 0]), group].concat()).is_err(),
        "no greater stamp"
    );
    assert!(decode(&head(&[9, 0])).is_err(), "a stamp without events");
    assert!(
        decode(&[&head(&[9, 2, 0]), group, group].concat()).is_err(),
        "a group twice"
    );
    let (last, without_count) = group.split_last().unwrap();
    assert_eq!(*last, 1);
    assert!(
        decode(&[&head(&[9, 1, 0]), without_count, &[0]].concat()).is_err(),
        "a group without events"
    );
}

#[test]
fn more_groups_than_there_is_room_for_are_refused() {
    let users = |count: u16| {
        let mut body = vec![9];
        varint::push(&mut body, count.into());
        body.push(0);
        for user in 0..count {
            body.extend_from_slice(&[0, 6]);
            body.extend_from_slice(format!("{user:04}").as_bytes());
            body.extend_from_slice(&[1, 5]);
        }
        Row::decode(Rollup::Users, &plain(Rollup::Users, &body))
    };
    assert!(users(1_001).is_ok());
    assert_eq!(users(1_002), Err(Corrupt));
    assert_eq!(
        Rollup::ALL.map(Rollup::max_groups),
        [1_020, 1_262, 1_257, 629, 1_001]
    );
}

#[test]
fn a_text_of_a_group_is_text_and_not_too_long() {
    let decode = |text: &[u8]| {
        let length = u16::try_from(2 + text.len()).unwrap();
        let body = [&[9, 1, 0], &length.to_be_bytes()[..], text, &[1, 5]].concat();
        Row::decode(Rollup::Users, &plain(Rollup::Users, &body))
    };
    assert!(decode(b"ann").is_ok());
    assert!(decode(&[b'x'; key::MAX_TEXT_BYTES]).is_ok());
    assert_eq!(decode(&[b'x'; key::MAX_TEXT_BYTES + 1]), Err(Corrupt));
    assert_eq!(decode(&[0xff]), Err(Corrupt));
}

#[test]
fn every_kind_of_aggregate_is_in_the_bytes() {
    for (rollup, body) in [
        (Rollup::Requests, request("/", 200, 1.5)),
        (Rollup::Errors, error("Timeout", Some("f"))),
        (Rollup::Actions, action("pay")),
        (Rollup::Users, generic()),
    ] {
        let mut enriched = of_body(body);
        enriched.event.user_id = Some("ann".to_owned());
        enriched.event.session_id = Some("s".to_owned());
        let row = folded(rollup, &in_a_row([enriched]));
        let read = Row::decode(rollup, &row.encode()).unwrap();
        let (_, aggregate) = read.groups().next().unwrap();
        assert_eq!(aggregate.duration.is_some(), rollup == Rollup::Requests);
        assert_eq!(
            aggregate.users.is_some(),
            matches!(rollup, Rollup::Errors | Rollup::Actions)
        );
        assert_eq!(
            aggregate.last_seen.is_some(),
            matches!(rollup, Rollup::Errors | Rollup::Users)
        );
        assert_eq!(read, row);
    }
}
