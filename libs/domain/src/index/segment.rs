//! The events of one tenant that one flush has stored: sorted ids and one page of terms, in one blob.
//!
//! ```text
//! version u8 | retention class u8 | when the last of them expires, i64 milliseconds, big-endian
//! | varint bytes of the ids, they | page of the dictionary, every posting inline
//! ```

use roaring::RoaringBitmap;

use super::candidates::{Found, Resolved};
use super::page::{self, Page, Posting};
use super::prune::{Prune, TermRange};
use super::{Corrupt, ids, posting};
use crate::id::EventId;
use crate::retention::Class;
use crate::time::Millis;
use crate::varint::{self, Reader};

const VERSION: u8 = 1;
/// Segments are written all the time and read for minutes.
const ZSTD_LEVEL: i32 = 1;
const CORRUPT: Corrupt = Corrupt::new("segment");

/// Gathers the events of a segment.
#[derive(Debug)]
pub struct Builder {
    class: Class,
    expires_at: Millis,
    ids: Vec<EventId>,
    /// Bytes of all terms, one behind the other.
    bytes: Vec<u8>,
    terms: Vec<Term>,
}

/// One term of one event.
#[derive(Clone, Copy, Debug)]
struct Term {
    /// Its first bytes, which decide nearly every comparison.
    head: u64,
    begin: u32,
    length: u16,
    event: u32,
}

impl Term {
    fn bytes(self, all: &[u8]) -> &[u8] {
        &all[self.begin as usize..self.begin as usize + usize::from(self.length)]
    }
}

impl Builder {
    /// For events of this class.
    pub fn new(class: Class) -> Self {
        Self {
            class,
            expires_at: Millis::EPOCH,
            ids: Vec::new(),
            bytes: Vec::new(),
            terms: Vec::new(),
        }
    }

    /// Events so far.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Adds an event whose terms `terms` gives to what it is called with. A term may come more than once.
    pub fn add(&mut self, id: EventId, expires_at: Millis, terms: impl FnOnce(&mut dyn FnMut(&[u8]))) {
        // A flush has far less than 2^32 events and bytes of terms, and no term 64 KiB.
        let event = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        self.ids.push(id);
        self.expires_at = self.expires_at.max(expires_at);
        terms(&mut |term| {
            let Ok(begin) = u32::try_from(self.bytes.len()) else {
                return;
            };
            self.bytes.extend_from_slice(term);
            let length = u16::try_from(term.len()).unwrap_or(u16::MAX);
            self.terms.push(Term {
                head: head(term),
                begin,
                length,
                event,
            });
        });
    }

    /// The bytes to store.
    pub fn finish(mut self) -> Vec<u8> {
        let (ids, positions) = ranked(&self.ids);
        for term in &mut self.terms {
            term.event = positions[term.event as usize];
        }
        let bytes = &self.bytes;
        self.terms.sort_unstable_by(|a, b| {
            let by_bytes = || a.bytes(bytes).cmp(b.bytes(bytes));
            a.head
                .cmp(&b.head)
                .then_with(by_bytes)
                .then(a.event.cmp(&b.event))
        });
        let mut dictionary = page::Builder::default();
        let mut list = Vec::new();
        for group in self
            .terms
            .chunk_by(|a, b| a.head == b.head && a.bytes(bytes) == b.bytes(bytes))
        {
            list.clear();
            list.extend(group.iter().map(|term| term.event));
            list.dedup();
            dictionary.push(group[0].bytes(bytes), Posting::Inline(&posting::encode(&list)));
        }
        self.encode(&ids, dictionary)
    }

    fn encode(&self, ids: &[EventId], dictionary: page::Builder) -> Vec<u8> {
        let ids = ids::encode(ids);
        let mut segment = vec![VERSION, self.class.number()];
        segment.extend_from_slice(&self.expires_at.as_ms().to_be_bytes());
        varint::push(&mut segment, ids.len() as u64);
        segment.extend_from_slice(&ids);
        segment.extend_from_slice(&dictionary.finish(None, ZSTD_LEVEL));
        segment
    }
}

/// The ids sorted, each once, and the position of each of those given.
fn ranked(ids: &[EventId]) -> (Vec<EventId>, Vec<u32>) {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let position = |id: &EventId| sorted.partition_point(|other| other < id);
    let positions = ids
        .iter()
        .map(|id| u32::try_from(position(id)).unwrap_or(u32::MAX))
        .collect();
    (sorted, positions)
}

fn head(term: &[u8]) -> u64 {
    let mut head = [0; 8];
    let count = term.len().min(8);
    head[..count].copy_from_slice(&term[..count]);
    u64::from_be_bytes(head)
}

/// A segment that was read.
#[derive(Clone, Debug)]
pub struct Segment {
    class: Class,
    expires_at: Millis,
    ids: Vec<EventId>,
    /// The page as it was stored: most segments are passed over by the ids alone.
    packed: Vec<u8>,
}

