//! Takes the candidates of a plan in their order, reads their events, tests them and fills a page.

use std::collections::HashSet;
use std::time::Duration;

use domain::id::EventId;
use domain::record::Enriched;
use domain::retention::Class;
use domain::tenant::TenantId;
use edge::ApiError;
use store::Events;
use tokio::time::Instant;

use super::order::{Rank, done_before, id_of, rank};
use super::pages::Pages;
use super::plan::Plan;
use super::snapshot::Snapshot;
use super::streams::{Streams, Wanted};
use crate::fault;

/// Events that are in memory at once, beside the page. A store reads so many with one request.
const FETCHED: usize = 100;

/// What one page may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Bytes of its events, beyond the first.
    pub(crate) page_bytes: usize,
    /// Events that are tested, at least one.
    pub(crate) tested: usize,
    /// Pages of the index that are read.
    pub(crate) pages: u64,
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
    /// Events that were tested.
    pub(crate) tested: usize,
    /// How often parts of the index were read.
    pub(crate) waves: u32,
    /// The bound that ended it early, by its name in the settings.
    pub(crate) ended_by: Option<&'static str>,
}

/// Where the candidates and their events come from.
pub(crate) struct Sources<'a> {
    pub(crate) events: &'a dyn Events,
    pub(crate) tenant: &'a TenantId,
    pub(crate) pages: Pages<'a>,
}

/// Fills the next page.
pub(crate) async fn page<T>(
    sources: &Sources<'_>,
    snapshot: Snapshot,
    plan: &Plan,
    bounds: Bounds,
    render: impl Fn(Enriched) -> Result<(T, usize), ApiError>,
) -> Result<Page<T>, ApiError> {
    let classes = snapshot.classes.clone();
    let mut streams = Streams::new(snapshot, &plan.ids, plan.order);
    let mut work = Work::new(&bounds);
    let mut filling = Filling::new(plan, bounds.page_bytes, render);
    let wanted = Wanted {
        prune: &plan.prune,
        range: &plan.ids,
        order: plan.order,
    };
    let mut ranks = Vec::new();
    loop {
        let count = filling.next_count(&work);
        streams.take(count, &mut ranks);
        let is_spent = work.spent(&sources.pages).is_some();
        if ranks.len() < count && !streams.is_read() && !is_spent {
            let enough = count.max(filling.missing() + 1);
            let advanced = streams.advance(&sources.pages, wanted, enough).await;
            advanced.map_err(|error| fault::of_store(&error))?;
            work.steps += 1;
            continue;
        }
        let ids: Vec<EventId> = ranks.iter().filter_map(|rank| id_of(plan.order, *rank)).collect();
        sources.pages.seen.tested(ids.len() as u64);
        let found = fetch(sources, &classes, &ids, plan).await?;
        work.tested += ids.len();
        ranks.clear();
        let undone = streams.undone_from();
        let behind = |rank: Rank| done_before(plan.order, rank);
        if let Fits::NotAll { last } = filling.take(found)? {
            return Ok(filling.finish(Some(last), None, &work, &streams));
        }
        if filling.is_full() || undone.is_none() {
            return Ok(filling.finish(undone.map(behind), None, &work, &streams));
        }
        if let Some(bound) = work.spent(&sources.pages) {
            return Ok(filling.finish(undone.map(behind), Some(bound), &work, &streams));
        }
    }
}

/// The events of these ids, in the order of the search. Those that are not where the index has them are looked for in
/// the other classes too: one that was processed again since may have got another.
async fn fetch(
    sources: &Sources<'_>,
    classes: &[Class],
    ids: &[EventId],
    plan: &Plan,
) -> Result<Vec<Enriched>, ApiError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let fetch_in = async |ids: &[EventId], classes: &[Class]| {
        let found = sources
            .events
            .fetch_in(sources.tenant, ids, classes, plan.now)
            .await;
        found.map_err(|error| fault::of_store(&error))
    };
    let mut found = fetch_in(ids, classes).await?;
    let others = Class::ALL.into_iter().filter(|class| !classes.contains(class));
    let others: Vec<Class> = others.collect();
    if found.len() == ids.len() || others.is_empty() {
        return Ok(found);
    }
    let there: HashSet<EventId> = found.iter().map(|event| event.event.id).collect();
    let missing: Vec<EventId> = ids.iter().copied().filter(|id| !there.contains(id)).collect();
    found.extend(fetch_in(&missing, &others).await?);
    found.sort_by_key(|event| rank(plan.order, event.event.id.bytes()));
    Ok(found)
}

/// What was done so far, and what may be.
struct Work {
    max_tested: usize,
    max_pages: u64,
    deadline: Instant,
    tested: usize,
    steps: usize,
}

impl Work {
    fn new(bounds: &Bounds) -> Self {
        Self {
            max_tested: bounds.tested.max(1),
            max_pages: bounds.pages,
            deadline: Instant::now() + bounds.time,
            tested: 0,
            steps: 0,
        }
    }

    /// The bound that is reached. Each request takes one step, so that its cursor leads on.
    fn spent(&self, pages: &Pages<'_>) -> Option<&'static str> {
        if self.steps == 0 {
            return None;
        }
        let reached = [
            ("tested", self.tested >= self.max_tested),
            ("pages", pages.seen.counts().read_pages >= self.max_pages),
            ("time", Instant::now() >= self.deadline),
        ];
        reached
            .into_iter()
            .find(|(_, is_reached)| *is_reached)
            .map(|(bound, _)| bound)
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

    /// Events that fit in.
    fn missing(&self) -> usize {
        self.plan.limit.saturating_sub(self.events.len())
    }

    /// How many candidates to test next: more where few of those before have matched.
    fn next_count(&self, work: &Work) -> usize {
        let left = work.max_tested.saturating_sub(work.tested).max(1);
        let for_one = (work.tested + FETCHED / 4) / (self.events.len() + FETCHED / 4);
        let wanted = (self.missing() + 1).saturating_mul(for_one.max(1));
        wanted.clamp(FETCHED / 4, FETCHED).min(left)
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

    fn finish(
        self,
        next: Option<[u8; 16]>,
        ended_by: Option<&'static str>,
        work: &Work,
        streams: &Streams,
    ) -> Page<T> {
        Page {
            events: self.events,
            next,
            complete: ended_by.is_none(),
            ended_by,
            tested: work.tested,
            waves: streams.waves,
        }
    }
}
