//! One event in JSON, from its bytes to its verdict.

#![no_main]

use domain::json;
use domain::limits::Limits;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    fuzz::judge([json::read(bytes, &Limits::default())]);
});
