//! A page of a dictionary: terms in order, each with its postings or with where they are.
//!
//! ```text
//! stored:  format u8 | varint bytes when unpacked | zstd of:
//! page:    version u8 | varint 0 at the last page, else 1 + length, and the term at which the next page begins
//!          | varint terms | for each 16th term its place in the entries, u32 little-endian | entries
//! entry:   varint bytes shared with the term before (0 at each 16th), varint bytes of its own, they
//!          | varint: 2 * length, then postings; or 2 * number + 1, varint mask of blocks, varint bytes in all
//! ```
//! A page knows where the next one begins, so a page that is missing is noticed by who looks for a term in it.

use super::Corrupt;
use crate::varint::{self, Reader};

/// Most bytes of a page, unpacked.
pub const MAX_BYTES: usize = 64 << 20;

const FORMAT: u8 = 1;
const VERSION: u8 = 1;
const RESTART: usize = 16;
const CORRUPT: Corrupt = Corrupt::new("page of the dictionary");

/// Postings that have rows of their own, one for each block of positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Large {
    /// Their number within the unit.
    pub number: u32,
    /// Bit `n` is set where block `n` has some.
    pub blocks: u64,
    /// Bytes of all rows.
    pub bytes: u32,
}

/// The postings of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posting<'a> {
    /// Encoded, in the page.
    Inline(&'a [u8]),
    /// Elsewhere.
    Large(Large),
}

/// Fills a page. Terms come in ascending order, each once.
#[derive(Debug, Default)]
pub struct Builder {
    entries: Vec<u8>,
    restarts: Vec<u32>,
    terms: usize,
    last: Vec<u8>,
}

impl Builder {
    /// Bytes so far, about.
    pub fn bytes(&self) -> usize {
        self.entries.len()
    }

    /// Adds a term.
    pub fn push(&mut self, term: &[u8], posting: Posting<'_>) {
        let is_restart = self.terms.is_multiple_of(RESTART);
        if is_restart {
            // Entries have at most MAX_BYTES, which is less than 2^32.
            self.restarts
                .push(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        }
        let shared = if is_restart { 0 } else { shared(&self.last, term) };
        let rest = &term[shared..];
        varint::push(&mut self.entries, shared as u64);
        varint::push(&mut self.entries, rest.len() as u64);
        self.entries.extend_from_slice(rest);
        match posting {
            Posting::Inline(bytes) => {
                varint::push(&mut self.entries, (bytes.len() as u64) << 1);
                self.entries.extend_from_slice(bytes);
            }
            Posting::Large(large) => {
                varint::push(&mut self.entries, u64::from(large.number) << 1 | 1);
                varint::push(&mut self.entries, large.blocks);
                varint::push(&mut self.entries, u64::from(large.bytes));
            }
        }
        self.terms += 1;
        self.last.truncate(shared);
        self.last.extend_from_slice(rest);
    }

    /// The bytes to store. `next` is the term at which the next page begins; `level` is zstd's.
    pub fn finish(self, next: Option<&[u8]>, level: i32) -> Vec<u8> {
        let mut raw = Vec::with_capacity(self.entries.len() + self.restarts.len() * 4 + 64);
        raw.push(VERSION);
        varint::push(&mut raw, next.map_or(0, |term| 1 + term.len() as u64));
        raw.extend_from_slice(next.unwrap_or_default());
        varint::push(&mut raw, self.terms as u64);
        for restart in &self.restarts {
            raw.extend_from_slice(&restart.to_le_bytes());
        }
        raw.extend_from_slice(&self.entries);
        let mut bytes = vec![FORMAT];
        varint::push(&mut bytes, raw.len() as u64);
        let packed = zstd::bulk::compress(&raw, level);
        bytes.extend_from_slice(&packed.expect("packing into memory has no way to fail"));
        bytes
    }
}

fn shared(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// A page that was read.
#[derive(Clone, Debug)]
pub struct Page {
    next: Option<(usize, usize)>,
    terms: usize,
    restarts: usize,
    entries: usize,
    raw: Vec<u8>,
}

impl Page {
    /// Reads what [`Builder::finish`] has written.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        Self::read(bytes).ok_or(CORRUPT)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != FORMAT {
            return None;
        }
        let length = usize::try_from(reader.varint()?)
            .ok()
            .filter(|length| *length <= MAX_BYTES)?;
        let raw = zstd::bulk::decompress(reader.rest(), length).ok()?;
        if raw.len() != length {
            return None;
        }
        let place = |reader: &Reader<'_>| raw.len() - reader.rest().len();
        let mut reader = Reader::new(&raw);
        if reader.byte()? != VERSION {
            return None;
        }
        let next = match reader.length()? {
            0 => None,
            length => {
                let begin = place(&reader);
                reader.take(length - 1)?;
                Some((begin, place(&reader)))
            }
        };
        let terms = reader.length()?;
        let restarts = place(&reader);
        reader.take(terms.div_ceil(RESTART).checked_mul(4)?)?;
        let entries = place(&reader);
        Some(Self {
            next,
            terms,
            restarts,
            entries,
            raw,
        })
    }

