//! Facts about the membership.

mod world;

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::held::RECORD_OVERHEAD;
use super::*;
use crate::record::Record;

const BUDGET: Duration = Duration::from_secs(10);

fn partition(number: u32) -> TopicPartition {
    TopicPartition::new("events", number)
}

fn records(offsets: std::ops::Range<u64>) -> Vec<Record> {
    offsets
        .map(|offset| Record {
            offset,
            appended_at_ms: 0,
            key: Bytes::new(),
            value: Bytes::from_static(&[0; 100]),
            headers: Vec::new(),
        })
        .collect()
}

fn membership() -> Membership {
    Membership::new(Bounds {
        delivery_bytes: 1_000,
        backlog_bytes: 20_000,
        stash_bytes: 20_000,
    })
}

/// A member that holds these, and has taken notice.
fn holding(numbers: std::ops::Range<u32>) -> Membership {
    let mut membership = membership();
    membership.assigned(numbers.map(partition).collect());
    let unknown = membership.unknown();
    membership.committed(unknown.into_iter().map(|unknown| (unknown, None)).collect());
    assert!(matches!(membership.take(), Some(Ok(Notice::Assigned(_)))));
    membership
}

/// Seeks, and has the client do it.
fn go_to(membership: &mut Membership, number: u32, offset: u64) {
    membership.seek(&partition(number), offset).unwrap();
    for seek in membership.seeks() {
        membership.sought(&seek);
    }
    membership.plan();
}

fn taken_offsets(membership: &mut Membership) -> Option<(u32, Vec<u64>)> {
    match membership.take()?.unwrap() {
        Notice::Records(partition, records) => Some((
            partition.partition,
            records.iter().map(|record| record.offset).collect(),
        )),
        other => panic!("expected records, got {other:?}"),
    }
}

#[test]
fn nothing_is_taken_before_the_first_seek_is_done() {
    let mut membership = holding(0..1);
    membership.offer(&partition(0), records(0..3));
    membership.seek(&partition(0), 0).unwrap();
    membership.offer(&partition(0), records(0..3));
    assert!(membership.take().is_none());
    assert_eq!(membership.plan(), Plan::default(), "it is kept back until then");
    go_to(&mut membership, 0, 1);
    membership.offer(&partition(0), records(0..3));
    assert_eq!(taken_offsets(&mut membership), Some((0, vec![1, 2])));
}

#[test]
fn a_seek_drops_what_was_fetched_before_it() {
    let mut membership = holding(0..1);
    go_to(&mut membership, 0, 0);
    membership.offer(&partition(0), records(0..5));
    membership.seek(&partition(0), 9).unwrap();
    membership.offer(&partition(0), records(5..20));
    assert!(membership.take().is_none());
    let done = membership.seeks();
    membership.seek(&partition(0), 2).unwrap();
    membership.sought(&done[0]);
    membership.offer(&partition(0), records(9..20));
    assert!(membership.take().is_none(), "a newer seek waits");
    go_to(&mut membership, 0, 2);
    membership.offer(&partition(0), records(2..4));
    assert_eq!(taken_offsets(&mut membership), Some((0, vec![2, 3])));
}

#[test]
fn what_the_client_delivers_twice_is_taken_once() {
    let mut membership = holding(0..1);
    go_to(&mut membership, 0, 0);
    membership.offer(&partition(0), records(0..4));
    membership.offer(&partition(0), records(2..6));
    membership.offer(&partition(0), records(1..6));
    assert_eq!(taken_offsets(&mut membership), Some((0, (0..6).collect())));
    assert!(membership.take().is_none());
}

