//! How a record is laid out in storage.
//!
//! ```text
//! version u8 | appended_at_ms i64 | key length u32 | value length u32 | number of headers u32
//! | (name length u32, value length u32) for each header | key | value | (name, value) for each header
//! ```
//! Integers are little-endian. The offset is the storage key and not repeated here.
//! Any bytes decode to a record or to [`Malformed`]; nothing is read past the end and no length is trusted
//! before it is checked. Decoding copies nothing but header names it has not seen before.

use std::sync::Arc;

use bytes::{Buf, Bytes};

use crate::port::Error;
use crate::record::{NewRecord, Record};

const VERSION: u8 = 1;
const FIXED_BYTES: usize = 1 + 8 + 4 + 4 + 4;
const HEADER_BYTES: usize = 4 + 4;
/// Record and header lengths are 32 bits wide.
pub(super) const MAX_ENCODED_BYTES: usize = 1 << 30;

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Written by another version of this program.
    #[error("record has version {0}")]
    UnknownVersion(u8),
    /// The lengths say more than there is.
    #[error("record is cut short")]
    CutShort,
    /// The lengths say less than there is.
    #[error("record is followed by {0} bytes")]
    TrailingBytes(usize),
    /// A header name is not UTF-8.
    #[error("header name is not UTF-8")]
    NameNotUtf8,
}

/// Header names seen lately, so that a name which every record has is allocated once.
#[derive(Debug, Default)]
pub struct Names(Vec<Arc<str>>);

impl Names {
    const MAX: usize = 16;

    fn intern(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.iter().find(|known| &***known == name) {
            return known.clone();
        }
        let name: Arc<str> = name.into();
        if self.0.len() < Self::MAX {
            self.0.push(name.clone());
        }
        name
    }
}

/// Bytes that the record takes in storage.
pub(super) fn encoded_len(record: &NewRecord) -> usize {
    record
        .bytes()
        .saturating_add(FIXED_BYTES + HEADER_BYTES * record.headers.len())
}

/// Encodes a record without its append time, which [`stamp`] gives it.
pub(super) fn encode(record: &NewRecord, max_bytes: usize) -> Result<Vec<u8>, Error> {
    let bytes = encoded_len(record);
    let max_bytes = max_bytes.min(MAX_ENCODED_BYTES);
    if bytes > max_bytes {
        return Err(Error::RecordTooLarge { bytes, max_bytes });
    }
    let mut out = Vec::with_capacity(bytes);
    out.push(VERSION);
    out.extend_from_slice(&0_i64.to_le_bytes());
    put_len(&mut out, record.key.len());
    put_len(&mut out, record.value.len());
    put_len(&mut out, record.headers.len());
    for (name, value) in &record.headers {
        put_len(&mut out, name.len());
        put_len(&mut out, value.len());
    }
    out.extend_from_slice(&record.key);
    out.extend_from_slice(&record.value);
    for (name, value) in &record.headers {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(value);
    }
    Ok(out)
}

fn put_len(out: &mut Vec<u8>, len: usize) {
    let len = u32::try_from(len).expect("every part is shorter than MAX_ENCODED_BYTES");
    out.extend_from_slice(&len.to_le_bytes());
}

/// Writes the append time into an encoded record.
pub(super) fn stamp(encoded: &mut [u8], appended_at_ms: i64) {
    encoded[1..9].copy_from_slice(&appended_at_ms.to_le_bytes());
}

/// The append time of an encoded record, without decoding the rest.
pub(super) fn appended_at_ms(mut encoded: &[u8]) -> Result<i64, Malformed> {
    take_version(&mut encoded)?;
    encoded.try_get_i64_le().map_err(|_| Malformed::CutShort)
}

/// Decodes the record at `offset`. Its parts share the memory of `encoded`.
pub fn decode(offset: u64, encoded: &Bytes, names: &mut Names) -> Result<Record, Malformed> {
    let mut lengths = &encoded[..];
    take_version(&mut lengths)?;
    let appended_at_ms = lengths.try_get_i64_le().map_err(|_| Malformed::CutShort)?;
    let key_len = take_len(&mut lengths)?;
    let value_len = take_len(&mut lengths)?;
    let header_count = take_len(&mut lengths)?;
    let table_bytes = header_count
        .checked_mul(HEADER_BYTES)
        .ok_or(Malformed::CutShort)?;
    let (mut table, _) = lengths.split_at_checked(table_bytes).ok_or(Malformed::CutShort)?;

    let mut rest = encoded.slice(FIXED_BYTES + table_bytes..);
    let key = take(&mut rest, key_len)?;
    let value = take(&mut rest, value_len)?;
    let mut headers = Vec::with_capacity(header_count);
    for _ in 0..header_count {
        let name_len = take_len(&mut table)?;
        let value_len = take_len(&mut table)?;
        let name = take(&mut rest, name_len)?;
        let name = std::str::from_utf8(&name).map_err(|_| Malformed::NameNotUtf8)?;
        headers.push((names.intern(name), take(&mut rest, value_len)?));
    }
    if !rest.is_empty() {
        return Err(Malformed::TrailingBytes(rest.len()));
    }
    Ok(Record {
        offset,
        appended_at_ms,
        key,
        value,
        headers,
    })
}

