//! Sums over the rows of several sources.

use proptest::prelude::*;
use proptest::sample::subsequence;

use super::sample::{Logged, folded, generic, in_a_row, log, of_body};
use super::{naive, *};

/// The values of these dimensions, in their order.
fn chosen(rollup: Rollup, by: &[Dimension], values: &[Value]) -> Vec<Value> {
    let place = |by: &Dimension| rollup.dimensions().iter().position(|own| own == by);
    by.iter().map(|by| values[place(by).unwrap()].clone()).collect()
}

fn dimensions() -> impl Strategy<Value = (Rollup, Vec<Dimension>)> {
    prop::sample::select(Rollup::ALL.to_vec()).prop_flat_map(|rollup| {
        let all = rollup.dimensions().to_vec();
        let by = subsequence(all.clone(), 0..=all.len()).prop_shuffle();
        (Just(rollup), by)
    })
}

proptest! {
    #[test]
    fn a_summary_is_a_naive_count_over_all_sources((rollup, by) in dimensions(), logs in prop::collection::vec(log(6, 0..40), 0..4), without in 0..3_usize) {
        // Leaves out what has the first value, the second or none.
        let is_meant = |values: &[Value]| !values.iter().any(|value| value.as_text() == Some(["s0", "u1", "?"][without]));
        let mut summary = Summary::new(rollup, &by, usize::MAX);
        for log in &logs {
            summary.add(&folded(rollup, log), |group| Some(is_meant(group.values())));
        }
        let all = logs.concat();
        let key = |event: &_| naive::values(rollup, event).filter(|values| is_meant(values)).map(|values| chosen(rollup, &by, &values));
        let expected = naive::count(&all, key);
        prop_assert_eq!(summary.groups().len(), expected.len());
        for (key, naive) in &expected {
            naive.assert_is(rollup, &summary.groups()[key]);
        }
        prop_assert_eq!(summary.total().count, expected.values().map(|naive| naive.count).sum::<u64>());
        prop_assert!(!summary.is_lower_bound() && summary.undecided() == 0);
    }

    #[test]
    fn groups_beyond_the_most_are_one((rollup, by) in dimensions(), logs in prop::collection::vec(log(6, 0..40), 1..4), most in 0..6_usize) {
        let sum = |most| {
            let mut summary = Summary::new(rollup, &by, most);
            for log in &logs {
                summary.add(&folded(rollup, log), |_| Some(true));
            }
            summary
        };
        let (all, few) = (sum(usize::MAX), sum(most));
        let rest = vec![Value::Other; by.len()];
        prop_assert!(few.groups().len() <= most + 1);
        prop_assert_eq!(few.groups().contains_key(&rest), all.groups().contains_key(&rest) || all.groups().len() > most);
        for (key, aggregate) in few.groups().iter().filter(|(key, _)| **key != rest) {
            prop_assert_eq!(Some(aggregate), all.groups().get(key));
        }
        prop_assert_eq!(few.total(), all.total());
    }
}

fn in_services(count: u32) -> Vec<Logged> {
    in_a_row((0..count).map(|number| {
        let mut enriched = of_body(generic());
        enriched.event.service = Some(format!("s{number}"));
        enriched
    }))
}

fn is_s0(group: &Group) -> Option<bool> {
    match &group.values()[2] {
        Value::Other => None,
        value => Some(value.as_text() == Some("s0")),
    }
}

#[test]
fn what_may_or_may_not_be_meant_is_undecided() {
    let row = folded(Rollup::Events, &in_services(1_005));
    let mut summary = Summary::new(Rollup::Events, &[Dimension::Kind], 10);
    summary.add(&row, is_s0);
    assert_eq!(summary.total().count, 1);
    assert_eq!(summary.undecided(), 5);
    assert!(summary.is_lower_bound());
}

#[test]
fn a_sum_by_what_was_kept_is_exact_and_one_by_what_was_not_is_a_lower_bound() {
    let row = folded(Rollup::Events, &in_services(1_005));
    let sum = |by| {
        let mut summary = Summary::new(Rollup::Events, &[by], 5_000);
        summary.add(&row, |_| Some(true));
        assert_eq!(summary.total().count, 1_005);
        summary
    };
    assert!(!sum(Dimension::Severity).is_lower_bound());
    let by_service = sum(Dimension::Service);
    assert!(by_service.is_lower_bound());
    assert_eq!(by_service.groups()[&vec![Value::Other]].count, 5);
}

#[test]
fn a_dimension_that_a_rollup_does_not_have_is_absent() {
    let mut summary = Summary::new(Rollup::Events, &[Dimension::Route], 5);
    summary.add(&folded(Rollup::Events, &in_services(2)), |_| Some(true));
    assert_eq!(summary.groups()[&vec![Value::Absent]].count, 2);
}