#[test]
fn deliveries_grow_to_their_bound_and_take_turns() {
    let mut membership = holding(0..2);
    go_to(&mut membership, 0, 0);
    go_to(&mut membership, 1, 0);
    for offset in 0..15 {
        membership.offer(&partition(0), records(offset..offset + 1));
    }
    membership.offer(&partition(1), records(0..1));
    assert_eq!(taken_offsets(&mut membership), Some((0, (0..10).collect())));
    assert_eq!(taken_offsets(&mut membership), Some((1, vec![0])));
    assert_eq!(taken_offsets(&mut membership), Some((0, (10..15).collect())));
}

#[test]
fn a_pause_keeps_a_share_and_stops_the_client_beyond_it() {
    let mut membership = holding(0..2);
    go_to(&mut membership, 0, 0);
    go_to(&mut membership, 1, 0);
    membership.pause(&partition(0), true).unwrap();
    assert_eq!(membership.plan(), Plan::default(), "there is room for more");
    let mut next = 0;
    while !membership.is_dirty() {
        membership.offer(&partition(0), records(next..next + 10));
        next += 10;
    }
    assert_eq!(membership.plan().pause, [partition(0)]);
    membership.offer(&partition(1), records(0..1));
    assert!(membership.has_room(), "what rests is no hindrance to others");
    assert_eq!(taken_offsets(&mut membership), Some((1, vec![0])));
    assert!(membership.take().is_none());

    membership.pause(&partition(0), false).unwrap();
    assert_eq!(membership.plan().resume, [partition(0)]);
    let mut got = Vec::new();
    while let Some((_, offsets)) = taken_offsets(&mut membership) {
        got.extend(offsets);
    }
    assert_eq!(got, (0..next).collect::<Vec<u64>>());
}

#[test]
fn a_stash_that_is_half_taken_lets_the_client_go_on() {
    let mut membership = holding(0..1);
    go_to(&mut membership, 0, 0);
    membership.pause(&partition(0), true).unwrap();
    membership.offer(&partition(0), records(0..200));
    assert_eq!(membership.plan().pause, [partition(0)]);
    // The owner looks into the stash for a moment, again and again.
    membership.pause(&partition(0), false).unwrap();
    membership.take();
    membership.pause(&partition(0), true).unwrap();
    assert_eq!(membership.plan().resume, [partition(0)], "all was one delivery");
}

#[test]
fn a_full_backlog_has_no_room_and_can_be_stalled() {
    let mut membership = holding(0..1);
    go_to(&mut membership, 0, 0);
    let mut next = 0;
    while membership.has_room() {
        membership.offer(&partition(0), records(next..next + 10));
        next += 10;
    }
    assert!(next >= 20_000 / (100 + RECORD_OVERHEAD as u64));
    assert_eq!(membership.plan(), Plan::default());
    membership.stall(true);
    assert_eq!(membership.plan().pause, [partition(0)]);
    membership.take();
    assert!(membership.has_room());
    membership.stall(false);
    assert_eq!(membership.plan().resume, [partition(0)]);
}

#[test]
fn a_revoked_partition_is_given_back_when_it_is_released() {
    let now = Instant::now();
    let mut membership = holding(0..2);
    go_to(&mut membership, 0, 0);
    membership.offer(&partition(0), records(0..3));
    membership.revoked(vec![partition(0), partition(1)], now + BUDGET);
    assert!(matches!(membership.take(), Some(Ok(Notice::Revoked(list))) if list.len() == 2));
    assert!(membership.take().is_none(), "its records are not given any more");
    assert!(membership.seek(&partition(0), 3).is_err());
    membership.release(&[partition(0)]);
    assert!(membership.may_commit(&partition(0)).is_err());
    assert!(membership.may_commit(&partition(1)).is_ok());
    assert_eq!(membership.given_back(now), None, "the other one is drained still");
    membership.release(&[partition(1)]);
    assert_eq!(membership.given_back(now), Some(vec![partition(0), partition(1)]));
    assert_eq!(membership.given_back(now), None);
    assert!(membership.take().is_none());
}

