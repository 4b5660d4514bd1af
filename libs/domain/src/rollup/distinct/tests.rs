//! What a count of different texts promises.

use proptest::prelude::*;

use super::*;

fn of(texts: impl IntoIterator<Item = u32>) -> Distinct {
    let mut distinct = Distinct::default();
    for text in texts {
        distinct.add(&format!("user-{text}"));
    }
    distinct
}

fn merged(one: &Distinct, other: &Distinct) -> Distinct {
    let mut merged = one.clone();
    merged.merge(other);
    merged
}

fn bytes(distinct: &Distinct) -> Vec<u8> {
    let mut bytes = Vec::new();
    distinct.write(&mut bytes);
    bytes
}

/// Lists, arrays, and what is on the way from the one to the other.
fn distincts() -> impl Strategy<Value = Distinct> {
    let sizes = prop_oneof![6 => 0..40_u32, 2 => 3_000..6_000_u32];
    (0..1_000_u32, sizes).prop_map(|(begin, size)| of(begin..begin + size))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn order_and_grouping_of_merges_change_no_byte(a in distincts(), b in distincts(), c in distincts()) {
        prop_assert_eq!(bytes(&merged(&a, &b)), bytes(&merged(&b, &a)));
        prop_assert_eq!(bytes(&merged(&merged(&a, &b), &c)), bytes(&merged(&a, &merged(&b, &c))));
        prop_assert_eq!(merged(&a, &a), a);
    }

    #[test]
    fn it_reads_back(distinct in distincts()) {
        let bytes = bytes(&distinct);
        let mut reader = Reader::new(&bytes);
        prop_assert_eq!(Distinct::read(&mut reader), Some(distinct));
        prop_assert!(reader.is_empty());
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        if let Some(distinct) = Distinct::read(&mut Reader::new(&bytes)) {
            let _ = distinct.estimate();
        }
    }
}

#[test]
fn merged_is_as_if_all_were_added_to_one() {
    for (one, other) in [
        (0..10, 5..20),
        (0..4_000, 1_000..5_000),
        (0..20_000, 19_000..19_100),
    ] {
        let both = of(one.clone().chain(other.clone()));
        assert_eq!(merged(&of(one), &of(other)), both);
    }
}

#[test]
fn an_estimate_is_within_two_percent() {
    let mut distinct = Distinct::default();
    let mut next = 0;
    for count in [
        0,
        1,
        10,
        100,
        1_000,
        4_000,
        5_000,
        10_000,
        50_000,
        100_000,
        1_000_000_u32,
    ] {
        for text in next..count {
            distinct.add(&format!("user-{text}"));
        }
        next = count;
        let estimate = distinct.estimate();
        assert!(
            estimate.abs_diff(u64::from(count)) * 100 <= 2 * u64::from(count),
            "{estimate} for {count}"
        );
    }
}

/// As long as a list may be, and the number of a text that it has no room for.
fn longest_list() -> (Distinct, u32) {
    let mut distinct = Distinct::default();
    for text in 0.. {
        let mut next = distinct.clone();
        next.merge(&of([text]));
        if matches!(next.0, Registers::Many(_)) {
            return (distinct, text);
        }
        distinct = next;
    }
    unreachable!("texts of all registers make no list");
}

#[test]
fn a_list_becomes_an_array_when_that_is_smaller_in_whatever_way_it_grows() {
    let (list, text) = longest_list();
    assert!(matches!(&list.0, Registers::Few(entries) if entries.len() == MAX_LISTED));
    assert!(bytes(&list).len() <= usize::from(REGISTERS));

    let mut added = list.clone();
    added.add(&format!("user-{text}"));
    let one = of([text]);
    for longer in [
        added,
        merged(&list, &one),
        merged(&one, &list),
        merged(&of(0..9), &merged(&one, &list)),
    ] {
        assert!(matches!(&longer.0, Registers::Many(ranks) if having_rank(ranks) == MAX_LISTED + 1));
        assert_eq!(longer, of(0..=text));
    }
}

#[test]
fn registers_that_are_all_full_have_an_estimate() {
    let full = Distinct(Registers::Many(vec![MAX_RANK; REGISTERS.into()].into()));
    assert_eq!(full.estimate(), u64::MAX);
}

#[test]
fn what_is_no_list_of_registers_is_refused() {
    let read = |head: &[u64], tail: &[u8]| {
        let mut bytes = Vec::new();
        for number in head {
            varint::push(&mut bytes, *number);
        }
        bytes.extend_from_slice(tail);
        Distinct::read(&mut Reader::new(&bytes))
    };
    let last = u64::from(REGISTERS) - 1;
    assert!(read(&[1, last], &[MAX_RANK]).is_some());
    assert!(read(&[1, last + 1], &[1]).is_none(), "behind the last register");
    assert!(read(&[1, 0], &[0]).is_none(), "a register without a rank");
    assert!(
        read(&[1, 0], &[MAX_RANK + 1]).is_none(),
        "a rank that no hash has"
    );
    assert!(read(&[2, 0], &[1]).is_none(), "cut");

    let all = u64::from(REGISTERS);
    let ranks = vec![1; REGISTERS.into()];
    assert!(read(&[all], &ranks).is_some());
    assert!(read(&[all - 1], &ranks).is_none(), "another number of registers");
    assert!(read(&[all], &ranks[1..]).is_none(), "cut");
    assert!(
        read(&[all], &vec![MAX_RANK + 1; REGISTERS.into()]).is_none(),
        "ranks that no hash has"
    );
    assert!(
        read(&[u64::MAX], &ranks).is_none(),
        "more registers than there are"
    );
}
