//! What filters ask of the index, and that no event that matches is left out.

use proptest::prelude::*;

use super::*;
use crate::filter::Filter;

fn prune(q: &str) -> Prune {
    Filter::parse(q).unwrap().prune()
}

fn terms(terms: &[&[u8]]) -> BTreeSet<Vec<u8>> {
    terms.iter().map(|term| term.to_vec()).collect()
}

#[test]
fn an_exact_range_has_its_term_only() {
    let range = TermRange::exact(b"ab".to_vec());
    assert!(range.is_exact());
    assert!(range.contains(b"ab") && !range.contains(b"ab\0") && !range.contains(b"aa"));
    assert!(!TermRange::prefix(b"ab".to_vec()).is_exact());
}

#[test]
fn nothing_and_negations_prune_nothing() {
    for q in [
        "",
        "-service:a",
        "service:a OR -service:b",
        "-(service:a OR service:b)",
    ] {
        assert_eq!(prune(q), Prune::Every, "{q}");
    }
    assert_eq!(prune("service:a -service:b"), prune("service:a"));
    assert_eq!(
        prune("service:a (kind:error OR -kind:error) service:a"),
        prune("service:a")
    );
}

#[test]
fn what_is_rarest_comes_first() {
    let Prune::All(prunes) = prune("kind:* kind:error service:x reset attributes.a:1 user_id:u trace_id:t")
    else {
        panic!("it is a conjunction");
    };
    let first = |prune: &Prune| match prune {
        Prune::Terms(range) => range.begin[0],
        Prune::Any(prunes) => match &prunes[0] {
            Prune::Terms(range) => range.begin[0],
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let codes: Vec<u8> = prunes.iter().map(first).collect();
    assert_eq!(
        codes[..4],
        [code(Field::TraceId), code(Field::UserId), ATTRIBUTE, TOKEN]
    );
    assert_eq!(codes[6], code(Field::Kind));
}

#[test]
fn a_status_has_exact_bounds() {
    let status = |status: u16| [&[code(Field::StatusCode)][..], &status.to_be_bytes()].concat();
    let accepts = |q: &str, of: u16| prune(q).accepts(&BTreeSet::from([status(of)]));
    for (q, of, wanted) in [
        ("status_code:>=500", 500, true),
        ("status_code:>=500", 499, false),
        ("status_code:>500", 500, false),
        ("status_code:>499.5", 500, true),
        ("status_code:<500", 500, false),
        ("status_code:<500.5", 500, true),
        ("status_code:500..599", 599, true),
        ("status_code:500..599", 600, false),
        ("status_code:<-1", 100, false),
        ("status_code:>1e9", 599, false),
        ("status_code:*", 599, true),
    ] {
        assert_eq!(accepts(q, of), wanted, "{q} {of}");
    }
    assert_eq!(
        prune("status_code:500"),
        Prune::Terms(TermRange::exact(status(500)))
    );
}

#[test]
fn a_range_that_ends_before_its_begin_has_no_term() {
    let range = TermRange {
        begin: vec![2],
        end: vec![1],
    };
    assert!(!Prune::Terms(range).accepts(&terms(&[&[1], &[2], &[3]])));
}

proptest! {
    #[test]
    fn a_prefix_has_the_terms_that_begin_with_it(prefix in "[\u{0}a\u{7f}]{0,3}", more: Vec<u8>, other: Vec<u8>) {
        for prefix in [prefix.clone().into_bytes(), [prefix.as_bytes(), &[0xFF, 0xFF]].concat()] {
            let range = TermRange::prefix(prefix.clone());
            prop_assert!(range.contains(&[&prefix[..], &more].concat()) || more.len() > MAX_TERM_BYTES);
            prop_assert_eq!(range.contains(&other), other.starts_with(&prefix));
        }
    }
}
