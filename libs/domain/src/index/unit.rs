//! A unit: the events of one tenant, source, class and stretch of time, as pages that are read one by one.
//!
//! | key | page |
//! |---|---|
//! | `d`, first term | [dictionary](super::page) of about [`PAGE_BYTES`]; the first page begins at the empty term |
//! | `i`, number u32 | [ids] of [`PER_PAGE`] positions |
//! | `j` | the directory of the ids |
//! | `p`, number u32, block u8 | large postings: those [positions](super::posting) that are in one block |
//!
//! Numbers are big-endian. Positions number the ids of the unit in their order, from 0.

use std::collections::BTreeMap;

use super::candidates::BLOCK;
use super::ids::{self, Directory, PER_PAGE};
use super::page::{self, Cursor, Large, Page, Posting};
use super::{Corrupt, posting};
use crate::id::EventId;

/// About as many bytes has a page of the dictionary, unpacked.
pub const PAGE_BYTES: usize = 16 << 10;

/// Most events of a unit. Big tenants have more units, not bigger ones.
pub const MAX_EVENTS: u32 = 1 << 20;

/// Postings with more bytes have rows of their own.
const INLINE_BYTES: usize = 6 << 10;
/// Units are written seldom and read often.
const ZSTD_LEVEL: i32 = 3;
const CORRUPT: Corrupt = Corrupt::new("unit");

/// Where the pages of the dictionary begin, and what is behind them.
pub const DICTIONARY: (&[u8], &[u8]) = (b"d", b"e");

/// Where all pages begin, and what is behind them.
pub const EVERYTHING: (&[u8], &[u8]) = (b"", b"\xff");

/// Key of the page of the dictionary that begins at this term, and the bound for those that begin before it.
pub fn dictionary_key(term: &[u8]) -> Vec<u8> {
    [b"d", term].concat()
}

/// The term at which a page of the dictionary begins, by its key.
pub fn dictionary_term(key: &[u8]) -> Option<&[u8]> {
    key.strip_prefix(b"d")
}

/// Key of a page of ids.
pub fn ids_key(number: u32) -> Vec<u8> {
    [b"i".as_slice(), &number.to_be_bytes()].concat()
}

/// Key of the directory of ids.
pub const DIRECTORY_KEY: &[u8] = b"j";

/// Key of a row of large postings.
pub fn postings_key(number: u32, block: u8) -> Vec<u8> {
    [b"p".as_slice(), &number.to_be_bytes(), &[block]].concat()
}

/// The number and block of a row of large postings, by its key.
pub fn postings_place(key: &[u8]) -> Option<(u32, u8)> {
    let (number, block) = key.strip_prefix(b"p")?.split_first_chunk()?;
    let &[block] = block else { return None };
    Some((u32::from_be_bytes(*number), block))
}

/// Takes the pages of a unit, with their keys.
pub type Sink<'s> = dyn FnMut(Vec<u8>, Vec<u8>) + 's;

/// Cuts a unit into pages, which it gives away one by one.
#[derive(Debug)]
pub struct Writer {
    open: page::Builder,
    open_key: Vec<u8>,
    numbers: u32,
    pages: u32,
}

impl Writer {
    /// A unit of these ids, ascending, at most [`MAX_EVENTS`].
    pub fn new(ids: &[EventId], sink: &mut Sink<'_>) -> Self {
        let mut writer = Self {
            open: page::Builder::default(),
            open_key: dictionary_key(b""),
            numbers: 0,
            pages: 0,
        };
        for (number, page) in (0..).zip(ids.chunks(PER_PAGE as usize)) {
            writer.give(sink, ids_key(number), ids::encode(page));
        }
        writer.give(sink, DIRECTORY_KEY.to_vec(), Directory::of(ids).encode());
        writer
    }

    fn give(&mut self, sink: &mut Sink<'_>, key: Vec<u8>, page: Vec<u8>) {
        self.pages += 1;
        sink(key, page);
    }

    /// Adds a term with its positions. Terms come in ascending order, each once, and so do positions.
    pub fn push(&mut self, term: &[u8], positions: &[u32], sink: &mut Sink<'_>) {
        if self.open.bytes() >= PAGE_BYTES {
            self.turn(term, sink);
        }
        let encoded = posting::encode(positions);
        if encoded.len() <= INLINE_BYTES {
            self.open.push(term, Posting::Inline(&encoded));
        } else {
            let large = self.large(positions, sink);
            self.open.push(term, Posting::Large(large));
        }
    }

    /// The open page is full and the next begins with this term.
    fn turn(&mut self, term: &[u8], sink: &mut Sink<'_>) {
        let full = std::mem::take(&mut self.open);
        let key = std::mem::replace(&mut self.open_key, dictionary_key(term));
        let page = full.finish(Some(term), ZSTD_LEVEL);
        self.give(sink, key, page);
    }

