//! Rows that nothing overflows.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::sample::{Logged, fold, folded, generic, in_a_row, log, of_body, request};
use super::{naive, *};
use crate::time::Millis;

proptest! {
    #[test]
    fn a_row_is_a_naive_count(log in log(6, 0..50)) {
        for rollup in Rollup::ALL {
            let row = folded(rollup, &log);
            let found: BTreeMap<_, _> = row.groups().collect();
            let expected = naive::count(&log, |event| naive::values(rollup, event));
            prop_assert_eq!(found.len(), expected.len());
            for (values, naive) in expected {
                naive.assert_is(rollup, found[&Group::new(values)]);
            }
            prop_assert!(!row.has_overflowed());
        }
    }

    #[test]
    fn an_event_is_folded_into_the_rollups_that_it_is_of(log in log(6, 1..20)) {
        for logged in log {
            let of: Vec<_> = Rollup::of(&logged.event).collect();
            for rollup in Rollup::ALL {
                let is_folded = Row::new(rollup).fold(&logged.event, 0, Millis::EPOCH);
                prop_assert_eq!(is_folded, naive::values(rollup, &logged.event).is_some());
                prop_assert_eq!(of.contains(&rollup), is_folded);
            }
        }
    }

    #[test]
    fn events_that_come_again_change_nothing(log in log(6, 1..40), steps: [prop::sample::Index; 6]) {
        for rollup in Rollup::ALL {
            let mut row = Row::new(rollup);
            let mut end = 0;
            for step in steps {
                // On from an earlier place, to a later one or not.
                let (from, to) = (step.index(end + 1), step.index(log.len() + 1));
                fold(&mut row, log.get(from..to).unwrap_or_default());
                end = end.max(if from < to { to } else { 0 });
                prop_assert_eq!(&row, &folded(rollup, &log[..end]));
            }
        }
    }

    #[test]
    fn a_row_that_was_stored_half_way_goes_on_as_if_it_was_not(log in log(6, 0..40), at: prop::sample::Index) {
        let at = at.index(log.len() + 1);
        for rollup in Rollup::ALL {
            let half = folded(rollup, &log[..at]);
            let mut row = Row::decode(rollup, &half.encode()).unwrap();
            prop_assert_eq!(&row, &half);
            fold(&mut row, &log[at..]);
            let whole = folded(rollup, &log);
            prop_assert_eq!(row.encode(), whole.encode());
            prop_assert_eq!(row, whole);
        }
    }

    #[test]
    fn a_stamp_grows_with_every_event_and_is_never_behind_the_log(log in log(6, 1..40)) {
        let mut row = Row::new(Rollup::Events);
        for Logged { event, origin, appended_at } in &log {
            let before = row.stamp();
            prop_assert!(row.fold(event, *origin, *appended_at));
            prop_assert_eq!(row.stamp(), (before + 1).max(appended_at.as_ms() * 1000));
            prop_assert_eq!(row.last_origin(), Some(*origin));
            prop_assert!(!row.fold(event, *origin, appended_at.plus_ms(9)));
            prop_assert!(row.stamp() > before);
        }
    }

    #[test]
    fn merges_of_groups_are_associative_and_commutative(logs in prop::array::uniform3(log(6, 1..20))) {
        for rollup in Rollup::ALL {
            let [a, b, c] = logs.each_ref().map(|log| total(&folded(rollup, log)));
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&a, &Aggregate::default()), a);
        }
    }
}

fn merged(one: &Aggregate, other: &Aggregate) -> Aggregate {
    let mut merged = one.clone();
    merged.merge(other);
    merged
}

fn total(row: &Row) -> Aggregate {
    let groups = row.groups();
    groups.fold(Aggregate::default(), |total, (_, group)| merged(&total, group))
}

#[test]
fn a_stamp_grows_whatever_the_append_time() {
    let mut row = Row::new(Rollup::Events);
    let event = of_body(generic());
    let mut before = row.stamp();
    for (origin, ms) in (0..).zip([i64::MIN, 0, 5, 5, 4, i64::MAX, i64::MAX, 0, i64::MIN]) {
        assert!(row.fold(&event, origin, Millis::from_ms(ms)));
        assert!(row.stamp() > before);
        before = row.stamp();
    }
    assert_eq!(Row::decode(Rollup::Events, &row.encode()), Ok(row));
}

#[test]
fn a_row_knows_about_what_it_takes() {
    let events = |routes: u32| {
        let routes = (0..routes).map(|route| format!("/route/{route}"));
        in_a_row(routes.map(|route| of_body(request(&route, 200, 1.0))))
    };
    let bytes = |routes| folded(Rollup::Requests, &events(routes)).bytes();
    assert!(bytes(0) < 512, "{}", bytes(0));
    assert!(bytes(400) > 400 * (size_of::<Aggregate>() + 64), "{}", bytes(400));
    assert!(
        bytes(400) < 400 * 2 * (size_of::<Aggregate>() + 128),
        "{}",
        bytes(400)
    );
}

#[test]
fn a_row_knows_that_its_groups_grow() {
    let mut ms = 1.0;
    let events: Vec<_> = std::iter::repeat_with(|| {
        ms *= 1.05;
        of_body(request("/", 200, ms))
    })
    .take(200)
    .collect();
    let bytes = |count: usize| folded(Rollup::Requests, &in_a_row(events[..count].to_vec())).bytes();
    assert!(bytes(200) >= bytes(1) + 150 * 10, "{} {}", bytes(200), bytes(1));
}