    /// The term at which the next page begins, none at the last page.
    pub fn next(&self) -> Option<&[u8]> {
        self.next.map(|(begin, end)| &self.raw[begin..end])
    }

    /// Bytes in memory, about.
    pub fn bytes(&self) -> usize {
        self.raw.len()
    }

    /// The postings of a term.
    pub fn find(&self, term: &[u8]) -> Result<Option<Posting<'_>>, Corrupt> {
        let mut cursor = self.seek(term)?;
        let posting = cursor.advance(self)?;
        Ok(posting.filter(|_| cursor.term() == term))
    }

    /// A cursor before the first term.
    pub fn begin(&self) -> Cursor {
        Cursor {
            at: self.entries,
            left: self.terms,
            term: Vec::new(),
        }
    }

    /// A cursor before the first term that is not less than `term`.
    pub fn seek(&self, term: &[u8]) -> Result<Cursor, Corrupt> {
        let restarts = self.terms.div_ceil(RESTART);
        let (mut low, mut high) = (0, restarts);
        // The last restart whose term is not greater.
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.restart_term(middle).ok_or(CORRUPT)? <= term {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let restart = low.saturating_sub(1);
        let mut cursor = Cursor {
            at: self.restart_at(restart).unwrap_or(self.entries),
            left: self.terms.saturating_sub(restart * RESTART),
            term: Vec::new(),
        };
        loop {
            let before = cursor.clone();
            if cursor.advance(self)?.is_none() || cursor.term() >= term {
                return Ok(before);
            }
        }
    }

    fn restart_at(&self, number: usize) -> Option<usize> {
        let begin = self.restarts + number * 4;
        let bytes = self
            .raw
            .get(begin..begin + 4)
            .filter(|_| begin + 4 <= self.entries)?;
        let place = u32::from_le_bytes(bytes.try_into().ok()?);
        self.entries
            .checked_add(usize::try_from(place).ok()?)
            .filter(|place| *place < self.raw.len())
    }

    fn restart_term(&self, number: usize) -> Option<&[u8]> {
        let mut reader = Reader::new(&self.raw[self.restart_at(number)?..]);
        if reader.varint()? != 0 {
            return None;
        }
        let length = reader.length()?;
        reader.take(length)
    }
}

/// A place between two terms of a page.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    at: usize,
    left: usize,
    term: Vec<u8>,
}

impl Cursor {
    /// The term that was passed last.
    pub fn term(&self) -> &[u8] {
        &self.term
    }

