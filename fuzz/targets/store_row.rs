//! A row, a position and a mark as the stores keep them.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use store::cql;
use store::embedded::{cell, mark, progress};

fuzz_target!(|bytes: &[u8]| {
    let _ = (progress::decode(bytes), mark::decode(bytes));
    let _ = (cql::progress::decode(bytes), cql::mark::decode(bytes));
    if let Ok(read) = cell::decode(Bytes::copy_from_slice(bytes)) {
        assert_eq!(cell::encode(&read), bytes, "a row is written in one way only");
    }
});