impl Segment {
    /// Reads what [`Builder::finish`] has written.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut reader = Reader::new(bytes);
        let (class, expires_at, ids) = Self::head(&mut reader).ok_or(CORRUPT)?;
        let ids = ids::decode(ids)?;
        if ids.is_empty() || u32::try_from(ids.len()).is_err() {
            return Err(CORRUPT);
        }
        Ok(Self {
            class,
            expires_at,
            ids,
            packed: reader.rest().to_vec(),
        })
    }

    fn head<'a>(reader: &mut Reader<'a>) -> Option<(Class, Millis, &'a [u8])> {
        if reader.byte()? != VERSION {
            return None;
        }
        let class = Class::from_number(reader.byte()?)?;
        let expires_at = Millis::from_ms(i64::from_be_bytes(reader.array()?));
        let length = reader.length()?;
        Some((class, expires_at, reader.take(length)?))
    }

    /// The class of its events.
    pub fn class(&self) -> Class {
        self.class
    }

    /// When the last of its events expires.
    pub fn expires_at(&self) -> Millis {
        self.expires_at
    }

    /// The ids of its events, ascending.
    pub fn ids(&self) -> &[EventId] {
        &self.ids
    }

    /// Bytes in memory, about.
    pub fn bytes(&self) -> usize {
        self.ids.len() * 16 + self.packed.len()
    }

    /// The terms. Unpacked each time.
    pub fn page(&self) -> Result<Page, Corrupt> {
        Page::decode(&self.packed)
    }

    /// The positions of events that may match; none for every one.
    pub fn candidates(&self, prune: &Prune) -> Result<Option<RoaringBitmap>, Corrupt> {
        if *prune == Prune::Every {
            return Ok(None);
        }
        let page = self.page()?;
        let resolved = Resolved::of(prune, &mut |range| self.find(&page, range))?;
        Ok(resolved.bound())
    }

    fn find(&self, page: &Page, range: &TermRange) -> Result<Found, Corrupt> {
        let end = u32::try_from(self.ids.len()).map_err(|_| CORRUPT)?;
        let mut found = Found::default();
        let mut cursor = page.seek(&range.begin)?;
        while let Some(posting) = cursor.advance(page)? {
            if cursor.term() >= range.end.as_slice() {
                break;
            }
            found.add(posting, end)?;
        }
        if found.large.is_empty() {
            Ok(found)
        } else {
            Err(CORRUPT)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    type Events = Vec<(EventId, BTreeSet<Vec<u8>>)>;

    fn events() -> impl Strategy<Value = Events> {
        let id = (0..50_i64, 0..3_u8).prop_map(|(ms, n)| EventId::made(Millis::from_ms(ms), [n; 10]));
        let term = prop::collection::vec(0..3_u8, 1..4);
        prop::collection::vec((id, prop::collection::btree_set(term, 0..6)), 1..40)
    }

    fn segment(events: &Events) -> Segment {
        let mut builder = Builder::new(Class::Days90);
        for (id, terms) in events {
            builder.add(*id, Millis::from_ms(7), |sink| {
                terms.iter().chain(terms).for_each(|term| sink(term));
            });
        }
        Segment::decode(&builder.finish()).unwrap()
    }

    fn chosen(segment: &Segment, prune: &Prune) -> BTreeSet<EventId> {
        let positions = segment.candidates(prune).unwrap();
        let all = segment.ids().iter().enumerate();
        all.filter(|(position, _)| {
            positions
                .as_ref()
                .is_none_or(|positions| positions.contains(u32::try_from(*position).unwrap()))
        })
        .map(|(_, id)| *id)
        .collect()
    }

    proptest! {
        #[test]
        fn a_segment_has_the_events_of_each_term(events in events(), begin in prop::collection::vec(0..3_u8, 0..4), end in prop::collection::vec(0..3_u8, 0..4)) {
            let segment = segment(&events);
            let range = TermRange { begin, end };
            let expected: BTreeSet<_> = events.iter().filter(|(_, terms)| terms.iter().any(|term| range.contains(term))).map(|(id, _)| *id).collect();
            prop_assert_eq!(chosen(&segment, &Prune::Terms(range)), expected);
            let ids: BTreeSet<_> = events.iter().map(|(id, _)| *id).collect();
            prop_assert_eq!(segment.ids().to_vec(), ids.into_iter().collect::<Vec<_>>());
            prop_assert_eq!((segment.class(), segment.expires_at()), (Class::Days90, Millis::from_ms(7)));
        }

        #[test]
        fn no_bytes_panic(mut bytes: Vec<u8>, is_version: bool) {
            if is_version {
                bytes.insert(0, VERSION);
            }
            let _ = Segment::decode(&bytes);
        }
    }
}