    /// Passes the next term of the page and gives its postings; none at the end.
    pub fn advance<'p>(&mut self, page: &'p Page) -> Result<Option<Posting<'p>>, Corrupt> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut reader = Reader::new(page.raw.get(self.at..).ok_or(CORRUPT)?);
        let posting = self.entry(&mut reader).ok_or(CORRUPT)?;
        self.at = page.raw.len() - reader.rest().len();
        self.left -= 1;
        Ok(Some(posting))
    }

    fn entry<'p>(&mut self, reader: &mut Reader<'p>) -> Option<Posting<'p>> {
        let shared = usize::try_from(reader.varint()?)
            .ok()
            .filter(|shared| *shared <= self.term.len())?;
        let length = reader.length()?;
        self.term.truncate(shared);
        self.term.extend_from_slice(reader.take(length)?);
        let head = reader.varint()?;
        if head & 1 == 0 {
            let length = usize::try_from(head >> 1).ok()?;
            return reader.take(length).map(Posting::Inline);
        }
        Some(Posting::Large(Large {
            number: u32::try_from(head >> 1).ok()?,
            blocks: reader.varint()?,
            bytes: reader.varint_u32()?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Owned {
        Inline(Vec<u8>),
        Large(u32, u64, u32),
    }

    impl Owned {
        fn posting(&self) -> Posting<'_> {
            match self {
                Self::Inline(bytes) => Posting::Inline(bytes),
                Self::Large(number, blocks, bytes) => Posting::Large(Large {
                    number: *number,
                    blocks: *blocks,
                    bytes: *bytes,
                }),
            }
        }
    }

    fn dictionaries() -> impl Strategy<Value = BTreeMap<Vec<u8>, Owned>> {
        let term = prop::collection::vec(0..4_u8, 0..6);
        let posting = prop_oneof![
            any::<Vec<u8>>().prop_map(Owned::Inline),
            any::<(u32, u64, u32)>().prop_map(|(number, blocks, bytes)| Owned::Large(number, blocks, bytes)),
        ];
        prop::collection::btree_map(term, posting, 0..120)
    }

    fn page(dictionary: &BTreeMap<Vec<u8>, Owned>, next: Option<&[u8]>) -> Vec<u8> {
        let mut builder = Builder::default();
        for (term, posting) in dictionary {
            builder.push(term, posting.posting());
        }
        builder.finish(next, 1)
    }

    proptest! {
        #[test]
        fn every_term_is_found_and_no_other(dictionary in dictionaries(), other in prop::collection::vec(0..5_u8, 0..7), next: Option<Vec<u8>>) {
            let page = Page::decode(&page(&dictionary, next.as_deref())).unwrap();
            prop_assert_eq!(page.next(), next.as_deref());
            for (term, posting) in &dictionary {
                prop_assert_eq!(page.find(term).unwrap(), Some(posting.posting()));
            }
            prop_assert_eq!(page.find(&other).unwrap(), dictionary.get(&other).map(Owned::posting));
        }

        #[test]
        fn a_cursor_passes_all_terms_from_its_place_on(dictionary in dictionaries(), from in prop::collection::vec(0..5_u8, 0..7)) {
            let page = Page::decode(&page(&dictionary, None)).unwrap();
            let mut cursor = page.seek(&from).unwrap();
            for (term, posting) in dictionary.range(from..) {
                prop_assert_eq!(cursor.advance(&page).unwrap(), Some(posting.posting()));
                prop_assert_eq!(cursor.term(), term);
            }
            prop_assert_eq!(cursor.advance(&page).unwrap(), None);
        }

        #[test]
        fn no_bytes_panic(raw: Vec<u8>, term: Vec<u8>, is_version: bool) {
            let mut raw = raw;
            if is_version {
                raw.insert(0, VERSION);
            }
            let mut bytes = vec![FORMAT];
            varint::push(&mut bytes, raw.len() as u64);
            bytes.extend(zstd::bulk::compress(&raw, 1).unwrap());
            if let Ok(page) = Page::decode(&bytes) {
                let _ = page.find(&term);
                let mut cursor = page.begin();
                while let Ok(Some(_)) = cursor.advance(&page) {}
            }
            let _ = Page::decode(&raw);
        }
    }

    #[test]
    fn a_page_that_says_it_is_huge_is_refused_unread() {
        let mut bytes = vec![FORMAT];
        varint::push(&mut bytes, u64::MAX >> 1);
        assert!(Page::decode(&bytes).is_err());
    }
}
