//! The candidates of one unit, in the order of a search, a few at a time.
//!
//! A unit is opened when its turn comes: the dictionary says what can match. As soon as few candidates are left nothing
//! more is asked, for reading them is cheaper. Large postings are read block by block, from the side where the search
//! begins, more at once the longer nothing is found.

use std::ops::Range;
use std::sync::Arc;

use domain::cursor::Order;
use domain::id::{EventId, IdRange};
use domain::index::candidates::{BLOCK, Resolved};
use domain::index::manifest::Entry;
use domain::index::prune::Prune;
use futures::future::{BoxFuture, FutureExt, try_join_all};
use roaring::RoaringBitmap;

use super::order::{Rank, rank, ranks};
use super::pages::Pages;

/// With so few candidates nothing more of a dictionary is read.
const FEW: u64 = 16;
/// Candidates that are given at once: at first, and at the most.
const FIRST_CHUNK: usize = 32;
const MAX_CHUNK: usize = 512;
/// Blocks that are read at once, at the most.
const MAX_BLOCKS: usize = 16;

/// What is left of a unit.
pub(crate) struct UnitStream {
    entry: Entry,
    state: State,
    /// How many candidates it gives next.
    chunk: usize,
    /// From which rank on the candidates are not known; none at the end.
    pub(crate) unread_from: Option<Rank>,
}

enum State {
    Closed,
    Open(Open),
}

struct Open {
    resolved: Resolved,
    /// Blocks that were not looked at, in the order of the search.
    blocks: Vec<u8>,
    positions: Range<u32>,
    /// Nothing matches beyond it.
    bound: Option<RoaringBitmap>,
    /// Positions that may match and whose ids were not read.
    ready: RoaringBitmap,
    /// Blocks that are read next at once.
    step: usize,
}

impl UnitStream {
    /// The part of a unit that is in the range; none where there is no such part.
    pub(crate) fn new(entry: &Entry, range: &IdRange, order: Order) -> Option<Self> {
        let own = entry.ids();
        let part = IdRange {
            begin: own.begin.max(range.begin),
            end: own.end.min(range.end),
        };
        if part.is_empty() {
            return None;
        }
        Some(Self {
            entry: entry.clone(),
            state: State::Closed,
            chunk: FIRST_CHUNK,
            unread_from: Some(ranks(order, &part).0),
        })
    }

    /// Whether the dictionary was not asked yet.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// How many candidates the next [`UnitStream::advance`] gives, about.
    pub(crate) fn expected(&self) -> usize {
        match &self.state {
            State::Closed => 0,
            State::Open(open) => open.next_count(self.chunk),
        }
    }

    /// Opens the unit or, where it is open, gives the next candidates in the order of the search, a few at first.
    pub(crate) async fn advance(
        &mut self,
        pages: &Pages<'_>,
        prune: &Prune,
        range: &IdRange,
        order: Order,
    ) -> Result<Vec<Rank>, Arc<store::Error>> {
        let State::Open(open) = &mut self.state else {
            let open = open(&self.entry, pages, prune, range, order).await?;
            if open.is_done() {
                self.unread_from = None;
            }
            self.state = State::Open(open);
            return Ok(Vec::new());
        };
        loop {
            if open.ready.is_empty() && !open.fill(&self.entry, pages).await? {
                self.unread_from = None;
                return Ok(Vec::new());
            }
            let count = open.next_count(self.chunk);
            let positions = take(&mut open.ready, count, order);
            self.chunk = (self.chunk * 2).min(MAX_CHUNK);
            let ids = pages.ids(&self.entry, &positions).await?;
            if let Some(last) = ids.last() {
                self.unread_from = Some(rank(order, last.bytes()).saturating_add(1));
            }
            if open.is_done() {
                self.unread_from = None;
            }
            let ranks: Vec<_> = in_range(&ids, range, order);
            pages.seen.candidates(ranks.len() as u64);
            if !ranks.is_empty() || self.unread_from.is_none() {
                return Ok(ranks);
            }
        }
    }
}

fn in_range(ids: &[EventId], range: &IdRange, order: Order) -> Vec<Rank> {
    let inside = ids.iter().filter(|id| range.contains(**id));
    inside.map(|id| rank(order, id.bytes())).collect()
}

async fn open(
    entry: &Entry,
    pages: &Pages<'_>,
    prune: &Prune,
    range: &IdRange,
    order: Order,
) -> Result<Open, Arc<store::Error>> {
    pages.seen.opened_unit(entry);
    let resolved = resolve(entry, pages, prune).await?;
    let own = entry.ids();
    let positions = if range.begin <= own.begin && own.end <= range.end {
        0..entry.events
    } else {
        let (from, last) = range.times();
        pages
            .directory(entry)
            .await?
            .positions(from, last.plus_ms(1), entry.events)
    };
    let mut bound = resolved.bound();
    if let Some(bound) = &mut bound {
        bound.remove_range(..positions.start);
        bound.remove_range(positions.end..);
    }
    let mut open = Open {
        resolved,
        blocks: Vec::new(),
        positions,
        bound,
        ready: RoaringBitmap::new(),
        step: 1,
    };
    open.blocks = open.possible_blocks(order);
    if open.are_rows_worth_it() {
        return Ok(open);
    }
    open.blocks.clear();
    match &open.bound {
        Some(bound) => open.ready = bound.clone(),
        None => _ = open.ready.insert_range(open.positions.clone()),
    }
    Ok(open)
}

