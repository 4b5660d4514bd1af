//! Under which key each part of the search index is.
//!
//! ```text
//! segment:       0x01 | source | minute i64 | tenant | 0x00 | last origin u64 | nonce u64
//! fresh place:   0x02 | tenant | 0x00 | source
//! page:          0x03 | class u8 | unit, 16 bytes | key
//! entry:         0x04 | tenant | 0x00 | period i32 | source | class u8 | unit, 16 bytes
//! mark:          0x05 | source
//!
//! source:        lane u8 | generation u32 | partition u32                                    (all big-endian)
//! ```
//! Any bytes that should be the end of a key are one, or nothing.

use bytes::Buf;
use domain::index::manifest::{Minute, Period, UnitId, UnitRef};
use domain::retention::Class;
use domain::source::Source;
use domain::tenant::TenantId;

use crate::embedded::keys::{ENTRY, FRESH_PLACE, MARK, PAGE, SEGMENT, push_source, push_tenant, read_source};

/// The begin of the keys of a tenant's segments in a minute of a source.
pub(super) fn segments(source: Source, minute: Minute, tenant: &TenantId) -> Vec<u8> {
    let mut key = vec![SEGMENT];
    push_source(&mut key, source);
    key.extend_from_slice(&minute.0.to_be_bytes());
    push_tenant(&mut key, tenant);
    key
}

/// The end of the key of a segment.
pub(super) fn segment_end(last_origin: u64, nonce: u64) -> [u8; 16] {
    (u128::from(last_origin) << 64 | u128::from(nonce)).to_be_bytes()
}

/// Last origin and nonce.
pub(super) fn read_segment_end(mut end: &[u8]) -> Option<(u64, u64)> {
    let read = (end.try_get_u64().ok()?, end.try_get_u64().ok()?);
    end.is_empty().then_some(read)
}

/// The begin of the keys of where a tenant's segments are.
pub(super) fn fresh_places(tenant: &TenantId) -> Vec<u8> {
    let mut key = vec![FRESH_PLACE];
    push_tenant(&mut key, tenant);
    key
}

/// The key of one such place.
pub(super) fn fresh_place(tenant: &TenantId, source: Source) -> Vec<u8> {
    let mut key = fresh_places(tenant);
    push_source(&mut key, source);
    key
}

/// The source with which the key of a place ends.
pub(super) fn read_fresh_place_end(mut end: &[u8]) -> Option<Source> {
    let source = read_source(&mut end)?;
    end.is_empty().then_some(source)
}

/// The begin of the keys of a unit's pages.
pub(super) fn pages(unit: UnitRef) -> Vec<u8> {
    let mut key = vec![PAGE];
    push_unit(&mut key, unit);
    key
}

/// The begin of the keys of a manifest.
pub(super) fn manifest(tenant: &TenantId, period: Period) -> Vec<u8> {
    let mut key = vec![ENTRY];
    push_tenant(&mut key, tenant);
    key.extend_from_slice(&period.0.to_be_bytes());
    key
}

/// The key of an entry.
pub(super) fn entry(tenant: &TenantId, period: Period, source: Source, unit: UnitRef) -> Vec<u8> {
    let mut key = manifest(tenant, period);
    push_source(&mut key, source);
    push_unit(&mut key, unit);
    key
}

/// Source and unit, with which the key of an entry ends.
pub(super) fn read_entry_end(mut end: &[u8]) -> Option<(Source, UnitRef)> {
    let source = read_source(&mut end)?;
    let class = Class::from_number(end.try_get_u8().ok()?)?;
    let id = UnitId(end.try_into().ok()?);
    Some((source, UnitRef { class, id }))
}

/// The key of a mark.
pub(super) fn mark(source: Source) -> Vec<u8> {
    let mut key = vec![MARK];
    push_source(&mut key, source);
    key
}

fn push_unit(key: &mut Vec<u8>, unit: UnitRef) {
    key.push(unit.class.number());
    key.extend_from_slice(&unit.id.0);
}

#[cfg(test)]
mod tests {
    use domain::source::Lane;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_end_of_a_key_reads_back(
            generation: u32, partition: u32, id: [u8; 16], class in 0..4_u8, last_origin: u64, nonce: u64,
        ) {
            let source = Source { lane: Lane::Standard, generation, partition };
            let unit = UnitRef { class: Class::from_number(class).unwrap(), id: UnitId(id) };
            let tenant = TenantId::parse("demo").unwrap();
            let end = |key: Vec<u8>, begin: Vec<u8>| key.strip_prefix(begin.as_slice()).unwrap().to_vec();
            let place = end(fresh_place(&tenant, source), fresh_places(&tenant));
            prop_assert_eq!(read_fresh_place_end(&place), Some(source));
            let entry = end(entry(&tenant, Period(7), source, unit), manifest(&tenant, Period(7)));
            prop_assert_eq!(read_entry_end(&entry), Some((source, unit)));
            prop_assert_eq!(read_segment_end(&segment_end(last_origin, nonce)), Some((last_origin, nonce)));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = (read_fresh_place_end(&bytes), read_entry_end(&bytes), read_segment_end(&bytes));
        }

        #[test]
        fn segments_are_in_the_order_of_their_origins(a: (u64, u64), b: (u64, u64)) {
            prop_assert_eq!(segment_end(a.0, a.1).cmp(&segment_end(b.0, b.1)), a.cmp(&b));
        }
    }
}
