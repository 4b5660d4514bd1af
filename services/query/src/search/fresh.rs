//! The candidates of one segment that is not in a unit yet, in the order of a search.

use domain::cursor::Order;
use domain::id::IdRange;
use domain::index::Corrupt;
use domain::index::prune::Prune;
use domain::index::segment::Segment;

use super::order::{Rank, rank};
use super::seen::Seen;

/// What is left of a segment.
pub(crate) struct FreshStream {
    segment: Segment,
    /// From which rank on the candidates are not known; none at the end.
    pub(crate) unread_from: Option<Rank>,
}

impl FreshStream {
    /// The segment, if an event of it is in the range.
    pub(crate) fn new(segment: Segment, range: &IdRange, order: Order) -> Option<Self> {
        let inside = segment.ids().iter().filter(|id| range.contains(**id));
        let first = inside.map(|id| rank(order, id.bytes())).min()?;
        Some(Self {
            segment,
            unread_from: Some(first),
        })
    }

    /// All candidates, in the order of the search. A segment is small, so it is gone through at once.
    pub(crate) fn advance(
        &mut self,
        prune: &Prune,
        range: &IdRange,
        order: Order,
        seen: &Seen,
    ) -> Result<Vec<Rank>, Corrupt> {
        self.unread_from = None;
        let ids = self.segment.ids();
        let positions = self.segment.candidates(prune)?;
        let may_match = |position: usize| {
            let position = u32::try_from(position).unwrap_or(u32::MAX);
            positions
                .as_ref()
                .is_none_or(|positions| positions.contains(position))
        };
        let candidates = ids
            .iter()
            .enumerate()
            .filter(|(position, id)| range.contains(**id) && may_match(*position));
        let mut ranks: Vec<_> = candidates.map(|(_, id)| rank(order, id.bytes())).collect();
        if order == Order::NewestFirst {
            ranks.reverse();
        }
        seen.candidates(ranks.len() as u64);
        Ok(ranks)
    }
}
