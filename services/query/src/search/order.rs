//! Ids in the order of a search: as ranks, which always ascend, so that the rest of a search has one direction.

use domain::cursor::Order;
use domain::id::{EventId, IdRange};

/// Place of an id in the order of a search.
pub(crate) type Rank = u128;

/// The rank of an id, or of any 16 bytes.
pub(crate) fn rank(order: Order, id: [u8; 16]) -> Rank {
    let number = u128::from_be_bytes(id);
    match order {
        Order::OldestFirst => number,
        Order::NewestFirst => !number,
    }
}

/// The bytes with this rank.
pub(crate) fn bytes_of(order: Order, rank: Rank) -> [u8; 16] {
    match order {
        Order::OldestFirst => rank.to_be_bytes(),
        Order::NewestFirst => (!rank).to_be_bytes(),
    }
}

/// The ranks of a range of ids: the first of them, and the last.
pub(crate) fn ranks(order: Order, range: &IdRange) -> (Rank, Rank) {
    let last = u128::from_be_bytes(range.end).saturating_sub(1).to_be_bytes();
    match order {
        Order::OldestFirst => (rank(order, range.begin), rank(order, last)),
        Order::NewestFirst => (rank(order, last), rank(order, range.begin)),
    }
}

/// What a cursor has to hold when everything before this rank is done.
pub(crate) fn done_before(order: Order, rank: Rank) -> [u8; 16] {
    match order {
        Order::OldestFirst => rank.saturating_sub(1).to_be_bytes(),
        Order::NewestFirst => (!rank).saturating_add(1).to_be_bytes(),
    }
}

/// The id with this rank, where it is that of one.
pub(crate) fn id_of(order: Order, rank: Rank) -> Option<EventId> {
    EventId::from_bytes(bytes_of(order, rank)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranks_ascend_in_the_order_of_the_search(a: u128, b: u128) {
            let [x, y] = [a, b].map(u128::to_be_bytes);
            prop_assert_eq!(rank(Order::OldestFirst, x) < rank(Order::OldestFirst, y), a < b);
            prop_assert_eq!(rank(Order::NewestFirst, x) < rank(Order::NewestFirst, y), a > b);
            for order in [Order::OldestFirst, Order::NewestFirst] {
                prop_assert_eq!(bytes_of(order, rank(order, x)), x);
            }
        }

        #[test]
        fn a_cursor_leaves_what_is_not_done(at: u128, id: u128) {
            prop_assume!(at > 0 && at < u128::MAX);
            let range = IdRange { begin: [0; 16], end: [255; 16] };
            let bytes = id.to_be_bytes();
            let contains = |range: IdRange| (range.begin..range.end).contains(&bytes);
            prop_assume!(contains(range));
            let newest = range.before(done_before(Order::NewestFirst, at));
            prop_assert_eq!(contains(newest), rank(Order::NewestFirst, bytes) >= at);
            let oldest = range.after(done_before(Order::OldestFirst, at));
            prop_assert_eq!(contains(oldest), rank(Order::OldestFirst, bytes) >= at);
        }
    }
}
