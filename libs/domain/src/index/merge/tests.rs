//! Merges against a naive model, and searches in what they make.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::candidates::{BLOCK, Chunks, Found, Resolved};
use super::super::page::Page;
use super::super::prune::{Prune, TermRange};
use super::super::{ids, segment, unit};
use super::*;
use crate::retention::Class;
use crate::time::Millis;

type Event = (EventId, BTreeSet<Vec<u8>>);
type Pages = BTreeMap<Vec<u8>, Vec<u8>>;

const HOUR_MS: i64 = 1000;

fn apart(a: EventId, b: EventId) -> bool {
    a.time().as_ms() / HOUR_MS != b.time().as_ms() / HOUR_MS
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let id = (0..3 * HOUR_MS, 0..3_u8).prop_map(|(ms, n)| EventId::made(Millis::from_ms(ms), [n; 10]));
    let term = prop::collection::vec(0..3_u8, 1..4);
    prop::collection::vec((id, prop::collection::btree_set(term, 0..6)), 1..60)
}

fn segment(events: &[Event]) -> Segment {
    let mut builder = segment::Builder::new(Class::Days30);
    for (id, terms) in events {
        builder.add(*id, Millis::EPOCH, |sink| {
            for term in terms {
                sink(term);
            }
        });
    }
    Segment::decode(&builder.finish()).unwrap()
}

fn merged(inputs: &[Input<Vec<u8>>]) -> Vec<(Made, Pages)> {
    let mut pages: Vec<Pages> = Vec::new();
    let made = merge(inputs, apart, |number, key, page| {
        pages.resize_with(pages.len().max(number + 1), Pages::new);
        assert!(pages[number].insert(key, page).is_none(), "a page twice");
    });
    made.unwrap().into_iter().zip(pages).collect()
}

fn whole((made, pages): &(Made, Pages)) -> Whole<Vec<u8>> {
    Whole::new(made.events, made.pages, pages.clone().into_iter().collect()).unwrap()
}

/// The ids in the units with a term of a range, as a reader finds them: page by page.
fn found(units: &[(Made, Pages)], prune: &Prune) -> BTreeSet<EventId> {
    units
        .iter()
        .flat_map(|(made, pages)| found_in(*made, pages, prune))
        .collect()
}

fn found_in(made: Made, pages: &Pages, prune: &Prune) -> Vec<EventId> {
    let resolved = Resolved::of(prune, &mut |range| find(pages, range, made.events)).unwrap();
    let all: Vec<EventId> = (0..made.events.div_ceil(ids::PER_PAGE))
        .flat_map(|number| ids::decode(&pages[&unit::ids_key(number)]).unwrap())
        .collect();
    let mut positions = Vec::new();
    for block in 0..u8::try_from(made.events.div_ceil(BLOCK)).unwrap() {
        let mut wanted = Vec::new();
        resolved.wanted(block, &mut wanted);
        let rows: Chunks = wanted
            .iter()
            .map(|large| {
                let row = &pages[&unit::postings_key(large.number, block)];
                ((large.number, block), posting::decode(row, made.events).unwrap())
            })
            .collect();
        let (begin, end) = (
            u32::from(block) * BLOCK,
            made.events.min((u32::from(block) + 1) * BLOCK),
        );
        match resolved.in_block(block, &rows) {
            Some(some) => positions.extend(some),
            None => positions.extend(begin..end),
        }
    }
    if let Some(bound) = resolved.bound() {
        assert!(positions.iter().all(|position| bound.contains(*position)));
    }
    positions
        .into_iter()
        .map(|position| all[position as usize])
        .collect()
}

fn find(pages: &Pages, range: &TermRange, events: u32) -> Result<Found, Corrupt> {
    let mut found = Found::default();
    let (mut key, first) = pages
        .range(..=unit::dictionary_key(&range.begin))
        .next_back()
        .unwrap();
    let mut page = Page::decode(first).unwrap();
    loop {
        assert!(unit::dictionary_term(key).unwrap() <= range.begin.as_slice() || !range.begin.is_empty());
        let mut cursor = page.seek(&range.begin)?;
        while let Some(posting) = cursor.advance(&page)? {
            if cursor.term() >= range.end.as_slice() {
                return Ok(found);
            }
            found.add(posting, events)?;
        }
        let Some(next) = page.next().map(unit::dictionary_key) else {
            return Ok(found);
        };
        let bytes;
        (key, bytes) = pages.get_key_value(&next).unwrap();
        page = Page::decode(bytes).unwrap();
    }
}

fn naive(events: &[Event], accepts: impl Fn(&BTreeSet<Vec<u8>>) -> bool) -> BTreeSet<EventId> {
    let mut all: BTreeMap<EventId, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for (id, terms) in events {
        all.entry(*id).or_default().extend(terms.iter().cloned());
    }
    all.into_iter()
        .filter(|(_, terms)| accepts(terms))
        .map(|(id, _)| id)
        .collect()
}

