//! Accounting of one assignment of one partition, as a plain value.
//!
//! What is delivered is charged in order, what is done is completed in any order, and the
//! [frontier](Ledger::frontier) is the offset that is safe to commit: everything charged below it is done.
//! What is charged and not done is outstanding, which is what a read-ahead bound is measured on.
//!
//! A ledger lives for one assignment and does no I/O. Misuse is an [`Error`] that changes nothing.

use std::collections::VecDeque;
use std::ops::Range;

/// Why the ledger refused an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The range holds no offset.
    #[error("range {0:?} is empty")]
    Empty(Range<u64>),
    /// The range starts below what was charged before.
    #[error("range {range:?} was charged out of order: the next charge is at {next} or above")]
    OutOfOrder {
        /// The range that was refused.
        range: Range<u64>,
        /// The lowest offset that can be charged.
        next: u64,
    },
    /// There is no outstanding charge of exactly this range.
    #[error("range {0:?} is not outstanding")]
    NotOutstanding(Range<u64>),
    /// The offset lies above everything charged, or in the middle of a charge.
    #[error("offset {0} does not end a charge")]
    NotABoundary(u64),
}

/// What is delivered and what is done of one partition.
#[derive(Clone, Debug)]
pub struct Ledger {
    charges: VecDeque<Charge>,
    next: u64,
    bytes: usize,
    records: usize,
}

#[derive(Clone, Debug)]
struct Charge {
    range: Range<u64>,
    bytes: usize,
    records: usize,
    done: bool,
}

impl Ledger {
    /// A ledger of an assignment that goes on at offset `start`.
    pub fn new(start: u64) -> Self {
        Self {
            charges: VecDeque::new(),
            next: start,
            bytes: 0,
            records: 0,
        }
    }

    /// Charges one delivered record.
    pub fn charge(&mut self, offset: u64, bytes: usize) -> Result<(), Error> {
        self.charge_range(offset..offset.saturating_add(1), 1, bytes)
    }

    /// Charges a delivery: its records lie in `range`, which may have gaps, as may the space between two charges.
    pub fn charge_range(&mut self, range: Range<u64>, records: usize, bytes: usize) -> Result<(), Error> {
        if range.is_empty() {
            return Err(Error::Empty(range));
        }
        if range.start < self.next {
            return Err(Error::OutOfOrder {
                range,
                next: self.next,
            });
        }
        self.next = range.end;
        self.bytes = self.bytes.saturating_add(bytes);
        self.records = self.records.saturating_add(records);
        self.charges.push_back(Charge {
            range,
            bytes,
            records,
            done: false,
        });
        Ok(())
    }

    /// Completes exactly one charge.
    pub fn complete(&mut self, range: &Range<u64>) -> Result<(), Error> {
        let found = self
            .charges
            .binary_search_by_key(&range.start, |charge| charge.range.start);
        let charge = found
            .ok()
            .and_then(|at| self.charges.get_mut(at))
            .filter(|charge| charge.range == *range && !charge.done)
            .ok_or_else(|| Error::NotOutstanding(range.clone()))?;
        settle(charge, &mut self.bytes, &mut self.records);
        self.forget_done_prefix();
        Ok(())
    }

    /// Completes every charge below `next`, which must be where a charge ends, or the frontier.
    pub fn complete_before(&mut self, next: u64) -> Result<(), Error> {
        let count = self.charges.partition_point(|charge| charge.range.end <= next);
        let splits = self
            .charges
            .get(count)
            .is_some_and(|charge| charge.range.start < next);
        if splits || next > self.next {
            return Err(Error::NotABoundary(next));
        }
        for charge in self.charges.iter_mut().take(count).filter(|charge| !charge.done) {
            settle(charge, &mut self.bytes, &mut self.records);
        }
        self.forget_done_prefix();
        Ok(())
    }

    /// The next offset that is safe to commit. Never falls.
    pub fn frontier(&self) -> u64 {
        self.charges
            .front()
            .map_or(self.next, |charge| charge.range.start)
    }

    /// The lowest offset that can be charged next.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Bytes that are charged and not done.
    pub fn outstanding_bytes(&self) -> usize {
        self.bytes
    }

    /// Records that are charged and not done.
    pub fn outstanding_records(&self) -> usize {
        self.records
    }

    fn forget_done_prefix(&mut self) {
        while self.charges.front().is_some_and(|charge| charge.done) {
            self.charges.pop_front();
        }
    }
}