    fn large(&mut self, positions: &[u32], sink: &mut Sink<'_>) -> Large {
        let mut large = Large {
            number: self.numbers,
            blocks: 0,
            bytes: 0,
        };
        self.numbers += 1;
        for chunk in positions.chunk_by(|a, b| a / BLOCK == b / BLOCK) {
            // MAX_EVENTS has 16 blocks.
            let block = u8::try_from(chunk[0] / BLOCK).unwrap_or(u8::MAX);
            let row = posting::encode(chunk);
            large.blocks |= 1 << (block & 63);
            large.bytes = large
                .bytes
                .saturating_add(u32::try_from(row.len()).unwrap_or(u32::MAX));
            self.give(sink, postings_key(large.number, block), row);
        }
        large
    }

    /// Gives away the last page. How many there were is the answer.
    pub fn finish(mut self, sink: &mut Sink<'_>) -> u32 {
        let last = std::mem::take(&mut self.open);
        let key = std::mem::take(&mut self.open_key);
        let page = last.finish(None, ZSTD_LEVEL);
        self.give(sink, key, page);
        self.pages
    }
}

/// All pages of a unit, to be merged with others.
#[derive(Debug)]
pub struct Whole<B> {
    ids: Vec<EventId>,
    /// In the order of their terms.
    dictionary: Vec<B>,
    postings: BTreeMap<(u32, u8), B>,
}

impl<B: AsRef<[u8]>> Whole<B> {
    /// Sorts pages that were read. Fewer or more of them, or of events, than the manifest says are an error.
    pub fn new(events: u32, count: u32, pages: Vec<(Vec<u8>, B)>) -> Result<Self, Corrupt> {
        if u32::try_from(pages.len()) != Ok(count) {
            return Err(Corrupt::new("number of pages of a unit"));
        }
        let mut whole = Self {
            ids: Vec::new(),
            dictionary: Vec::new(),
            postings: BTreeMap::new(),
        };
        let sorted: BTreeMap<_, _> = pages.into_iter().collect();
        for (key, page) in sorted {
            match key.first() {
                Some(b'd') => whole.dictionary.push(page),
                Some(b'i') => ids::decode_into(page.as_ref(), &mut whole.ids)?,
                Some(b'j') => {}
                _ => {
                    let place = postings_place(&key).ok_or(CORRUPT)?;
                    whole.postings.insert(place, page);
                }
            }
        }
        let is_sorted = whole.ids.is_sorted_by(|a, b| a < b);
        if !is_sorted || u32::try_from(whole.ids.len()) != Ok(events) {
            return Err(CORRUPT);
        }
        Ok(whole)
    }

    /// The ids, ascending.
    pub fn ids(&self) -> &[EventId] {
        &self.ids
    }

    fn positions(&self, posting: Posting<'_>, into: &mut Vec<u32>) -> Result<(), Corrupt> {
        let end = u32::try_from(self.ids.len()).map_err(|_| CORRUPT)?;
        into.clear();
        let large = match posting {
            Posting::Inline(bytes) => return posting::decode_into(bytes, end, into),
            Posting::Large(large) => large,
        };
        for block in (0..64).filter(|block| large.blocks & (1 << block) != 0) {
            let row = self.postings.get(&(large.number, block)).ok_or(CORRUPT)?;
            posting::decode_into(row.as_ref(), end, into)?;
        }
        let is_ascending = into.is_sorted_by(|a, b| a < b);
        is_ascending.then_some(()).ok_or(CORRUPT)
    }
}

/// Goes through the terms of a whole unit.
#[derive(Debug, Default)]
pub struct Walk {
    /// The page that is open, with the place in it.
    open: Option<(Page, Cursor)>,
    pages: usize,
}

impl Walk {
    /// Passes the next term: it is put into `term`, its positions into `positions`. False at the end.
    pub fn advance<B: AsRef<[u8]>>(
        &mut self,
        whole: &Whole<B>,
        term: &mut Vec<u8>,
        positions: &mut Vec<u32>,
    ) -> Result<bool, Corrupt> {
        loop {
            if let Some((page, cursor)) = &mut self.open
                && let Some(posting) = cursor.advance(page)?
            {
                whole.positions(posting, positions)?;
                term.clear();
                term.extend_from_slice(cursor.term());
                return Ok(true);
            }
            let Some(bytes) = whole.dictionary.get(self.pages) else {
                return Ok(false);
            };
            let page = Page::decode(bytes.as_ref())?;
            let begin = page.begin();
            self.pages += 1;
            self.open = Some((page, begin));
        }
    }
}
