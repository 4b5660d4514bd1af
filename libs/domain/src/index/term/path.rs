//! Paths of attributes as bytes.
//!
//! Keys are joined by 0x01; within a key the bytes 0x00, 0x01 and 0x02 are written as 0x02 and 0x10, 0x11, 0x12.
//! So no two paths are written alike, and none holds the 0x00 that ends it. A path of more than 40 bytes is
//! written as its first 31, 0x02 and a hash of the whole, so that there is room for the value. Its hash may hold
//! any byte: another path could be taken for it, which a term allows.

use xxhash_rust::xxh3::xxh3_64;

use super::attributes::Type;
use super::{ATTRIBUTE, MAX_TERM_BYTES};

const END: u8 = 0x00;
const BETWEEN_KEYS: u8 = 0x01;
const ESCAPE: u8 = 0x02;
const ESCAPED: u8 = 0x10;

const MAX_PATH_BYTES: usize = 40;
const HASHED_BEHIND: usize = 31;

/// Keys from the outermost on.
#[derive(Debug, Default)]
pub(crate) struct Path {
    bytes: Vec<u8>,
    is_root: bool,
}

impl Path {
    /// The path of the attributes themselves.
    pub(crate) fn root() -> Self {
        Self {
            bytes: Vec::new(),
            is_root: true,
        }
    }

    /// The path of these keys.
    pub(crate) fn of_keys<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        let mut path = Self::root();
        for key in keys {
            path.push(key);
        }
        path
    }

    pub(crate) fn is_root(&self) -> bool {
        self.is_root
    }

    /// Goes one key deeper. The mark leads back.
    pub(super) fn push(&mut self, key: &str) -> Mark {
        let mark = Mark(self.bytes.len(), self.is_root);
        if !self.is_root {
            self.bytes.push(BETWEEN_KEYS);
        }
        self.is_root = false;
        for &byte in key.as_bytes() {
            if byte <= ESCAPE {
                self.bytes.extend([ESCAPE, ESCAPED + byte]);
            } else {
                self.bytes.push(byte);
            }
        }
        mark
    }

    /// Goes back to where the mark was made.
    pub(super) fn pop(&mut self, mark: &Mark) {
        self.bytes.truncate(mark.0);
        self.is_root = mark.1;
    }

    /// The begin of all terms of this path.
    pub(crate) fn begin(&self) -> Vec<u8> {
        let mut term = Vec::new();
        self.write_begin(&mut term);
        term
    }

    /// The term of a value at this path.
    pub(crate) fn term(&self, kind: Type, value: &[u8]) -> Vec<u8> {
        let mut term = Vec::new();
        self.write(&mut term, kind, value);
        term
    }

    pub(super) fn write(&self, term: &mut Vec<u8>, kind: Type, value: &[u8]) {
        self.write_begin(term);
        term.push(kind.code());
        term.extend(value);
        term.truncate(MAX_TERM_BYTES);
    }

    fn write_begin(&self, term: &mut Vec<u8>) {
        term.clear();
        term.push(ATTRIBUTE);
        if self.bytes.len() <= MAX_PATH_BYTES {
            term.extend(&self.bytes);
        } else {
            term.extend(&self.bytes[..HASHED_BEHIND]);
            term.push(ESCAPE);
            term.extend(xxh3_64(&self.bytes).to_be_bytes());
        }
        term.push(END);
    }
}

/// A place on the way to a path.
#[derive(Debug)]
pub(super) struct Mark(usize, bool);
