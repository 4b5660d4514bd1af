//! A row and a position as the embedded store keeps them.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use store::embedded::{cell, progress};

fuzz_target!(|bytes: &[u8]| {
    let _ = progress::decode(bytes);
    if let Ok(read) = cell::decode(Bytes::copy_from_slice(bytes)) {
        assert_eq!(cell::encode(&read), bytes, "a row is written in one way only");
    }
});