fn settle(charge: &mut Charge, bytes: &mut usize, records: &mut usize) {
    charge.done = true;
    *bytes = bytes.saturating_sub(charge.bytes);
    *records = records.saturating_sub(charge.records);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frontier_waits_for_the_oldest_charge() {
        let mut ledger = Ledger::new(7);
        ledger.charge(7, 10).unwrap();
        ledger.charge(8, 20).unwrap();
        ledger.complete(&(8..9)).unwrap();
        assert_eq!(
            (
                ledger.frontier(),
                ledger.outstanding_bytes(),
                ledger.outstanding_records()
            ),
            (7, 10, 1)
        );
        ledger.complete(&(7..8)).unwrap();
        assert_eq!(
            (
                ledger.frontier(),
                ledger.outstanding_bytes(),
                ledger.outstanding_records()
            ),
            (9, 0, 0)
        );
    }

    #[test]
    fn gaps_between_charges_count_as_done() {
        let mut ledger = Ledger::new(0);
        ledger.charge_range(5..9, 2, 1).unwrap();
        ledger.charge_range(20..21, 1, 1).unwrap();
        ledger.complete_before(9).unwrap();
        assert_eq!(ledger.frontier(), 20);
    }

    #[test]
    fn misuse_is_an_error_and_changes_nothing() {
        let mut ledger = Ledger::new(10);
        ledger.charge_range(10..20, 10, 100).unwrap();
        assert_eq!(
            ledger.charge(19, 1),
            Err(Error::OutOfOrder {
                range: 19..20,
                next: 20
            })
        );
        assert_eq!(ledger.charge_range(30..30, 0, 0), Err(Error::Empty(30..30)));
        assert_eq!(ledger.charge(u64::MAX, 0), Err(Error::Empty(u64::MAX..u64::MAX)));
        assert_eq!(ledger.complete(&(10..19)), Err(Error::NotOutstanding(10..19)));
        assert_eq!(ledger.complete_before(15), Err(Error::NotABoundary(15)));
        assert_eq!(ledger.complete_before(21), Err(Error::NotABoundary(21)));
        assert_eq!(
            (ledger.frontier(), ledger.next(), ledger.outstanding_bytes()),
            (10, 20, 100)
        );
        ledger.complete(&(10..20)).unwrap();
        assert_eq!(ledger.complete(&(10..20)), Err(Error::NotOutstanding(10..20)));
    }

    /// A start, what is charged from there on with its bytes, and an order in which it is completed.
    type Script = (u64, Vec<(Range<u64>, usize)>, Vec<usize>);

    fn scripts() -> impl Strategy<Value = Script> {
        let steps = prop::collection::vec((0_u64..4, 1_u64..5, 0_usize..100), 0..40);
        (0_u64..1_000, steps).prop_flat_map(|(start, steps)| {
            let mut next = start;
            let mut charges = Vec::new();
            for (gap, len, bytes) in steps {
                charges.push((next + gap..next + gap + len, bytes));
                next += gap + len;
            }
            let order = Just((0..charges.len()).collect::<Vec<_>>()).prop_shuffle();
            (Just(start), Just(charges), order)
        })
    }

    proptest! {
        #[test]
        fn frontier_is_the_first_charge_that_is_not_done((start, charges, order) in scripts()) {
            let mut ledger = Ledger::new(start);
            for (range, bytes) in &charges {
                ledger.charge_range(range.clone(), 1, *bytes).unwrap();
            }
            let mut open: Vec<usize> = (0..charges.len()).collect();
            for done in order {
                let before = ledger.frontier();
                ledger.complete(&charges[done].0).unwrap();
                open.retain(|index| *index != done);
                let end = charges.last().map_or(start, |(range, _)| range.end);
                let expected = open.first().map_or(end, |index| charges[*index].0.start);
                prop_assert_eq!(ledger.frontier(), expected);
                prop_assert!(ledger.frontier() >= before);
                let bytes: usize = open.iter().map(|index| charges[*index].1).sum();
                prop_assert_eq!(ledger.outstanding_bytes(), bytes);
                prop_assert_eq!(ledger.outstanding_records(), open.len());
            }
            prop_assert!(ledger.charges.is_empty());
        }

        #[test]
        fn completing_before_equals_completing_each((start, charges, order) in scripts(), upto in 0_usize..40) {
            let mut one = Ledger::new(start);
            for (range, bytes) in &charges {
                one.charge_range(range.clone(), 1, *bytes).unwrap();
            }
            for done in order.iter().take(order.len() / 3) {
                one.complete(&charges[*done].0).unwrap();
            }
            let mut all = one.clone();
            let upto = upto.min(charges.len());
            for (range, _) in &charges[..upto] {
                // Those of the random third are done already.
                let _ = one.complete(range);
            }
            if let Some((range, _)) = charges[..upto].last() {
                all.complete_before(range.end).unwrap();
            }
            prop_assert_eq!(one.frontier(), all.frontier());
            prop_assert_eq!(one.outstanding_bytes(), all.outstanding_bytes());
        }

        #[test]
        fn no_call_panics(calls in prop::collection::vec((0_u8..4, any::<u64>(), any::<u64>(), any::<usize>()), 0..50)) {
            let mut ledger = Ledger::new(0);
            for (call, a, b, bytes) in calls {
                let _ = match call {
                    0 => ledger.charge(a, bytes),
                    1 => ledger.charge_range(a..b, bytes, bytes),
                    2 => ledger.complete(&(a..b)),
                    _ => ledger.complete_before(a),
                };
                prop_assert!(ledger.frontier() <= ledger.next());
            }
        }
    }
}
