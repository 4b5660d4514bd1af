//! How much the searches and statistics of a tenant may read over time: a bucket of work for each, that fills at a steady rate. Pure.
//!
//! What a search costs is known when it is done. So it may begin while the bucket is not in debt, and is charged
//! afterwards; the debt of one page is bounded by the bounds of a page. Buckets are in memory and forgotten once full.

use std::collections::HashMap;
use std::time::Duration;

use domain::tenant::TenantId;
use tokio::time::Instant;

/// What a page of the index costs, in tested events: about as long as it takes to read it.
pub(crate) const PAGE_COST: u64 = 10;

/// Tenants that are remembered.
const MAX_TENANTS: usize = 10_000;

/// The buckets of all tenants.
#[derive(Debug)]
pub(crate) struct Budget {
    per_second: u32,
    burst: Duration,
    max_tenants: usize,
    /// When the bucket of a tenant was empty, or will be no longer in debt. A bucket that is full is not here.
    empty_at: HashMap<TenantId, Instant>,
}

impl Budget {
    /// Buckets that gain `per_second` tested events, at least one, and hold as many as they gain in `burst`.
    pub(crate) fn new(per_second: u32, burst: Duration) -> Self {
        Self {
            per_second: per_second.max(1),
            burst,
            max_tenants: MAX_TENANTS,
            empty_at: HashMap::new(),
        }
    }

    /// How long it takes until a tenant may search, where it is in debt.
    pub(crate) fn debt(&self, tenant: &TenantId, now: Instant) -> Option<Duration> {
        let empty_at = self.empty_at.get(tenant)?;
        let debt = empty_at.saturating_duration_since(now);
        (!debt.is_zero()).then_some(debt)
    }

    /// Takes out of the bucket of a tenant what was done.
    pub(crate) fn charge(&mut self, tenant: &TenantId, work: u64, now: Instant) {
        if work == 0 {
            return;
        }
        let full = self.full(now);
        let empty_at = self.empty_at.get(tenant).copied().map_or(full, |at| at.max(full));
        let empty_at = empty_at.checked_add(self.time_to_gain(work)).unwrap_or(empty_at);
        if !self.empty_at.contains_key(tenant) {
            self.make_room(now);
        }
        self.empty_at.insert(tenant.clone(), empty_at);
    }

    /// When a bucket was empty that has just become full.
    fn full(&self, now: Instant) -> Instant {
        now.checked_sub(self.burst).unwrap_or(now)
    }

    fn time_to_gain(&self, work: u64) -> Duration {
        let nanos = u128::from(work) * 1_000_000_000 / u128::from(self.per_second);
        // A century, rather than an instant that can't be.
        let nanos = nanos.min(100 * 365 * 24 * 60 * 60 * 1_000_000_000);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Forgets full buckets; where that is not enough, the fullest of all.
    fn make_room(&mut self, now: Instant) {
        if self.empty_at.len() < self.max_tenants {
            return;
        }
        let full = self.full(now);
        self.empty_at.retain(|_, empty_at| *empty_at > full);
        if self.empty_at.len() >= self.max_tenants {
            let fullest = self.empty_at.iter().min_by_key(|(_, empty_at)| **empty_at);
            if let Some(tenant) = fullest.map(|(tenant, _)| tenant.clone()) {
                self.empty_at.remove(&tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BURST: Duration = Duration::from_secs(5);

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    /// 1,000 a second, 5,000 at once.
    fn budget() -> Budget {
        Budget::new(1_000, BURST)
    }

    #[test]
    fn a_burst_is_free_and_what_is_beyond_it_takes_time() {
        let (mut budget, a, now) = (budget(), tenant("a"), Instant::now());
        assert_eq!(budget.debt(&a, now), None);
        budget.charge(&a, 5_000, now);
        assert_eq!(budget.debt(&a, now), None);
        budget.charge(&a, 1_500, now);
        assert_eq!(budget.debt(&a, now), Some(Duration::from_millis(1_500)));
        assert_eq!(
            budget.debt(&a, now + Duration::from_millis(1_499)),
            Some(Duration::from_millis(1))
        );
        assert_eq!(budget.debt(&a, now + Duration::from_millis(1_500)), None);
        assert_eq!(budget.debt(&tenant("b"), now), None, "of others nobody pays");
    }

    #[test]
    fn rest_fills_a_bucket_no_further_than_its_burst() {
        let (mut budget, a, now) = (budget(), tenant("a"), Instant::now());
        budget.charge(&a, 1, now);
        let later = now + Duration::from_hours(1);
        budget.charge(&a, 6_000, later);
        assert_eq!(budget.debt(&a, later), Some(Duration::from_secs(1)));
    }

    #[test]
    fn the_fullest_bucket_is_forgotten_where_there_are_too_many() {
        let mut budget = budget();
        budget.max_tenants = 3;
        let now = Instant::now();
        for (name, work) in [("a", 9_000), ("b", 6_000), ("c", 8_000), ("d", 1), ("e", 1)] {
            budget.charge(&tenant(name), work, now);
            assert!(budget.empty_at.len() <= 3);
        }
        assert!(budget.debt(&tenant("a"), now).is_some() && budget.debt(&tenant("c"), now).is_some());
        // Those that have become full are no loss.
        budget.charge(&tenant("f"), 1, now + Duration::from_hours(1));
        assert_eq!(budget.empty_at.len(), 1);
    }

    #[test]
    fn no_work_has_no_bucket_and_any_work_has_an_end() {
        let (mut budget, now) = (Budget::new(0, Duration::MAX), Instant::now());
        budget.charge(&tenant("a"), 0, now);
        assert!(budget.empty_at.is_empty());
        budget.charge(&tenant("a"), u64::MAX, now);
        assert!(budget.debt(&tenant("a"), now).is_some());
    }

    proptest! {
        #[test]
        fn what_is_searched_is_at_most_the_burst_the_gain_and_one_page(
            steps in prop::collection::vec((0..3_000_u64, 0..2_000_u64), 1..50),
        ) {
            let (mut budget, a, begin) = (budget(), tenant("a"), Instant::now());
            let (mut now, mut done) = (begin, 0);
            for (pause_ms, work) in steps {
                now += Duration::from_millis(pause_ms);
                if budget.debt(&a, now).is_none() {
                    let gained = u64::try_from((now - begin).as_millis()).unwrap();
                    prop_assert!(done <= 5_000 + gained);
                    budget.charge(&a, work, now);
                    done += work;
                }
            }
        }
    }
}
