//! A key as a client may send it, and a key made of any bytes.

#![no_main]

use domain::key::ApiKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(key) = ApiKey::parse(text)
    {
        assert_eq!(key.reveal(), text);
    }
    // The fuzzer does not guess checksums; this reaches what lies behind them.
    if let Some(random) = bytes.first_chunk() {
        let key = ApiKey::generate(random);
        assert_eq!(ApiKey::parse(key.reveal()), Ok(key));
    }
});
