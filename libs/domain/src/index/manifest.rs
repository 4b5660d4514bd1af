//! What a reader has to know of a unit before it reads it, and where a search finds the units of a tenant.

use std::fmt;
use std::ops::RangeInclusive;

use crate::id::{EventId, IdRange};
use crate::index::Corrupt;
use crate::retention::Class;
use crate::source::Source;
use crate::time::Millis;
use crate::varint::{self, Reader};

const VERSION: u8 = 1;
const MINUTE_MS: i64 = 60 * 1000;
const PERIOD_MS: i64 = 32 * 24 * 60 * 60 * 1000;

/// Name of a unit. Made at random, so that two writers never write to the pages of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitId(pub [u8; 16]);

impl fmt::Display for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A unit and the class of its events, which says in which table a store has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitRef {
    /// Retention class of its events.
    pub class: Class,
    /// Its name.
    pub id: UnitId,
}

/// Minutes since 1970 of the append times of a source, made so that they never step back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Minute(pub i64);

impl Minute {
    /// The minute of a time.
    pub const fn of(time: Millis) -> Self {
        Self(time.as_ms().div_euclid(MINUTE_MS))
    }

    /// Its first millisecond.
    pub const fn begin(self) -> Millis {
        Millis::from_ms(self.0.saturating_mul(MINUTE_MS))
    }
}

/// 32 days, numbered from 1970: the times of a unit's events lie in one period, and a manifest lists one period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Period(pub i32);

impl Period {
    /// The period of a time.
    pub fn of(time: Millis) -> Self {
        let number = time.clamp(Millis::EPOCH, Millis::MAX).as_ms() / PERIOD_MS;
        // 48 bits of milliseconds have about 100,000 periods.
        Self(i32::try_from(number).unwrap_or(i32::MAX))
    }

    /// Its first millisecond.
    pub fn begin(self) -> Millis {
        Millis::from_ms(i64::from(self.0) * PERIOD_MS)
    }

    /// The periods that a range of ids touches, in order; none of an empty range.
    pub fn of_range(range: &IdRange) -> RangeInclusive<i32> {
        let (first, last) = range.times();
        Self::of(first).0..=Self::of(last).0
    }
}

/// The claim that all of a tenant's events of a source with `after < origin <= through` are in listed units. The entry
/// with the claim is the last that is written of the units that it speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covers {
    /// Behind this origin.
    pub after: u64,
    /// Up to this origin.
    pub through: u64,
    /// What comes later arrives in this minute or after it.
    pub minute: Minute,
}

/// One unit in a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The unit.
    pub unit: UnitRef,
    /// Where its events come from.
    pub source: Source,
    /// How often it was merged: see [`tiers`](crate::index::tiers).
    pub level: u8,
    /// How many events it has, at least one. It is also the number of positions.
    pub events: u32,
    /// How many pages it has.
    pub pages: u32,
    /// The least id.
    pub first: EventId,
    /// The greatest id.
    pub last: EventId,
    /// The greatest origin of its events. Stamp of the entry; its removal has one more.
    pub last_origin: u64,
    /// When the last of its events expires. Its pages are kept for longer.
    pub expires_at: Millis,
    /// What of the source is sealed by it and the units that were listed before.
    pub covers: Option<Covers>,
}

impl Entry {
    /// The ids of its events, as a range.
    pub fn ids(&self) -> IdRange {
        IdRange {
            begin: self.first.bytes(),
            end: u128::from_be_bytes(self.last.bytes())
                .saturating_add(1)
                .to_be_bytes(),
        }
    }

    /// The period of its events.
    pub fn period(&self) -> Period {
        Period::of(self.first.time())
    }