fn range(begin: &[u8], end: &[u8]) -> TermRange {
    TermRange {
        begin: begin.to_vec(),
        end: end.to_vec(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_merged_has_each_event_once_with_all_its_terms(
        events in events(), cut in 1..20_usize, ranges in prop::collection::vec((prop::collection::vec(0..3_u8, 0..4), prop::collection::vec(0..3_u8, 0..4)), 1..4),
    ) {
        let segments: Vec<_> = events.chunks(cut).map(|events| Input::Segment(segment(events))).collect();
        let once = merged(&segments);
        // Units of units, twice the same ones.
        let again: Vec<_> = once.iter().chain(&once).map(|unit| Input::Unit(whole(unit))).collect();
        let twice = merged(&again);
        prop_assert_eq!(&once, &twice);
        let ranges: Vec<_> = ranges.iter().map(|(begin, end)| range(begin, end)).collect();
        let leaves: Vec<_> = ranges.iter().cloned().map(Prune::Terms).collect();
        let has = |terms: &BTreeSet<Vec<u8>>, range: &TermRange| terms.iter().any(|term| range.contains(term));
        prop_assert_eq!(found(&once, &Prune::All(leaves.clone())), naive(&events, |terms| ranges.iter().all(|range| has(terms, range))));
        prop_assert_eq!(found(&once, &Prune::Any(leaves)), naive(&events, |terms| ranges.iter().any(|range| has(terms, range))));
        prop_assert_eq!(found(&once, &Prune::Every), naive(&events, |_| true));
        for (made, _) in &once {
            prop_assert!(!apart(made.first, made.last));
        }
    }
}

#[test]
fn large_postings_are_found_in_their_blocks() {
    let count = 3 * BLOCK + 17;
    let id = |n: u32| {
        EventId::made(
            Millis::from_ms(i64::from(n / 300)),
            [(n % 251) as u8; 10].map(|byte| byte ^ (n % 300 / 251) as u8),
        )
    };
    let mut events: Vec<Event> = (0..count)
        .map(|n| {
            let mut terms = BTreeSet::from([b"all".to_vec(), format!("mod7-{}", n % 7).into_bytes()]);
            if n % 30_011 == 5 {
                terms.insert(b"rare".to_vec());
            }
            if (BLOCK..2 * BLOCK).contains(&n) {
                terms.insert(b"second".to_vec());
            }
            (id(n), terms)
        })
        .collect();
    events.sort();
    let inputs: Vec<Input<Vec<u8>>> = events
        .chunks(50_000)
        .map(|events| Input::Segment(segment(events)))
        .collect();
    let mut pages = Pages::new();
    let made = merge(
        &inputs,
        |_, _| false,
        |_, key, page| assert!(pages.insert(key, page).is_none()),
    )
    .unwrap();
    assert_eq!(made.len(), 1);
    assert!(pages.keys().filter(|key| key[0] == b'p').count() > 10);
    let units = [(made[0], pages)];
    let term = |text: &str| Prune::Terms(range(text.as_bytes(), &[text.as_bytes(), &[0]].concat()));
    for wanted in [
        vec!["all"],
        vec!["mod7-3"],
        vec!["mod7-3", "second"],
        vec!["rare", "all"],
        vec!["mod7-3", "mod7-4"],
        vec!["none", "all"],
    ] {
        let prune = Prune::All(wanted.iter().map(|text| term(text)).collect());
        let expected = naive(&events, |terms| {
            wanted.iter().all(|text| terms.contains(text.as_bytes()))
        });
        assert_eq!(found(&units, &prune), expected, "{wanted:?}");
    }
    // Merged once more, nothing changes.
    let again = merged_one(&units[0]);
    assert_eq!(again, units[0]);
}

fn merged_one(unit: &(Made, Pages)) -> (Made, Pages) {
    let mut pages = Pages::new();
    let made = merge(
        &[Input::Unit(whole(unit))],
        |_, _| false,
        |_, key, page| assert!(pages.insert(key, page).is_none()),
    );
    (made.unwrap()[0], pages)
}

#[test]
fn a_unit_with_a_page_less_is_refused() {
    let events = [(
        EventId::made(Millis::EPOCH, [1; 10]),
        BTreeSet::from([b"a".to_vec()]),
    )];
    let unit = merged(&[Input::Segment(segment(&events))]).remove(0);
    for key in unit.1.keys() {
        let pages = unit
            .1
            .clone()
            .into_iter()
            .filter(|(other, _)| other != key)
            .collect();
        assert!(Whole::new(unit.0.events, unit.0.pages, pages).is_err());
    }
}
