//! The text of a filter, and its way back from the tree.

#![no_main]

use domain::filter::Filter;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(filter) = Filter::parse(text)
    {
        assert_eq!(Filter::parse(&filter.to_string()), Ok(filter.clone()));
        let _ = filter.prune();
    }
});
