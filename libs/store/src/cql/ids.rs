//! The ids of a range, hour by hour.
//!
//! A range may have any number of hours without events. So hours are read in waves, each twice as wide as the one
//! before, and a call ends after a number of them even when it has found nothing.

use domain::cursor::Order;
use domain::id::{EventId, IdRange};
use domain::retention::Class;
use domain::tenant::TenantId;
use futures::future::try_join_all;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::Handle;
use super::keys::{self, Place};
use super::read::id_of;
use super::requests::unexpected;
use super::statements::EventStatements;
use crate::metric_definitions as definitions;
use crate::port::{Error, Scan};

/// Ids that one call returns, whatever it asks for.
const MAX_IDS: usize = 10_000;
/// Hours that one call of `ids` reads, so that one over empty years ends.
const MAX_HOURS: usize = 256;
/// Hours that are read at once. Each wave of them is twice as wide as the one before, for a page is often full
/// after the first.
const MAX_WAVE: usize = 32;

impl Handle {
    pub(super) async fn ids(
        &self,
        tenant: &TenantId,
        range: IdRange,
        order: Order,
        limit: usize,
    ) -> Result<Scan, Error> {
        let limit = limit.min(MAX_IDS);
        let hours_at_once = (self.config.call_concurrency / Class::ALL.len()).max(1);
        let mut walk = Walk::new(range, order);
        let mut ids = Vec::new();
        while ids.len() < limit {
            let Some(hours) = walk.wave() else { break };
            let reads = hours
                .iter()
                .map(|bucket| self.ids_of_hour(tenant, *bucket, range, order, limit));
            let reads: Vec<_> = reads.collect();
            let answers = stream::iter(reads).buffered(hours_at_once);
            let found: Vec<_> = answers.try_collect().await?;
            ids.extend(found.into_iter().flatten());
        }
        metrics::counter!(definitions::READ_ROWS, "kind" => "id").increment(ids.len() as u64);
        if ids.len() < limit {
            return Ok(Scan {
                ids,
                next: walk.rest(),
            });
        }
        ids.truncate(limit);
        let next = match ids.last() {
            Some(last) => beyond(range, last.bytes(), order),
            None => Some(range).filter(|range| !range.is_empty()),
        };
        Ok(Scan { ids, next })
    }

    /// The first ids of an hour, at most `limit`.
    async fn ids_of_hour(
        &self,
        tenant: &TenantId,
        bucket: i32,
        range: IdRange,
        order: Order,
        limit: usize,
    ) -> Result<Vec<EventId>, Error> {
        let places: Vec<_> = Place::all_of(tenant, bucket).collect();
        let reads = places.iter().flat_map(|place| {
            let tables = self.statements.of_all();
            tables.map(move |(_, table)| self.ids_of(table, tenant, *place, range, order, limit))
        });
        let reads: Vec<_> = reads.collect();
        let mut ids = try_join_all(reads).await?.concat();
        ids.sort_unstable();
        ids.dedup();
        if order == Order::NewestFirst {
            ids.reverse();
        }
        // Of the first `limit` none is missing, for each table gave as many of its own.
        ids.truncate(limit);
        Ok(ids)
    }

    async fn ids_of(
        &self,
        table: &EventStatements,
        tenant: &TenantId,
        place: Place<'_>,
        range: IdRange,
        order: Order,
        limit: usize,
    ) -> Result<Vec<EventId>, Error> {
        let mut ids = Vec::new();
        let query = table.ids(order);
        let limit = i32::try_from(limit).expect("it is at most MAX_IDS");
        let values = (
            place.tenant,
            place.bucket,
            place.shard,
            range.begin,
            range.end,
            limit,
        );
        let read = self.requests.read(query, values, |page| {
            for row in page.rows().map_err(|error| unexpected(query, &error))? {
                let (id,): (&[u8],) = row.map_err(|error| unexpected(query, &error))?;
                ids.push(id_of(id, "events", tenant)?);
            }
            Ok(())
        });
        read.await?;
        Ok(ids)
    }
}

/// What is left of a range behind an id, none where that is nothing.
fn beyond(range: IdRange, id: [u8; 16], order: Order) -> Option<IdRange> {
    let rest = match order {
        Order::OldestFirst => range.after(id),
        Order::NewestFirst => range.before(id),
    };
    (!rest.is_empty()).then_some(rest)
}

/// The hours of a range, in the order asked for, in waves.
struct Walk {
    range: IdRange,
    order: Order,
    /// The buckets that are left, `first..end`.
    first: i32,
    end: i32,
    width: usize,
    walked: usize,
}

impl Walk {
    fn new(range: IdRange, order: Order) -> Self {
        let buckets = keys::buckets(&range);
        let (first, end) = if range.is_empty() {
            (0, 0)
        } else {
            (*buckets.start(), *buckets.end() + 1)
        };
        Self {
            range,
            order,
            first,
            end,
            width: 1,
            walked: 0,
        }
    }

    /// The buckets that are read next; none at the end of the range, or of what one call does.
    fn wave(&mut self) -> Option<Vec<i32>> {
        let left = usize::try_from(self.end - self.first).expect("the end is not before the first");
        let count = self.width.min(left).min(MAX_HOURS - self.walked);
        let step = i32::try_from(count).expect("a wave is short");
        self.width = (self.width * 2).min(MAX_WAVE);
        self.walked += count;
        let hours: Vec<_> = match self.order {
            Order::OldestFirst => {
                self.first += step;
                (self.first - step..self.first).collect()
            }
            Order::NewestFirst => {
                self.end -= step;
                (self.end..self.end + step).rev().collect()
            }
        };
        (count > 0).then_some(hours)
    }

    /// The range of the hours that were not read.
    fn rest(&self) -> Option<IdRange> {
        if self.first == self.end {
            return None;
        }
        let unread = IdRange::of_times(keys::begin_of(self.first), keys::begin_of(self.end));
        let mut rest = self.range;
        match self.order {
            Order::OldestFirst => rest.begin = unread.begin,
            Order::NewestFirst => rest.end = unread.end,
        }
        Some(rest)
    }
}

#[cfg(test)]
mod tests {
    use domain::time::Millis;
    use proptest::prelude::*;

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn orders() -> impl Strategy<Value = Order> {
        prop_oneof![Just(Order::OldestFirst), Just(Order::NewestFirst)]
    }

    proptest! {
        #[test]
        fn calls_one_after_the_other_walk_every_hour_once(from in 0..5_000 * HOUR_MS, length in 1..2_000 * HOUR_MS, order in orders()) {
            let range = IdRange::of_times(Millis::from_ms(from), Millis::from_ms(from + length));
            let (mut left, mut walked) = (Some(range), Vec::new());
            while let Some(range) = left {
                let mut walk = Walk::new(range, order);
                let before = walked.len();
                while let Some(hours) = walk.wave() {
                    prop_assert!(hours.len() <= MAX_WAVE);
                    walked.extend(hours);
                }
                prop_assert!(walked.len() - before <= MAX_HOURS);
                left = walk.rest();
                prop_assert_ne!(left, Some(range));
            }
            if order == Order::NewestFirst {
                walked.reverse();
            }
            prop_assert_eq!(walked, keys::buckets(&range).collect::<Vec<_>>());
        }

        #[test]
        fn no_range_panics(begin: [u8; 16], end: [u8; 16], order in orders()) {
            let mut walk = Walk::new(IdRange { begin, end }, order);
            while walk.wave().is_some() {}
            let _ = walk.rest();
        }
    }
}
