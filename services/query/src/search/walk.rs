//! Reads the ids of a plan, tests their events and fills a page.

use std::time::Duration;

use domain::id::{EventId, IdRange};
use domain::record::Enriched;
use domain::tenant::TenantId;
use edge::ApiError;
use store::Events;
use tokio::time::Instant;

use super::plan::{Plan, done_before};
use crate::fault;

/// Events that are in memory at once, beside the page.
const FETCHED: usize = 64;

/// Ids that are read at once.
const IDS: usize = 1024;

/// What one page may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Bytes of its events, beyond the first.
    pub(crate) page_bytes: usize,
    /// Ids that are looked at, at least one.
    pub(crate) tested: usize,
    /// Time, of which it takes at least one step.
    pub(crate) time: Duration,
}

/// A page before it is sealed.
#[derive(Debug)]
pub(crate) struct Page<T> {
    /// In the order of the plan.
    pub(crate) events: Vec<T>,
    /// Up to where everything is done, when there may be more.
    pub(crate) next: Option<[u8; 16]>,
    /// Whether it ended because it was full, or at the end of the range.
    pub(crate) complete: bool,
    /// Ids that were looked at.
    pub(crate) tested: usize,
}

/// Fills the next page.
pub(crate) async fn page<T>(
    events: &dyn Events,
    tenant: &TenantId,
    plan: &Plan,
    bounds: Bounds,
    render: impl Fn(Enriched) -> Result<(T, usize), ApiError>,
) -> Result<Page<T>, ApiError> {
    let mut work = Work::new(&bounds);
    let mut filling = Filling::new(plan, bounds.page_bytes, render);
    let mut left = some(plan.ids);
    while let Some(rest) = left {
        if work.is_spent() {
            return Ok(filling.finish(Some(done_before(&rest, plan.order)), false, work.tested));
        }
        let scan = events.ids(tenant, rest, plan.order, work.next_ids(plan)).await;
        let scan = scan.map_err(|error| fault::of_store(&error))?;
        work.steps += 1;
        left = scan.next.and_then(some);
        let mut ids = scan.ids.as_slice();
        while let Some((slice, behind)) = filling.next_slice(ids) {
            ids = &ids[slice.len()..];
            let found = events.fetch(tenant, slice, plan.now).await;
            work.tested += slice.len();
            let fits = filling.take(found.map_err(|error| fault::of_store(&error))?)?;
            let is_end = ids.is_empty() && left.is_none();
            let next = match (fits, is_end) {
                (Fits::NotAll { last }, _) => Some(last),
                (Fits::All, true) => None,
                (Fits::All, false) => Some(behind),
            };
            let is_full = filling.is_full() || matches!(fits, Fits::NotAll { .. });
            if is_full || is_end || work.is_spent() {
                return Ok(filling.finish(next, is_full || is_end, work.tested));
            }
        }
    }
    Ok(filling.finish(None, true, work.tested))
}

fn some(range: IdRange) -> Option<IdRange> {
    Some(range).filter(|range| !range.is_empty())
}

/// What was done so far, and what may be.
struct Work {
    max_tested: usize,
    deadline: Instant,
    tested: usize,
    steps: usize,
}

impl Work {
    fn new(bounds: &Bounds) -> Self {
        Self {
            max_tested: bounds.tested.max(1),
            deadline: Instant::now() + bounds.time,
            tested: 0,
            steps: 0,
        }
    }

    /// Each request takes one step, so that its cursor leads on.
    fn is_spent(&self) -> bool {
        self.steps > 0 && (self.tested >= self.max_tested || Instant::now() >= self.deadline)
    }

    /// How many ids to read next.
    fn next_ids(&self, plan: &Plan) -> usize {
        // Without a filter the first ids fill the page.
        let wanted = if self.steps == 0 {
            (plan.limit + 1).clamp(FETCHED, IDS)
        } else {
            IDS
        };
        wanted.min(self.max_tested.saturating_sub(self.tested)).max(1)
    }
}

/// The page so far.
struct Filling<'a, T, F> {
    plan: &'a Plan,
    page_bytes: usize,
    render: F,
    events: Vec<T>,
    bytes: usize,
    last: [u8; 16],
}

/// Whether what was fetched went into the page.
#[derive(Clone, Copy)]
enum Fits {
    /// All of it that matches.
    All,
    /// A match after this id did not.
    NotAll { last: [u8; 16] },
}

impl<'a, T, F: Fn(Enriched) -> Result<(T, usize), ApiError>> Filling<'a, T, F> {
    fn new(plan: &'a Plan, page_bytes: usize, render: F) -> Self {
        Self {
            plan,
            page_bytes,
            render,
            events: Vec::new(),
            bytes: 0,
            last: [0; 16],
        }
    }

    fn is_full(&self) -> bool {
        self.events.len() >= self.plan.limit || self.bytes >= self.page_bytes
    }

    /// The ids to fetch next, and the last of them.
    fn next_slice<'i>(&self, ids: &'i [EventId]) -> Option<(&'i [EventId], [u8; 16])> {
        let missing = self.plan.limit.saturating_sub(self.events.len());
        let count = (missing + 1).clamp(FETCHED / 4, FETCHED).min(ids.len());
        let slice = &ids[..count];
        slice.last().map(|last| (slice, last.bytes()))
    }

    /// Adds what matches, as far as it fits.
    fn take(&mut self, found: Vec<Enriched>) -> Result<Fits, ApiError> {
        let filter = &self.plan.filter;
        for event in found
            .into_iter()
            .filter(|found| filter.matches(&found.event, &found.context))
        {
            if self.is_full() {
                return Ok(Fits::NotAll { last: self.last });
            }
            let id = event.event.id.bytes();
            let (rendered, bytes) = (self.render)(event)?;
            if !self.events.is_empty() && self.bytes.saturating_add(bytes) > self.page_bytes {
                return Ok(Fits::NotAll { last: self.last });
            }
            self.events.push(rendered);
            self.bytes = self.bytes.saturating_add(bytes);
            self.last = id;
        }
        Ok(Fits::All)
    }

    fn finish(self, next: Option<[u8; 16]>, complete: bool, tested: usize) -> Page<T> {
        Page {
            events: self.events,
            next,
            complete,
            tested,
        }
    }
}
