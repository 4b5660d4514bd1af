//! One event in protobuf, from its bytes to its verdict.

#![no_main]

use bytes::Bytes;
use domain::limits::Limits;
use libfuzzer_sys::fuzz_target;
use proto::read::read;

fuzz_target!(|bytes: &[u8]| {
    fuzz::judge([read(Bytes::copy_from_slice(bytes), &Limits::default())]);
});
