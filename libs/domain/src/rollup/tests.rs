//! What rows and their sums promise, against lists of events.

mod naive;
mod overflow;
mod rows;
mod sample;
mod stored;
mod summaries;

use super::*;

#[test]
fn a_number_is_that_of_one_rollup() {
    let numbered: Vec<_> = (0..=u8::MAX).filter_map(Rollup::from_number).collect();
    assert_eq!(numbered, Rollup::ALL);
    assert!(
        Rollup::ALL
            .into_iter()
            .all(|rollup| Rollup::from_number(rollup.number()) == Some(rollup))
    );
}
