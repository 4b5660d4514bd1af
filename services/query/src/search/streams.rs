//! The candidates of all units and segments as one stream, in the order of a search, each id once.
//!
//! Each part tells up to where its candidates are known; what is before the least of these places is final. When no
//! candidate is, the parts that hold the others up are advanced, a few at first and more each time: a page is often full
//! soon, and where it is not, many parts are read at once.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use domain::cursor::Order;
use domain::id::IdRange;
use domain::index::prune::Prune;
use futures::future::try_join_all;

use super::fresh::FreshStream;
use super::order::Rank;
use super::pages::Pages;
use super::snapshot::Snapshot;
use super::unit::UnitStream;

/// Parts that are advanced at once: at first, and at the most.
const FIRST_WAVE: usize = 8;
const MAX_WAVE: usize = 64;

/// What a search looks for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) prune: &'a Prune,
    pub(crate) range: &'a IdRange,
    pub(crate) order: Order,
}

enum Part {
    Unit(UnitStream),
    Fresh(FreshStream),
}

impl Part {
    fn unread_from(&self) -> Option<Rank> {
        match self {
            Self::Unit(unit) => unit.unread_from,
            Self::Fresh(fresh) => fresh.unread_from,
        }
    }

    async fn advance(
        &mut self,
        pages: &Pages<'_>,
        wanted: Wanted<'_>,
    ) -> Result<Vec<Rank>, Arc<store::Error>> {
        let Wanted { prune, range, order } = wanted;
        match self {
            Self::Unit(unit) => unit.advance(pages, prune, range, order).await,
            Self::Fresh(fresh) => fresh.advance(prune, range, order, pages.seen).map_err(|error| {
                Arc::new(store::Error::Corrupt {
                    what: format!("fresh segment ({error})"),
                })
            }),
        }
    }
}

/// All parts, with the candidates that are known.
pub(crate) struct Streams {
    parts: Vec<Part>,
    known: Vec<VecDeque<Rank>>,
    /// The first known candidate of each part that has one.
    heads: BinaryHeap<Reverse<(Rank, usize)>>,
    last: Option<Rank>,
    wave: usize,
    /// Times that parts were advanced.
    pub(crate) waves: u32,
}

impl Streams {
    /// Over all that a snapshot has.
    pub(crate) fn new(snapshot: Snapshot, range: &IdRange, order: Order) -> Self {
        let units = snapshot
            .units
            .iter()
            .filter_map(|entry| UnitStream::new(entry, range, order))
            .map(Part::Unit);
        let fresh = snapshot
            .fresh
            .into_iter()
            .filter_map(|segment| FreshStream::new(segment, range, order));
        let parts: Vec<_> = units.chain(fresh.map(Part::Fresh)).collect();
        Self {
            known: parts.iter().map(|_| VecDeque::new()).collect(),
            parts,
            heads: BinaryHeap::new(),
            last: None,
            wave: FIRST_WAVE,
            waves: 0,
        }
    }

    /// The rank from which on not everything is known; none when all parts are read to their end.
    fn unread_from(&self) -> Option<Rank> {
        self.parts.iter().filter_map(Part::unread_from).min()
    }

    /// The least rank that is not done: every candidate before it was given.
    pub(crate) fn undone_from(&mut self) -> Option<Rank> {
        self.drop_given();
        let head = self.heads.peek().map(|Reverse((rank, _))| *rank);
        head.into_iter().chain(self.unread_from()).min()
    }

    /// Another part may have what was given last.
    fn drop_given(&mut self) {
        while let Some(Reverse((rank, part))) = self.heads.peek().copied() {
            if self.last != Some(rank) {
                return;
            }
            self.drop_head(part);
        }
    }

    fn drop_head(&mut self, part: usize) {
        self.heads.pop();
        self.known[part].pop_front();
        if let Some(next) = self.known[part].front() {
            self.heads.push(Reverse((*next, part)));
        }
    }

    /// Takes final candidates, until there are `count`.
    pub(crate) fn take(&mut self, count: usize, into: &mut Vec<Rank>) {
        let unread = self.unread_from();
        while into.len() < count {
            let Some(Reverse((rank, part))) = self.heads.peek().copied() else {
                return;
            };
            if unread.is_some_and(|unread| rank >= unread) {
                return;
            }
            self.drop_head(part);
            if self.last != Some(rank) {
                self.last = Some(rank);
                into.push(rank);
            }
        }
    }

    /// Whether every part is read to its end.
    pub(crate) fn is_read(&self) -> bool {
        self.unread_from().is_none()
    }

    /// Advances the parts that hold the others up.
    pub(crate) async fn advance(
        &mut self,
        pages: &Pages<'_>,
        wanted: Wanted<'_>,
    ) -> Result<(), Arc<store::Error>> {
        let mut order: Vec<(Rank, usize)> = self
            .parts
            .iter()
            .enumerate()
            .filter_map(|(number, part)| Some((part.unread_from()?, number)))
            .collect();
        order.sort_unstable();
        let limit = order.get(self.wave).map_or(Rank::MAX, |(rank, _)| *rank);
        self.wave = (self.wave * 2).min(MAX_WAVE);
        self.waves += 1;
        // Ranks that are equal go together.
        let in_wave = |part: &Part| {
            part.unread_from()
                .is_some_and(|rank| rank < limit || order[0].0 == rank)
        };
        let chosen = self
            .parts
            .iter_mut()
            .enumerate()
            .filter(|(_, part)| in_wave(part));
        let advanced = chosen.map(async |(number, part)| {
            Ok::<_, Arc<store::Error>>((number, part.advance(pages, wanted).await?))
        });
        for (number, ranks) in try_join_all(advanced).await? {
            let was_empty = self.known[number].is_empty();
            self.known[number].extend(ranks);
            if let Some(head) = self.known[number].front().filter(|_| was_empty) {
                self.heads.push(Reverse((*head, number)));
            }
        }
        Ok(())
    }
}
