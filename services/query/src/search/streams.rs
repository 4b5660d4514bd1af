//! The candidates of all units and segments as one stream, in the order of a search, each id once.
//!
//! Each part tells up to where its candidates are known; what is before the least of these places is final. When there
//! are not enough, the parts that hold the others up are advanced. Units are opened first, which tells how many
//! candidates they have, a few at once and then more; of those that are open only so many are read as are needed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
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

/// Units that are opened at once: at first, and at the most. Also the most segments that are gone through at once.
const FIRST_WAVE: usize = 8;
const WAVE_GROWTH: usize = 4;
const MAX_WAVE: usize = 64;

/// What a search looks for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) prune: &'a Prune,
    pub(crate) range: &'a IdRange,
    pub(crate) order: Order,
}

enum Part {
    Unit(Box<UnitStream>),
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

/// What open units have given, beside what was expected of them: less where conditions exclude each other.
#[derive(Default)]
struct Yield {
    given: usize,
    expected: usize,
}

impl Yield {
    /// What is expected counts at least for a part of this, so that a bad beginning does not read everything.
    const LEAST: usize = 16;
    /// So many candidates are taken to have come as they were expected, before any have.
    const TRUSTED: usize = 64;

    fn add(&mut self, given: usize, expected: usize) {
        self.given = self.given.saturating_add(given);
        self.expected = self.expected.saturating_add(expected);
    }

    /// What will come of what is expected, at least one.
    fn likely(&self, expected: usize) -> usize {
        let of = self.expected.max(self.given).saturating_add(Self::TRUSTED);
        let given = self.given.saturating_add(Self::TRUSTED);
        let likely = expected.saturating_mul(given) / of;
        likely.max(expected / Self::LEAST).max(1)
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
    given: Yield,
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
            .map(|unit| Part::Unit(Box::new(unit)));
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
            given: Yield::default(),
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

    /// Advances the parts that hold the others up, to have `enough` candidates.
    pub(crate) async fn advance(
        &mut self,
        pages: &Pages<'_>,
        wanted: Wanted<'_>,
        enough: usize,
    ) -> Result<(), Arc<store::Error>> {
        let chosen = self.choose(enough);
        self.waves += 1;
        let open = chosen.iter().filter_map(|number| match &self.parts[*number] {
            Part::Unit(unit) if !unit.is_closed() => Some((*number, unit.expected())),
            _ => None,
        });
        let expected: BTreeMap<usize, usize> = open.collect();
        let parts = self.parts.iter_mut().enumerate();
        let advanced = parts
            .filter(|(number, _)| chosen.contains(number))
            .map(async |(number, part)| {
                Ok::<_, Arc<store::Error>>((number, part.advance(pages, wanted).await?))
            });
        for (number, ranks) in try_join_all(advanced).await? {
            if let Some(expected) = expected.get(&number) {
                self.given.add(ranks.len(), *expected);
            }
            let was_empty = self.known[number].is_empty();
            self.known[number].extend(ranks);
            if let Some(head) = self.known[number].front().filter(|_| was_empty) {
                self.heads.push(Reverse((*head, number)));
            }
        }
        Ok(())
    }

    /// The parts that hold the others up: as many as will give enough candidates, as far as that is known.
    fn choose(&mut self, wanted: usize) -> BTreeSet<usize> {
        let parts = self.parts.iter().enumerate();
        let mut order: Vec<_> = parts
            .filter_map(|(number, part)| Some((part.unread_from()?, number)))
            .collect();
        order.sort_unstable();
        let mut chosen = BTreeSet::new();
        let mut expected: usize = self.known.iter().map(VecDeque::len).sum();
        let (mut to_open, mut segments) = (self.wave, MAX_WAVE);
        for (_, number) in order {
            if !chosen.is_empty() && expected >= wanted {
                break;
            }
            let left = match &self.parts[number] {
                Part::Unit(unit) if !unit.is_closed() => {
                    expected = expected.saturating_add(self.given.likely(unit.expected()));
                    chosen.insert(number);
                    continue;
                }
                Part::Unit(_) => &mut to_open,
                Part::Fresh(_) => &mut segments,
            };
            if *left == 0 {
                break;
            }
            *left -= 1;
            chosen.insert(number);
        }
        if to_open < self.wave {
            self.wave = (self.wave * WAVE_GROWTH).min(MAX_WAVE);
        }
        chosen
    }
}