    /// All but the source and the unit, which are the key under which a store keeps it.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, self.level];
        varint::push(&mut bytes, u64::from(self.events));
        varint::push(&mut bytes, u64::from(self.pages));
        bytes.extend_from_slice(&self.first.bytes());
        bytes.extend_from_slice(&self.last.bytes());
        varint::push(&mut bytes, self.last_origin);
        bytes.extend_from_slice(&self.expires_at.as_ms().to_be_bytes());
        if let Some(covers) = self.covers {
            varint::push(&mut bytes, covers.after);
            varint::push(&mut bytes, covers.through);
            bytes.extend_from_slice(&covers.minute.0.to_be_bytes());
        }
        bytes
    }

    /// Reads what [`Entry::encode`] has written.
    pub fn decode(source: Source, unit: UnitRef, bytes: &[u8]) -> Result<Self, Corrupt> {
        Self::read(source, unit, bytes).ok_or(Corrupt::new("manifest"))
    }

    fn read(source: Source, unit: UnitRef, bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != VERSION {
            return None;
        }
        let entry = Self {
            unit,
            source,
            level: reader.byte()?,
            events: reader.varint_u32()?,
            pages: reader.varint_u32()?,
            first: EventId::from_bytes(reader.array()?).ok()?,
            last: EventId::from_bytes(reader.array()?).ok()?,
            last_origin: reader.varint()?,
            expires_at: Millis::from_ms(i64::from_be_bytes(reader.array()?)),
            covers: if reader.is_empty() {
                None
            } else {
                Some(covers(&mut reader)?)
            },
        };
        (reader.is_empty() && entry.events > 0 && entry.first <= entry.last).then_some(entry)
    }
}

fn covers(reader: &mut Reader<'_>) -> Option<Covers> {
    Some(Covers {
        after: reader.varint()?,
        through: reader.varint()?,
        minute: Minute(i64::from_be_bytes(reader.array()?)),
    })
}

/// Up to which origin a tenant's events of a source are in the listed units, and the minute from which on the others
/// arrive: what the source's own mark says, and what the claims behind it add.
pub fn covered(mark: (u64, Minute), entries: &[Entry], source: Source) -> (u64, Minute) {
    let mut claims: Vec<Covers> = entries
        .iter()
        .filter(|entry| entry.source == source)
        .filter_map(|entry| entry.covers)
        .collect();
    claims.sort_by_key(|covers| covers.after);
    claims.iter().fold(mark, |(through, minute), claim| {
        if claim.after <= through && claim.through > through {
            (claim.through, minute.max(claim.minute))
        } else {
            (through, minute)
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::source::Lane;

    const SOURCE: Source = Source {
        lane: Lane::Standard,
        generation: 1,
        partition: 3,
    };
    const UNIT: UnitRef = UnitRef {
        class: Class::Days30,
        id: UnitId([7; 16]),
    };

    fn entry(covers: Option<Covers>) -> Entry {
        let id = |ms| EventId::made(Millis::from_ms(ms), [1; 10]);
        Entry {
            unit: UNIT,
            source: SOURCE,
            level: 2,
            events: 9,
            pages: 4,
            first: id(5),
            last: id(PERIOD_MS - 1),
            last_origin: 77,
            expires_at: Millis::from_ms(99),
            covers,
        }
    }

    fn claim(after: u64, through: u64) -> Covers {
        Covers {
            after,
            through,
            minute: Minute(i64::try_from(through).unwrap()),
        }
    }

    proptest! {
        #[test]
        fn an_entry_reads_back(after: u64, through: u64, minute: i64, has_claim: bool) {
            let entry = entry(has_claim.then_some(Covers { after, through, minute: Minute(minute) }));
            prop_assert_eq!(Entry::decode(SOURCE, UNIT, &entry.encode()), Ok(entry));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Entry::decode(SOURCE, UNIT, &bytes);
        }

        #[test]
        fn the_period_of_an_id_is_among_those_of_its_range(from in 0..100_000_000_000_i64, length in 1..9_000_000_000_i64, at in 0..9_000_000_000_i64) {
            let [begin, end] = [from, from + length].map(Millis::from_ms);
            let time = begin.plus_ms(at % length);
            prop_assert!(Period::of_range(&IdRange::of_times(begin, end)).contains(&Period::of(time).0));
            prop_assert!(Period::of(time).begin() <= time);
        }
    }

    #[test]
    fn claims_that_follow_each_other_are_followed() {
        let entries =
            [claim(20, 30), claim(10, 20), claim(40, 50), claim(0, 5)].map(|claim| entry(Some(claim)));
        assert_eq!(covered((12, Minute(1)), &entries, SOURCE), (30, Minute(30)));
        assert_eq!(covered((35, Minute(1)), &entries, SOURCE), (35, Minute(1)));
        assert_eq!(covered((5, Minute(1)), &entries, SOURCE), (5, Minute(1)));
        let other = Source {
            partition: 4,
            ..SOURCE
        };
        assert_eq!(covered((12, Minute(1)), &entries, other), (12, Minute(1)));
    }
}
