//! What holds for any event and any filter.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::sample::{about, context, event, filter, filters_about};
use super::{naive, *};
use crate::filter::field::Sort;
use crate::filter::tree::{Node, Test};
use crate::index::term;

fn terms(event: &Event, context: &Context) -> BTreeSet<Vec<u8>> {
    let mut terms = BTreeSet::new();
    term::of_event(event, context, &mut |term: &[u8]| {
        assert!(term.len() <= term::MAX_TERM_BYTES, "{term:?}");
        terms.insert(term.to_owned());
    });
    terms
}

fn reversed(node: &Node) -> Node {
    match node {
        Node::All(nodes) => Node::All(nodes.iter().rev().map(reversed).collect()),
        Node::Any(nodes) => Node::Any(nodes.iter().rev().map(reversed).collect()),
        Node::Not(node) => Node::Not(Box::new(reversed(node))),
        Node::Leaf(_) => node.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn an_event_that_matches_is_never_pruned(event in event(), context in context(), plan in filters_about()) {
        let terms = terms(&event, &context);
        for filter in plan.of(&event, &context) {
            prop_assert!(!filter.matches(&event, &context) || filter.prune().accepts(&terms), "{filter}");
        }
    }

    #[test]
    fn whatever_an_event_has_matches_and_is_not_pruned(event in event(), context in context()) {
        let terms = terms(&event, &context);
        for filter in about(&event, &context) {
            prop_assert!(filter.matches(&event, &context), "{filter}");
            prop_assert!(filter.prune().accepts(&terms), "{filter}");
        }
    }

    #[test]
    fn an_event_without_the_value_is_pruned(one in event(), other in event(), context in context()) {
        let terms = terms(&one, &context);
        let is_over = terms.contains(&vec![term::ATTRIBUTE_OVERFLOW]);
        for filter in about(&other, &context) {
            let is_exact = match &filter.root {
                Node::Leaf(Condition::Field(field, _)) => field.sort() == Sort::Text,
                Node::Leaf(Condition::Attribute(_, asked)) => !is_over && *asked != Test::Present,
                _ => false,
            };
            // A longer value may share its term.
            if is_exact && filter.to_string().len() < 40 {
                prop_assert_eq!(filter.prune().accepts(&terms), filter.matches(&one, &context), "{}", filter);
            }
        }
    }

    #[test]
    fn an_event_matches_as_it_plainly_should(event in event(), context in context(), plan in filters_about()) {
        for filter in plan.of(&event, &context) {
            prop_assert_eq!(filter.matches(&event, &context), naive::matches(&filter, &event, &context), "{}", filter);
        }
    }

    #[test]
    fn a_filter_that_is_written_reads_back(filter in filter()) {
        prop_assume!(filter.to_string().len() <= MAX_TEXT_BYTES);
        prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
    }

    #[test]
    fn the_canonical_form_does_not_depend_on_the_order(filter in filter(), event in event(), context in context()) {
        let other = Filter { root: reversed(&filter.root) };
        prop_assert_eq!(filter.canonical(), other.canonical());
        let canonical = Filter { root: filter.root.canonical() };
        prop_assert_eq!(&canonical.root.canonical(), &canonical.root);
        prop_assert_eq!(canonical.matches(&event, &context), filter.matches(&event, &context));
    }

    #[test]
    fn no_text_panics(q in "([a-z:\" é()*<>.\\\\-]|attributes|status_code:|kind:error|OR |AND |NOT |5){0,40}") {
        if let Ok(filter) = Filter::parse(&q) {
            prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter.clone()));
            let _ = filter.prune();
        }
    }

    #[test]
    fn no_value_that_is_added_panics(name in "[a-z_]{0,12}|status_code|message|kind", value in ".{0,12}") {
        let mut filter = Filter::default();
        if filter.add(&name, &value).is_ok() {
            prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
        }
    }
}
