//! How many different texts there were: HyperLogLog with 2^14 registers, a standard error of 0.8 %.
//!
//! Flajolet, Fusy, Gandouet, Meunier: "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm", 2007,
//! with a hash of 64 bits (XXH3, seed 0) and Ertl's [estimate]. The first 14 bits of a hash choose a register, which keeps
//! the greatest rank that it met: the place of the first 1 in the other bits. Few registers are a sorted list, many an
//! array; which of both is a matter of their number alone, so equal registers are equal bytes, however they were merged.
//!
//! It is written here because its bytes are stored: they have a version, a hash and a seed of ours, and any bytes have to be
//! refused or read in bounded memory, which no library promises.
//!
//! ```text
//! varint registers that have a rank | up to 4,096: for each, ascending: varint registers left out before it, rank u8
//!                                   | more: the rank of every register, u8 each
//! ```

mod estimate;

use xxhash_rust::xxh3::xxh3_64;

use crate::varint::{self, Reader};

/// Bits of a hash that choose a register.
const PRECISION: u32 = 14;
const REGISTERS: u16 = 1 << PRECISION;
/// All bits behind the first ones are 0.
const MAX_RANK: u8 = 64 - 14 + 1;
/// A list of more entries takes more memory than all registers.
const MAX_LISTED: usize = REGISTERS as usize / size_of::<Entry>();

/// A count of different texts that can be merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distinct(Registers);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Registers {
    /// Those that have a rank, ascending; at most [`MAX_LISTED`].
    Few(Vec<Entry>),
    /// The rank of each, 0 for none.
    Many(Box<[u8]>),
}

/// A register with a rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    register: u16,
    /// At least 1.
    rank: u8,
}

impl Entry {
    fn of(text: &str) -> Self {
        let hash = xxh3_64(text.as_bytes());
        let register = u16::try_from(hash >> (64 - PRECISION)).expect("14 bits are left");
        // The bit behind the last one ends the search for a 1.
        let rest = hash << PRECISION | 1 << (PRECISION - 1);
        let rank = u8::try_from(rest.leading_zeros() + 1).expect("a place among 64");
        Self { register, rank }
    }
}

impl Default for Distinct {
    fn default() -> Self {
        Self(Registers::Few(Vec::new()))
    }
}

impl Distinct {
    /// Adds a text. A text that was added before changes nothing.
    pub fn add(&mut self, text: &str) {
        self.put(0, Entry::of(text));
    }

    /// Adds all that the other one has. Associative, commutative, and the same twice as once.
    pub fn merge(&mut self, other: &Self) {
        match (&other.0, &mut self.0) {
            (Registers::Few(entries), _) => {
                entries.iter().fold(0, |from, entry| self.put(from, *entry));
            }
            (Registers::Many(ranks), Registers::Many(own)) => {
                for (own, rank) in own.iter_mut().zip(ranks) {
                    *own = (*own).max(*rank);
                }
            }
            (Registers::Many(_), Registers::Few(_)) => {
                let few = std::mem::replace(self, other.clone());
                self.merge(&few);
            }
        }
    }

    /// About how many different texts were added.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative; beyond 64 bits it stays at their end"
    )]
    pub fn estimate(&self) -> u64 {
        let mut ranks = [0; MAX_RANK as usize + 1];
        let mut count = |rank: u8| ranks[usize::from(rank)] += 1;
        match &self.0 {
            Registers::Few(entries) => {
                for entry in entries {
                    count(entry.rank);
                }
                ranks[0] = u32::from(REGISTERS) - u32::try_from(entries.len()).unwrap_or(0);
            }
            Registers::Many(all) => {
                for rank in all {
                    count(*rank);
                }
            }
        }
        estimate::cardinality(&ranks).round() as u64
    }

    /// Raises the rank of a register, which in a list does not stand before `from`. Returns its place there.
    fn put(&mut self, from: usize, entry: Entry) -> usize {
        let entries = match &mut self.0 {
            Registers::Few(entries) => entries,
            Registers::Many(ranks) => {
                let rank = &mut ranks[usize::from(entry.register)];
                *rank = (*rank).max(entry.rank);
                return from;
            }
        };
        let at = from + entries[from..].partition_point(|own| own.register < entry.register);
        let is_known = entries.get(at).is_some_and(|own| own.register == entry.register);
        if is_known {
            entries[at].rank = entries[at].rank.max(entry.rank);
        } else if entries.len() < MAX_LISTED {
            entries.insert(at, entry);
        } else {
            let mut ranks = spread(entries);
            ranks[usize::from(entry.register)] = entry.rank;
            self.0 = Registers::Many(ranks);
        }
        at
    }

    /// Bytes outside of the value itself.
    pub(super) fn heap_bytes(&self) -> usize {
        match &self.0 {
            Registers::Few(entries) => entries.capacity() * size_of::<Entry>(),
            Registers::Many(ranks) => ranks.len(),
        }
    }

    /// Appends it to stored bytes, see the module.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        match &self.0 {
            Registers::Few(entries) => {
                varint::push(bytes, entries.len() as u64);
                let mut next = 0;
                for entry in entries {
                    varint::push(bytes, u64::from(entry.register - next));
                    bytes.push(entry.rank);
                    next = entry.register + 1;
                }
            }
            Registers::Many(ranks) => {
                varint::push(bytes, having_rank(ranks) as u64);
                bytes.extend_from_slice(ranks);
            }
        }
    }

    /// Reads what [`Distinct::write`] has written.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let count = usize::try_from(reader.varint()?).ok()?;
        if count > MAX_LISTED {
            let ranks = reader.take(REGISTERS.into())?;
            let is_right = ranks.iter().all(|rank| *rank <= MAX_RANK) && having_rank(ranks) == count;
            return is_right.then(|| Self(Registers::Many(ranks.into())));
        }
        let mut entries = Vec::with_capacity(count.min(reader.rest().len()));
        let mut next = 0;
        for _ in 0..count {
            let register = u64::checked_add(next, reader.varint()?)?;
            let is_register = |register: &u16| *register < REGISTERS;
            let is_rank = |rank: &u8| (1..=MAX_RANK).contains(rank);
            entries.push(Entry {
                register: u16::try_from(register).ok().filter(is_register)?,
                rank: reader.byte().filter(is_rank)?,
            });
            next = register + 1;
        }
        Some(Self(Registers::Few(entries)))
    }
}

fn spread(entries: &[Entry]) -> Box<[u8]> {
    let mut ranks = vec![0; REGISTERS.into()];
    for entry in entries {
        ranks[usize::from(entry.register)] = entry.rank;
    }
    ranks.into_boxed_slice()
}

fn having_rank(ranks: &[u8]) -> usize {
    ranks.iter().filter(|rank| **rank > 0).count()
}

#[cfg(test)]
mod tests;
