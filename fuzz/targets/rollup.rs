//! Whatever bytes a store gives for a row of statistics: they decode, or are refused, and what decodes can be used.

#![no_main]

use domain::rollup::{Durations, Rollup, Row, Summary};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    for rollup in Rollup::ALL {
        row(rollup, bytes);
    }
    // The fuzzer would not find out how a row is packed.
    let rollup = Rollup::ALL[usize::from(kind >> 1) % Rollup::ALL.len()];
    row(rollup, &[head(rollup, kind & 1), body(kind & 1, bytes)].concat());
});

fn head(rollup: Rollup, packing: u8) -> Vec<u8> {
    vec![1, rollup.number(), packing]
}

fn body(packing: u8, raw: &[u8]) -> Vec<u8> {
    if packing == 0 {
        return raw.to_vec();
    }
    let mut bytes = Vec::new();
    let mut length = raw.len();
    while length >= 0x80 {
        bytes.push(length.to_le_bytes()[0] | 0x80);
        length >>= 7;
    }
    bytes.push(length.to_le_bytes()[0]);
    bytes.extend(zstd::bulk::compress(raw, 1).expect("memory is enough"));
    bytes
}

fn row(rollup: Rollup, bytes: &[u8]) {
    let Ok(row) = Row::decode(rollup, bytes) else {
        return;
    };
    let written = row.encode();
    let read = Row::decode(rollup, &written).expect("what was written is read");
    assert_eq!(read, row);
    assert_eq!(read.encode(), written, "a row is written in one way only");
    assert_eq!(row.is_empty(), row.groups().next().is_none());
    assert!(row.bytes() > 0);

    let mut summary = Summary::new(rollup, rollup.dimensions(), usize::MAX);
    summary.add(&row, |_| Some(true));
    assert_eq!(
        summary.groups().len(),
        row.groups().count(),
        "a group is there once"
    );
    assert_eq!(summary.is_lower_bound(), row.has_overflowed());
    let total = summary.total();
    if let Some(durations) = &total.duration {
        measured(durations);
    }
    for distinct in [&total.users, &total.sessions].into_iter().flatten() {
        let _ = distinct.estimate();
    }
}

fn measured(durations: &Durations) {
    let mut before = 0.0;
    for q in [0.0, 0.5, 0.9, 1.0] {
        let us = durations.quantile(q).expect("there is a duration");
        assert!(us >= before, "quantiles grow");
        before = us;
    }
}
