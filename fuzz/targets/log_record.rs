//! A record as the embedded log keeps it, and the events that a value may be.

#![no_main]

use bytes::Bytes;
use domain::dedup::Identity;
use eventlog::embedded::codec::{Names, decode};
use libfuzzer_sys::fuzz_target;
use proto::record::{decode_accepted, decode_enriched, decode_identity, encode_accepted, encode_enriched};

fuzz_target!(|bytes: &[u8]| {
    let bytes = Bytes::copy_from_slice(bytes);
    if let Ok(record) = decode(7, &bytes, &mut Names::default()) {
        assert_eq!(record.offset, 7);
        read_value(record.value);
    }
    // The fuzzer seldom gets both layers right at once.
    read_value(bytes);
});

/// What was read can be written, and is then read as the same.
fn read_value(value: Bytes) {
    let identity = decode_identity(value.clone());
    if let Ok(accepted) = decode_accepted(value.clone()) {
        let expected = Identity {
            tenant: &accepted.tenant,
            id: accepted.event.id,
            external_id: accepted.event.external_id.as_deref(),
        };
        assert_eq!(identity.expect("the whole was read").get(), expected);
        let written = encode_accepted(accepted);
        assert_eq!(
            decode_accepted(written.clone()).map(encode_accepted).ok(),
            Some(written)
        );
    }
    if let Ok(enriched) = decode_enriched(value) {
        let written = encode_enriched(enriched);
        assert_eq!(
            decode_enriched(written.clone()).map(encode_enriched).ok(),
            Some(written)
        );
    }
}