/// Looks up what is asked. Of several conditions that must all hold the first is that which is likely rare.
fn resolve<'a>(
    entry: &'a Entry,
    pages: &'a Pages<'_>,
    prune: &'a Prune,
) -> BoxFuture<'a, Result<Resolved, Arc<store::Error>>> {
    async move {
        Ok(match prune {
            Prune::Every => Resolved::Every,
            Prune::Terms(range) => match pages.find(entry, range).await? {
                found if found.is_every => Resolved::Every,
                found => Resolved::Leaf(found),
            },
            Prune::Any(children) => {
                let all = children.iter().map(|child| resolve(entry, pages, child));
                Resolved::Any(try_join_all(all).await?)
            }
            Prune::All(children) => {
                let Some((first, others)) = children.split_first() else {
                    return Ok(Resolved::Every);
                };
                let first = resolve(entry, pages, first).await?;
                if first.bound().is_some_and(|bound| bound.len() <= FEW) {
                    return Ok(first);
                }
                let others = others.iter().map(|child| resolve(entry, pages, child));
                let mut all = vec![first];
                all.extend(try_join_all(others).await?);
                Resolved::All(all)
            }
        })
    }
    .boxed()
}

impl Open {
    /// Whether nothing is left.
    fn is_done(&self) -> bool {
        self.ready.is_empty() && self.blocks.is_empty()
    }

    /// How many candidates are read next: all where they are few.
    fn next_count(&self, chunk: usize) -> usize {
        let ready = usize::try_from(self.ready.len()).unwrap_or(usize::MAX);
        if (1..=2 * chunk).contains(&ready) {
            ready
        } else {
            chunk
        }
    }

    /// Whether large postings are read: where there are more candidates than rows of them, each of which costs a read.
    fn are_rows_worth_it(&self) -> bool {
        let mut rows = Vec::new();
        for block in &self.blocks {
            self.resolved.wanted(*block, &mut rows);
        }
        let is_more = |bound: &RoaringBitmap| bound.len() > FEW.max(rows.len() as u64);
        !rows.is_empty() && self.bound.as_ref().is_none_or(is_more)
    }

    /// Blocks with positions in question, in the order of the search.
    fn possible_blocks(&self, order: Order) -> Vec<u8> {
        if self.positions.is_empty() {
            return Vec::new();
        }
        let block = |position: u32| u8::try_from(position / BLOCK).unwrap_or(u8::MAX);
        let blocks = block(self.positions.start)..=block(self.positions.end - 1);
        let may_match = |block: &u8| {
            let begin = u32::from(*block) * BLOCK;
            let positions = begin..begin.saturating_add(BLOCK);
            self.bound
                .as_ref()
                .is_none_or(|bound| bound.range_cardinality(positions) > 0)
        };
        let mut blocks: Vec<_> = blocks.filter(may_match).collect();
        if order == Order::NewestFirst {
            blocks.reverse();
        }
        blocks
    }

    /// Reads blocks until there are candidates; false when there are no more blocks.
    async fn fill(&mut self, entry: &Entry, pages: &Pages<'_>) -> Result<bool, Arc<store::Error>> {
        while !self.blocks.is_empty() {
            let rest = self.blocks.split_off(self.step.min(self.blocks.len()));
            let blocks = std::mem::replace(&mut self.blocks, rest);
            self.step = (self.step * 2).min(MAX_BLOCKS);
            self.read(entry, pages, &blocks).await?;
            if !self.ready.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn read(
        &mut self,
        entry: &Entry,
        pages: &Pages<'_>,
        blocks: &[u8],
    ) -> Result<(), Arc<store::Error>> {
        let mut wanted = Vec::new();
        for block in blocks {
            let mut large = Vec::new();
            self.resolved.wanted(*block, &mut large);
            wanted.extend(large.into_iter().map(|large| (large, *block)));
        }
        let rows = pages.rows(entry, &wanted).await?;
        for block in blocks {
            let begin = u32::from(*block) * BLOCK;
            let mut positions = self.resolved.in_block(*block, &rows).unwrap_or_else(|| {
                let mut all = RoaringBitmap::new();
                all.insert_range(begin..begin.saturating_add(BLOCK));
                all
            });
            positions.remove_range(..self.positions.start);
            positions.remove_range(self.positions.end..);
            self.ready |= positions;
        }
        Ok(())
    }
}

/// Takes the first positions in the order of the search.
fn take(ready: &mut RoaringBitmap, count: usize, order: Order) -> Vec<u32> {
    let positions: Vec<u32> = match order {
        Order::OldestFirst => ready.iter().take(count).collect(),
        Order::NewestFirst => ready.iter().rev().take(count).collect(),
    };
    if let Some(last) = positions.last() {
        match order {
            Order::OldestFirst => ready.remove_range(..=*last),
            Order::NewestFirst => ready.remove_range(*last..),
        };
    }
    positions
}