#[test]
fn a_revoked_partition_is_lost_after_the_budget() {
    let now = Instant::now();
    let mut membership = holding(0..2);
    membership.revoked(vec![partition(0), partition(1)], now + BUDGET);
    membership.take();
    membership.release(&[partition(1)]);
    assert_eq!(membership.given_back(now), None);
    assert!(membership.given_back(now + BUDGET).is_some());
    assert!(matches!(membership.take(), Some(Ok(Notice::Lost(list))) if list == [partition(0)]));
    assert!(membership.may_commit(&partition(0)).is_err());
}

#[test]
fn a_partition_that_is_lost_while_it_drains_is_not_waited_for() {
    let now = Instant::now();
    let mut membership = holding(0..2);
    membership.revoked(vec![partition(0)], now + BUDGET);
    let draining = membership.draining().unwrap();
    membership.lost(&draining);
    assert_eq!(membership.given_back(now), Some(vec![partition(0)]));
    assert!(matches!(membership.take(), Some(Ok(Notice::Lost(list))) if list == [partition(0)]));
    assert!(membership.take().is_none(), "nobody heard of the revocation");
}

#[test]
fn what_the_owner_has_not_heard_of_comes_and_goes_without_a_word() {
    let now = Instant::now();
    let mut membership = membership();
    membership.assigned(vec![partition(0), partition(1), partition(2)]);
    let mut unknown = membership.unknown();
    unknown.pop();
    membership.committed(unknown.into_iter().map(|unknown| (unknown, Some(7))).collect());
    membership.revoked(vec![partition(0), partition(2)], now + BUDGET);
    assert_eq!(membership.given_back(now), Some(vec![partition(0), partition(2)]));
    assert!(
        matches!(membership.take(), Some(Ok(Notice::Assigned(list))) if list == [(partition(1), Some(7))])
    );
    assert!(membership.take().is_none());
}

#[test]
fn a_commit_that_was_looked_up_for_an_older_assignment_is_not_told() {
    let mut membership = membership();
    membership.assigned(vec![partition(0)]);
    let old = membership.unknown();
    membership.lost(&[partition(0)]);
    membership.assigned(vec![partition(0)]);
    membership.committed(old.into_iter().map(|unknown| (unknown, Some(1))).collect());
    assert!(membership.take().is_none());
    let new = membership.unknown();
    membership.committed(new.into_iter().map(|unknown| (unknown, Some(2))).collect());
    assert!(
        matches!(membership.take(), Some(Ok(Notice::Assigned(list))) if list == [(partition(0), Some(2))])
    );
}

#[test]
fn the_group_comes_first_then_errors_then_records() {
    let mut membership = holding(0..2);
    go_to(&mut membership, 0, 0);
    membership.offer(&partition(0), records(0..1));
    for _ in 0..3 {
        membership.trouble(Error::Unavailable {
            reason: "no broker".to_owned(),
        });
    }
    membership.lost(&[partition(1)]);
    assert!(matches!(membership.take(), Some(Ok(Notice::Lost(_)))));
    assert!(matches!(membership.take(), Some(Err(Error::Unavailable { .. }))));
    assert!(matches!(membership.take(), Some(Ok(Notice::Records(..)))));
    assert!(membership.take().is_none());
}

#[test]
fn a_stopped_partition_is_explained_once_and_can_be_sought_again() {
    let mut membership = holding(0..2);
    go_to(&mut membership, 0, 5);
    go_to(&mut membership, 1, 0);
    let at = membership.positions();
    assert_eq!(at.len(), 2);
    membership.stopped(&at[0]);
    assert_eq!(
        membership.unexplained(),
        [Seek {
            stopped: true,
            ..at[0].clone()
        }]
    );
    membership.explained(&at[0], Error::Closed);
    membership.explained(&at[1], Error::Closed);
    assert!(matches!(membership.take(), Some(Err(_))));
    assert!(membership.take().is_none());
    assert_eq!(membership.unexplained(), []);
    assert_eq!(membership.positions().len(), 1, "it is not read any more");

    membership.seek(&partition(0), 2).unwrap();
    assert!(membership.seeks()[0].stopped, "an ordinary seek would not help");
    go_to(&mut membership, 0, 2);
    assert_eq!(membership.positions().len(), 2);
}

