//! What two records have in common, in 64 bits.
//!
//! SipHash-2-4 (Aumasson, Bernstein, 2012) with a key that nobody outside of the process knows: a producer can't make
//! events that collide, by which one of another would be dropped. By chance a hash meets one of n that are remembered
//! with a probability of n / 2^64: with 10,000 records a second and a million remembered, once in about 60 years.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher24;

use crate::id::EventId;
use crate::tenant::TenantId;

/// What makes two records the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity<'a> {
    /// Whose the event is.
    pub tenant: &'a TenantId,
    /// Its id.
    pub id: EventId,
    /// Its external id, if it has one.
    pub external_id: Option<&'a str>,
}

/// The hash function of one process.
pub(super) struct Keyed(SipHasher24);

/// Kinds of values, so that an id and an external id never meet.
const ID: u8 = 1;
const EXTERNAL_ID: u8 = 2;

impl Keyed {
    pub(super) fn new(key: [u8; 16]) -> Self {
        Self(SipHasher24::new_with_key(&key))
    }

    /// The hashes of the id and of the external id.
    pub(super) fn hashes(&self, identity: Identity<'_>) -> impl Iterator<Item = u64> + use<> {
        let Identity {
            tenant,
            id,
            external_id,
        } = identity;
        let id = self.hash(tenant, ID, &id.bytes());
        let external_id = external_id.map(|value| self.hash(tenant, EXTERNAL_ID, value.as_bytes()));
        std::iter::once(id).chain(external_id)
    }

    fn hash(&self, tenant: &TenantId, kind: u8, value: &[u8]) -> u64 {
        let mut hasher = self.0;
        hasher.write(tenant.as_str().as_bytes());
        // No tenant has this byte in its name.
        hasher.write(&[0, kind]);
        hasher.write(value);
        hasher.finish()
    }
}
