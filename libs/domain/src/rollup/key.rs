//! The bytes of a group, by which a row finds it: small to build from an event, and in one way only.
//!
//! For each dimension of the rollup: a number u16, big-endian, that is 0 for absent, 1 for other, else 2 + bytes of the
//! text; and the text.

use super::group::{Group, Value};
use super::room::Level;
use crate::varint::Reader;

/// A longer text has no group of its own. It keeps rows small enough for a store, whatever a tenant's limits are; by the
/// limits that tenants have by default, only the template of a very long path is longer.
pub(super) const MAX_TEXT_BYTES: usize = 2_048;

const ABSENT: u16 = 0;
const OTHER: u16 = 1;
const TEXT: u16 = 2;

/// Writes the key of the group at this level of an event that has these values. False where it can't have one, because a
/// text is too long.
pub(super) fn write(key: &mut Vec<u8>, values: &[Option<&str>], level: &Level) -> bool {
    key.clear();
    for (value, keeps) in values.iter().zip(level.keeps) {
        let (number, text) = match value {
            _ if !keeps => (OTHER, ""),
            None => (ABSENT, ""),
            Some(text) if text.len() > MAX_TEXT_BYTES => return false,
            Some(text) => (TEXT + u16::try_from(text.len()).unwrap_or(0), *text),
        };
        key.extend_from_slice(&number.to_be_bytes());
        key.extend_from_slice(text.as_bytes());
    }
    true
}

/// A value in a key.
enum Part<'a> {
    Absent,
    Other,
    Text(&'a str),
}

fn part<'a>(reader: &mut Reader<'a>) -> Option<Part<'a>> {
    match u16::from_be_bytes(reader.array()?) {
        ABSENT => Some(Part::Absent),
        OTHER => Some(Part::Other),
        number => {
            let length = usize::from(number - TEXT);
            let text = reader.take(length).filter(|_| length <= MAX_TEXT_BYTES)?;
            Some(Part::Text(std::str::from_utf8(text).ok()?))
        }
    }
}

/// Takes a key of this many values from stored bytes, and says whether one of them is other.
pub(super) fn take<'a>(reader: &mut Reader<'a>, values: usize) -> Option<(&'a [u8], bool)> {
    let all = reader.rest();
    let mut has_other = false;
    for _ in 0..values {
        has_other |= matches!(part(reader)?, Part::Other);
    }
    Some((&all[..all.len() - reader.rest().len()], has_other))
}

/// The group of a key.
pub(super) fn group(key: &[u8]) -> Group {
    let mut reader = Reader::new(key);
    let parts = std::iter::from_fn(|| part(&mut reader));
    let values = parts.map(|part| match part {
        Part::Absent => Value::Absent,
        Part::Other => Value::Other,
        Part::Text(text) => Value::Text(text.into()),
    });
    Group::new(values.collect())
}
