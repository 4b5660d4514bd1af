//! One page of a search: planned, read and sealed.

pub(crate) mod explain;
mod fresh;
mod order;
pub(crate) mod pages;
pub(crate) mod plan;
pub(crate) mod seen;
pub(crate) mod snapshot;
mod streams;
mod unit;
pub(crate) mod walk;

use std::time::Instant;

use domain::cursor::{Cursor, Order};
use domain::filter::Filter;
use domain::range::TimeRange;
use domain::record::Enriched;
use domain::tenant::TenantId;
use edge::{ApiError, ErrorCode};
use store::STORING_SERVICE;

use self::explain::Explain;
use self::plan::Plan;
use self::seen::Seen;
use self::walk::{Bounds, Page, Sources};
use crate::service::Service;
use crate::{budget, fault, metric_definitions as definitions};

/// Most events in a page.
pub(crate) const MAX_LIMIT: u32 = 1_000;

/// Events in a page where the request does not say.
pub(crate) const DEFAULT_LIMIT: u32 = 100;

/// A search as it was asked for, over either protocol.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) filter: Filter,
    pub(crate) limit: Option<u32>,
    pub(crate) cursor: Option<String>,
    pub(crate) order: Order,
    pub(crate) after: Option<String>,
    /// Whether to say what was read.
    pub(crate) explain: bool,
}

/// A page, its events in the form of the protocol.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    pub(crate) events: Vec<T>,
    pub(crate) next_cursor: Option<String>,
    pub(crate) complete: bool,
    pub(crate) range: TimeRange,
    pub(crate) explain: Option<Explain>,
}

impl Service {
    /// The next page of what is asked for. `render` gives an event the form of the protocol and says how many
    /// bytes that has; a page has at most `page_bytes` of them, or one event.
    pub(crate) async fn search<T>(
        &self,
        tenant: &TenantId,
        asked: &Asked,
        page_bytes: usize,
        render: impl Fn(Enriched) -> Result<(T, usize), ApiError>,
    ) -> Result<Answer<T>, ApiError> {
        // What is wrong is said before anybody waits.
        self.plan(tenant, asked)?;
        if let Some(token) = &asked.after {
            self.visible(tenant, token, STORING_SERVICE).await?;
        }
        let _permit = self.searches().enter(tenant)?;
        self.is_within_budget(tenant)?;
        // Relative times are resolved when the wait is over.
        let plan = self.plan(tenant, asked)?;
        let started = Instant::now();
        let seen = Seen::default();
        let _charge = Charge {
            service: self,
            tenant,
            seen: &seen,
        };
        let snapshot = self.taker(tenant).take(&plan.ids).await;
        let snapshot = snapshot.map_err(|error| fault::of_store(&error))?;
        let lost = snapshot.lost.len();
        let explain = asked.explain.then(|| Explain::before(&plan, &snapshot));
        let sources = Sources {
            events: self.events(),
            tenant,
            pages: self.pages(&seen),
        };
        let mut page = walk::page(&sources, snapshot, &plan, self.bounds(page_bytes), render).await?;
        page.complete &= lost == 0;
        record(&page, started);
        let elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let explain = explain.map(|explain| explain.after(&page, seen.counts(), seen.opened(), elapsed_us));
        let next_cursor = page.next.map(|last| self.seal(tenant, &plan, last));
        Ok(Answer {
            events: page.events,
            next_cursor,
            complete: page.complete,
            range: plan.range,
            explain,
        })
    }

    /// Refuses a tenant whose requests have read more than they may.
    pub(crate) fn is_within_budget(&self, tenant: &TenantId) -> Result<(), ApiError> {
        let debt = self.budget().debt(tenant, tokio::time::Instant::now());
        debt.map_or(Ok(()), |debt| {
            metrics::counter!(definitions::REFUSED, "kind" => "budget").increment(1);
            Err(fault::over_budget(self.config().search.tested_per_second, debt))
        })
    }

    fn plan(&self, tenant: &TenantId, asked: &Asked) -> Result<Plan, ApiError> {
        let cursor = asked
            .cursor
            .as_deref()
            .map(|text| self.open(tenant, text))
            .transpose()?;
        Plan::new(asked, cursor, self.now())
    }

    fn bounds(&self, page_bytes: usize) -> Bounds {
        let config = &self.config().search;
        Bounds {
            page_bytes,
            tested: usize::try_from(config.tested).unwrap_or(usize::MAX),
            pages: u64::from(config.pages),
            time: config.time.duration(),
        }
    }

    fn open(&self, tenant: &TenantId, text: &str) -> Result<Cursor, ApiError> {
        let opened = self.sealer().open(tenant, Cursor::PURPOSE, text).ok();
        opened
            .and_then(|bytes| Cursor::decode(&bytes).ok())
            .ok_or_else(|| {
                let message =
                    "cursor is not one that a search of this tenant has returned, or it was altered";
                fault::of_value(ErrorCode::InvalidCursor, "cursor", message)
            })
    }

    fn seal(&self, tenant: &TenantId, plan: &Plan, last: [u8; 16]) -> String {
        let cursor = Cursor {
            last,
            range: plan.range,
            fingerprint: plan.fingerprint,
        };
        self.sealer()
            .seal(tenant, Cursor::PURPOSE, &cursor.encode(), self.nonce())
    }
}

/// Charges a tenant for what a search has read, however the search ends: also one that nobody waits for any more.
struct Charge<'a> {
    service: &'a Service,
    tenant: &'a TenantId,
    seen: &'a Seen,
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        let counts = self.seen.counts();
        let work = counts.tested + counts.read_pages * budget::PAGE_COST;
        self.service
            .budget()
            .charge(self.tenant, work, tokio::time::Instant::now());
    }
}

fn record<T>(page: &Page<T>, started: Instant) {
    let outcome = if page.complete { "complete" } else { "partial" };
    metrics::counter!(definitions::SEARCHES, "outcome" => outcome).increment(1);
    metrics::counter!(definitions::TESTED_EVENTS).increment(page.tested as u64);
    metrics::histogram!(definitions::SEARCH_SECONDS).record(started.elapsed());
}

#[cfg(test)]
mod tests;
