//! The body of a batch, as JSON and as lines of it, from its bytes to the verdict of each event.

#![no_main]

use domain::limits::Limits;
use domain::{json, split};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let limits = Limits::default();
    for cut in [split::json, split::ndjson] {
        if let Ok(batch) = cut(body, limits.batch_events) {
            assert!(batch.events.len() <= limits.batch_events);
            fuzz::judge(batch.events.into_iter().map(|event| json::read(event, &limits)));
        }
    }
});
