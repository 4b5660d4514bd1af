//! Where a page of a search ended.

use sha2::{Digest, Sha256};

use crate::filter::Filter;
use crate::range::TimeRange;
use crate::time::Millis;

const VERSION: u8 = 1;

/// Direction of a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The default.
    #[default]
    NewestFirst,
    /// From the begin of the range on.
    OldestFirst,
}

/// The place to go on from, and the query it belongs to. Sealed before it leaves, which binds it to the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Everything up to this id, in the direction of the search, is done.
    pub last: [u8; 16],
    /// The range, as it was resolved for the first page.
    pub range: TimeRange,
    /// Of the query.
    pub fingerprint: [u8; 16],
}

/// The bytes are no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor")]
pub struct InvalidCursor;

impl Cursor {
    /// What cursors are sealed for.
    pub const PURPOSE: &'static str = "search cursor";

    /// The bytes to seal.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(49);
        bytes.push(VERSION);
        bytes.extend(self.last);
        bytes.extend(self.range.from.as_ms().to_be_bytes());
        bytes.extend(self.range.to.as_ms().to_be_bytes());
        bytes.extend(self.fingerprint);
        bytes
    }

    /// Reads opened bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidCursor> {
        let (&[version], bytes) = bytes.split_first_chunk().ok_or(InvalidCursor)?;
        let (last, bytes) = bytes.split_first_chunk().ok_or(InvalidCursor)?;
        let (from, bytes) = bytes.split_first_chunk().ok_or(InvalidCursor)?;
        let (to, bytes) = bytes.split_first_chunk().ok_or(InvalidCursor)?;
        let fingerprint = bytes.try_into().map_err(|_| InvalidCursor)?;
        if version != VERSION {
            return Err(InvalidCursor);
        }
        let time = |bytes: &[u8; 8]| Millis::from_ms(i64::from_be_bytes(*bytes));
        Ok(Self {
            last: *last,
            range: TimeRange {
                from: time(from),
                to: time(to),
            },
            fingerprint,
        })
    }
}

/// Fingerprint of a query: its filter, its order and its range as it was asked for, before it was resolved.
pub fn fingerprint(filter: &Filter, order: Order, from: Option<&str>, to: Option<&str>) -> [u8; 16] {
    let mut hash = Sha256::new();
    let mut add = |part: &str| {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    };
    add(match order {
        Order::NewestFirst => "newest",
        Order::OldestFirst => "oldest",
    });
    add(from.unwrap_or_default());
    add(to.unwrap_or_default());
    add(&filter.canonical());
    let digest = hash.finalize();
    let mut fingerprint = [0; 16];
    fingerprint.copy_from_slice(&digest[..16]);
    fingerprint
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_reads_back(last: [u8; 16], from: i64, to: i64, fingerprint: [u8; 16]) {
            let range = TimeRange { from: Millis::from_ms(from), to: Millis::from_ms(to) };
            let cursor = Cursor { last, range, fingerprint };
            prop_assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Cursor::decode(&bytes);
        }
    }

    #[test]
    fn any_other_query_has_another_fingerprint() {
        let filter = |q: &str| Filter::parse(q).unwrap();
        let one = fingerprint(&filter("service:a"), Order::NewestFirst, None, None);
        assert_eq!(
            fingerprint(&filter(" service:a "), Order::NewestFirst, None, None),
            one
        );
        for other in [
            fingerprint(&filter("service:b"), Order::NewestFirst, None, None),
            fingerprint(&filter("service:a kind:error"), Order::NewestFirst, None, None),
            fingerprint(&filter("-service:a"), Order::NewestFirst, None, None),
            fingerprint(&filter("service:a*"), Order::NewestFirst, None, None),
            fingerprint(&filter("service:a"), Order::OldestFirst, None, None),
            fingerprint(&filter("service:a"), Order::NewestFirst, Some("now-1h"), None),
            fingerprint(&filter("service:a"), Order::NewestFirst, None, Some("now-1h")),
        ] {
            assert_ne!(other, one);
        }
    }
}
