//! From what a filter asks of the index, and what a dictionary says of its terms, to the positions that may match.
//!
//! Large postings are not read before it is known that they are needed: [`Resolved::bound`] is what can be said without
//! them, [`Resolved::wanted`] which rows of them a block of positions needs, [`Resolved::in_block`] the outcome with
//! them.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;

use super::page::{Large, Posting};
use super::prune::{Prune, TermRange};
use super::{Corrupt, posting};

/// Positions of a block: large postings have a row for each.
pub const BLOCK: u32 = 1 << 16;

/// What a dictionary has for a range of terms.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Positions whose postings are in the dictionary.
    pub small: RoaringBitmap,
    /// Postings that are elsewhere.
    pub large: Vec<Large>,
    /// The range is too long to be read: it says nothing.
    pub is_every: bool,
}

impl Found {
    /// Adds the postings of a term of the range. Positions are below `end`.
    pub fn add(&mut self, posting: Posting<'_>, end: u32) -> Result<(), Corrupt> {
        match posting {
            Posting::Inline(bytes) => self.small |= posting::decode(bytes, end)?,
            Posting::Large(large) => self.large.push(large),
        }
        Ok(())
    }
}

/// A [`Prune`] with what was found for its terms.
#[derive(Clone, Debug)]
pub enum Resolved {
    /// Everything may match.
    Every,
    /// What has one of these terms.
    Leaf(Found),
    /// What all of them have.
    All(Vec<Resolved>),
    /// What one of them has.
    Any(Vec<Resolved>),
}

/// Rows of large postings by their number and block.
pub type Chunks = BTreeMap<(u32, u8), RoaringBitmap>;

impl Resolved {
    /// Looks up each range.
    pub fn of<E>(prune: &Prune, find: &mut dyn FnMut(&TermRange) -> Result<Found, E>) -> Result<Self, E> {
        let all = |children: &[Prune], find: &mut dyn FnMut(&TermRange) -> Result<Found, E>| {
            children
                .iter()
                .map(|child| Self::of(child, find))
                .collect::<Result<Vec<_>, E>>()
        };
        Ok(match prune {
            Prune::Every => Self::Every,
            Prune::Terms(range) => match find(range)? {
                found if found.is_every => Self::Every,
                found => Self::Leaf(found),
            },
            Prune::All(children) => Self::All(all(children, find)?),
            Prune::Any(children) => Self::Any(all(children, find)?),
        })
    }

    /// Positions beyond which nothing matches, as far as it is known without large postings; none for no bound.
    pub fn bound(&self) -> Option<RoaringBitmap> {
        match self {
            Self::Every => None,
            Self::Leaf(found) => found.large.is_empty().then(|| found.small.clone()),
            Self::All(children) => children
                .iter()
                .filter_map(Self::bound)
                .reduce(|all, next| all & next),
            Self::Any(children) => children
                .iter()
                .map(Self::bound)
                .try_fold(RoaringBitmap::new(), |all, next| Some(all | next?)),
        }
    }

    /// Whether large postings could rule out more than [`Resolved::bound`] does.
    pub fn has_large(&self) -> bool {
        match self {
            Self::Every => false,
            Self::Leaf(found) => !found.large.is_empty(),
            Self::All(children) | Self::Any(children) => children.iter().any(Self::has_large),
        }
    }

    /// The large postings of which a block needs a row.
    pub fn wanted(&self, block: u8, wanted: &mut Vec<Large>) {
        match self {
            Self::Every => {}
            Self::Leaf(found) => {
                wanted.extend(
                    found
                        .large
                        .iter()
                        .filter(|large| large.blocks & (1_u64 << (block & 63)) != 0),
                );
            }
            Self::All(children) | Self::Any(children) => {
                for child in children {
                    child.wanted(block, wanted);
                }
            }
        }
    }

    /// The positions of a block that may match, with its rows; none for all of the block. Positions are those of the
    /// unit.
    pub fn in_block(&self, block: u8, chunks: &Chunks) -> Option<RoaringBitmap> {
        match self {
            Self::Every => None,
            Self::Leaf(found) => {
                let begin = u32::from(block) * BLOCK;
                let mut positions = found.small.clone();
                positions.remove_range(..begin);
                positions.remove_range(begin.saturating_add(BLOCK)..);
                let rows = found
                    .large
                    .iter()
                    .filter_map(|large| chunks.get(&(large.number, block)));
                Some(rows.fold(positions, |all, row| all | row))
            }
            Self::All(children) => {
                let all = children.iter().filter_map(|child| child.in_block(block, chunks));
                all.reduce(|all, next| all & next)
            }
            Self::Any(children) => {
                let all = children.iter().map(|child| child.in_block(block, chunks));
                all.into_iter()
                    .try_fold(RoaringBitmap::new(), |all, next| Some(all | next?))
            }
        }
    }
}
