//! Event ids: UUIDv7 (RFC 9562), whose 48-bit time is the time of the event.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::tenant::TenantId;
use crate::time::Millis;

/// Id of an event. Order of ids is order of time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId([u8; 16]);

/// The text or bytes are not a UUIDv7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a UUIDv7")]
pub struct InvalidId;

impl EventId {
    /// Reads the hyphenated or the plain form of a UUIDv7, in either case.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        // The parser also knows urn: and {} forms, which are not ours.
        if !matches!(text.len(), 32 | 36) {
            return Err(InvalidId);
        }
        let uuid = uuid::Uuid::try_parse(text).map_err(|_| InvalidId)?;
        Self::from_bytes(uuid.into_bytes())
    }

    /// Takes 16 bytes that have the version and the variant of a UUIDv7.
    pub fn from_bytes(bytes: [u8; 16]) -> Result<Self, InvalidId> {
        let is_v7 = bytes[6] >> 4 == 7 && bytes[8] >> 6 == 0b10;
        if is_v7 { Ok(Self(bytes)) } else { Err(InvalidId) }
    }

    /// An id of this time with 74 of the given random bits. A time that does not fit 48 bits is clamped.
    pub fn made(time: Millis, random: [u8; 10]) -> Self {
        let ms = time.clamp(Millis::EPOCH, Millis::MAX).as_ms().to_be_bytes();
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&ms[2..]);
        bytes[6..].copy_from_slice(&random);
        bytes[6] = 0x70 | (bytes[6] & 0x0f);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Self(bytes)
    }

    /// An id that is a function of its arguments, so that a repeated request makes it again.
    pub fn derived(tenant: &TenantId, idempotency_key: &str, index: u32, time: Millis) -> Self {
        let mut hash = Sha256::new();
        // Both texts are of bounded length and followed by a byte that neither can contain.
        hash.update(tenant.as_str());
        hash.update([0]);
        hash.update(idempotency_key);
        hash.update([0]);
        hash.update(index.to_be_bytes());
        hash.update(time.as_ms().to_be_bytes());
        let digest = hash.finalize();
        let mut random = [0; 10];
        random.copy_from_slice(&digest[..10]);
        Self::made(time, random)
    }

    /// The time of the event.
    pub fn time(self) -> Millis {
        time_of(self.0)
    }

    /// The 16 bytes, in the order that sorts by time.
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_bytes(self.0).as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A range of ids, `begin..end` by their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdRange {
    /// First bytes in the range.
    pub begin: [u8; 16],
    /// First bytes behind the range.
    pub end: [u8; 16],
}

impl IdRange {
    /// All ids whose time is in `from..to`.
    pub fn of_times(from: Millis, to: Millis) -> Self {
        Self {
            begin: first_bytes_at(from),
            end: first_bytes_at(to),
        }
    }

    /// The times of ids in it: from the one up to and with the other. Of an empty range they say nothing.
    pub fn times(&self) -> (Millis, Millis) {
        let last = u128::from_be_bytes(self.end).saturating_sub(1).to_be_bytes();
        (time_of(self.begin), time_of(last))
    }

    /// Only what comes after these bytes of an id.
    #[must_use]
    pub fn after(self, id: [u8; 16]) -> Self {
        let next = u128::from_be_bytes(id).saturating_add(1).to_be_bytes();
        Self {
            begin: self.begin.max(next),
            end: self.end,
        }
    }

    /// Only what comes before these bytes of an id.
    #[must_use]
    pub fn before(self, id: [u8; 16]) -> Self {
        Self {
            begin: self.begin,
            end: self.end.min(id),
        }
    }

    /// Whether no id is in it.
    pub fn is_empty(&self) -> bool {
        self.begin >= self.end
    }

    /// Whether this id is in it.
    pub fn contains(&self, id: EventId) -> bool {
        (self.begin..self.end).contains(&id.0)
    }
}

fn time_of(id: [u8; 16]) -> Millis {
    let mut ms = [0; 8];
    ms[2..].copy_from_slice(&id[..6]);
    Millis::from_ms(i64::from_be_bytes(ms))
}

fn first_bytes_at(time: Millis) -> [u8; 16] {
    let ms = time.clamp(Millis::EPOCH, Millis::MAX).as_ms().to_be_bytes();
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&ms[2..]);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn made_ids_carry_their_time_and_read_back(ms in 0..=Millis::MAX.as_ms(), random: [u8; 10]) {
            let id = EventId::made(Millis::from_ms(ms), random);
            prop_assert_eq!(id.time(), Millis::from_ms(ms));
            prop_assert_eq!(EventId::parse(&id.to_string()), Ok(id));
            prop_assert_eq!(EventId::from_bytes(id.bytes()), Ok(id));
        }

        #[test]
        fn order_of_ids_is_order_of_time(a in 0..=Millis::MAX.as_ms(), b in 0..=Millis::MAX.as_ms(), random: [[u8; 10]; 2]) {
            prop_assume!(a < b);
            prop_assert!(EventId::made(Millis::from_ms(a), random[0]) < EventId::made(Millis::from_ms(b), random[1]));
        }

        #[test]
        fn a_range_has_exactly_the_ids_of_its_times(from in 0..2000i64, to in 0..2000i64, ms in 0..2000i64, random: [u8; 10]) {
            let range = IdRange::of_times(Millis::from_ms(from), Millis::from_ms(to));
            let id = EventId::made(Millis::from_ms(ms), random);
            prop_assert_eq!(range.contains(id), (from..to).contains(&ms));
            prop_assert!(!range.after(id.bytes()).contains(id));
            prop_assert!(!range.before(id.bytes()).contains(id));
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = EventId::parse(&text);
        }
    }

    #[test]
    fn other_uuids_are_refused() {
        for text in [
            "",
            "0190a0b0-0000-4000-8000-000000000000",
            "0190a0b0-0000-7000-0000-000000000000",
            "urn:uuid:0190a0b0-0000-7000-8000-000000000000",
            "{0190a0b0-0000-7000-8000-000000000000}",
            "0190a0b0-0000-7000-8000-00000000000g",
        ] {
            assert_eq!(EventId::parse(text), Err(InvalidId), "{text}");
        }
    }

    #[test]
    fn a_derived_id_is_a_function_of_all_its_arguments() {
        let tenant = |name: &str| TenantId::parse(name).unwrap();
        let time = Millis::from_ms(1_700_000_000_000);
        let id = EventId::derived(&tenant("a"), "key", 0, time);
        assert_eq!(EventId::derived(&tenant("a"), "key", 0, time), id);
        assert_eq!(id.time(), time);
        for other in [
            EventId::derived(&tenant("b"), "key", 0, time),
            EventId::derived(&tenant("a"), "kez", 0, time),
            EventId::derived(&tenant("a"), "key", 1, time),
            EventId::derived(&tenant("a"), "key", 0, time.plus_ms(1)),
        ] {
            assert_ne!(other, id);
        }
    }
}
