//! Whatever bytes a store gives for the search index: they decode, or are refused, and what decodes can be used.

#![no_main]

use domain::index::ids::Directory;
use domain::index::manifest::{Entry, UnitId, UnitRef};
use domain::index::page::Page;
use domain::index::prune::{Prune, TermRange};
use domain::index::segment::Segment;
use domain::index::{ids, posting};
use domain::retention::Class;
use domain::source::{Lane, Source};
use domain::time::Millis;
use libfuzzer_sys::fuzz_target;

const SOURCE: Source = Source {
    lane: Lane::Standard,
    generation: 1,
    partition: 0,
};
const UNIT: UnitRef = UnitRef {
    class: Class::Days30,
    id: UnitId([0; 16]),
};

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (kind, split, bytes) = input;
    let (head, rest) = bytes.split_at(usize::from(split).min(bytes.len()));
    match kind % 5 {
        0 => positions(bytes, u32::from(split) << 12),
        1 => identities(bytes),
        2 => entry(bytes),
        3 => page(&packed(rest), head),
        _ => segment(&[head, &packed(rest)].concat(), head),
    }
    page(bytes, head);
    segment(bytes, head);
});

/// As a page is packed: the fuzzer would not find out.
fn packed(raw: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1];
    let mut length = raw.len();
    while length >= 0x80 {
        bytes.push(length.to_le_bytes()[0] | 0x80);
        length >>= 7;
    }
    bytes.push(length.to_le_bytes()[0]);
    bytes.extend(zstd::bulk::compress(raw, 1).expect("memory is enough"));
    bytes
}

fn positions(bytes: &[u8], end: u32) {
    if let Ok(positions) = posting::decode(bytes, end) {
        let listed: Vec<u32> = positions.iter().collect();
        assert!(listed.iter().all(|position| *position < end));
        assert_eq!(posting::decode(&posting::encode(&listed), end), Ok(positions));
    }
}

fn identities(bytes: &[u8]) {
    if let Ok(found) = ids::decode(bytes) {
        assert_eq!(ids::decode(&ids::encode(&found)), Ok(found));
    }
    if let Ok(directory) = Directory::decode(bytes) {
        let _ = directory.positions(Millis::EPOCH, Millis::MAX, u32::MAX);
    }
}

fn entry(bytes: &[u8]) {
    if let Ok(entry) = Entry::decode(SOURCE, UNIT, bytes) {
        assert_eq!(Entry::decode(SOURCE, UNIT, &entry.encode()), Ok(entry));
    }
}

fn page(bytes: &[u8], term: &[u8]) {
    if let Ok(page) = Page::decode(bytes) {
        let _ = page.find(term);
        let mut cursor = page.begin();
        while let Ok(Some(_)) = cursor.advance(&page) {}
    }
}

fn segment(bytes: &[u8], term: &[u8]) {
    if let Ok(segment) = Segment::decode(bytes) {
        let range = TermRange {
            begin: Vec::new(),
            end: term.to_vec(),
        };
        let _ = segment.candidates(&Prune::Terms(range));
    }
}
