//! Texts of filters.

use proptest::prelude::*;
use proptest::sample::select;

use crate::values::{CONDITIONS, TRACE, WORDS};

fn leaf() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => select(CONDITIONS.to_vec()).prop_map(str::to_owned),
        2 => select(WORDS.to_vec()).prop_map(str::to_owned),
        1 => (1..4_u8).prop_map(|number| format!("trace_id:{TRACE}{number}")),
    ]
}

/// Any filter, as it is typed.
pub(crate) fn filter() -> impl Strategy<Value = String> {
    let tree = leaf().prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 2..4).prop_map(|all| format!("({})", all.join(" "))),
            3 => prop::collection::vec(inner.clone(), 2..4).prop_map(|any| format!("({})", any.join(" OR "))),
            1 => prop::collection::vec(inner.clone(), 2..3).prop_map(|all| format!("({})", all.join(" AND "))),
            1 => inner.clone().prop_map(|not| format!("-{not}")),
            1 => inner.prop_map(|not| format!("NOT {not}")),
        ]
    });
    prop_oneof![2 => Just(String::new()), 5 => leaf(), 8 => tree]
}

#[cfg(test)]
mod tests {
    use domain::filter::Filter;

    use super::*;

    #[test]
    fn each_condition_is_one() {
        for condition in CONDITIONS.iter().chain(&WORDS) {
            assert!(Filter::parse(condition).is_ok(), "{condition}");
        }
    }

    proptest! {
        #[test]
        fn each_text_is_a_filter(text in filter()) {
            prop_assert!(Filter::parse(&text).is_ok(), "{}", text);
        }
    }
}