#[test]
fn after_a_failure_there_is_one_error_and_no_record() {
    let mut membership = holding(0..1);
    go_to(&mut membership, 0, 0);
    membership.offer(&partition(0), records(0..5));
    membership.fail(Error::Closed);
    membership.fail(Error::Closed);
    membership.offer(&partition(0), records(5..6));
    assert!(matches!(membership.take(), Some(Err(Error::Closed))));
    assert!(membership.take().is_none());
    assert_eq!(membership.plan().pause, [partition(0)]);
    assert!(
        membership.may_commit(&partition(0)).is_ok(),
        "what was done can be committed"
    );
}

#[test]
fn a_topic_that_is_gone_takes_its_partitions_along() {
    let mut membership = holding(0..2);
    go_to(&mut membership, 0, 0);
    membership.gone(&"events".into(), "the topic was deleted");
    assert!(matches!(membership.take(), Some(Ok(Notice::Lost(list))) if list.len() == 2));
    assert!(matches!(
        membership.take(),
        Some(Err(Error::UnknownPartition { .. }))
    ));
    assert!(
        membership.may_commit(&partition(0)).is_err(),
        "there is nothing to commit to"
    );
}

#[test]
fn what_is_sought_or_let_go_is_to_be_read_soon() {
    let mut membership = holding(0..2);
    assert!(!membership.has_moved());
    go_to(&mut membership, 0, 0);
    assert_eq!(membership.take_moved(), [partition(0)].into());
    membership.stall(true);
    membership.plan();
    assert!(!membership.has_moved());
    membership.stall(false);
    membership.plan();
    assert_eq!(membership.take_moved(), [partition(0)].into());
    assert!(!membership.has_moved());
}

#[test]
fn when_nobody_polls_any_more_every_call_says_so() {
    let mut membership = holding(0..1);
    membership.end();
    for _ in 0..3 {
        assert!(matches!(membership.take(), Some(Err(Error::Closed))));
    }
}

#[test]
fn a_doubt_remembers_whether_the_topic_was_there() {
    let now = Instant::now();
    let mut membership = holding(0..1);
    let (events, other): (Arc<str>, Arc<str>) = ("events".into(), "other".into());
    membership.doubt(&events, now);
    membership.doubt(&other, now);
    membership.lost(&[partition(0)]);
    membership.doubt(&events, now + BUDGET);
    let doubts = membership.doubts();
    assert_eq!(
        doubts[0],
        (
            events,
            Doubt {
                since: now,
                held: true
            }
        )
    );
    assert_eq!(
        doubts[1],
        (
            other,
            Doubt {
                since: now,
                held: false
            }
        )
    );
    membership.believe("events");
    assert_eq!(membership.doubts().len(), 1);
}

proptest! {
    #[test]
    fn what_is_kept_has_a_bound(offers in prop::collection::vec((0_u32..3, 1_u64..20), 0..200)) {
        let mut membership = holding(0..3);
        for number in 0..3 {
            go_to(&mut membership, number, 0);
        }
        membership.pause(&partition(0), true).unwrap();
        let mut next = [0; 3];
        for (number, count) in offers {
            let at = &mut next[number as usize];
            let back = membership.held[&partition(number)].kept_back;
            if membership.has_room() && !back {
                membership.offer(&partition(number), records(*at..*at + count));
                *at += count;
                membership.plan();
            }
            let kept: usize = membership.held.values().map(Held::kept_bytes).sum();
            let one = 20 * (100 + RECORD_OVERHEAD);
            prop_assert!(kept <= membership.bounds.backlog_bytes + membership.bounds.stash_bytes / 3 + 2 * one);
        }
    }
}