fn take_version(bytes: &mut &[u8]) -> Result<(), Malformed> {
    match bytes.try_get_u8() {
        Ok(VERSION) => Ok(()),
        Ok(other) => Err(Malformed::UnknownVersion(other)),
        Err(_) => Err(Malformed::CutShort),
    }
}

fn take_len(bytes: &mut &[u8]) -> Result<usize, Malformed> {
    let len = bytes.try_get_u32_le().map_err(|_| Malformed::CutShort)?;
    usize::try_from(len).map_err(|_| Malformed::CutShort)
}

fn take(bytes: &mut Bytes, len: usize) -> Result<Bytes, Malformed> {
    if len > bytes.len() {
        return Err(Malformed::CutShort);
    }
    Ok(bytes.split_to(len))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::record::TopicPartition;

    fn new_records() -> impl Strategy<Value = NewRecord> {
        let headers = vec((".{0,6}", vec(any::<u8>(), 0..20)), 0..5);
        (vec(any::<u8>(), 0..40), vec(any::<u8>(), 0..200), headers).prop_map(|(key, value, headers)| {
            NewRecord {
                to: TopicPartition::new("events", 0),
                key: key.into(),
                value: value.into(),
                headers: headers
                    .into_iter()
                    .map(|(name, value)| (name.into(), value.into()))
                    .collect(),
            }
        })
    }

    fn encoded(record: &NewRecord, at: i64) -> Vec<u8> {
        let mut bytes = encode(record, 1 << 20).unwrap();
        stamp(&mut bytes, at);
        bytes
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(record in new_records(), at in any::<i64>(), offset in any::<u64>()) {
            let bytes = encoded(&record, at);
            prop_assert_eq!(bytes.len(), encoded_len(&record));
            prop_assert_eq!(appended_at_ms(&bytes), Ok(at));
            let decoded = decode(offset, &bytes.into(), &mut Names::default()).unwrap();
            let NewRecord { key, value, headers, .. } = record;
            prop_assert_eq!(decoded, Record { offset, appended_at_ms: at, key, value, headers });
        }

        #[test]
        fn every_cut_is_malformed(record in new_records(), cut in any::<prop::sample::Index>()) {
            let bytes = Bytes::from(encoded(&record, 0));
            let cut = bytes.slice(..cut.index(bytes.len()));
            prop_assert!(decode(0, &cut, &mut Names::default()).is_err());
        }

        #[test]
        fn damage_never_panics(record in new_records(), at in any::<prop::sample::Index>(), with in any::<u8>()) {
            let mut bytes = encoded(&record, 0);
            let at = at.index(bytes.len());
            bytes[at] = with;
            let _ = decode(0, &bytes.into(), &mut Names::default());
        }

        #[test]
        fn any_bytes_never_panic(mut bytes in vec(any::<u8>(), 0..100), versioned in any::<bool>()) {
            if let Some(first) = bytes.first_mut().filter(|_| versioned) {
                *first = VERSION;
            }
            let _ = appended_at_ms(&bytes);
            let _ = decode(0, &bytes.into(), &mut Names::default());
        }
    }

    #[test]
    fn a_huge_header_count_allocates_nothing() {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&[0; 16]);
        bytes.extend_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(
            decode(0, &bytes.into(), &mut Names::default()),
            Err(Malformed::CutShort)
        );
    }

    #[test]
    fn header_names_are_shared_between_records() {
        let mut record = NewRecord {
            to: TopicPartition::new("events", 0),
            key: Bytes::new(),
            value: Bytes::new(),
            headers: vec![("origin".into(), Bytes::new())],
        };
        let mut names = Names::default();
        let first = decode(0, &encoded(&record, 0).into(), &mut names).unwrap();
        record.value = Bytes::from_static(b"other");
        let second = decode(1, &encoded(&record, 0).into(), &mut names).unwrap();
        assert!(Arc::ptr_eq(&first.headers[0].0, &second.headers[0].0));
    }
}
