//! What the keys of the keyspace `events` begin with, and how tenants and sources are written in them.
//!
//! | first byte | what |
//! |---|---|
//! | 0x00 | [positions](super::progress) |
//! | 0x01 to 0x05 | the search index: `index::keys` |
//! | 0x06 | statistics: `rollups::keys` |
//! | a letter | rows: the name of the tenant |
//!
//! Integers are big-endian, so that keys are in their order.

use bytes::Buf;
use domain::source::{Lane, Source};
use domain::tenant::TenantId;

pub(super) const SEGMENT: u8 = 1;
pub(super) const FRESH_PLACE: u8 = 2;
pub(super) const PAGE: u8 = 3;
pub(super) const ENTRY: u8 = 4;
pub(super) const MARK: u8 = 5;
pub(super) const ROLLUP: u8 = 6;

/// A name and 0x00: no name has such a byte, so none is the begin of another.
pub(super) fn push_tenant(key: &mut Vec<u8>, tenant: &TenantId) {
    key.extend_from_slice(tenant.as_str().as_bytes());
    key.push(0);
}

/// Lane u8, generation u32, partition u32.
pub(super) fn push_source(key: &mut Vec<u8>, source: Source) {
    key.push(source.lane.number());
    key.extend_from_slice(&source.generation.to_be_bytes());
    key.extend_from_slice(&source.partition.to_be_bytes());
}

/// The source that comes next in a key.
pub(super) fn read_source(key: &mut &[u8]) -> Option<Source> {
    Some(Source {
        lane: Lane::from_number(key.try_get_u8().ok()?)?,
        generation: key.try_get_u32().ok()?,
        partition: key.try_get_u32().ok()?,
    })
}
