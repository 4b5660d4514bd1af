//! Rows with more groups than there is room for.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::sample::{Logged, action, error, fold, folded, generic, in_a_row, log, of_body, request};
use super::{naive, *};
use crate::event::{Body, Severity};
use crate::record::Enriched;

/// The count of each group with a value that is other.
fn others(row: &Row) -> BTreeMap<Vec<Value>, u64> {
    let groups = row.groups();
    let others = groups.filter(|(group, _)| group.values().contains(&Value::Other));
    others
        .map(|(group, found)| (group.values().to_vec(), found.count))
        .collect()
}

fn count(row: &Row) -> u64 {
    row.groups().map(|(_, group)| group.count).sum()
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn in_service(body: Body, service: String) -> Enriched {
    let mut enriched = of_body(body);
    enriched.event.service = Some(service);
    enriched
}

/// Every event has texts of its own.
fn all_different(log: Vec<Logged>) -> Vec<Logged> {
    let different = |(number, mut logged): (usize, Logged)| {
        let event = &mut logged.event.event;
        event.service = event.service.take().map(|name| format!("{name}{number}"));
        event.user_id = event.user_id.take().map(|name| format!("{name}{number}"));
        match &mut event.body {
            Body::ApiRequest(body) => body.route = Some(format!("r{number}")),
            Body::Error(body) => body.error_type = format!("t{number}"),
            Body::UserAction(body) => body.action = format!("a{number}"),
            Body::Generic(_) => {}
        }
        logged
    };
    log.into_iter().enumerate().map(different).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn nothing_is_lost_and_nothing_grows_without_end(log in log(9, 4_000).prop_map(all_different)) {
        for rollup in Rollup::ALL {
            let row = folded(rollup, &log);
            let own = log.iter().filter(|logged| naive::values(rollup, &logged.event).is_some());
            prop_assert_eq!(count(&row), own.count() as u64);
            prop_assert!(row.groups().count() <= rollup.max_groups());
            prop_assert_eq!(row.has_overflowed(), !others(&row).is_empty());
            let read = Row::decode(rollup, &row.encode()).unwrap();
            prop_assert_eq!(read.has_overflowed(), row.has_overflowed());
            prop_assert_eq!(read, row);
        }
    }

    #[test]
    fn kinds_and_severities_are_exact_whatever_overflows(log in log(9, 4_000).prop_map(all_different)) {
        let row = folded(Rollup::Events, &log);
        prop_assert!(row.has_overflowed());
        let mut found = BTreeMap::<_, u64>::new();
        for (group, aggregate) in row.groups() {
            *found.entry(group.values()[..2].to_vec()).or_default() += aggregate.count;
        }
        let level = |event: &Enriched| naive::values(Rollup::Events, event).map(|values| values[..2].to_vec());
        let expected = naive::count(&log, level).into_iter();
        prop_assert_eq!(found, expected.map(|(key, naive)| (key, naive.count)).collect());
    }

    #[test]
    fn a_full_row_that_was_stored_goes_on_as_if_it_was_not(log in log(9, 3_000).prop_map(all_different), at in 1_000..3_000_usize) {
        for rollup in Rollup::ALL {
            let half = folded(rollup, &log[..at]);
            let mut row = Row::decode(rollup, &half.encode()).unwrap();
            fold(&mut row, &log[at..]);
            fold(&mut row, &log);
            prop_assert_eq!(row, folded(rollup, &log));
        }
    }
}

#[test]
fn a_hundred_thousand_routes_stay_in_a_row_and_nothing_is_lost() {
    let mut row = Row::new(Rollup::Requests);
    for origin in 0..100_000_u32 {
        let event = in_service(request(&format!("/{origin}"), 200, 5.0), "shop".to_owned());
        row.fold(&event, origin.into(), crate::time::Millis::EPOCH);
    }
    let coarse = vec![
        text("shop"),
        Value::Absent,
        Value::Other,
        Value::Other,
        text("2xx"),
    ];
    assert_eq!(others(&row), BTreeMap::from([(coarse, 99_000)]));
    assert_eq!((count(&row), row.groups().count()), (100_000, 1_001));
    assert!(row.encode().len() < 64 << 10 && row.bytes() < 1 << 20);
}

#[test]
fn a_group_that_has_room_keeps_it() {
    let events = (0..3_000_u32).map(|number| of_body(action(&format!("a{}", number % 1_000))));
    let row = folded(Rollup::Actions, &in_a_row(events));
    let first = Group::new(vec![Value::Absent, Value::Absent, text("a0")]);
    let (_, found) = row.groups().find(|(group, _)| *group == first).unwrap();
    assert_eq!(found.count, 3);
    let coarse = vec![Value::Absent, Value::Absent, Value::Other];
    assert_eq!(others(&row), BTreeMap::from([(coarse, 1_500)]));
}

#[test]
fn what_overflows_is_counted_by_service_and_then_in_one_group() {
    let services = |count: u32| (0..count).map(|number| format!("s{number}"));
    let requests = services(1_300).map(|name| in_service(request("/", 404, 1.0), name));
    let row = folded(Rollup::Requests, &in_a_row(requests));
    let rest = vec![
        Value::Other,
        Value::Other,
        Value::Other,
        Value::Other,
        text("4xx"),
    ];
    assert_eq!(others(&row).len(), 257);
    assert_eq!(others(&row)[&rest], 44);

    let errors = services(1_300).map(|name| in_service(error("Timeout", None), name));
    let row = folded(Rollup::Errors, &in_a_row(errors));
    assert_eq!(others(&row).len(), 257);
    assert_eq!(others(&row)[&vec![Value::Other; 4]], 44);

    let actions = services(700).map(|name| in_service(action("pay"), name));
    let row = folded(Rollup::Actions, &in_a_row(actions));
    assert_eq!(others(&row).len(), 129);
    assert_eq!(others(&row)[&vec![Value::Other; 3]], 72);
}

#[test]
fn events_and_users_that_overflow_have_one_group_each() {
    let events = (0..1_100_u32).map(|number| in_service(generic(), format!("s{number}")));
    let row = folded(Rollup::Events, &in_a_row(events));
    let coarse = vec![text("generic"), text("info"), Value::Other, Value::Other];
    assert_eq!(others(&row), BTreeMap::from([(coarse, 100)]));

    let users = (0..1_100_u32).map(|number| {
        let mut enriched = of_body(generic());
        enriched.event.user_id = Some(format!("u{number}"));
        enriched
    });
    let row = folded(Rollup::Users, &in_a_row(users));
    assert_eq!(others(&row), BTreeMap::from([(vec![Value::Other], 100)]));
}

#[test]
fn a_text_that_is_too_long_has_no_group_of_its_own() {
    let long = "x".repeat(key::MAX_TEXT_BYTES + 1);
    let events = in_a_row([
        in_service(request(&long[1..], 200, 1.0), "shop".to_owned()),
        in_service(request(&long, 200, 1.0), "shop".to_owned()),
        in_service(request("/", 200, 1.0), long.clone()),
    ]);
    let row = folded(Rollup::Requests, &events);
    let coarse = vec![
        text("shop"),
        Value::Absent,
        Value::Other,
        Value::Other,
        text("2xx"),
    ];
    let coarsest = vec![
        Value::Other,
        Value::Other,
        Value::Other,
        Value::Other,
        text("2xx"),
    ];
    assert_eq!(others(&row), BTreeMap::from([(coarse, 1), (coarsest, 1)]));
    assert_eq!((count(&row), row.has_overflowed()), (3, true));

    let row = folded(Rollup::Events, &events);
    let coarse = vec![
        text("api_request"),
        text(Severity::Info.as_str()),
        Value::Other,
        Value::Other,
    ];
    assert_eq!(others(&row), BTreeMap::from([(coarse, 1)]));
}
