//! The bytes of a row.
//!
//! ```text
//! row:     version u8 | rollup u8 | 0 | body
//!          version u8 | rollup u8 | 1 | varint bytes of the body | zstd of the body
//! body:    varint stamp | varint groups | varint last origin, where there are groups | groups, ascending by key
//! group:   key | varint count | by rollup:
//! events   nothing
//! requests durations | varint request bytes | varint response bytes
//! errors   varint first seen | varint last seen | users
//! actions  users | sessions
//! users    varint last seen
//! ```
//!
//! Times are milliseconds. The version also stands for how many groups there is room for, and for the hash of distinct
//! texts: a reader that knows it knows what the numbers mean.

use super::Row;
use crate::rollup::aggregate::Aggregate;
use crate::rollup::distinct::Distinct;
use crate::rollup::durations::Durations;
use crate::rollup::{Rollup, key};
use crate::time::Millis;
use crate::varint::{self, Reader};

const VERSION: u8 = 1;
const PLAIN: u8 = 0;
const PACKED: u8 = 1;

/// A smaller body is hardly ever smaller when it is packed.
const MIN_PACKED_BYTES: usize = 512;
/// Rows are written all the time.
const ZSTD_LEVEL: i32 = 1;

/// More than any row has. The most would have one of requests: about 1,260 groups, each with five texts of 2 KiB and a
/// sketch of 26 KiB, make 46 MB.
const MAX_BODY_BYTES: usize = 64 << 20;

/// Stamps are far below: there is always a greater one.
const MAX_STAMP: i64 = i64::MAX / 2;

pub(super) fn encode(row: &Row) -> Vec<u8> {
    let body = body(row);
    let mut bytes = vec![VERSION, row.rollup.number()];
    if body.len() >= MIN_PACKED_BYTES {
        let packed = zstd::bulk::compress(&body, ZSTD_LEVEL).expect("packing into memory has no way to fail");
        if packed.len() < body.len() {
            bytes.push(PACKED);
            varint::push(&mut bytes, body.len() as u64);
            bytes.extend_from_slice(&packed);
            return bytes;
        }
    }
    bytes.push(PLAIN);
    bytes.extend_from_slice(&body);
    bytes
}

fn body(row: &Row) -> Vec<u8> {
    let mut groups: Vec<_> = row.groups.iter().collect();
    groups.sort_unstable_by_key(|(key, _)| *key);
    let mut body = Vec::new();
    varint::push(&mut body, row.stamp.cast_unsigned());
    varint::push(&mut body, groups.len() as u64);
    if let Some(origin) = row.last_origin {
        varint::push(&mut body, origin);
    }
    for (key, aggregate) in groups {
        body.extend_from_slice(key);
        write(aggregate, row.rollup, &mut body);
    }
    body
}

fn write(aggregate: &Aggregate, rollup: Rollup, body: &mut Vec<u8>) {
    varint::push(body, aggregate.count);
    match rollup {
        Rollup::Events => {}
        Rollup::Requests => {
            kept(aggregate.duration.as_ref()).write(body);
            varint::push(body, aggregate.request_bytes);
            varint::push(body, aggregate.response_bytes);
        }
        Rollup::Errors => {
            write_time(kept(aggregate.first_seen), body);
            write_time(kept(aggregate.last_seen), body);
            kept(aggregate.users.as_ref()).write(body);
        }
        Rollup::Actions => {
            kept(aggregate.users.as_ref()).write(body);
            kept(aggregate.sessions.as_ref()).write(body);
        }
        Rollup::Users => write_time(kept(aggregate.last_seen), body),
    }
}

fn kept<T>(value: Option<T>) -> T {
    value.expect("a group has all that its rollup keeps")
}

fn write_time(time: Millis, body: &mut Vec<u8>) {
    varint::push(body, time.as_ms().cast_unsigned());
}

pub(super) fn decode(rollup: Rollup, bytes: &[u8]) -> Option<Row> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != VERSION || reader.byte()? != rollup.number() {
        return None;
    }
    match reader.byte()? {
        PLAIN => read_body(rollup, reader.rest()),
        PACKED => read_body(rollup, &unpack(reader)?),
        _ => None,
    }
}

fn unpack(mut reader: Reader<'_>) -> Option<Vec<u8>> {
    let length = usize::try_from(reader.varint()?).ok()?;
    if length > MAX_BODY_BYTES {
        return None;
    }
    let body = zstd::bulk::decompress(reader.rest(), length).ok()?;
    (body.len() == length).then_some(body)
}

fn read_body(rollup: Rollup, body: &[u8]) -> Option<Row> {
    let mut reader = Reader::new(body);
    let mut row = Row::new(rollup);
    row.stamp = reader.varint()?.cast_signed();
    let groups = usize::try_from(reader.varint()?).ok()?;
    if groups > 0 {
        row.last_origin = Some(reader.varint()?);
    }
    let is_possible = if groups == 0 {
        row.stamp == 0
    } else {
        groups <= rollup.max_groups() && (1..=MAX_STAMP).contains(&row.stamp)
    };
    if !is_possible {
        return None;
    }
    let mut before: Option<&[u8]> = None;
    for _ in 0..groups {
        let (key, has_other) = key::take(&mut reader, rollup.dimensions().len())?;
        if before.is_some_and(|before| before >= key) {
            return None;
        }
        before = Some(key);
        let aggregate = read(rollup, &mut reader)?;
        row.groups.insert(key.into(), aggregate, has_other);
    }
    reader.is_empty().then_some(row)
}

fn read(rollup: Rollup, reader: &mut Reader<'_>) -> Option<Aggregate> {
    let mut aggregate = Aggregate {
        count: reader.varint().filter(|count| *count > 0)?,
        ..Aggregate::default()
    };
    match rollup {
        Rollup::Events => {}
        Rollup::Requests => {
            aggregate.duration = Some(Durations::read(reader)?);
            aggregate.request_bytes = reader.varint()?;
            aggregate.response_bytes = reader.varint()?;
        }
        Rollup::Errors => {
            aggregate.first_seen = Some(read_time(reader)?);
            aggregate.last_seen = Some(read_time(reader)?);
            aggregate.users = Some(Distinct::read(reader)?);
        }
        Rollup::Actions => {
            aggregate.users = Some(Distinct::read(reader)?);
            aggregate.sessions = Some(Distinct::read(reader)?);
        }
        Rollup::Users => aggregate.last_seen = Some(read_time(reader)?),
    }
    (rollup != Rollup::Errors || aggregate.first_seen <= aggregate.last_seen).then_some(aggregate)
}

fn read_time(reader: &mut Reader<'_>) -> Option<Millis> {
    Some(Millis::from_ms(reader.varint()?.cast_signed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_unpacked_up_to_a_bound() {
        let unpacked = |length: usize| {
            let mut bytes = Vec::new();
            varint::push(&mut bytes, length as u64);
            bytes.extend(zstd::bulk::compress(&vec![0; length], ZSTD_LEVEL).unwrap());
            unpack(Reader::new(&bytes)).map(|body| body.len())
        };
        assert_eq!(unpacked(MAX_BODY_BYTES), Some(MAX_BODY_BYTES));
        assert_eq!(unpacked(MAX_BODY_BYTES + 1), None);
    }
}
